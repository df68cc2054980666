"""Linear-quadratic navigation: the model, its optimum, what laws cost, and the policy."""
