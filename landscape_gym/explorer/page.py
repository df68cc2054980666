"""The page: controls on one side, what the simulation says to them on the other."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, ctx, dcc, html, no_update

from landscape_gym.evaluation import STAR, figure
from landscape_gym.explorer.answer import EPISODES, Answer, answer, titled
from landscape_gym.explorer.figures import curves_figure, looks, paths_figure, swatch
from landscape_gym.explorer.setting import (
    BEGIN,
    SHOWN,
    STEPS,
    Setting,
    choices,
    fixed,
    from_query,
    to_query,
)
from landscape_gym.explorer.verdict import verdict
from landscape_gym.registration import REGIMES
from landscape_gym.report.webpage import COLOURS

SECONDS = 0.1
"""After which rules that are not yet begun are left for a second answer."""
LABELS = {
    "gamma": "γ discount rate: 1/γ is the horizon",
    "eta": "η affordable change",
    "noise": "noise of gradients",
    "hazard": "hazard: how often tasks change",
    "curvature": "curvature: steepest / flattest",
}
KEY = "one episode: ○ start, ★ minimum as it begins, ● where a rule is at this time"
CURVES = "means of all episodes: loss above the minimum, and discounted cost so far"
HEAD = ("rule", "cost J", "J / J*", "regret")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:"
)
"""What the browser may load: nothing but what this page's server has."""
PLOT: dict[str, Any] = {"displayModeBar": False, "responsive": True}


