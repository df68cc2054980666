"""Curvature that is not seen: the best linear rules, learners that infer it, and bounds."""
