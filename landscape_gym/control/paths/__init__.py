"""Trajectory optimisation: whole paths on smooth landscapes, and policies that follow them."""
