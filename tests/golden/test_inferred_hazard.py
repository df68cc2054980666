"""How often tasks change is found out: exactly in quadratics, roughly on networks."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from landscape_gym.control import InferredHazardPolicy, LQGPolicy
from landscape_gym.evaluation import rollout
from landscape_gym.observation import Layout
from landscape_gym.optim import RuleOptimizer
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.rules import (
    InferredHazard,
    LossChanges,
    SelectiveReset,
    SelfTuning,
    SoftReset,
)
from landscape_gym.rules.inferred_reset import InferredReset

SEEN = REGIMES["task-switching"].problem
HIDDEN = REGIMES["hidden-task-switching"].problem
HAZARDS = (0.3, 2.0, 6.0)


def one(**fields):
    landscape = {"kind": "quadratic", "dim": 1, "curvature": (1.0,), "optimum": 0.5}
    given = {"noise": {"kind": "isotropic", "std": 0.3}, "hazard": 2.0, **fields}
    return NavigationProblem(landscape={**landscape, "optimum_std": 2.0}, **given)


def gone_through(policy, x, y):
    """Actions and states of a policy that sees parameters x and gradients y, (T, rows, d)."""
    layout, state = Layout(policy.observation, policy.problem), None
    for place, gradient in zip(x, y, strict=True):
        seen = np.zeros((x.shape[1], layout.size))
        seen[:, layout.slices["parameters"]] = place
        seen[:, layout.slices["gradient"]] = gradient
        action, state = policy.predict(seen, state, np.zeros(x.shape[1], bool))
        yield action * policy.action.scale, state


def gradients(problem, steps, rows, seed=0):
    """At parameters 0, of targets that are redrawn at the problem's rate."""
    rng = np.random.default_rng(seed)
    landscape, dim = problem.landscape, problem.dim
    h, std = np.array(landscape.curvature), 0.0 if problem.noise is None else problem.noise.std

    def draw():
        return rng.normal(landscape.optimum, landscape.optimum_std, (rows, dim))

    z, chance = draw(), -math.expm1(-problem.hazard * problem.dt)
    for _ in range(steps):
        yield -h * z + std * rng.normal(size=z.shape)
        z = np.where(rng.random((rows, 1)) < chance, draw(), z)


# ---- the exact posterior ------------------------------------------------------------------


def by_histories(x, y, chance, mean=0.5, variance=4.0, noise=0.09):
    """Density of y, and E[z_T | y] times it, summed over every history of redraws; h = 1."""
    T, total, target = len(x), 0.0, 0.0
    for redraws in product([0, 1], repeat=T - 1):
        task = np.cumsum([0, *redraws])
        cov = variance * (task[:, None] == task)
        left = cov + noise * np.eye(T)
        surprise = y - (x - mean)
        solved = np.linalg.solve(left, surprise)
        density = np.exp(-0.5 * surprise @ solved) / np.sqrt(np.linalg.det(left))
        density *= np.prod([chance if r else 1 - chance for r in redraws])
        total, target = total + density, target + density * (mean - cov[-1] @ solved)
    return total, target


@pytest.mark.parametrize("ages", [128, 7])
def test_the_posterior_by_run_lengths_is_the_sum_over_all_histories_and_hazards(ages):
    given = one()
    x, y = np.random.default_rng(3).normal(size=(2, 7, 4, 1))
    policy = InferredHazardPolicy(given, HAZARDS, ages=ages)
    laws = [SoftReset.derive(given.replace(hazard=hazard)) for hazard in HAZARDS]
    for t, (u, state) in enumerate(gone_through(policy, x, y)):
        for row in range(4):
            seen = x[: t + 1, row, 0], y[: t + 1, row, 0]
            each = np.array([by_histories(*seen, -math.expm1(-0.1 * rate)) for rate in HAZARDS])
            p, target = each[:, 0] / each[:, 0].sum(), each[:, 1] / each[:, 0].sum()
            np.testing.assert_allclose(state.belief.probabilities[:, row], p, rtol=1e-9)
            assert state.belief.mean[row, 0] == pytest.approx(target.sum(), abs=1e-9)
            # u = -sum p [ lr (x - E z) + pull (x - m) ], the mean of what each would do
            expected = -sum(
                law.lr * (p_j * x[t, row, 0] - z) + law.pull * p_j * (x[t, row, 0] - 0.5)
                for law, p_j, z in zip(laws, p, target, strict=True)
            )
            assert u[row, 0] == pytest.approx(expected, abs=1e-6)


