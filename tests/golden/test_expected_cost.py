"""Expected costs: predicted exactly, met by simulated episodes, and lowest for the optimal laws."""

import numpy as np
import pytest

from landscape_gym.control import LinearQuadraticPolicy, LQGPolicy, ensemble, finite_horizon
from landscape_gym.derivation.lqr import riccati
from landscape_gym.derivation.model import (
    Law,
    LinearQuadratic,
    endless_value_of,
    values_of,
)
from landscape_gym.evaluation import rollout
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.simulation import Simulation

EPISODES = 20_000
LINEAR_QUADRATIC = {
    name: regime.problem
    for name, regime in REGIMES.items()
    if regime.problem.landscape.kind == "quadratic" and name != "learning-speed"  # a product
}
DENSE = NavigationProblem(
    landscape={
        "kind": "quadratic",
        "dim": 3,
        "curvature": ((1, 0.5, 0), (0.5, 2, 0), (0, 0, 0.3)),
        "optimum": (1.0, 0.0, -1.0),
        "optimum_std": 1.0,
    },
    start={"kind": "uniform", "low": -1, "high": 2},
    metric=(1.0, 2.0, 0.5),
    default_dynamics="decay",
    noise={"kind": "curvature", "std": 0.5},
    drift=0.05,
    hazard=0.1,
    episode_steps=40,
)
BEYOND = {
    "signalled": LINEAR_QUADRATIC["hidden-task-switching"].replace(signalled=True),
    "coupled": DENSE,
    "subspace": DENSE.replace(metric=None, control_matrix=((1.0, 0.0), (0.5, 1.0), (0.0, -1.0))),
    "finite horizon": DENSE.replace(horizon=15),
    "finite, decoupled": LINEAR_QUADRATIC["noisy-gradient"].replace(horizon=15),
    "finite, signalled": LINEAR_QUADRATIC["hidden-task-switching"].replace(
        signalled=True, horizon=15
    ),
    "undiscounted": LINEAR_QUADRATIC["noisy-gradient"].replace(gamma=0.0),
}
PROBLEMS = {**LINEAR_QUADRATIC, **BEYOND}
every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


def policies(problem):
    yield LinearQuadraticPolicy(problem)
    yield LQGPolicy(problem, belief="linear")
    if problem.default_dynamics is None and problem.hazard == 0:
        yield LQGPolicy(problem, place="displacement")


@pytest.mark.slow
@every_problem
def test_episodes_cost_what_is_predicted(problem):
    for policy in policies(problem):
        cost = rollout(problem, policy, episodes=EPISODES, seed=7).cost
        error = cost.std() / np.sqrt(EPISODES)
        assert abs(cost.mean() - policy.expected_cost(problem.steps)) < 3 * error


@every_problem
def test_no_gain_can_be_changed_for_the_better(problem):
    if problem.gamma == 0:
        problem = problem.replace(horizon=20)  # for ever it costs infinitely much
    parts, lqg = ensemble(problem), LQGPolicy(problem, belief="linear")
    acted_on = np.einsum("...ii->...i", parts.second).any(axis=0).reshape(3, -1).any(axis=1)
    if problem.drift or problem.hazard:
        acted_on[1] = True  # a target that moves from 0
    for name, acts in zip(Law._fields, acted_on, strict=True):
        if not (acts and np.any(getattr(parts.law, name))):
            continue  # 10 % of nothing
        for factor in (0.9, 1.1):
            changed = parts.law._replace(**{name: factor * getattr(parts.law, name)})
            assert parts.expected_cost(law=changed) > parts.expected_cost()
            assert lqg.expected_cost(law=changed) > lqg.expected_cost()


@pytest.mark.slow
@pytest.mark.parametrize("name", Law._fields)
def test_the_cost_of_acting_on_estimates_is_known_for_any_law(name):
    parts, lqg = ensemble(DENSE), LQGPolicy(DENSE, belief="linear")
    gain = getattr(parts.law, name)
    law = parts.law._replace(**{name: 6 * gain})
    gains = lqg._controller.shared
    lqg._controller.shared = gains._replace(law=Law(*(each[None] for each in law)))
    cost = rollout(DENSE, lqg, episodes=EPISODES, seed=3).cost
    error = cost.std() / np.sqrt(EPISODES)
    assert abs(cost.mean() - lqg.expected_cost(DENSE.steps, law)) < 3 * error
    assert lqg.expected_cost(DENSE.steps, law) > lqg.expected_cost(DENSE.steps) + 3 * error


