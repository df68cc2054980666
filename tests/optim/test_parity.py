"""Named optimizers make the steps of the pure rules."""

import torch

from landscape_gym.optim import RuleOptimizer
from landscape_gym.optim.filter_bank import FilterBank
from landscape_gym.rules.gain_bound import GainBound


def test_bank():
    from landscape_gym.rules import Coupled, SelfTuning

    def trained(make):
        torch.manual_seed(0)
        w = torch.nn.Parameter(torch.randn(5, 4, dtype=torch.float64))
        x, y = torch.randn(64, 4, dtype=torch.float64), torch.randn(64, 5, dtype=torch.float64)
        o = make([w])
        for t in range(30):
            rows = torch.randint(64, (8,))

            def closure():
                o.zero_grad()
                l = (x[rows] @ w.T - y[rows]).square().mean()
                l.backward()
                return l

            o.step(closure)
        return w.detach()

    a = trained(lambda p: FilterBank(p))
    bank = SelfTuning.for_networks(spread=1.0, growth=1e-2)
    b = trained(lambda p: RuleOptimizer(p, Coupled(bank, GainBound(4.0, 1.0))))
    print((a - b).abs().max())
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
