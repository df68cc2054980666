"""The optimum as a policy: the right gains for each row and step, and refusals."""

import numpy as np
import pytest

from landscape_gym.control import (
    ClairvoyantRatePolicy,
    GridPolicy,
    LinearQuadratic,
    LinearQuadraticPolicy,
    PlannedPath,
    finite_horizon,
    optimum,
    riccati,
)
from landscape_gym.derivation.diagonal import diagonal_gain
from landscape_gym.observation import Layout, ObservationConfig
from landscape_gym.problem import NavigationProblem
from landscape_gym.registration import REGIMES
from landscape_gym.vector_env import LandscapeNavVectorEnv

RNG_SEED = 11


def observation(policy, dtype=np.float64, **channels):
    """An observation with these channels, in the policy's own order."""
    layout = Layout(policy.observation, policy.problem)
    assert set(channels) == set(layout.slices)
    rows = len(next(iter(channels.values())))
    out = np.empty((rows, layout.size), dtype)
    for name, values in channels.items():
        out[:, layout.slices[name]] = np.reshape(values, (rows, -1))
    return out


def controls(policy, state=None, **channels):
    action, state = policy.predict(observation(policy, **channels), state)
    return action * policy.action.scale, state


def random_hessians(rng, rows, d):
    root = rng.normal(size=(rows, d, d))
    return root @ root.transpose(0, 2, 1) / d


def problem(**fields):
    landscape = {"kind": "quadratic", "dim": 3, **fields.pop("landscape", {})}
    return NavigationProblem(landscape=landscape, **{"gamma": 0.4, "k": 0.7, "eta": 1.3, **fields})


ROTATED = {"rotated": True, "optimum_std": 1.0}
TURN = ((-0.1, -1.0, 0.0), (1.0, -0.1, 0.2), (0.0, 0.0, 0.3))
SUBSPACE = ((1.0, 0.0), (0.5, 1.0), (0.0, -1.0))
DENSE_METRIC = ((2.0, 0.3, 0.0), (0.3, 1.0, 0.1), (0.0, 0.1, 0.5))


@pytest.mark.parametrize("horizon", [None, 5])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"metric": (0.5, 0.5, 0.5), "default_dynamics": "decay"},
        {"metric": (0.5, 1.0, 2.0)},
        {"metric": DENSE_METRIC, "default_dynamics": TURN},
        {"control_matrix": SUBSPACE},
    ],
)
def test_each_row_has_the_gains_of_its_hessian_and_step(fields, horizon):
    rng = np.random.default_rng(RNG_SEED)
    given = problem(landscape=ROTATED, horizon=horizon, **fields)
    policy = LinearQuadraticPolicy(given)
    H, x, z = random_hessians(rng, 4, 3), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    steps = np.array([0, 2, 4, 2])
    channels = {"parameters": x, "target": z, "hessian": H}
    if horizon is not None:
        channels["elapsed"] = steps / horizon
    u, _ = controls(policy, **channels)
    for row in range(4):
        lq = LinearQuadratic.of(
            H[row],
            G=given.metric_matrix,
            F=given.dynamics_matrix,
            B=given.control_matrix,
            eta=1.3,
            k=0.7,
            gamma=0.4,
            dt=0.1,
        )
        if horizon is None:
            K, K_z, _ = riccati(lq).law
        else:
            K, K_z, _ = (gain[steps[row]] for gain in finite_horizon(lq, horizon).law)
        np.testing.assert_allclose(u[row], -(K @ x[row] + K_z @ z[row]), atol=1e-9)


@pytest.mark.parametrize(
    "curvature", [(0.1, 1.0, 4.0), ((1.0, 0.5, 0), (0.5, 2.0, 0), (0, 0, 0.3))]
)
@pytest.mark.parametrize("metric", [None, (0.5, 1.0, 2.0), DENSE_METRIC])
@pytest.mark.parametrize("hazard", [0.0, 0.5])
def test_a_fixed_hessian_is_not_looked_at(curvature, metric, hazard):
    landscape = {"curvature": curvature, "optimum": (1.0, 0.0, -1.0), "optimum_std": 0.5}
    given = problem(landscape=landscape, metric=metric, hazard=hazard)
    policy = LinearQuadraticPolicy(given)
    assert policy.observation.channels == ("parameters", "target")
    x, z = np.random.default_rng(RNG_SEED).normal(size=(2, 5, 3))
    u, state = controls(policy, parameters=x, target=z)
    assert state is None
    H = np.asarray(curvature) if np.ndim(curvature[0]) else np.diag(curvature)
    law = riccati(
        LinearQuadratic.of(
            H, G=given.metric_matrix, eta=1.3, k=0.7, gamma=0.4, dt=0.1, hazard=hazard
        )
    ).law
    expected = -(x @ law.K.T + z @ law.K_z.T + law.K_m @ np.array([1.0, 0.0, -1.0]))
    np.testing.assert_allclose(u, expected, atol=1e-9)