def test_the_value_of_an_endless_law_is_the_limit_of_finite_ones():
    lq = instance(hazard=0.7)
    law = riccati(lq).law
    endless = endless_value_of(lq, law)
    *_, (_, _, finite) = values_of(lq, law, 2000)
    np.testing.assert_allclose(finite.Pi, endless.Pi, atol=1e-10)
    np.testing.assert_allclose(finite.w, endless.w, rtol=1e-10)
    wrong = law._replace(K=1.05 * law.K, K_m=0.9 * law.K_m)
    *_, (_, _, finite) = values_of(lq, wrong, 2000)
    np.testing.assert_allclose(finite.Pi, endless_value_of(lq, wrong).Pi, atol=1e-10)


def instance(**changes):
    rng = np.random.default_rng(0)
    H, G = (root @ root.T + 0.1 * np.eye(3) for root in rng.normal(size=(2, 3, 3)))
    F = 0.4 * rng.normal(size=(3, 3)) - 0.3 * np.eye(3)
    constants = {"gamma": 0.3, "dt": 0.1, "drift": 0.2, "prior_variance": 1.5, **changes}
    return LinearQuadratic.of(H, G=G[:2, :2], F=F, B=rng.normal(size=(3, 2)), **constants)


def test_the_value_satisfies_bellmans_equation_from_any_state():
    lq, rng = instance(hazard=0.7), np.random.default_rng(1)
    value, law = riccati(lq).value, riccati(lq).law
    x, z, m = rng.normal(size=(3, 3))
    u = -(law.K @ x + law.K_z @ z + law.K_m @ m)
    after = lq.A @ x + lq.B @ u
    # Where the target may be next: z and the prior's mean, and what they scatter by.
    scatter = np.trace(value.block(1, 1) @ lq.Omega)
    later = lq.rho * value.at(after, z, m) + (1 - lq.rho) * value.at(after, m, m) + scatter
    now = u @ lq.R @ u + (after - z) @ lq.Q @ (after - z)
    assert value.at(x, z, m) == pytest.approx(now + lq.beta * later, rel=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.2])
def test_a_target_that_stays_costs_nothing_once_it_is_reached(gamma):
    lq = LinearQuadratic.of([[2.0, 0.3], [0.3, 1.0]], gamma=gamma, dt=0.1)
    value, (x, z, m) = riccati(lq).value, np.array([[0.3, -1.0], [1.0, 2.0], [5.0, 5.0]])
    assert value.at(z, z, m) == pytest.approx(0, abs=1e-12)
    assert value.at(x, z, m) == pytest.approx((x - z) @ value.P @ (x - z), rel=1e-10)


@pytest.mark.parametrize(
    "changes",
    [{"hazard": 0.1, "prior_variance": 1.0}, {"drift": 0.1}, {"F": [[-1.0]]}],
    ids=["switches", "drift", "decay"],
)
def test_what_never_ends_costs_infinitely_much_without_discount(changes):
    value = riccati(LinearQuadratic.of([[1.0]], gamma=0.0, dt=0.1, **changes)).value
    assert value.at(*np.ones((3, 1))) == np.inf
    finite = finite_horizon(LinearQuadratic.of([[1.0]], gamma=0.0, dt=0.1, **changes), 5).value
    assert np.isfinite(finite.at(*np.ones((3, 1)))).all()


def test_a_policy_says_what_its_episodes_cost_from_where_they_begin():
    policy = LinearQuadraticPolicy(DENSE.replace(horizon=10, drift=0.0, hazard=0.0))
    seen = np.array([[1.0, 0.0, -1.0, 0.5, 0.5, 0.5, 0.3], [1.0, 2, 3, 0, 0, 0, 0.9]])
    x, z = seen[:, :3], seen[:, 3:6]
    values = policy.solution.value
    for row, step in enumerate((3, 9)):
        expected = type(values)(values.Pi[step], values.w[step]).at(x[row], z[row], z[row])
        assert policy.value(seen)[row] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rotated", [False, True])
def test_the_mean_of_the_values_is_the_expected_cost(rotated):
    problem = LINEAR_QUADRATIC["landscape-nav"].replace(landscape={"rotated": rotated})
    for policy in policies(problem):
        simulation = Simulation(
            4000,
            dtype="float64",
            problem=problem,
            observation=policy.observation,
            action=policy.action,
        )
        rows = np.arange(4000)
        simulation.streams.seed(rows, rows.tolist())
        value = policy.value(simulation.observe(simulation.begin(rows)))
        error = value.std() / np.sqrt(len(value))
        assert abs(value.mean() - policy.expected_cost()) < 3 * error


