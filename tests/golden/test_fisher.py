"""The Fisher information of networks, conjugate gradients, and natural gradients that use them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from landscape_gym.evaluation import compare
from landscape_gym.policy import RulePolicy
from landscape_gym.problem import NavigationProblem
from landscape_gym.rules.fisher import fisher_product
from landscape_gym.rules.gradient_descent import GradientDescent
from landscape_gym.rules.linear_systems import conjugate_gradients
from landscape_gym.rules.natural_gradient import NaturalGradient


def network(outputs):
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, outputs)
    ).double()
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64)
    return net, torch.randn(20, 3, generator=generator, dtype=torch.float64)


def scores_squared(net, x, likelihood):
    """E s s' by its definition: over the model's own outcomes, with s the gradient of -log p."""
    parameters = list(net.parameters())

    def score(loss):
        grads = torch.autograd.grad(loss, parameters, retain_graph=True)
        return torch.cat([g.flatten() for g in grads])

    total = 0.0
    for row in x:
        out = net(row)
        if likelihood == "categorical":
            log_p = torch.log_softmax(out, -1)
            terms = [(log_p[i].exp().detach(), score(-log_p[i])) for i in range(len(out))]
        elif likelihood == "bernoulli":  # independent outputs: their informations add
            terms = []
            for logit in out:
                for sign in (1.0, -1.0):
                    log_p = torch.nn.functional.logsigmoid(sign * logit)
                    terms.append((log_p.exp().detach(), score(-log_p)))
        else:  # y = mean + n: the score is -n J, and E n^2 = 1
            terms = [(1.0, score(mean)) for mean in out]
        total = total + sum(p * torch.outer(s, s) for p, s in terms)
    return total / len(x)


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli", "normal"])
def test_products_with_the_fisher_information_are_those_of_its_definition(likelihood):
    net, x = network(3)
    F = scores_squared(net, x, likelihood)
    product = fisher_product(net, x, likelihood)
    columns = torch.stack([product(unit) for unit in torch.eye(len(F), dtype=torch.float64)], 1)
    torch.testing.assert_close(columns, F, rtol=1e-10, atol=1e-12)


def test_conjugate_gradients_solve_the_damped_system():
    net, x = network(3)
    F, product = scores_squared(net, x, "categorical"), fisher_product(net, x)
    g = torch.linspace(-1.0, 1.0, len(F), dtype=torch.float64)
    found = conjugate_gradients(product, g, damping=0.01, iterations=500)
    exact = torch.linalg.solve(F + 0.01 * torch.eye(len(F), dtype=torch.float64), g)
    assert found.converged
    torch.testing.assert_close(found.solution, exact, rtol=1e-7, atol=1e-9)
    rule = NaturalGradient(0.5, None, 0.01)
    u, _ = rule.update(g, rule.init(g), product)
    torch.testing.assert_close(u, -0.5 * exact, rtol=1e-6, atol=1e-8)


def test_large_matrices_are_solved_by_conjugate_gradients(monkeypatch):
    rng = np.random.default_rng(0)
    root, g = rng.normal(size=(2, 5, 5)), rng.normal(size=(2, 5))
    flat = (root @ root.transpose(0, 2, 1)).reshape(2, -1)
    rule = NaturalGradient(0.5, None, 0.1)
    direct, _ = rule.update(g, rule.init(g), flat)
    monkeypatch.setattr("landscape_gym.rules.natural_gradient.DIRECT", 4)
    iterated, _ = rule.update(g, rule.init(g), flat)
    np.testing.assert_allclose(iterated, direct, rtol=1e-7)
    assert (iterated != direct).any()


def test_the_damping_is_the_next_order_of_the_optimum():
    # R / h of theory 2 in 1 / gamma: gradient descent errs by gamma^-2, this by gamma^-4.
    errors = []
    for gamma in (10.0, 20.0):
        tau = 1 / gamma
        exact = (math.sqrt(gamma**2 / 4 + 3.0 * 0.7) - gamma / 2) / 0.7
        damped = NaturalGradient(3.0 * tau, 1.0, 3.0 * tau**2 * 0.7)
        u, _ = damped.update(np.ones(1), damped.init(np.ones(1)))
        errors.append([abs(3.0 * tau / exact - 1), abs(-u[0] / exact - 1)])
    falls = np.log2(np.array(errors[0]) / errors[1])
    np.testing.assert_allclose(falls, [2.0, 4.0], atol=0.1)


def test_conjugate_gradients_say_where_they_stopped_and_take_rows_side_by_side():
    A = np.diag(np.geomspace(1e-3, 1.0, 8))
    rows = np.stack([np.ones(8), np.zeros(8), np.arange(8.0)])
    found = conjugate_gradients(lambda v: v @ A, rows)
    assert found.converged
    np.testing.assert_allclose(found.solution, rows / np.diag(A), rtol=1e-6)
    short = conjugate_gradients(lambda v: v @ A, rows, iterations=3)
    assert not short.converged
    assert short.iterations == 3
    assert short.residual > 1e-3


def test_an_unknown_likelihood_is_refused():
    with pytest.raises(ValueError, match="categorical"):
        fisher_product(torch.nn.Linear(1, 1), torch.ones(1, 1), "categorial")


def test_the_fisher_metric_of_a_model_is_read_and_damped_by_the_ridge():
    pytest.importorskip("sklearn")
    given = NavigationProblem(landscape="logistic_regression", metric="fisher", eta=4.0, gamma=5.0)
    given = given.replace(dt=0.02)
    rule = NaturalGradient.derive(given)
    assert rule.channels == ("gradient", "fisher")
    assert rule.lr == pytest.approx(4.0 / 5.0)
    assert rule.damping == pytest.approx(4.0 / 5.0**2 * 1e-3)
    policies = {
        "natural": RulePolicy(rule, given),
        "undamped": RulePolicy(replace(rule, damping=0.0), given),
        "plain": RulePolicy(GradientDescent.derive(given.replace(metric=None))),
    }
    results = compare(given, policies, episodes=8)
    assert results["natural"].regret.value < 0.95 < results["plain"].regret.value
    assert results["natural"].diverged == 0 < results["undamped"].diverged
