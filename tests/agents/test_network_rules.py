"""Rules for networks: what they are trained on, how they are found, and that they serve."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from agents import networks
from agents.evolution import Evolution, score
from agents.training import train
from landscape_gym import load_rule, registration
from landscape_gym.landscapes import SmallNetworks
from landscape_gym.learned import LinearRules
from landscape_gym.networks import Mlp
from landscape_gym.networks.data import load
from landscape_gym.observation import ObservationConfig
from landscape_gym.optim import RuleOptimizer
from landscape_gym.problem import MinibatchNoise, NavigationProblem
from landscape_gym.simulation import Simulation

SMALL = SmallNetworks(inputs=3, hidden=(4,), classes=2, data=12)
PROBLEM = NavigationProblem(
    landscape=SMALL, noise=MinibatchNoise(5), eta=1e4, dt=1.0, episode_steps=30
)
REGIME = replace(registration.regime("small-networks"), problem=PROBLEM)
RULES = LinearRules(REGIME)


def modules(instances, theta):
    """Each network as a torch module, with its data."""
    for row, relu in enumerate(instances.relu.ravel()):
        between = torch.nn.ReLU() if relu else torch.nn.Tanh()
        net = torch.nn.Sequential(torch.nn.Linear(3, 4), between, torch.nn.Linear(4, 2)).double()
        parts = torch.split(torch.tensor(theta[row]), [12, 4, 8, 2])
        for p, part in zip(net.parameters(), parts, strict=True):
            p.data = part.reshape(p.shape[::-1]).T if p.ndim == 2 else part
        yield net, torch.tensor(instances.x[row]), torch.tensor(instances.y[row])


def test_small_networks_have_torchs_loss_and_gradient():
    state = Simulation.begun(range(6), problem=PROBLEM).state
    assert 0 < state.instances.relu.sum() < 6
    loss, grad = SMALL.loss_and_grad(state.instances, state.theta)
    for row, (net, x, y) in enumerate(modules(state.instances, state.theta)):
        expected = torch.nn.functional.cross_entropy(net(x), y)
        expected.backward()
        assert loss[row] == pytest.approx(expected.item(), rel=1e-12)
        theirs = torch.cat([torch.atleast_2d(p.grad).mT.reshape(-1) for p in net.parameters()])
        np.testing.assert_allclose(grad[row], theirs.numpy(), rtol=1e-9, atol=1e-14)


def test_a_minibatch_of_all_data_is_the_whole():
    state = Simulation.begun(range(3), problem=PROBLEM).state
    each_once = np.tile((np.arange(12) + 0.5) / 12, (3, 1))
    whole = SMALL.loss_and_grad(state.instances, state.theta)
    for a, b in zip(
        SMALL.minibatch_loss_and_grad(state.instances, state.theta, each_once), whole, strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_networks_and_their_starts_depend_on_the_seed_alone():
    together = Simulation.begun([3, 4, 5], problem=PROBLEM).state
    alone = Simulation.begun([4], problem=PROBLEM).state
    np.testing.assert_array_equal(alone.theta[0], together.theta[1])
    np.testing.assert_array_equal(alone.instances.x[0], together.instances.x[1])
    np.testing.assert_allclose(alone.learner.gradient[0], together.learner.gradient[1], rtol=1e-12)


def test_scores_are_what_the_rule_would_have_as_a_policy():
    weights = np.random.default_rng(0).normal(size=(2, RULES.size))
    both = score(RULES, weights, np.array([5, 6]))
    rule = RULES.rule(weights[1])
    run = Simulation(1, problem=PROBLEM, observation=rule.observation, action=rule.action)
    run.streams.seed(np.array([0]), [6])
    run.begin(np.array([0]))
    losses = [run.advance(rule.predict(run.observe(run.state))[0]).loss[0] for _ in range(30)]
    assert both[1] == pytest.approx(np.log(np.array(losses[10:]) + 1e-4).mean(), rel=1e-4)
    assert both[0] != pytest.approx(both[1], rel=1e-2)


def test_the_search_goes_downhill_and_depends_on_its_seed_alone():
    regime = registration.regime("small-networks")

    def found(seed: int) -> np.ndarray:
        search = Evolution(generations=4, pairs=8).trainer(regime, seed)
        layer = train(search).rule().network.layers[0]
        return np.concatenate([layer.weight.T.ravel(), layer.bias])

    weights = found(0)
    np.testing.assert_array_equal(found(0), weights)
    assert np.abs(found(1) - weights).max() > 0.01
    seeds = np.arange(10**7, 10**7 + 64)
    rules = LinearRules(regime)
    found_scores = score(rules, np.repeat(weights[None], 64, 0), seeds)
    first_scores = score(rules, np.zeros((64, len(weights))), seeds)
    assert (found_scores - first_scores).mean() < -0.1


def test_a_search_that_cannot_be_is_refused():
    for wrong in ({"generations": 0}, {"pairs": 1}, {"spread": 0.0}, {"pairs": 100_000}):
        with pytest.raises(ValueError, match=r"at least|above 0|at most"):
            Evolution(**wrong)
    seen = ObservationConfig(("gradient", "hessian"))
    with pytest.raises(ValueError, match="cannot be split"):
        Evolution(observation=seen).trainer(registration.regime("long-horizon"), 0)


def test_rules_for_networks_are_judged_by_what_a_search_is_scored_by():
    rule = load_rule("networks")
    (layer,) = rule.network.layers
    weights = np.concatenate([layer.weight.T.ravel(), layer.bias])
    seeds = np.arange(5, 9)
    rules = LinearRules(registration.regime("small-networks"))
    scores = score(rules, np.tile(weights, (4, 1)), seeds)
    judged = networks.log_loss(rule, 4, 5)  # rounding differs, and trainings part
    assert judged == pytest.approx(scores.mean(), rel=0.02)
    assert networks.log_loss(rules.rule(0 * weights), 4, 5) > judged + 1


@pytest.mark.slow
def test_rules_for_networks_are_judged_beside_tuned_adam(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(networks, "TASKS", {"digits-tanh": networks.TASKS["digits-tanh"]})
    *_, evolution, ppo = networks.table(networks.Options(episodes=2, seeds=2)).splitlines()
    for row, found_by in ((evolution, "evolution"), (ppo, "ppo")):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert found_by in cells[1]
        assert float(cells[-1].split()[0]) < 1


def losses_of(optimizer: torch.optim.Optimizer, net: torch.nn.Module, unit: float) -> list[float]:
    data = load("breast_cancer")
    x, y = torch.tensor(data.x), torch.tensor(data.y)
    generator, losses = torch.Generator().manual_seed(0), []
    for _ in range(150):
        rows = torch.randint(len(x), (32,), generator=generator)
        optimizer.zero_grad()
        (unit * torch.nn.functional.cross_entropy(net(x[rows]), y[rows])).backward()
        optimizer.step()
        losses.append(torch.nn.functional.cross_entropy(net(x), y).item())
    return losses


def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return Mlp((16,)).build((30,), 2)


def test_the_shipped_rule_trains_a_network_that_it_has_never_seen():
    net = network()
    learned = losses_of(RuleOptimizer(net.parameters(), "networks"), net, 1.0)
    best = min(
        losses_of(torch.optim.SGD(each.parameters(), lr), each, 1.0)[-1]
        for lr in (0.1, 0.3, 1.0)
        for each in (network(),)
    )
    assert learned[-1] < best
    assert learned[-1] < 0.1 * learned[0]


def test_the_shipped_rule_does_not_care_for_the_units_of_the_loss():
    one, other = network(), network()
    in_ones = losses_of(RuleOptimizer(one.parameters(), "networks"), one, 1.0)
    in_thousands = losses_of(RuleOptimizer(other.parameters(), "networks"), other, 1000.0)
    assert in_thousands[:20] == pytest.approx(in_ones[:20], rel=1e-3)