def application() -> Dash:
    """The page as a Dash application, whose `server` is a WSGI one."""
    app = Dash(__name__, title="landscape-gym explorer", update_title="", serve_locally=True)
    index = app.index_string.replace("<html>", '<html lang="en">')
    app.index_string = index.replace("{%css%}", f"<style>{COLOURS}</style>{{%css%}}")
    app.layout = _layout()
    _connect(app)

    @app.server.after_request
    def stay_here(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app


def _layout() -> html.Main:
    """Everything that is on the page; figures come with the first answer."""
    return html.Main(
        [
            dcc.Location(id="url", refresh=False),
            dcc.Store(id="first"),
            dcc.Store(id="rest"),
            html.H1("Same objective, another horizon, another rule"),
            html.P(id="note", role="status", className="note"),
            html.Div([_controls(), _results()], className="columns"),
        ]
    )


def _controls() -> html.Section:
    regimes = html.Fieldset(
        [
            html.Legend("Regime"),
            dcc.RadioItems(id="regime", options=list(SHOWN), value=BEGIN, className="pills"),
        ]
    )
    rules = html.Fieldset(
        [
            html.Legend("Rules"),
            dcc.Checklist(
                id="rules",
                options=[{"label": titled(kind), "value": kind} for kind in choices(BEGIN)],
                value=list(SHOWN[BEGIN]),
                className="pills",
            ),
        ]
    )
    return html.Section(
        [regimes, html.Div(list(map(_slider, STEPS)), className="sliders"), rules],
        className="controls",
        **_aria(label="controls"),
    )


def _slider(name: str) -> html.Div:
    """A native one, which keyboards, telephones and screen readers know how to use."""
    return html.Div(
        [
            html.Label([LABELS[name], html.Output(id=f"{name}-value")], htmlFor=name),
            dcc.Input(
                id=name,
                type="range",
                min=0,
                max=len(STEPS[name]) - 1,
                step=1,
                value=0,
                debounce=False,
            ),
        ],
        className="slider",
        id=f"{name}-slider",
    )


def _results() -> html.Section:
    drawn: dict[str, Any] = {"config": PLOT, "responsive": True}
    time = html.Div(
        [
            html.Label(["time", html.Output(id="time-value")], htmlFor="time"),
            dcc.Input(id="time", type="range", min=0, max=100, step=1, value=100, debounce=False),
        ],
        className="slider",
    )
    return html.Section(
        [
            html.P(id="verdict", className="verdict", **_aria(live="polite")),
            html.Div(id="legend", className="legend"),
            html.Div(
                [
                    html.Div(
                        [
                            dcc.Graph(id="paths", style={"height": "24rem"}, **drawn),
                            html.P(KEY),
                            time,
                        ]
                    ),
                    html.Div(
                        [
                            dcc.Graph(id="curves", style={"height": "27rem"}, **drawn),
                            html.P(CURVES),
                        ]
                    ),
                ],
                className="pictures",
            ),
            html.Div(id="table"),
            html.P(html.A("A link to what is shown", id="link", href="")),
        ],
        className="results",
        **_aria(label="results"),
    )


def _aria(**said: str) -> dict[str, Any]:
    """What those are told who do not see the page."""
    return {f"aria-{name}": text for name, text in said.items()}


def _connect(app: Dash) -> None:
    """What happens when something is moved."""
    app.callback(
        Output("regime", "value"),
        Output("rules", "value"),
        Output("note", "children"),
        *(Output(name, "value") for name in STEPS),
        Input("url", "search"),
        Input("regime", "value"),
    )(_set_controls)

    moved = [Input(name, "value") for name in STEPS]
    app.callback(
        Output("first", "data"), Input("regime", "value"), Input("rules", "value"), *moved
    )(_first)
    app.callback(Output("rest", "data"), Input("first", "data"))(_rest)
    app.clientside_callback(
        ClientsideFunction("explorer", "show"),
        *(Output(name, "figure") for name in ("paths", "curves")),
        *(Output(name, "children") for name in ("verdict", "legend", "table", "time-value")),
        *(Output(f"{name}-value", "children") for name in STEPS),
        *(Output(f"{name}-slider", "className") for name in STEPS),
        Output("link", "href"),
        Input("first", "data"),
        Input("rest", "data"),
        Input("time", "value"),
    )


def _set_controls(query: str | None, regime: str) -> tuple[Any, ...]:
    """Controls as a link says, or as a regime that was picked is registered."""
    note = ""
    if ctx.triggered_id == "regime":
        setting, rules = Setting.of(regime), SHOWN[regime]
    else:
        try:
            setting, rules = from_query(query or "")
        except ValueError as refused:
            setting, rules = Setting.of(BEGIN), SHOWN[BEGIN]
            note = f"The link cannot be shown: {refused}"
    values = [STEPS[name].index(getattr(setting, name)) for name in STEPS]
    picked = no_update if setting.regime == regime else setting.regime
    return picked, list(rules), note, *values


_numbers = itertools.count(1)


def _first(regime: str, rules: list[str], *positions: int | str | None) -> Any:
    """What is found in a moment; rules in the order in which they stand on the page."""
    usual = Setting.of(regime)
    still = fixed(regime)
    moved = {
        name: STEPS[name][int(position)]
        for name, position in zip(STEPS, positions, strict=True)
        if position is not None and name not in still
    }
    setting = replace(usual, **moved)
    picked = tuple(kind for kind in choices(regime) if kind in rules)
    return drawn(answer(setting, picked, SECONDS), picked, next(_numbers))


def _rest(first: dict[str, Any] | None) -> Any:
    """The same with all rules, if some were left."""
    if first is None or not first["left"]:
        return no_update
    setting, picked = from_query(first["query"])
    return drawn(answer(setting, picked), picked, first["number"])


def drawn(found: Answer, rules: tuple[str, ...], number: int) -> dict[str, Any]:
    """An answer as the page shows it.

    Args:
        found: The answer.
        rules: Those that were asked for.
        number: Of the answer, which the second one shares with the first.
    """
    setting = found.setting
    still = fixed(setting.regime)
    return {
        "number": number,
        "query": to_query(setting, rules),
        "left": found.left,
        "sentence": REGIMES[setting.regime].sentence,
        "verdict": verdict(found),
        "paths": paths_figure(found),
        "curves": curves_figure(found),
        "legend": _legend(found),
        "table": _table(found),
        "duration": setting.problem.dt * setting.problem.steps,
        "values": {
            name: f"{getattr(setting, name):g}"
            + (f" ({still[name].removesuffix('.')})" if name in still else "")
            for name in STEPS
        },
        "fixed": list(still),
    }


def _legend(found: Answer) -> list[html.Span]:
    """A piece of each policy's line, with its name."""
    return [
        html.Span([html.I(style=swatch(look)), name], className="key")
        for name, look in looks(list(found.scene.paths)).items()
    ]


def _table(found: Answer) -> html.Div:
    comparison = found.comparison
    rows = [
        html.Tr(
            [
                html.Th(r.name + (" *" if r.privileged else ""), scope="row"),
                html.Td(f"{r.cost:.4g}"),
                html.Td("" if r.ratio is None else figure(r.ratio.value)),
                html.Td(figure(r.regret.value)),
            ]
        )
        for r in sorted(comparison.results, key=lambda result: result.cost)
    ]
    rows += [
        html.Tr([html.Th(titled(kind), scope="row"), html.Td("in a moment …", colSpan=3)])
        for kind in found.left
    ]
    rows += [
        html.Tr([html.Th(name, scope="row"), html.Td(said, colSpan=3, className="refusal")])
        for name, said in found.refusals.items()
    ]
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in HEAD]))
    explained = (
        f"J: mean discounted cost of {EPISODES} episodes of {comparison.steps} steps; J*: the "
        f"optimum's; regret: (J - J*) / (J of doing nothing - J*). {STAR}."
    )
    return html.Div([html.Table([head, html.Tbody(rows)]), html.P(explained, className="soft")])
