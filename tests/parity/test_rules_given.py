"""What `RuleOptimizer` takes for a rule, what it warns of, and what it refuses."""

import pytest
import torch
from torch import nn

from landscape_gym import optim
from landscape_gym.artifact import load_rule, save_rule
from landscape_gym.optim import RuleOptimizer
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules import (
    Adam,
    Ballistic,
    Coupled,
    GradientDescent,
    HardReset,
    Momentum,
    SelfScaledAdam,
)
from tests.parity.test_rule_optimizer import mlp, train


def test_rules_are_derived_from_problems():
    p = [nn.Parameter(torch.ones(3))]
    problem = NavigationProblem(gamma=10.0, dt=0.3)
    optimizer = RuleOptimizer(p, "gradient_descent", problem=problem)
    assert optimizer.rule == GradientDescent.derive(problem)
    assert optimizer.param_groups[0]["dt"] == 0.3
    assert RuleOptimizer(p, "momentum", problem="hidden-curvature").param_groups[0]["dt"] == 0.2
    assert RuleOptimizer(p, {"kind": "adam", "b1": 0.5}).rule == Adam(b1=0.5)


@pytest.mark.filterwarnings("ignore:this rule was learned")
def test_rules_are_files_too(tmp_path):
    path = tmp_path / "rule.safetensors"
    save_rule(load_rule("hidden-curvature"), path)
    paths = []
    for given in (path, str(path), "hidden-curvature", load_rule("hidden-curvature")):
        net = mlp()
        paths.append(train(net, RuleOptimizer(net.parameters(), given), 5))
    assert all(torch.equal(paths[0], other) for other in paths[1:])


@pytest.mark.parametrize(
    ("given", "problem", "how"),
    [("hidden-curvature", None, "learned"), ("momentum", "hidden-curvature", "derived")],
)
def test_a_rule_of_few_parameters_is_not_given_a_network_without_a_warning(given, problem, how):
    says = rf"{how} for quadratic landscapes of 6 parameters, and is given \d+.*FilterBank"
    with pytest.warns(UserWarning, match=says) as caught:
        RuleOptimizer(mlp().parameters(), given, problem=problem)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    for rule in ("networks", "adam", Momentum.derive(NavigationProblem())):
        RuleOptimizer(mlp().parameters(), rule)  # warnings are errors
    RuleOptimizer([nn.Parameter(torch.ones(6))], given, problem=problem)


@pytest.mark.filterwarnings("ignore:RuleOptimizer was given a gradient that is not finite")
@pytest.mark.filterwarnings("ignore:this rule was learned")
@pytest.mark.parametrize("seed", [0, 1])
def test_what_the_warning_says_is_so(seed):
    x = torch.randn(128, 8, generator=torch.Generator().manual_seed(seed))
    y = x[:, :1] * x[:, 1:2]

    def losses(make):
        torch.manual_seed(seed)
        hidden = (nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        net = nn.Sequential(*hidden, nn.Linear(32, 1))
        optimizer = make(list(net.parameters()))

        def closure():
            optimizer.zero_grad()
            loss = (net(x) - y).square().mean()
            loss.backward()
            return loss

        return [optimizer.step(closure).item() for _ in range(60)]

    diverging = losses(lambda p: RuleOptimizer(p, "hidden-curvature"))
    assert not diverging[-1] < 1e6 * diverging[0]  # or it is nan
    for make in (
        lambda p: RuleOptimizer(p, "networks"),
        lambda p: RuleOptimizer(p, SelfScaledAdam.for_parameters(p)),
        lambda p: RuleOptimizer(p, Coupled.filter_bank()),
        *(optim.FilterBank, optim.SelfScaledAdam, optim.SelfScaledSOAP),
    ):
        served = losses(make)
        assert served[-1] < 0.1 * served[0]


class TestRefusals:
    p = (nn.Parameter(torch.ones(3)),)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("adamm", "'adam'.*Did you mean 'adam"),
            ("hidden-curvatur", "Did you mean 'hidden-curvature'"),
            ({"kind": "adam", "beta": 1}, "field 'beta'"),
            ("newton", "'hessian'.*does not have"),
            (HardReset(), "'switched'.*does not have"),
            ("long-horizon", "per coordinate"),
            (Ballistic((1.0, 2.0)), "single coordinates.*group of 3"),
        ],
    )
    def test_rules(self, given, message):
        with pytest.raises(ValueError, match=message):
            RuleOptimizer(self.p, given)

    @pytest.mark.parametrize("given", [Adam, 3, None])
    def test_what_is_no_rule(self, given):
        with pytest.raises(TypeError, match="give a name"):
            RuleOptimizer(self.p, given)

    def test_numbers_and_parameters(self):
        for settings in ({"lr": -1.0}, {"dt": 0.0}):
            with pytest.raises(ValueError, match="must be a finite number"):
                RuleOptimizer(self.p, "adam", **settings)
        with pytest.raises(ValueError, match="view_as_real"):
            RuleOptimizer([nn.Parameter(torch.ones(2, dtype=torch.cfloat))], "adam")
        with pytest.raises(ValueError, match="name the rule"):
            RuleOptimizer(self.p, Adam(), problem="hidden-curvature")

    def test_sparse_gradients_before_anything_moves(self):
        dense, table = nn.Parameter(torch.ones(2)), nn.Embedding(4, 2, sparse=True)
        optimizer = RuleOptimizer([dense, table.weight], "adam")
        (table(torch.tensor([1])).sum() + dense.sum()).backward()
        with pytest.raises(ValueError, match="sparse=False"):
            optimizer.step()
        assert torch.equal(dense, torch.ones(2))

    def test_state_of_another_rule(self):
        net = mlp()
        optimizer = RuleOptimizer(net.parameters(), "momentum")
        train(net, optimizer, 1)
        other = RuleOptimizer(net.parameters(), "adam")
        with pytest.raises(ValueError, match="the rule that it was saved with"):
            other.load_state_dict(optimizer.state_dict())
        assert not other.state
