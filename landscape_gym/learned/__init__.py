"""Learned rules: plain arrays that act, are stored safely, and are shipped by name."""

from landscape_gym.learned.linear import LinearRules
from landscape_gym.learned.network import Cell, Dense, Network
from landscape_gym.learned.rule import LearnedRule

__all__ = ["Cell", "Dense", "LearnedRule", "LinearRules", "Network"]
