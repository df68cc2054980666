"""How much is computed: all that the page shows, or little, to see that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Sizes of what is simulated and solved."""

    episodes: int = 4096
    """Episodes where a cost is simulated."""
    planned: int = 64
    """The same where each episode's path has to be planned first."""
    learners: int = 512
    """The same where a learner infers the landscape's shape."""
    brackets: int = 1
    """Of the settings whose bounds are computed, every so many."""
    bank: int = 25
    """Curvatures in the self-tuning rule's bank."""
    points: int = 2001
    """Nodes of the double well's grid, along each coordinate."""
    coarse_points: int = 501
    """The same where it is solved for many discount rates."""
    starts: int = 40
    """Starts of which the critical discount is found."""


QUICK = Effort(
    episodes=16,
    planned=2,
    learners=4,
    brackets=2,
    bank=3,
    points=201,
    coarse_points=101,
    starts=3,
)
