"""`assert_near_optimum`: a convergence test, for libraries that train agents.

That an agent runs is easily tested; that it learns is not, where nobody knows how good it could be.
Here the least cost is known, so "within 2 % of the optimum" is an assertion like any other, and a
broken advantage, discount or normaliser fails it.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from landscape_gym.configuration import count, number, one_of
from landscape_gym.control import optimum
from landscape_gym.evaluation import DO_NOTHING, Comparison, Result, compare
from landscape_gym.observation import Layout
from landscape_gym.policy import Policy, RulePolicy
from landscape_gym.refusal import Refusal
from landscape_gym.registration import Regime
from landscape_gym.registration import regime as named

Reference = Literal["full information", "own channels"]
"""Whose cost is 1: that of who sees everything, or the least that the regime's channels allow."""
SEED = 9_000_000
"""Of the first episode."""
TESTED, OPTIMUM = "tested", "optimum"


def assert_near_optimum(
    model: Any,
    regime: str | Regime,
    *,
    ratio: float,
    reference: Reference = "full information",
    episodes: int = 256,
    seed: int = SEED,
) -> Result:
    """Assert that what a model does costs at most `ratio` times what is optimal.

    Args:
        model: A trained agent of Stable-Baselines3, by itself or with what normalised its
            observations in its environment; a `Policy`; or a `Rule`, such as
            ``Momentum.derive(problem)``.
        regime: A name in `landscape_gym.REGIMES`, or a `Regime`, which
            ``REGIMES[name].configured(...)`` gives: the problem; and for agents, which do not say
            it themselves, the channels that they see and what their actions mean.
        ratio: The largest ratio of mean costs that passes, >= 1.
        reference: What has the ratio 1. No learner reaches full information where something is
            hidden from it; the optimum of the regime's own channels is known where curvature is.
        episodes: How many, the same for model and optimum. Where paths are planned
            (``logistic-regression``) each takes a fifth of a second.
        seed: Of the first of them; keep it away from the seeds of training.

    Returns:
        How the model did.

    Raises:
        AssertionError: for a larger ratio, with its interval.
        TypeError: for a model of another kind.
        ValueError: for an agent that sees or does something else than the regime says, or numbers
            out of range.
        Refusal: where the reference is not known, naming the assumption that fails.

    Example:
        >>> from landscape_gym import REGIMES
        >>> from landscape_gym.rules import Momentum
        >>> rule = Momentum.derive(REGIMES["long-horizon"].problem)
        >>> assert_near_optimum(rule, "long-horizon", ratio=1.1, episodes=64).diverged
        0
        >>> assert_near_optimum(rule, "long-horizon", ratio=1.01, episodes=64)
        Traceback (most recent call last):
        AssertionError: Momentum costs 1.07... times the optimum of full information, more than ...
    """
    setup = named(regime) if isinstance(regime, str) else regime
    number("ratio", ratio, low=1.0)
    policy = _policy(model, setup)
    best = _reference(setup, one_of("reference", reference, get_args(Reference)))
    comparison = compare(
        setup.problem,
        {TESTED: policy, OPTIMUM: best},
        episodes=count("episodes", episodes),
        seed=seed,
        optimum=OPTIMUM,
    )
    result = comparison[TESTED]
    assert result.ratio is not None
    if not result.ratio.value <= ratio:
        raise AssertionError(_said(model, result, comparison, reference, ratio, seed))
    return result


def _policy(model: Any, setup: Regime) -> Policy:
    """The model as a policy."""
    if hasattr(model, "predict") and hasattr(model, "observation") and hasattr(model, "action"):
        return model
    if hasattr(model, "init") and hasattr(model, "update") and hasattr(model, "channels"):
        return RulePolicy(model, setup.problem)
    if hasattr(model, "predict") and hasattr(model, "policy"):
        return _agent(model, setup)
    raise TypeError(
        f"got {type(model).__name__}; give a trained agent of Stable-Baselines3, a policy "
        "(predict, observation, action) or a rule (channels, init, update)."
    )


def _agent(agent: Any, setup: Regime) -> Policy:
    """An agent that sees the regime's channels, as they are or as its environment showed them."""
    from landscape_gym.sb3 import AgentPolicy, NavigationPolicy, learned_rule

    normalizer = agent.get_vec_normalize_env()
    if isinstance(agent.policy, NavigationPolicy):  # may have seen rows, a frame, a hidden part
        channels = setup.observation
        return learned_rule(agent.policy, setup.problem, channels, setup.action, normalizer)
    for what, space, size in (
        ("sees", agent.observation_space, Layout(setup.observation, setup.problem).size),
        ("acts by", agent.action_space, setup.action.size(setup.problem)),
    ):
        if space.shape != (size,):
            raise ValueError(
                f"the agent {what} numbers of shape {space.shape}, and in {setup.id} they have "
                f"shape ({size},): give the regime as the agent was trained in it, "
                "REGIMES[name].configured(observation=..., action=...)."
            )
    return AgentPolicy(agent, setup.observation, setup.action, normalizer)


def _reference(setup: Regime, reference: str) -> Policy:
    """What has the ratio 1."""
    best = optimum(setup.problem, setup.observation if reference == "own channels" else None)
    if best.bound != "exact":
        raise Refusal(f"the optimum of {reference} is not known in {setup.id}: {best.status}")
    return best.policy


def _said(
    model: Any,
    result: Result,
    comparison: Comparison,
    reference: str,
    ratio: float,
    seed: int,
) -> str:
    """What failed, and the figures by which to see how."""
    nothing, diverged = comparison[DO_NOTHING].ratio, result.diverged
    return (
        f"{type(model).__name__} costs {result.ratio} times the optimum of {reference}, more than "
        f"{ratio:g}, in {comparison.episodes} episodes from seed {seed}, of which {diverged} "
        f"diverged. Doing nothing costs {nothing} times as much."
    )