def test_a_power_law_spectrum_is_a_fixed_hessian():
    given = problem(landscape={"curvature": "power_law"}, hazard=0.1)
    assert LinearQuadraticPolicy(given).observation.channels == ("parameters", "target")
    np.testing.assert_allclose(
        LinearQuadraticPolicy(given.replace(hazard=0.0)).law.K[0, 0],
        diagonal_gain([1, 1 / 2, 1 / 3], eta=1.3, k=0.7, gamma=0.4, dt=0.1).gain,
        rtol=1e-14,
    )


def test_solution_tells_how_it_was_found():
    landscape = {"curvature": (0.1, 1.0, 4.0)}
    assert LinearQuadraticPolicy(problem(landscape=landscape)).solution is None  # a closed form
    found = LinearQuadraticPolicy(problem(landscape=landscape, metric=DENSE_METRIC)).solution
    assert found.status.startswith("Solved the algebraic Riccati equation")


@pytest.mark.parametrize("rotated", [False, True])
def test_only_rows_with_a_new_hessian_are_solved_again(rotated):
    rng = np.random.default_rng(RNG_SEED)
    policy = LinearQuadraticPolicy(problem(landscape={"rotated": rotated}))
    channel = "hessian" if rotated else "curvature"
    first = random_hessians(rng, 3, 3) if rotated else rng.uniform(0.1, 2, size=(3, 3))
    x, z = rng.normal(size=(2, 3, 3))
    _, before = controls(policy, parameters=x, target=z, **{channel: first})
    _, same = controls(policy, before, parameters=x, target=z, **{channel: first})
    assert same is before
    second = first.copy()
    second[1] = first[1] + (np.eye(3) if rotated else 1.0)
    u, after = controls(policy, before, parameters=x, target=z, **{channel: second})
    fresh, _ = controls(policy, parameters=x, target=z, **{channel: second})
    np.testing.assert_array_equal(u, fresh)
    assert (after.law.K[:, 1] != before.law.K[:, 1]).all()
    np.testing.assert_array_equal(after.law.K[:, [0, 2]], before.law.K[:, [0, 2]])


def test_the_environment_charges_what_the_solver_says():
    landscape = {"curvature": ((1.0, 0.5, 0), (0.5, 2.0, 0), (0, 0, 0.3))}
    policy = LinearQuadraticPolicy(
        problem(
            landscape=landscape,
            metric=((2.0, 0.3), (0.3, 1.0)),
            default_dynamics=TURN,
            control_matrix=SUBSPACE,
            horizon=12,
        )
    )
    env = LandscapeNavVectorEnv(
        num_envs=3,
        problem=policy.problem,
        observation=policy.observation,
        action=policy.action,
        dtype="float64",
    )
    seen, _ = env.reset(seed=0)
    theta = seen[:, Layout(policy.observation, policy.problem).slices["parameters"]].copy()
    cost = np.zeros(3)
    for t in range(12):
        seen, reward, terminated, _, _ = env.step(policy.predict(seen)[0])
        cost -= policy.problem.discount**t * reward
    assert terminated.all()
    P = policy.solution.value.P[0]
    np.testing.assert_allclose(cost, np.einsum("bi,ij,bj->b", theta, P, theta), rtol=1e-10)


def test_a_batch_of_another_size_starts_afresh():
    policy = LinearQuadraticPolicy(problem())
    rng = np.random.default_rng(RNG_SEED)
    for rows in (3, 1, 2):
        x, z = rng.normal(size=(2, rows, 3))
        h = rng.uniform(0.1, 2, size=(rows, 3))
        state = None
        u, state = controls(policy, state, parameters=x, target=z, curvature=h)
        gain = diagonal_gain(h, eta=1.3, k=0.7, gamma=0.4, dt=0.1).gain
        np.testing.assert_allclose(u, -gain * (x - z), rtol=1e-12)


def test_many_coordinates_need_no_matrix():
    d = 200_000  # d x d numbers would be 320 GB
    landscape = {"kind": "quadratic", "dim": d}
    policy = LinearQuadraticPolicy(NavigationProblem(landscape=landscape, default_dynamics="decay"))
    x = np.linspace(-1, 1, d)[None]
    u, _ = controls(policy, parameters=x, target=np.zeros((1, d)), curvature=np.ones((1, d)))
    assert u.shape == (1, d)
    assert u[0, 0] > 0 > u[0, -1]


def test_actions_have_the_observations_type():
    policy = LinearQuadraticPolicy(problem())
    ones = np.ones((2, 3))
    seen = observation(policy, np.float32, parameters=ones, target=0 * ones, curvature=ones)
    assert policy.predict(seen)[0].dtype == np.float32


def test_it_is_labelled_as_privileged():
    policy = LinearQuadraticPolicy(problem())
    assert policy.privileged
    assert policy.observation.privileged
    assert policy.name == "optimum (full information)"


