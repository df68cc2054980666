"""Write docs/learning.md's generated parts: ``python -m docs.generate.learning``.

How near the optimum rules come, by the CPU seconds that their training has taken: by gradients
through the simulation, by evolution strategies, and by agents that explore.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from baselines.pages import ROOT, machine, markdown, source, write_between_markers
from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import numpy as np
    from matplotlib.figure import Figure

    from agents.presets import PRESETS
    from docs.generate.following import followed, middle_and_slowest, seconds_to
    from landscape_gym.command_line import parsed
    from landscape_gym.rendering.palette import BLACK, BLUE, GREEN, ORANGE, VERMILION
    from landscape_gym.rendering.png import save

PAGE = ROOT / "docs" / "learning.md"
PICTURE = "learning.png"
REGIME = "long-horizon"
WAYS = {"gradient": BLUE, "pes": GREEN, "es": ORANGE, "linear": VERMILION, "sac": BLACK}
"""Presets, and the colours of their curves; `linear` is PPO."""
RATIOS = (1.1, 1.03, 1.01, 1.003, 1.001)


@dataclass(frozen=True)
class Options:
    """Write a page's generated parts."""

    seeds: int = 3
    """Trainings of each."""
    most: float = 60.0
    """CPU seconds after which a training is not followed further."""
    page: Path = PAGE
    """What to write into."""


def table(curves: dict[str, list[list[tuple[float, float]]]]) -> str:
    """CPU seconds to each ratio: the median of seeds, and the slowest."""
    rows = []
    for way, each in curves.items():
        cells = [
            middle_and_slowest([seconds_to(curve, ratio) for curve in each]) for ratio in RATIOS
        ]
        rows.append((f"`{way}`", PRESETS[way].algorithm, *cells))
    return markdown(("preset", "algorithm", *(f"{ratio:g}" for ratio in RATIOS)), rows)


def picture(curves: dict[str, list[list[tuple[float, float]]]]) -> Figure:
    """Ratios less one, by CPU seconds."""
    figure = Figure(figsize=(6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for way, each in curves.items():
        for i, curve in enumerate(each):
            spent, reached = np.array(curve).T
            name = None if i else f"{way} ({PRESETS[way].algorithm})"
            axes.plot(spent, np.maximum(reached - 1, 1e-5), color=WAYS[way], lw=1.2, label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="CPU seconds of training",
        ylabel="cost over the optimum's, less one",
        title="Known curvature, long horizon",
    )
    axes.set_xlim(left=0.1)
    axes.legend(fontsize="small", frameon=False)
    return figure


@program("python -m docs.generate.learning", "Nothing was written.")
def main(argv: Sequence[str] | None = None) -> None:
    """Train, judge, and write."""
    options = parsed(Options, argv, prog="python -m docs.generate.learning", description=__doc__)
    write_between_markers(options.page, {"learning": ""}, check_only=True)
    curves = {}
    for way in WAYS:
        curves[way] = [
            followed(REGIME, way, seed, options.most).curve for seed in range(options.seeds)
        ]
        print(way, [curve[-1] for curve in curves[way]], flush=True)
    made = f"{source('python -m docs.generate.learning')}; {machine()}."
    write_between_markers(options.page, {"learning": f"{made}\n\n{table(curves)}"})
    save(picture(curves), options.page.parent / "images" / PICTURE, colours=64)


if __name__ == "__main__":
    sys.exit(main())
