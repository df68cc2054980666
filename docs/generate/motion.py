"""Draw the site's animations: ``python -m docs.generate.motion [REGIME ...]``.

Each is a small SVG file that moves by CSS alone: no script, and no motion for who asks for none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    import tyro

    from docs.generate.curves import by_hand
    from docs.generate.effort import QUICK
    from docs.generate.pictures import DISCOUNTS, STEPS, excess_loss, solutions
    from docs.generate.wells import START
    from landscape_gym.command_line import parsed
    from landscape_gym.configuration import one_of
    from landscape_gym.control import optimum
    from landscape_gym.evaluation import rollout
    from landscape_gym.landscapes.base import Array
    from landscape_gym.observation import ObservationConfig
    from landscape_gym.policy import RulePolicy
    from landscape_gym.refusal import Refusal
    from landscape_gym.registration import ALL, REGIMES, regime
    from landscape_gym.rendering.palette import BLACK, BLUE, ORANGE, VERMILION
    from landscape_gym.rules import RULES


IMAGES = Path(__file__).parents[1] / "images"
FOLDER = IMAGES / "motion"
SECONDS = 6.0
"""Of one round."""
FRAMES = 48
"""Places of a dot between which it is moved evenly."""
INK, RULER = "#333", "#bbb"
SEED = 1_000_000
EPISODES = 16
"""By whose mean cost the best derived rule is chosen."""
FLOOR = 1e-8
"""The least part of the first loss that is drawn."""
Points = Array
"""(n, 2) in pixels, y downwards."""


@dataclass(frozen=True)
class Panel:
    """A rectangle of the picture, and the numbers that it shows."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, points: Array) -> Points:
        """Numbers (n, 2) as pixels; what lies outside is put on the edge."""
        low, high = np.array([self.x, self.y]).T
        part = np.clip((np.asarray(points) - low) / (high - low), 0, 1)
        return np.stack(
            [self.left + part[:, 0] * self.width, self.top + (1 - part[:, 1]) * self.height], 1
        )

    def frame(self, title: str, across: str) -> str:
        """The rectangle, its title above and what its axis means below."""
        return (
            f'<rect x="{self.left:g}" y="{self.top:g}" width="{self.width:g}" '
            f'height="{self.height:g}" fill="none" stroke="{RULER}"/>'
            f'<text x="{self.left:g}" y="{self.top - 8:g}">{title}</text>'
            f'<text x="{self.left + self.width:g}" y="{self.top + self.height + 18:g}" '
            f'text-anchor="end">{across}</text>'
        )


def line(points: Points, colour: str, more: str = "") -> str:
    """A line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" {more}/>'


def moving(points: Points, colour: str, name: str) -> tuple[str, str]:
    """A dot that goes through points and rests at the end, and the style that moves it."""
    kept = points[np.linspace(0, len(points) - 1, min(FRAMES, len(points))).round().astype(int)]
    shares = np.linspace(0, 80, len(kept))  # percent; the rest of the time it rests
    steps = "".join(
        f"{share:.1f}%{{transform:translate({x:.1f}px,{y:.1f}px)}}"
        for share, (x, y) in zip(shares, kept, strict=True)
    )
    x, y = kept[-1]
    style = (
        f"#{name}{{transform:translate({x:.1f}px,{y:.1f}px);animation:{name} {SECONDS:g}s linear "
        f"infinite}}@keyframes {name}{{{steps}100%{{transform:translate({x:.1f}px,{y:.1f}px)}}}}"
    )
    return f'<circle id="{name}" r="7" fill="{colour}" stroke="{BLACK}"/>', style


def written(path: Path, size: tuple[int, int], parts: Iterable[str], styles: Iterable[str]) -> Path:
    """An SVG file on a light ground, whatever the page's."""
    width, height = size
    still = "@media (prefers-reduced-motion:reduce){circle{animation:none!important}}"
    legible = "@media (max-width:500px){text{font-size:20px}}"  # where the picture is small
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="15" fill="{INK}">'
        f"<style>{''.join(styles)}{still}{legible}</style>"
        f'<rect width="{width}" height="{height}" rx="6" fill="#fff"/>{"".join(parts)}</svg>\n'
    )
    return path


def save_wells() -> Path:
    """The double well in four discounts, from one start."""
    x = np.linspace(-1.55, 1.55, 125)
    ground = np.stack([x, excess_loss(np.stack([x, np.zeros_like(x)], 1))], 1)
    parts, styles = [], []
    for i, (gamma, solution) in enumerate(solutions(QUICK.points).items()):
        column, row = i % 2, i // 2
        panel = Panel(20 + 370 * column, 36 + 205 * row, 350, 150, (-1.6, 1.6), (-0.15, 3.2))
        path = solution.path(START, STEPS)[:, 0]
        on_ground = np.stack([path[:, 0], excess_loss(path)], 1)
        crosses = path[-1, 0] > 0
        end = "crosses" if crosses else "stays"
        dot, style = moving(panel.place(on_ground), DISCOUNTS[gamma], f"g{i}")
        parts += [
            panel.frame(f"\N{GREEK SMALL LETTER GAMMA} = {gamma:g}: {end}", ""),
            line(panel.place(ground), INK, 'stroke-width="2"'),
            line(panel.place(on_ground), DISCOUNTS[gamma], 'stroke-width="5" opacity="0.5"'),
            dot,
        ]
        styles.append(style)
    return written(IMAGES / "double-well-four-discounts.svg", (760, 410), parts, styles)


