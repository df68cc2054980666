"""Derive a rule: its constants follow from the problem, or it says why they do not."""

from landscape_gym import REGIMES, Refusal
from landscape_gym.control import optimum
from landscape_gym.evaluation import compare
from landscape_gym.policy import RulePolicy
from landscape_gym.rules import Adam, GradientDescent, Momentum

# [derive]
hidden = REGIMES["hidden-curvature"].problem
for gamma in (10.0, 1.0, 0.1):
    print(f"gamma = {gamma:4}:", Momentum.derive(hidden.replace(gamma=gamma)))

# [refuse]
try:
    Adam.derive(hidden)
except Refusal as refusal:
    print(refusal)

# [compare]
problem = hidden.replace(gamma=1.0)
best = optimum(problem)
policies = {
    "gradient descent": RulePolicy(GradientDescent.derive(problem)),
    "momentum": RulePolicy(Momentum.derive(problem)),
    "momentum by habit": RulePolicy(Momentum(lr=0.1, momentum=0.9)),
    "optimum": best.policy,
}
print(compare(problem, policies, episodes=256, optimum="optimum").table())
print("optimum:", best.status)