def test_a_single_hazard_is_the_hazard_told():
    given = one()
    costs = [
        rollout(given, policy, episodes=8, seed=0).cost
        for policy in (InferredHazardPolicy(given, (2.0,)), LQGPolicy(given))
    ]
    np.testing.assert_allclose(*costs, rtol=1e-9)


@pytest.mark.parametrize("problem", [SEEN, HIDDEN])
def test_where_gradients_are_exact_the_rule_counts_and_is_the_optimum(problem):
    policies = [InferredHazardPolicy(problem), RulePolicy(InferredReset.derive(problem), problem)]
    exact, rule = (rollout(problem, each, episodes=16, seed=0).cost for each in policies)
    if problem is SEEN:
        np.testing.assert_allclose(rule, exact, rtol=1e-6)
    else:  # noisy ones leave a mixture, which the rule replaces by its moments
        assert np.abs(rule / exact - 1).max() > 1e-3
        assert rule.mean() == pytest.approx(exact.mean(), rel=0.03)


# ---- the hazard is found out --------------------------------------------------------------


@pytest.mark.parametrize("hazard", [0.1, 0.5])
def test_what_is_believed_of_the_hazard_converges_to_the_truth(hazard):
    given, steps, rows = HIDDEN.replace(hazard=hazard), 800, 16
    policy, x = InferredHazardPolicy(given, ages=16), np.zeros((steps, rows, given.dim))
    y = np.stack(list(gradients(given, steps, rows)))
    believed = np.array([policy.hazard(state) for _, state in gone_through(policy, x, y)])
    off = np.abs(np.log(believed / hazard)).mean(1)
    assert off[-1] < off[400] < off[0]
    # n changes tell a rate up to a factor of 1 +- 1 / n^(1/2)
    assert off[-1] < 1 / math.sqrt(hazard * given.dt * steps)
    assert np.log(believed[-1] / hazard).mean() == pytest.approx(0.0, abs=0.15)


def chance_of(rule, y):
    state = rule.init(y[0], parameters=0 * y[0])
    for each in y:
        _, state = rule.update(each, state, parameters=0 * each)
    return rule.chance(state)


@pytest.mark.parametrize("hazard", [0.1, 0.5])
@pytest.mark.parametrize(("problem", "within"), [(SEEN, 0.1), (HIDDEN, 0.3)])
def test_the_rule_finds_it_out_as_well(problem, within, hazard):
    given = problem.replace(hazard=hazard)
    y = np.stack(list(gradients(given, 2000, 16)))
    believed = chance_of(InferredReset.derive(given), y).mean()
    assert math.log(believed / -math.expm1(-hazard * given.dt)) == pytest.approx(0.0, abs=within)


@pytest.mark.slow
def test_who_is_not_told_pays_a_per_cent_and_a_wrong_rate_more():
    policies = [InferredHazardPolicy(HIDDEN, ages=32), LQGPolicy(HIDDEN)]
    wrong = LQGPolicy(HIDDEN.replace(hazard=1.0))
    inferred, told, far = (
        rollout(HIDDEN, each, episodes=200, seed=0).cost.mean() for each in (*policies, wrong)
    )
    assert told < inferred < 1.025 * told < far


def test_the_rules_that_are_not_told_pay_little_as_well():
    pairs = [(SEEN, SoftReset, 1.02), (HIDDEN, SelectiveReset, 1.025)]
    for given, rule, most in pairs:
        inferred, told = (
            rollout(given, RulePolicy(each, given), episodes=300, seed=0).cost.mean()
            for each in (InferredReset.derive(given), rule.derive(given))
        )
        assert inferred < most * told


@pytest.mark.parametrize("problem", [SEEN, HIDDEN])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree(problem, dtype):
    rule, near = InferredReset.derive(problem), 1e-3 if dtype == np.float32 else 1e-9
    y = np.stack(list(gradients(problem.replace(hazard=2.0), 40, 3))).astype(dtype)
    states = rule.init(y[0], y[0]), rule.init(*[torch.from_numpy(y[0])] * 2)
    for each in y:
        u, mine = rule.update(each, states[0], parameters=each)
        v, other = rule.update(torch.from_numpy(each), states[1], parameters=torch.from_numpy(each))
        states = mine, other
        assert u.dtype == v.numpy().dtype == dtype
        np.testing.assert_allclose(u, v.numpy(), rtol=near, atol=near)