def learners(name: str) -> dict[str, tuple[Array, Array]]:
    """Of two or three learners in one episode: parameters minus target (steps, dim), and loss."""
    at = regime(name)
    problem = at.problem
    if name not in REGIMES:
        found = by_hand(name, at)
        return {n: (np.zeros((0, 2)), run.excess[:, 0]) for n, run in found.runs.items()}
    derived = {}
    for rule in RULES.values():
        with suppress(Refusal, AttributeError):
            policy = RulePolicy(rule.derive(problem), problem)
            derived[rule.kind.replace("_", " ")] = policy
    costs = {
        kind: rollout(problem, policy, episodes=EPISODES, seed=SEED, keep_paths=0).cost.mean()
        for kind, policy in derived.items()
    }
    if problem.sets_learning_rate:  # which no rule does
        chosen = {
            "best schedule": optimum(problem, ObservationConfig(("elapsed",))).policy,
            "best by loss": optimum(problem, ObservationConfig(("loss",))).policy,
        }
    else:
        by_cost = sorted(costs, key=costs.__getitem__)
        simplest = "gradient descent" if "gradient descent" in derived else by_cost[-1]
        chosen = {kind: derived[kind] for kind in (simplest, by_cost[0])}
    chosen["optimum"] = optimum(problem).policy
    runs = {n: rollout(problem, p, episodes=1, seed=SEED, keep_paths=1) for n, p in chosen.items()}
    return {n: (np.asarray(run.path)[:, 0], run.excess[:, 0]) for n, run in runs.items()}


def save_regime(name: str) -> Path:
    """One episode of a regime: paths in the plane of two parameters, and losses over steps."""
    found = learners(name)
    colours = dict(zip(found, (VERMILION, BLUE, ORANGE, BLACK), strict=False))
    in_plane = all(len(path) for path, _ in found.values())
    parts, styles = [], []
    size = (760, 330)
    if in_plane:
        both = np.concatenate([path[:, :2] for path, _ in found.values()])
        first = np.abs(next(iter(found.values()))[0][0, :2]).max()
        reach = min(float(np.abs(both).max()), 2.5 * first or np.inf) * 1.1
        plane = Panel(20, 36, 300, 260, (-reach, reach), (-reach, reach))
        parts.append(plane.frame("first two parameters", ""))
        parts += drawn(plane, {n: path[:, :2] for n, (path, _) in found.items()}, colours, styles)
    lowest = {n: excess.clip(min=0) for n, (_, excess) in found.items()}
    start = max(loss[0] for loss in lowest.values())
    floor = FLOOR * start
    heights = {n: np.log10(np.maximum(loss, floor)) for n, loss in lowest.items()}
    low = max(min(h.min() for h in heights.values()), np.log10(floor))
    steps = max(map(len, heights.values()))
    left = 370 if in_plane else 60
    panel = Panel(left, 36, 740 - left, 230, (0, steps - 1), (low, np.log10(start) + 0.3))
    parts.append(panel.frame("loss, logarithmic", "steps"))
    paths = {n: np.stack([np.arange(len(h)), h], 1) for n, h in heights.items()}
    parts += drawn(panel, paths, colours, styles)
    for i, (n, colour) in enumerate(colours.items()):
        x = 20 + 720 // len(colours) * i
        parts.append(f'<circle cx="{x + 8}" cy="314" r="8" fill="{colour}"/>')
        parts.append(f'<text x="{x + 24}" y="320">{n}</text>')
    return written(FOLDER / f"{name}.svg", size, parts, styles)


def drawn(
    panel: Panel, paths: Mapping[str, Array], colours: Mapping[str, str], styles: list[str]
) -> list[str]:
    """Lines with a dot on each; the styles that move the dots are added to those given."""
    parts = []
    for name, path in paths.items():
        places = panel.place(path)
        thin = places[np.linspace(0, len(places) - 1, min(150, len(places))).round().astype(int)]
        dot, style = moving(places, colours[name], f"d{len(styles)}")
        parts += [line(thin, colours[name], 'stroke-width="2" opacity="0.6"'), dot]
        styles.append(style)
    return parts


@dataclass(frozen=True)
class Options:
    """Draw the site's animations."""

    regimes: tyro.conf.Positional[tuple[str, ...]] = ()
    """Regimes by name; all, and the double well in four discounts, if none is named."""


@program("python -m docs.generate.motion", "Animations that were named are written.")
def main(words: Sequence[str] | None = None) -> None:
    """Read the command line, and draw."""
    options = parsed(Options, words, prog="python -m docs.generate.motion", description=__doc__)
    chosen = [one_of("regime", each, ALL) for each in options.regimes]
    if not chosen:
        print(save_wells(), flush=True)
    for name in chosen or ALL:
        print(save_regime(name), flush=True)


if __name__ == "__main__":
    sys.exit(main())
