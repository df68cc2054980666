"""The paper's claims, one a file: a sentence, numbers computed three ways, and a picture.

``python -m baselines.claims`` checks them all and writes a page. `CLAIMS` is the registry.
"""

from landscape_gym.extras import needed_by

with needed_by(__name__):
    from baselines.claims.adam import AdamClaim
    from baselines.claims.ballistic import BallisticClaim
    from baselines.claims.evidence import QUICK, Check, Claim, Effort, Evidence
    from baselines.claims.figure_1 import FigureOneClaim
    from baselines.claims.figure_2 import FigureTwoClaim
    from baselines.claims.figure_3 import FigureThreeClaim
    from baselines.claims.geometry import GeometryClaim
    from baselines.claims.gradient_descent import GradientDescentClaim
    from baselines.claims.local_minima import LocalMinimaClaim
    from baselines.claims.momentum import MomentumClaim
    from baselines.claims.norms import NormsClaim
    from baselines.claims.one_problem import OneProblemClaim
    from baselines.claims.partial_control import PartialControlClaim
    from baselines.claims.resetting import ResettingClaim
    from baselines.claims.resting_target import RestingTargetClaim

_ALL: tuple[Claim, ...] = (
    GradientDescentClaim(),
    MomentumClaim(),
    GeometryClaim(),
    NormsClaim(),
    PartialControlClaim(),
    OneProblemClaim(),
    AdamClaim(),
    RestingTargetClaim(),
    ResettingClaim(),
    LocalMinimaClaim(),
    FigureOneClaim(),
    FigureTwoClaim(),
    BallisticClaim(),
    FigureThreeClaim(),
)
CLAIMS: dict[str, Claim] = {claim.name: claim for claim in _ALL}

__all__ = ["CLAIMS", "QUICK", "Check", "Claim", "Effort", "Evidence"]
