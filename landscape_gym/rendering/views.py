"""Which picture is drawn of which problem."""

from __future__ import annotations

from typing import Protocol

from landscape_gym.landscapes.base import Array
from landscape_gym.problem import NavigationProblem
from landscape_gym.rendering.contour_view import ContourView
from landscape_gym.rendering.curve_view import CurveView
from landscape_gym.rendering.profile_view import ProfileView
from landscape_gym.rendering.snapshot import Snapshot


class View(Protocol):
    """Draws rows of one problem, one after another on one figure."""

    def frame(self, snapshot: Snapshot) -> Array:
        """The picture of a snapshot, (height, width, 3) bytes, in a new array."""
        ...


def view_of(problem: NavigationProblem, known: bool) -> View:
    """The view that suits the problem's dimension; `known` says whether the minimum is."""
    if problem.dim > 2:
        return CurveView(problem.steps, known)
    return (ProfileView if problem.dim == 1 else ContourView)(problem.landscape.box, known)
