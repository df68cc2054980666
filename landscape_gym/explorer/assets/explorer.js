// What needs no server: paths up to a moment, and the link.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  explorer: {
    show: function (first, rest, time) {
      if (!first) return window.dash_clientside.no_update;
      // A second answer that comes late, after controls have moved again, is dropped.
      const found = rest && rest.number === first.number ? rest : first;
      const names = Object.keys(found.values);
      const part = Number(time) / 100;
      const said = (part * found.duration).toPrecision(3).replace(/\.?0+$/, '') || '0';
      const paths = { ...found.paths, data: found.paths.data.map(cut(part, found.paths.data)) };
      for (const name of names) {
        const slider = document.getElementById(name);
        slider.setAttribute('aria-valuetext', found.values[name]);
        slider.disabled = found.fixed.includes(name);
      }
      document.getElementById('time').setAttribute('aria-valuetext', said);
      if (window.location.search !== found.query) {
        window.history.replaceState(null, '', found.query);
      }
      document.documentElement.dataset.answer = found.number;
      document.documentElement.dataset.whole = String(found === rest || !found.left.length);
      return [
        paths, found.curves, found.verdict, found.legend, found.table, said,
        ...names.map((name) => found.values[name]),
        ...names.map((name) => 'slider' + (found.fixed.includes(name) ? ' fixed' : '')),
        found.query,
      ];
    },
  },
});

// Traces with a path end where the rule is then; the trace behind each marks that place.
function cut(part, data) {
  return (trace, i) => {
    const path = trace.meta === 'head' ? data[i - 1] : trace;
    if (trace.meta === undefined) return trace;
    const k = Math.round(part * (path.x.length - 1));
    return trace.meta === 'head'
      ? { ...trace, x: [path.x[k]], y: [path.y[k]] }
      : { ...trace, x: path.x.slice(0, k + 1), y: path.y.slice(0, k + 1) };
  };
}
