"""Where a transcript comes from, in JSON's types: what is needed to make it again."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from baselines.contest import Entrant
from baselines.lineup import OPTIMUM
from baselines.names import NOTHING
from baselines.pages import revision
from baselines.record.acting import record
from baselines.record.transcript import Transcript
from baselines.sweep.cell import made
from landscape_gym.configuration import plain
from landscape_gym.learned import LearnedRule
from landscape_gym.policy import Policy
from landscape_gym.refusal import Refusal

REFERENCE_EPISODES = 256
"""Of at most so many episodes doing nothing and the optimum are the scores 0 and 1."""
VERSIONS = ("landscape-gym", "gymnasium", "numpy", "torch")


def about(transcript: Transcript, label: str, policy: Policy, command: str) -> dict[str, Any]:
    """What is known of a transcript.

    Args:
        transcript: The transcript.
        label: What the policy is called.
        policy: Who acted.
        command: What computes the same again.
    """
    setup, problem = transcript.setup, transcript.setup.problem
    return {
        "regime": transcript.name,
        "sentence": setup.sentence,
        "environment": setup.id,
        "arguments": transcript.spec.kwargs,
        "policy": label,
        "policy_is_privileged": transcript.policy_is_privileged,
        "constants": Entrant(policy, "derived", label).constants,
        "learned": plain(policy.about) if isinstance(policy, LearnedRule) else None,
        "problem": plain(problem),
        "observation": plain(setup.observation),
        "action": plain(setup.action),
        "discount": problem.discount,
        "first_seed": int(transcript.seeds[0]),
        "episodes": len(transcript.seeds),
        "mean_cost": float(transcript.costs.mean()),
        "scores": scores(transcript),
        "command": command,
        "revision": revision(),
        "versions": {name: version(name) for name in VERSIONS},
    }


def scores(transcript: Transcript) -> dict[str, float] | None:
    """Mean undiscounted returns of doing nothing and of the optimum, on the same episodes.

    None where the optimum is not known exactly.
    """
    episodes = min(len(transcript.seeds), REFERENCE_EPISODES)
    returns = {}
    for name in (NOTHING, OPTIMUM):
        try:
            policy = made(transcript.setup, name)
        except Refusal:
            return None
        reference = record(
            transcript.name,
            transcript.setup,
            policy,
            episodes=episodes,
            seed=int(transcript.seeds[0]),
            channels=("elapsed",),
        )
        sums = [e.rewards.sum() for block in reference.blocks() for e in block]
        returns[name] = float(np.mean(sums))
    return {**returns, "episodes": episodes}
