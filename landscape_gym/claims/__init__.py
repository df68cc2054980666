"""The paper's claims, one a file: a sentence, numbers computed three ways, and a picture.

``python -m landscape_gym.claims`` checks them all and writes a page. `CLAIMS` is the registry.
"""

from landscape_gym.claims.adam import AdamClaim
from landscape_gym.claims.ballistic import BallisticClaim
from landscape_gym.claims.evidence import QUICK, Check, Claim, Effort, Evidence
from landscape_gym.claims.figure_1 import FigureOneClaim
from landscape_gym.claims.figure_2 import FigureTwoClaim
from landscape_gym.claims.figure_3 import FigureThreeClaim
from landscape_gym.claims.geometry import GeometryClaim
from landscape_gym.claims.gradient_descent import GradientDescentClaim
from landscape_gym.claims.local_minima import LocalMinimaClaim
from landscape_gym.claims.momentum import MomentumClaim
from landscape_gym.claims.partial_control import PartialControlClaim
from landscape_gym.claims.resetting import ResettingClaim

_ALL: tuple[Claim, ...] = (
    GradientDescentClaim(),
    MomentumClaim(),
    GeometryClaim(),
    PartialControlClaim(),
    AdamClaim(),
    ResettingClaim(),
    LocalMinimaClaim(),
    FigureOneClaim(),
    FigureTwoClaim(),
    BallisticClaim(),
    FigureThreeClaim(),
)
CLAIMS: dict[str, Claim] = {claim.name: claim for claim in _ALL}

__all__ = ["CLAIMS", "QUICK", "Check", "Claim", "Effort", "Evidence"]