@pytest.mark.parametrize("make", [InferredHazardPolicy, InferredReset.derive])
def test_where_nothing_is_to_be_found_out(make):
    with pytest.raises(ValueError, match="signalled"):
        make(HIDDEN.replace(signalled=True))
    with pytest.raises(ValueError, match="some rates > 0"):
        make(HIDDEN, hazards=(0.0, 1.0))


# ---- by the loss --------------------------------------------------------------------------


def losses(length, steps=6000, rows=4, noise=0.03, lost=1.0):
    """Of tasks of so many steps, each of which redraws a share of what was learnt."""
    rng, level = np.random.default_rng(length), np.full((rows, 1), 2.3)
    for t in range(steps):
        if t and t % length == 0:
            level = level + lost * (2.3 - level)
        yield level + noise * rng.normal(size=level.shape)
        level = level + 0.05 * (0.3 - level)


def chances_by_loss(series, changes=None):
    changes, state = changes or LossChanges(), None
    for loss in series:
        state = changes.init(loss) if state is None else changes.update(loss, state)
        yield state.chance


@pytest.mark.parametrize("length", [30, 200, 1000])
def test_the_loss_tells_how_often_tasks_change(length):
    *_, chance = chances_by_loss(losses(length))
    np.testing.assert_allclose(np.log(chance * length), 0.0, atol=0.25)


def test_a_rate_that_changes_is_followed_and_half_of_it_counts_half():
    series = [*losses(200, 3000), *losses(50, 1500)]
    chance = [each.mean() for each in chances_by_loss(series)]
    assert 1 / chance[2999] == pytest.approx(200, rel=0.2)
    assert 1 / chance[-1] == pytest.approx(50, rel=0.3)
    *_, partly = chances_by_loss(losses(100, lost=0.5))
    assert 1 / partly.mean() == pytest.approx(200, rel=0.2)


def test_a_loss_that_only_falls_or_rises_slowly_is_no_change():
    noise = 0.03 * np.random.default_rng(0).normal(size=(4000, 1))
    slow = 1.0 - 0.5 * np.exp(-np.arange(4000)[:, None] / 2000) + noise
    *_, chance = chances_by_loss(slow)
    assert chance[0] < 1 / 1000


def test_the_bank_told_a_chance_is_the_bank_derived_for_it():
    told = SelfTuning.for_networks(spread=0.1, growth=1e-2, hazard=0.02, separate=True)
    found = InferredHazard.for_networks(spread=0.1).told(1 - told.kept)
    for name in ("curvature", "aim", "pull", "kept", "noise_rate", "drift", "spread"):
        np.testing.assert_allclose(getattr(found, name), getattr(told, name), rtol=1e-12)


def test_rows_have_hazards_of_their_own_and_an_optimizer_takes_the_rule():
    rule, rng = InferredHazard.for_networks(spread=0.1), np.random.default_rng(0)
    theta, both, alone = rng.normal(size=(2, 5)), None, None
    for t, loss in enumerate(losses(20, 100, rows=2)):
        y = rng.normal(size=(2, 5))
        loss[1] = 1.0  # here nothing changes
        seen = {"displacement": theta, "loss": loss}
        both = rule.init(y, **seen) if both is None else both
        u, both = rule.update(y, both, **seen)
        seen = {name: each[1:] for name, each in seen.items()}
        alone = rule.init(y[1:], **seen) if alone is None else alone
        v, alone = rule.update(y[1:], alone, **seen)
        np.testing.assert_allclose(u[1:], v, rtol=1e-12)
        assert t < 25 or both.changes.chance[0] > both.changes.chance[1]
    model = torch.nn.Linear(3, 1)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    optimizer = RuleOptimizer(model.parameters(), rule)

    def closure():
        optimizer.zero_grad()
        loss = (model(torch.eye(3)) - 1).square().mean()
        loss.backward()
        return loss

    first = closure().item()
    for _ in range(100):
        last = optimizer.step(closure).item()
    assert last < 0.5 * first
