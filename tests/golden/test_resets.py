"""Rules that reset: optimal in their own regime, worse outside it, and never better than exact."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from landscape_gym.control import LQGPolicy, diagonal_gain, optimum, reset_weight
from landscape_gym.evaluation import rollout
from landscape_gym.observation import Layout
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.rules.hard_reset import HardReset
from landscape_gym.rules.pseudorandom import draw, stream
from landscape_gym.rules.selective_reset import SelectiveReset
from landscape_gym.rules.shrink_and_perturb import ShrinkAndPerturb
from landscape_gym.rules.soft_reset import L2Init, SoftReset

RESET_WEIGHTS = json.loads(Path(__file__).with_name("optima.json").read_text())["reset_weight"]
SEEN = REGIMES["task-switching"].problem
HIDDEN = REGIMES["hidden-task-switching"].problem
NOISE = {"kind": "isotropic", "std": 0.3}


def problem(**fields):
    """Three coordinates, one of them flat, with all that the derivations allow."""
    landscape = {
        "kind": "quadratic",
        "dim": 3,
        "curvature": (0.2, 3.0, 0.0),
        "optimum": (1.0, -0.5, 2.0),
        "optimum_std": 0.8,
    }
    given = {"eta": 2.0, "k": 0.7, "gamma": 0.3, "metric": (1.0, 4.0, 2.0), "hazard": 0.3}
    return NavigationProblem(**{"landscape": landscape, **given, "episode_steps": 60, **fields})


def costs(given, policy, episodes=500):
    policy = policy if hasattr(policy, "predict") else RulePolicy(policy, given)
    return rollout(given, policy, episodes=episodes, seed=0).cost


def assert_costs_more(worse, better, by=0.0):
    difference = worse - (1 + by) * better
    assert difference.mean() > 3 * difference.std() / math.sqrt(len(difference))


# ---- soft reset ---------------------------------------------------------------------------


@pytest.mark.parametrize("given", [SEEN, problem(), problem(signalled=True), problem(drift=0.2)])
def test_with_exact_gradients_the_soft_reset_is_the_optimum(given):
    found, best = costs(given, SoftReset.derive(given), 32), costs(given, optimum(given).policy, 32)
    np.testing.assert_allclose(found, best, rtol=1e-9)


@pytest.mark.parametrize("golden", RESET_WEIGHTS)
def test_the_pull_is_the_weight_on_the_prior(golden):
    # u = -lr h (theta - z) - pull (theta - m) = -K (theta - (1 - w) z - w m)
    given = NavigationProblem(
        landscape={"kind": "quadratic", "dim": 1, "curvature": (golden["h"],)},
        **{name: golden[name] for name in ("eta", "k", "gamma", "hazard", "dt")},
    )
    rule = SoftReset.derive(given)
    w = rule.pull / (rule.pull + rule.lr * golden["h"])
    assert w == pytest.approx(golden["weight_on_prior"], rel=1e-9)
    fine = SoftReset.derive(given.replace(dt=1e-4))
    limit = fine.pull / (fine.pull + fine.lr * golden["h"])
    assert limit == pytest.approx(golden["continuous"], rel=1e-3)
    pull = golden["eta"] * golden["k"] * golden["h"]
    rates = {name: golden[name] for name in ("gamma", "hazard")}
    assert limit == pytest.approx(reset_weight(pull, **rates), rel=1e-3)


@pytest.mark.parametrize("given", [HIDDEN, problem(noise={"kind": "curvature", "std": 0.4})])
def test_with_noise_the_soft_reset_is_the_best_linear_controller(given):
    found = costs(given, SoftReset.derive(given), 32)
    np.testing.assert_allclose(
        found, costs(given, LQGPolicy(given, belief="linear"), 32), rtol=1e-9
    )


def test_with_drift_too_it_is_so_within_a_percent():
    given = problem(noise=NOISE, drift=0.2)
    found, best = (
        costs(given, SoftReset.derive(given)),
        costs(given, LQGPolicy(given, belief="linear")),
    )
    assert found.mean() == pytest.approx(best.mean(), rel=0.01)


def test_unseen_switches_are_better_met_by_the_exact_belief():
    assert_costs_more(costs(HIDDEN, SoftReset.derive(HIDDEN)), costs(HIDDEN, LQGPolicy(HIDDEN)))


@pytest.mark.parametrize("factor", [0.0, 0.3, 3.0])
def test_another_pull_costs_more(factor):
    rule = SoftReset.derive(SEEN)
    wrong = replace(rule, pull=tuple(factor * np.array(rule.pull)))
    assert_costs_more(costs(SEEN, wrong), costs(SEEN, rule))


def test_without_warm_up_the_filter_costs_more():
    rule = SoftReset.derive(HIDDEN)
    assert_costs_more(costs(HIDDEN, replace(rule, first=rule.last)), costs(HIDDEN, rule))


def test_l2_init_is_the_soft_reset_of_episodes_that_begin_at_the_mean():
    start = {"kind": "normal", "mean": (1.0, -0.5, 2.0), "std": 0.0}
    given = problem(noise=NOISE, start=start)
    found, same = costs(given, L2Init.derive(given), 16), costs(given, SoftReset.derive(given), 16)
    np.testing.assert_allclose(found, same, rtol=1e-9)


# ---- hard reset ---------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [None, NOISE, {"kind": "curvature", "std": 0.4}])
@pytest.mark.parametrize("drift", [0.0, 0.2])
def test_where_switches_are_signalled_the_hard_reset_is_the_optimum(noise, drift):
    given = problem(noise=noise, drift=drift, signalled=True)
    found = costs(given, HardReset.derive(given), 32)
    np.testing.assert_allclose(found, costs(given, LQGPolicy(given), 32), rtol=1e-9)


def test_who_ignores_the_signal_pays():
    given = HIDDEN.replace(signalled=True)
    assert_costs_more(costs(given, SoftReset.derive(HIDDEN)), costs(given, HardReset.derive(given)))


@pytest.mark.parametrize("noise", [None, NOISE])
def test_to_jump_back_literally_costs_more_than_twice_as_much(noise):
    given = SEEN.replace(signalled=True, noise=noise)
    rule = HardReset.derive(given)
    assert rule.jump == 0.0
    assert_costs_more(costs(given, replace(rule, jump=1 / given.dt)), costs(given, rule), by=1.0)


def test_the_literal_jump_goes_to_the_mean_in_one_step():
    rule = HardReset(mean=(1.0, 2.0), jump=10.0)
    theta, y = np.array([[3.0, -1.0], [3.0, -1.0]]), np.ones((2, 2))
    seen = {"parameters": theta, "switched": np.array([[1.0], [0.0]])}
    u, _ = rule.update(y, rule.init(y, **seen), **seen)
    np.testing.assert_allclose(theta[0] + 0.1 * u[0], [1.0, 2.0], rtol=1e-15)
    soft, _ = SoftReset(mean=(1.0, 2.0)).update(y, rule.init(y, **seen), parameters=theta)
    np.testing.assert_array_equal(u[1], soft[1])


# ---- selective reset ----------------------------------------------------------------------


def one(h, **fields):
    landscape = {"kind": "quadratic", "dim": 1, "curvature": (h,), "optimum_std": 1.0}
    return NavigationProblem(landscape=landscape, noise=NOISE, hazard=0.1, **fields)


@pytest.mark.parametrize("h", [0.3, 2.0])
def test_a_single_coordinate_resets_nearly_optimally(h):
    given = one(h)
    found, best = costs(given, SelectiveReset.derive(given)), costs(given, LQGPolicy(given))
    assert found.mean() == pytest.approx(best.mean(), rel=0.02)
    assert_costs_more(costs(given, SoftReset.derive(given)), found)


def test_until_the_second_gradient_its_belief_is_exact():
    # A redraw before the first gradient changes nothing, so no mixture has been replaced yet.
    given = one(1.0, drift=0.3)
    exact, rule = LQGPolicy(given), SelectiveReset.derive(given)
    layout, selective, memory, state = Layout(exact.observation, given), [], None, None
    optimal = []
    for x, y in np.random.default_rng(0).normal(size=(3, 2, 50, 1)):
        seen = np.zeros((50, layout.size))
        seen[:, layout.slices["parameters"]], seen[:, layout.slices["gradient"]] = x, y
        action, memory = exact.predict(seen, memory, np.zeros(50, bool))
        state = rule.init(y, parameters=x) if state is None else state
        u, state = rule.update(y, state, parameters=x)
        selective.append(u)
        optimal.append(action * exact.action.scale)
    np.testing.assert_allclose(selective[:2], optimal[:2], rtol=1e-9)
    assert np.abs(selective[2] - optimal[2]).max() > 1e-6


def test_coordinates_that_switch_together_are_better_judged_together():
    landscape = {"kind": "quadratic", "dim": 6, "optimum_std": 1.0}
    curvature = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
    given = NavigationProblem(
        landscape={**landscape, "curvature": curvature}, noise=NOISE, hazard=0.1
    )
    selective = costs(given, SelectiveReset.derive(given))
    assert_costs_more(selective, costs(given, LQGPolicy(given)))
    assert_costs_more(costs(given, SoftReset.derive(given)), selective)


def test_a_wrong_chance_of_a_switch_costs_more():
    given = one(2.0)
    rule = SelectiveReset.derive(given)
    assert rule.chance == pytest.approx(1 - math.exp(-0.01))
    assert_costs_more(costs(given, replace(rule, chance=1e-6)), costs(given, rule))


# ---- shrink and perturb -------------------------------------------------------------------


def test_the_perturbation_costs_what_the_quadratic_says():
    # Certainty equivalence: noise adds sigma^2 (c + q + beta P) / 2 per step and coordinate.
    rule = ShrinkAndPerturb.derive(SEEN)
    h, p = np.array(SEEN.landscape.curvature), SEEN
    P = diagonal_gain(h, eta=p.eta, k=p.k, gamma=p.gamma, dt=p.dt).P
    weight = 1 / (p.eta * p.dt) + p.k * p.dt * h + p.discount * P
    steps = (1 - p.discount**p.steps) / (1 - p.discount)
    extra = np.sum((p.dt * np.array(rule.perturbation)) ** 2 * weight / 2) * steps
    still = costs(SEEN, replace(rule, perturbation=0.0), 1000)
    np.testing.assert_allclose(still, costs(SEEN, SoftReset.derive(SEEN), 1000), rtol=1e-12)
    assert (costs(SEEN, rule, 1000) - still).mean() == pytest.approx(extra, rel=0.02)


def test_the_perturbation_holds_the_variance_of_the_prior():
    # What a step leaves of the variance and what it adds, over and over: Lyapunov's equation.
    given = problem()
    rule = ShrinkAndPerturb.derive(given)
    assert SoftReset(**{name: getattr(rule, name) for name in vars(SoftReset())}) == (
        SoftReset.derive(given)
    )
    shrink, added = 1 - given.dt * np.array(rule.pull), given.dt * np.array(rule.perturbation)
    variance = np.zeros(3)
    for _ in range(4000):
        variance = shrink**2 * variance + added**2
    np.testing.assert_allclose(variance[:2], 0.8**2, rtol=1e-6)
    assert added[2] == variance[2] == 0.0  # along the flat direction nothing shrinks


def test_without_gradients_parameters_are_spread_like_the_prior():
    given = problem()
    rule = replace(ShrinkAndPerturb.derive(given), lr=0.0)
    theta, gradient = np.random.default_rng(0).normal(given.landscape.optimum, 0.8, (2, 400, 3))
    state = rule.init(gradient, parameters=theta)
    squares = []
    for _ in range(600):
        u, state = rule.update(0 * theta, state, parameters=theta)
        theta = theta + given.dt * u
        squares.append(np.mean((theta - given.landscape.optimum) ** 2, axis=0))
    np.testing.assert_allclose(np.mean(squares, axis=0)[:2], 0.8**2, rtol=0.05)


def test_random_numbers_are_white_and_the_same_everywhere():
    first, second = np.random.default_rng(0).normal(size=(2, 50, 8)).astype(np.float32)
    state, same = (
        stream(first, second, 3),
        stream(torch.from_numpy(first), torch.from_numpy(second), 3),
    )
    drawn = []
    for _ in range(500):
        xi, state = draw(state)
        other, same = draw(same)
        assert xi.dtype == np.float32
        np.testing.assert_array_equal(xi, other.numpy())
        drawn.append(xi)
    series = np.stack(drawn).reshape(500, -1).astype(np.float64)
    assert abs(series.mean()) < 4 / math.sqrt(series.size)
    assert series.var() == pytest.approx(1.0, abs=0.01)
    assert abs(np.mean(series[1:] * series[:-1])) < 4 / math.sqrt(series.size)
    assert np.abs(np.corrcoef(series.T) - np.eye(400)).max() < 5.5 / math.sqrt(500)


def test_a_row_draws_the_same_in_any_batch_and_another_seed_others():
    seen = np.random.default_rng(1).normal(size=(4, 3))
    rule = ShrinkAndPerturb(perturbation=1.0)
    u = rule.update(seen, rule.init(seen, parameters=seen), parameters=seen)[0]
    alone = rule.update(seen[2:], rule.init(seen[2:], parameters=seen[2:]), parameters=seen[2:])[0]
    np.testing.assert_array_equal(u[2:], alone)
    other = replace(rule, seed=1)
    assert np.abs(other.update(seen, other.init(seen, seen), seen)[0] - u).min() > 1e-6


# ---- what all have in common ---------------------------------------------------------------

PAIR = (0.5, 2.0)
RULES = [
    SoftReset(),
    SoftReset(lr=PAIR, pull=PAIR, mean=PAIR, curvature=PAIR, first=0.9, last=(0.1, 0.0), kept=0.9),
    L2Init(lr=PAIR, first=0.7, last=0.2),
    HardReset(pull=PAIR, first=(0.7, 0.0), last=0.0, jump=3.0),
    SelectiveReset(first=0.9, last=0.1, noise=PAIR),
    ShrinkAndPerturb(perturbation=PAIR, seed=5),
]


def channels(rule, convert, dtype):
    size = {"switched": 1}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        first, *others = (
            convert((rng.normal(size=(5, size.get(name, 2))) > 0.5).astype(dtype))
            if name == "switched"
            else convert(rng.normal(size=(5, 2)).astype(dtype))
            for name in rule.channels
        )
        yield first, dict(zip(rule.channels[1:], others, strict=True))


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree_and_types_are_kept(rule, dtype):
    near = 1e-5 if dtype == np.float32 else 1e-12
    numpy_state = torch_state = None
    both = zip(
        channels(rule, np.asarray, dtype), channels(rule, torch.from_numpy, dtype), strict=True
    )
    for (y, seen), (torch_y, torch_seen) in both:
        numpy_state = numpy_state or rule.init(y, **seen)
        torch_state = torch_state or rule.init(torch_y, **torch_seen)
        u, numpy_state = rule.update(y, numpy_state, **seen)
        v, torch_state = rule.update(torch_y, torch_state, **torch_seen)
        assert u.dtype == v.numpy().dtype == dtype
        assert numpy_state.weight.dtype == numpy_state.target.dtype == dtype
        np.testing.assert_allclose(u, v.numpy(), rtol=near, atol=near)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_rows_begin_afresh_by_themselves(rule):
    given = problem(landscape={"kind": "quadratic", "dim": 2, "curvature": PAIR}, metric=None)
    policy = RulePolicy(rule, given)
    size = Layout(policy.observation, given).size
    first, second = np.random.default_rng(2).normal(size=(2, 2, size))
    _, state = policy.predict(first)
    mixed, _ = policy.predict(second, state, np.array([False, True]))
    carried, _ = policy.predict(second, state, np.array([False, False]))
    fresh, _ = policy.predict(second)
    np.testing.assert_array_equal(mixed[0], carried[0])
    np.testing.assert_array_equal(mixed[1], fresh[1])


DENSE = {"kind": "quadratic", "dim": 2, "curvature": ((1.0, 0.5), (0.5, 1.0))}


@pytest.mark.parametrize("rule", [SoftReset, HardReset, SelectiveReset, ShrinkAndPerturb, L2Init])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hazard": 0.0}, "hazard = 0 keeps the first"),
        ({"horizon": 5}, "finite horizon"),
        ({"default_dynamics": "decay"}, "default_dynamics"),
        ({"control_matrix": ((1.0,), (0.5,), (0.0,)), "metric": None}, "control_matrix"),
        ({"landscape": DENSE, "metric": None}, "hidden or coupled.*LQGPolicy"),
        ({"landscape": "ackley", "metric": None}, "not quadratic"),
        ({"noise": "relative"}, "not known in advance"),
    ],
)
def test_what_none_is_derived_for(rule, fields, message):
    given = problem(**{"noise": NOISE, "signalled": rule is HardReset, **fields})
    with pytest.raises(ValueError, match=message):
        rule.derive(given)


@pytest.mark.parametrize(
    ("rule", "fields", "message"),
    [
        (SoftReset, {"noise": NOISE, "signalled": True}, "use HardReset"),
        (HardReset, {}, "signalled is False: use SoftReset"),
        (SelectiveReset, {"signalled": True, "noise": NOISE}, "use HardReset"),
        (SelectiveReset, {}, "gradients are exact.*use SoftReset"),
        (L2Init, {}, "not the prior's mean: use SoftReset"),
    ],
)
def test_which_rule_to_use_instead(rule, fields, message):
    with pytest.raises(ValueError, match=message):
        rule.derive(problem(**fields))
