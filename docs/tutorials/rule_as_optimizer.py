"""Use a rule as an optimizer: learned, derived and hand-set rules train the same small network."""

import warnings

import torch
from torch.nn import Linear, Sequential, Tanh

from landscape_gym.optim import RuleOptimizer
from landscape_gym.rules import Adam

torch.set_num_threads(1)
# The optimizer warns that a rule of small quadratics may diverge on a network: not on this one.
warnings.filterwarnings("ignore", "this rule was")

# [model]
x = torch.linspace(-1, 1, 128)[:, None]
y = torch.sin(3 * x)


def loss_after(make_optimizer, steps=200):
    """Train the same network on the same data, and return its last loss."""
    torch.manual_seed(0)
    model = Sequential(Linear(1, 16), Tanh(), Linear(16, 1))
    optimizer = make_optimizer(model.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
    return loss.item()


# [compare]
optimizers = {
    "torch.optim.SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "torch.optim.Adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "Adam as a rule": lambda p: RuleOptimizer(p, Adam(lr=0.01)),
    "momentum, derived": lambda p: RuleOptimizer(p, "momentum", problem="hidden-curvature"),
    "learned": lambda p: RuleOptimizer(p, "hidden-curvature"),
}
for name, make in optimizers.items():
    print(f"{name:18} {loss_after(make):.2e}")
