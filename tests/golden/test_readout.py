"""Reading the rule: of policies whose law is known, the law; of others, honest intervals."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import bootstrap

from landscape_gym import REGIMES, NavigationProblem
from landscape_gym.control import LQGPolicy, optimum, reset_weight
from landscape_gym.landscapes import LogUniform, Quadratic
from landscape_gym.landscapes.base import Landscape, NoInstances
from landscape_gym.observation import ObservationConfig
from landscape_gym.policy import UNBOUNDED, RulePolicy, StatefulPolicy
from landscape_gym.problem import NormalStart
from landscape_gym.readout import (
    optimal_basis,
    read_exponent,
    read_rule,
    side_by_side,
)
from landscape_gym.readout.least_squares import fit
from landscape_gym.refusal import Refusal
from landscape_gym.rules import GradientDescent, Momentum

LONG = REGIMES["long-horizon"].problem
GRADIENT = REGIMES["long-horizon"].observation
SWITCHING = REGIMES["task-switching"].problem
VARIED = NavigationProblem(landscape=Quadratic(dim=3, curvature=LogUniform(0.2, 2.0), rotated=True))


class Bare(Landscape):
    """The loss |theta|^2 / 2, of which nothing is told but value and gradient."""

    kind = "bare"
    dim = 2

    def sample(self, draw):
        return NoInstances()

    def loss_and_grad(self, instances, theta):
        return 0.5 * np.vecdot(theta, theta), theta.copy()


BARE = NavigationProblem(landscape=Bare())


class Noisy:
    """A policy whose velocities are disturbed, each by a normal number of its own."""

    action = UNBOUNDED

    def __init__(self, policy, std, seed=0):
        self.policy, self.std, self.rng = policy, std, np.random.default_rng(seed)
        self.observation = policy.observation

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        action, state = self.policy.predict(observation, state, episode_start, deterministic)
        noise = self.std * self.rng.normal(size=action.shape)
        return action + noise / self.action.scale, state


class Seeing(Noisy):
    """A policy that is any function of what it sees."""

    def __init__(self, channels, law):
        self.law = law
        self.observation = dataclasses.replace(GRADIENT, channels=channels)

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        return self.law(observation) / self.action.scale, state


class Echo(Noisy):
    """Momentum of the update that was made, noise included, as its channel tells it."""

    def __init__(self, std, seed):
        law = Seeing(("gradient", "previous_update"), lambda x: 0.4 * x[:, 3:] - 0.7 * x[:, :3])
        super().__init__(law, std, seed)


def covers(part, truth, where):
    return bool(part.low[where] <= truth <= part.high[where])


def best(problem):
    return optimum(problem).policy


def momentum(lr=0.7, b=0.4):
    return RulePolicy(Momentum(lr, b))


def test_the_optimum_of_the_long_horizon_has_the_theorys_gain():
    # Theory section 2 at eta = k = 1, gamma = dt = 0.1 and h = 1/9, 1.
    law = read_rule(LONG, best(LONG), ["to_target"])
    gain = law.coefficients["to_target"]
    np.testing.assert_allclose(gain.value, np.diag([0.28376755, 0.90929685]), atol=1e-8)
    assert (gain.half_width < 1e-8).all()
    assert law.r2 == pytest.approx(1.0, abs=1e-12)


def test_in_terms_of_the_gradient_the_gain_is_the_optimal_preconditioner():
    # u = -K e = -K H^-1 g.
    law = read_rule(LONG, best(LONG), "gradient")
    expected = np.diag([0.28376755 * 9, 0.90929685])
    np.testing.assert_allclose(law.coefficients["gradient"].value, expected, atol=1e-7)


def test_the_constant_and_unequal_rows_of_a_law_are_read_as_they_are():
    K, c = np.array([[0.5, -0.2], [0.3, 0.8]]), np.array([0.1, -0.4])
    policy = Seeing(("parameters",), lambda theta: c - theta @ K.T)  # the target is 0
    law = read_rule(LONG, policy, ["to_target"])
    np.testing.assert_allclose(law.coefficients["to_target"].value, K, atol=1e-10)
    np.testing.assert_allclose(law.constant.value, c, atol=1e-10)


def test_of_momentum_step_size_and_momentum_are_read():
    basis = ["gradient", "previous_update"]
    law = read_rule(VARIED, momentum(), basis, shared=True)
    assert law.coefficients["gradient"].value == pytest.approx(0.7, abs=1e-10)
    assert law.coefficients["previous_update"].value == pytest.approx(0.4, abs=1e-10)
    matrices = read_rule(VARIED, momentum(), basis)
    np.testing.assert_allclose(
        matrices.coefficients["previous_update"].value, 0.4 * np.eye(3), atol=1e-9
    )


def test_without_the_previous_update_in_the_basis_momentum_is_no_law():
    law = read_rule(VARIED, momentum(), ["gradient"], shared=True)
    assert law.r2 < 0.98
    assert law.coefficients["gradient"].half_width > 1e-3


def test_averages_are_those_that_a_learner_sees():
    # Coordinate by coordinate: two averages (channels are one average after another), weighed.
    config = {"channels": ("averages",), "rates": (0.5, 0.9)}
    policy = Seeing(("averages",), lambda seen: -2.0 * seen[:, :3] + 0.5 * seen[:, 3:])
    policy.observation = dataclasses.replace(GRADIENT, **config)
    noisy = VARIED.replace(noise={"kind": "isotropic", "std": 0.3})
    law = read_rule(noisy, policy, ["gradient", "averages"], shared=True, rates=(0.5, 0.9))
    read = {name: float(part.value) for name, part in law.coefficients.items()}
    assert read == pytest.approx({"gradient": 0, "average 0.5": 2, "average 0.9": -0.5}, abs=1e-9)


@pytest.mark.parametrize(("name", "power"), [("newton", -1.0), ("root_newton", -0.5)])
def test_preconditioned_gradients_are_those_of_the_hessian_seen(name, power):
    def law(seen):
        gradient, hessian = seen[:, :3], seen[:, 3:].reshape(-1, 3, 3)
        values, vectors = np.linalg.eigh(hessian)
        matrix = np.einsum("bij,bj,bkj->bik", vectors, values**power, vectors)
        return -0.6 * np.einsum("bij,bj->bi", matrix, gradient)

    read = read_rule(VARIED, Seeing(("gradient", "hessian"), law), ["gradient", name], shared=True)
    assert read.coefficients[name].value == pytest.approx(0.6, abs=1e-9)
    assert read.coefficients["gradient"].value == pytest.approx(0.0, abs=1e-9)


def test_where_tasks_switch_the_weight_of_the_priors_mean_is_the_theorys():
    policy = best(SWITCHING)
    law = read_rule(SWITCHING, policy, optimal_basis(SWITCHING))
    w = law.share("to_prior", "to_target")
    solved = policy.law
    np.testing.assert_allclose(w.value, (-solved.K_m / solved.K).ravel(), atol=1e-9)
    assert (w.half_width < 1e-9).all()


def test_for_small_steps_that_weight_is_the_closed_form():
    # w = lambda / (lambda + gamma + r), theory section 8; the error is of order dt.
    fine = SWITCHING.replace(dt=0.002, landscape={"optimum": (1.0, -2.0)}, hazard=0.5)
    w = read_rule(fine, best(fine), optimal_basis(fine)).share("to_prior", "to_target")
    expected = reset_weight([1 / 9, 1.0], gamma=fine.gamma, hazard=0.5)
    np.testing.assert_allclose(w.value, expected, atol=5e-4)
    still = read_rule(fine, best(SWITCHING.replace(hazard=0.0)), optimal_basis(fine))
    assert np.abs(still.share("to_prior", "to_target").value).max() < 0.01  # and not what is put in


def test_noise_widens_intervals_and_lowers_r2():
    laws = [read_rule(LONG, Noisy(best(LONG), std), ["to_target"]) for std in (0.0, 0.1, 0.4)]
    widths = [law.coefficients["to_target"].half_width.mean() for law in laws]
    assert widths[0] < 1e-8
    assert widths[2] > 2 * widths[1] > 1e-3
    assert 1 > laws[1].r2 > laws[2].r2


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    # 120 readings of a gain, of momentum and of w each. At 95 % the number that cover is binomial:
    # 114 on average, below 105 with probability 3e-4, and all of them with 2e-3.
    runs, solved = 120, best(SWITCHING).law
    w = (-solved.K_m / solved.K).ravel()[1]
    covered = np.zeros(3, int)
    for run in range(runs):
        options = {"episodes": 32, "steps": 10, "seed": 1000 * run}
        gain = read_rule(LONG, Noisy(best(LONG), 0.3, run), ["to_target"], **options)
        b = read_rule(
            VARIED,
            Echo(0.3, run),
            ["gradient", "previous_update"],
            shared=True,
            **options,
        )
        pull = read_rule(
            SWITCHING, Noisy(best(SWITCHING), 0.1, run), optimal_basis(SWITCHING), **options
        )
        share = pull.share("to_prior", "to_target")
        covered += [
            covers(gain.coefficients["to_target"], 0.90929685, (1, 1)),
            covers(b.coefficients["previous_update"], 0.4, ()),
            covers(share, w, 1),
        ]
    assert (covered >= 105).all(), covered
    assert (covered < runs).all(), covered


def test_intervals_are_those_of_a_bootstrap_over_episodes():
    # Effects that an episode's steps share, which an interval for independent steps would miss.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 200, 1)) + rng.normal(size=(200, 1))
    y = 2 * x + rng.normal(size=(10, 200, 1)) + 2 * rng.normal(size=(200, 1)) * np.abs(x)
    found = fit(y, {"x": x}, np.ones((10, 200), bool))

    def slope(rows):
        return np.polyfit(x[:, rows].ravel(), y[:, rows].ravel(), 1)[0]

    again = bootstrap(
        (np.arange(200),), slope, vectorized=False, n_resamples=400, rng=rng, method="percentile"
    )
    error = np.sqrt(found.covariance[0, 0, 0])
    assert found.coefficients[0, 0] == pytest.approx(slope(np.arange(200)), rel=1e-12)
    assert error == pytest.approx(again.standard_error, rel=0.15)
    plain = np.sqrt(np.var(y - 2 * x) / np.sum((x - x.mean()) ** 2))
    assert error > 1.5 * plain


def test_the_covariance_is_that_of_fits_without_one_episode_each():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(4, 12, 2)), rng.normal(size=(4, 12, 3))
    every = np.ones((4, 12), bool)
    found = fit(y, {"x": x}, every)
    without = np.stack(
        [
            fit(np.delete(y, g, 1), {"x": np.delete(x, g, 1)}, every[:, 1:]).coefficients
            for g in range(12)
        ]
    )
    change = without - found.coefficients
    expected = 11 / 12 * np.einsum("gmk,gml->mkl", change, change)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-9)


def test_a_coefficient_that_a_single_episode_determines_is_refused():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(4, 12, 1)), rng.normal(size=(4, 12, 1))
    x[:, 1:] = 0
    with pytest.raises(ValueError, match="one episode alone"):
        fit(y, {"x": x}, np.ones((4, 12), bool))


def test_the_delta_method_is_the_derivative_of_the_share():
    law = read_rule(SWITCHING, Noisy(best(SWITCHING), 0.2), optimal_basis(SWITCHING))
    w, step = law.share("to_prior", "to_target"), 1e-6

    def moved(name, by):
        part = law.coefficients[name]
        changed = {**law.coefficients, name: part._replace(value=part.value + by * np.eye(2))}
        return dataclasses.replace(law, coefficients=changed).share("to_prior", "to_target").value

    slopes = np.stack([(moved(n, step) - w.value) / step for n in ("to_target", "to_prior")])
    for i in range(2):  # columns: two of to_target, two of to_prior, the constant
        block = law.covariance[i][np.ix_([i, 2 + i], [i, 2 + i])]
        width = law.critical * np.sqrt(slopes[:, i] @ block @ slopes[:, i])
        assert w.half_width[i] == pytest.approx(width, rel=1e-4)


def test_steps_from_a_divergence_on_are_not_read():
    # Past 2 / (dt h) = 20 gradient descent diverges along h = 1; its law is read all the same.
    law = read_rule(LONG, RulePolicy(GradientDescent(45.0)), ["gradient"], steps=50)
    np.testing.assert_allclose(law.coefficients["gradient"].value, 45 * np.eye(2), atol=1e-9)


def test_a_finite_horizon_is_kept_as_it_is():
    # In its last step the optimum is u = -eta k dt / (1 + eta k dt^2 h) g; a longer reading ends.
    short = LONG.replace(horizon=1)
    law = read_rule(short, best(short), ["gradient"], steps=50)
    expected = [0.1 / (1 + 0.01 * h) for h in (1 / 9, 1.0)]
    np.testing.assert_allclose(np.diag(law.coefficients["gradient"].value), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("problem", "policy", "basis", "said"),
    [
        (LONG, momentum(), ["gradeint"], "Did you mean 'gradient'"),
        (LONG, momentum(), [], "at least one quantity"),
        (LONG, momentum(), ["gradient", "to_target"], "collinear .*: gradient, to_target"),
        (LONG, momentum(), ["to_prior", "to_target"], "collinear .*: to_prior, to_target"),
        (LONG.replace(landscape="ackley"), momentum(), ["to_prior"], "mean of the target's prior"),
        (LONG.replace(landscape="ackley"), momentum(), ["newton"], "eigenvalue -"),
        (BARE, momentum(), ["to_target"], "offers minimum, and Bare does not"),
        (BARE, momentum(), ["newton"], "offers hessian, and Bare does not"),
        (LONG.replace(landscape="double_well"), momentum(), ["root_newton"], "positive definite"),
        (LONG, RulePolicy(GradientDescent(0.0)), ["gradient", "previous_update"], "previous_up.*0"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(problem, policy, basis, said):
    with pytest.raises(ValueError, match=said):
        read_rule(problem, policy, basis)


def test_one_curvature_for_all_leaves_gradient_and_displacement_undetermined_when_shared():
    alike = LONG.replace(landscape=Quadratic(dim=2, curvature=(1.0, 1.0)))
    basis = ["gradient", "to_target"]
    with pytest.raises(ValueError, match=r"collinear .*: gradient, to_target"):
        read_rule(alike, momentum(), basis, shared=True)
    law = read_rule(LONG, momentum(0.7, 0.0), basis, shared=True)  # two curvatures tell them apart
    assert law.coefficients["to_target"].value == pytest.approx(0.0, abs=1e-9)


def test_the_shared_form_needs_one_number_per_control():
    one = LONG.replace(control_matrix=((1.0,), (0.0,)))
    with pytest.raises(ValueError, match="2 for 1 controls"):
        read_rule(one, best(one), ["to_target"], shared=True)
    law = read_rule(one, best(one), ["to_target"])
    assert law.coefficients["to_target"].value.shape == (1, 2)
    with pytest.raises(ValueError, match="by coordinate"):
        law.share("to_target", "to_target")
    with pytest.raises(ValueError, match="Did you mean 'to_target'"):
        law.share("to_targe", "to_target")


def test_learned_and_theorys_law_stand_side_by_side():
    theory = read_rule(SWITCHING, best(SWITCHING), optimal_basis(SWITCHING))
    learned = read_rule(SWITCHING, Noisy(best(SWITCHING), 0.1), optimal_basis(SWITCHING))
    lines = side_by_side(learned, theory).splitlines()
    gain, pull, weight, constant, r2, verdict = lines
    assert gain.startswith("learned gain on theta - z (0.2")
    assert "theory (0.227, 0.835)" in gain
    assert "off the diagonal at most 0.0" in pull
    assert "theory (0.201, 0.082)" in weight
    assert "±" in weight
    assert "(off" not in weight + constant
    assert "theory 1.0000" in r2
    assert verdict.startswith("Learned: ")


def test_a_law_that_turns_is_shown_as_a_whole_matrix():
    problem = REGIMES["partial-control"].problem
    law = read_rule(problem, best(problem), optimal_basis(problem))
    first = side_by_side(law, law).splitlines()[0]
    K = law.coefficients["to_target"].value
    assert f"[{K[0, 0]:.3f}, {K[0, 1]:.3f}; {K[1, 0]:.3f}, {K[1, 1]:.3f}]" in first
    assert "diagonal" not in first


DRIFTING = REGIMES["drifting-target"].problem


@pytest.mark.parametrize("b1", [0.0, 0.6])
@pytest.mark.parametrize(("power", "exponent"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_the_exponent_is_the_power_by_which_steps_shrink(power, exponent, b1):
    class Powers(StatefulPolicy):
        """Heavy balls whose step size is 0.3 h^-power; momentum leaves the effective rate."""

        observation = ObservationConfig(("gradient", "previous_update", "curvature"))

        def act(self, observation, state):
            gradient, previous, h = np.split(observation, 3, axis=1)
            lr = 0.3 * (1 - b1) * h**-power
            return self.action_of(b1 * previous - lr * gradient, observation), None

    found = read_exponent(DRIFTING, Powers(), episodes=4)
    assert found.value == pytest.approx(exponent, abs=1e-5)
    assert found.half_width < 1e-5


def test_the_optimum_behind_a_slow_filter_has_the_exponent_one_half():
    """eps / 2 less of the filter's weight at the largest curvature: 0.511, not 0.5."""
    found = read_exponent(DRIFTING, LQGPolicy(DRIFTING), episodes=4)
    assert found.value == pytest.approx(0.511, abs=0.004)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"landscape": {"rotated": True}}, "rotated=False"),
        ({"landscape": {"curvature": (1.0,) * 10}}, "alike"),
        ({"noise": None, "drift": 0.0, "start": NormalStart()}, "follows from the gradient"),
    ],
)
def test_where_no_exponent_shows_the_reading_is_refused(changes, said):
    problem = DRIFTING.replace(**changes, episode_steps=20)
    with pytest.raises(Refusal, match=said):
        read_exponent(problem, RulePolicy(GradientDescent(0.1)), episodes=2)


def test_steps_uphill_have_no_exponent():
    problem = DRIFTING.replace(episode_steps=20)
    with pytest.raises(Refusal, match="uphill"):
        read_exponent(problem, RulePolicy(GradientDescent(-0.1)), episodes=2)