# ---- which solver, and what its answer is worth ---------------------------------------------


FULL = {
    "landscape-nav": LinearQuadraticPolicy,
    "short-horizon": LinearQuadraticPolicy,
    "long-horizon": LinearQuadraticPolicy,
    "hidden-curvature": LinearQuadraticPolicy,
    "geometry": LinearQuadraticPolicy,
    "partial-control": LinearQuadraticPolicy,
    "noisy-gradient": LinearQuadraticPolicy,
    "drifting-target": LinearQuadraticPolicy,
    "task-switching": LinearQuadraticPolicy,
    "hidden-task-switching": LinearQuadraticPolicy,
    "learning-speed": ClairvoyantRatePolicy,
    "double-well": GridPolicy,
    "logistic-regression": PlannedPath,
}


def test_every_regime_has_an_optimum_of_full_information():
    assert set(FULL) == set(REGIMES)
    for name, solver in FULL.items():
        best = optimum(REGIMES[name].problem)
        assert (type(best.policy), best.bound, best.converged) == (solver, "exact", True), name
        assert best.residual < 1e-3
        assert best.policy.privileged


SEEN = {
    "landscape-nav": ("lower", "does not see the hessian"),
    "short-horizon": ("exact", ""),
    "long-horizon": ("exact", ""),
    "hidden-curvature": ("lower", "does not see the hessian"),
    "geometry": ("exact", ""),
    "partial-control": ("exact", ""),
    "noisy-gradient": ("exact", ""),
    "drifting-target": ("lower", "does not see the curvature"),
    "task-switching": ("exact", ""),
    "hidden-task-switching": ("exact", "when the last one was"),
    "learning-speed": ("exact", "distance to the minimum"),
    "double-well": ("exact", "dynamic programming"),
}


@pytest.mark.parametrize("name", SEEN)
def test_what_a_learner_sees_decides_between_optimum_and_bound(name):
    bound, said = SEEN[name]
    regime = REGIMES[name]
    best, full = optimum(regime.problem, regime.observation), optimum(regime.problem)
    assert best.bound == bound
    assert said in best.status
    if best.cost is not None:
        assert best.cost >= full.cost * (1 - 1e-12)


def test_what_the_learner_does_not_see_makes_a_lower_bound():
    noisy = REGIMES["noisy-gradient"].problem
    blind = optimum(noisy, ObservationConfig(("loss",)))
    assert blind.bound == "lower"
    assert "sees no gradient" in blind.status
    assert blind.cost == optimum(noisy).cost
    scaled = optimum(noisy, ObservationConfig(("gradient", "parameters"), scaled=True))
    assert (scaled.bound, "running scale" in scaled.status) == ("lower", True)
    switching = REGIMES["hidden-task-switching"].problem
    place = optimum(switching, ObservationConfig(("gradient",)))
    assert (place.bound, "parameters" in place.status) == ("lower", True)
    flag = optimum(switching.replace(signalled=True), ObservationConfig(("gradient", "parameters")))
    assert (flag.bound, "switched" in flag.status) == ("lower", True)


def test_a_learner_who_is_told_the_curvature_is_not_beaten_by_one_who_is():
    problem = REGIMES["drifting-target"].problem
    told = optimum(problem, ObservationConfig(("gradient", "curvature")))
    assert (told.bound, told.policy.privileged) == ("exact", True)


def test_a_filter_that_assumes_too_much_bounds_from_above():
    uniform = REGIMES["noisy-gradient"].problem.replace(start={"kind": "uniform"})
    assert optimum(uniform, ObservationConfig(("gradient",))).bound == "upper"
    assert optimum(uniform, ObservationConfig(("gradient", "parameters"))).bound == "exact"


def test_a_path_that_is_only_locally_best_bounds_from_above():
    landscape = {"kind": "rosenbrock", "dim": 3}
    given = NavigationProblem(landscape=landscape, gamma=1.0, episode_steps=40)
    best = optimum(given)
    assert best.bound == "upper"
    assert "local" in best.status
    with pytest.raises(ValueError, match=r"not quadratic.*takes long and was not asked for"):
        optimum(given, plan_paths=False)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"default_dynamics": lambda theta: -(theta**3)}, "a function.*give the matrix F"),
        ({"hazard": 0.1}, "redraws the random curvature.*give the curvature as numbers"),
        (
            {"hazard": 0.1, "landscape": {"curvature": (1.0, 2.0), "rotated": True}},
            "redraws the random curvature.*leave it unrotated",
        ),
    ],
)
def test_what_is_not_linear_quadratic_is_refused(fields, message):
    base = {"landscape": {"kind": "quadratic"}}
    if isinstance(fields.get("landscape"), dict):
        fields = {**fields, "landscape": {"kind": "quadratic", **fields["landscape"]}}
    with pytest.raises(ValueError, match=f"no optimum: .*{message}"):
        optimum(NavigationProblem(**{**base, **fields}))
