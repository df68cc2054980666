"""Any rule as a PyTorch optimizer: classical, derived from a problem, or learned by an agent."""

from landscape_gym.optim.optimizer import RuleOptimizer

__all__ = ["RuleOptimizer"]
