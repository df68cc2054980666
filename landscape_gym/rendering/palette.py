"""Colours of all pictures, told apart in every colour vision (Okabe and Ito 2008), and greys."""

from __future__ import annotations

BLUE, ORANGE, PURPLE, SKY, YELLOW, GREEN, VERMILION = (
    "#0072b2",
    "#e69f00",
    "#cc79a7",
    "#56b4e9",
    "#f0e442",
    "#009e73",
    "#d55e00",
)
BLACK = "black"
BROWN = "#8c564b"
PEACH = "#f0b68a"
"""Vermilion that has faded."""
GOLD = "#ffd92f"
"""Of stars, which have an outline."""

INK = "#333333"
"""Of text, axes and outlines."""
GREYS = ("#555555", "#777777", "#7f7f7f", "#999999", "#bbbbbb", "#dddddd", "#e0e0e0")
"""From dark to pale."""

OF_RULES = (BLUE, ORANGE, PURPLE, GREEN, SKY, BROWN, GREYS[2])
"""Of rules, in this order; what is learned is vermilion, and the optimum as text is."""