def test_where_no_finite_sum_gives_the_cost_it_is_refused():
    rotated = LINEAR_QUADRATIC["landscape-nav"]
    for changes in ({"metric": tuple(range(1, 11))}, {"default_dynamics": "rotation"}):
        with pytest.raises(ValueError, match="no finite sum: simulate"):
            LinearQuadraticPolicy(rotated.replace(**changes)).expected_cost()
    ordered = rotated.replace(
        landscape={"rotated": False, "curvature": "conditioned"}, metric=tuple(range(1, 11))
    )
    with pytest.raises(ValueError, match="ordered"):
        LinearQuadraticPolicy(ordered).expected_cost()
    with pytest.raises(ValueError, match="horizon is 15 steps, and 3"):
        LinearQuadraticPolicy(BEYOND["finite horizon"]).expected_cost(3)


def one_coordinate(**changes):
    landscape = {
        "kind": "quadratic",
        "dim": 1,
        "curvature": (1.5,),
        "optimum": 0.7,
        "optimum_std": 1.2,
    }
    given = {"noise": {"kind": "isotropic", "std": 0.8}, "drift": 0.3, "gamma": 0.4, **changes}
    return NavigationProblem(landscape=landscape, start={"kind": "normal", "std": 0.5}, **given)


def cost_by_moments(problem, steps):
    """Expected cost of LQG with a linear belief: second moments of (x, z, estimate, 1)."""
    h, dt, rho = 1.5, problem.dt, np.exp(-problem.hazard * problem.dt)
    r, q, m, s2 = 0.8**2, problem.drift * dt, 0.7, 1.2**2
    K, K_z, K_m = (float(gain.ravel()[0]) for gain in ensemble(problem).law)
    P, total = s2, 0.0  # P: variance of the estimate before the gradient
    spread = s2  # of the target
    moments = np.outer([0, m, m, 1.0], [0, m, m, 1.0]) + np.diag([0.25, s2, 0.0, 0.0])
    for t in range(steps):
        l = h * P / (h * h * P + r)
        told = np.eye(4)  # estimate - l (h (x - z) + e - h (x - estimate))
        told[2] = [0.0, l * h, 1 - l * h, 0.0]
        moments = told @ moments @ told.T + np.diag([0.0, 0.0, l * l * r, 0.0])
        u = -np.array([K, 0.0, K_z, K_m * m])
        moved = np.eye(4)
        moved[0] += dt * u
        off = moved[0] - np.array([0.0, 1.0, 0.0, 0.0])
        cost = dt * (u @ moments @ u / 2 + h * (off @ moments @ off) / 2)
        total += problem.discount**t * cost
        later = moved.copy()
        later[2] = [0.0, 0.0, rho, (1 - rho) * m]
        stays = later @ moments @ later.T + np.diag([0.0, q, 0.0, 0.0])
        redrawn = later.copy()
        redrawn[1] = [0.0, 0.0, 0.0, m]
        goes = redrawn @ moments @ redrawn.T + np.diag([0.0, s2, 0.0, 0.0])
        moments = rho * stays + (1 - rho) * goes
        after = rho * (spread + q) + (1 - rho) * s2
        P = rho**2 * (1 - l * h) * P + after - rho**2 * spread
        spread = after
    return total


@pytest.mark.parametrize("hazard", [0.0, 0.6])
def test_the_cost_of_acting_on_estimates_is_that_of_all_moments_together(hazard):
    problem = one_coordinate(hazard=hazard)
    policy = LQGPolicy(problem, belief="linear")
    for steps in (1, 2, 30):
        assert policy.expected_cost(steps) == pytest.approx(
            cost_by_moments(problem, steps), rel=1e-11
        )


@pytest.mark.parametrize("changes", [{}, {"drift": 0.0}, {"hazard": 0.6}], ids=repr)
def test_an_endless_cost_is_the_limit_of_long_ones(changes):
    policy = LQGPolicy(one_coordinate(**changes), belief="linear")
    assert policy.expected_cost() == pytest.approx(policy.expected_cost(1000), rel=1e-10)
    assert policy.expected_cost() > 1.001 * policy.expected_cost(20)


def test_on_a_rotated_landscape_only_the_length_of_a_mean_counts():
    rotated = LINEAR_QUADRATIC["hidden-curvature"]
    far = rotated.replace(landscape={"dim": 3, "optimum": (3.0, 0.0, 0.0)})
    even = rotated.replace(landscape={"dim": 3, "optimum": tuple(np.full(3, 3**0.5))})
    costs = [LinearQuadraticPolicy(each).expected_cost() for each in (far, even)]
    assert costs[0] == pytest.approx(costs[1], rel=1e-12)
    assert (
        costs[0]
        > 1.5 * LinearQuadraticPolicy(rotated.replace(landscape={"dim": 3})).expected_cost()
    )
