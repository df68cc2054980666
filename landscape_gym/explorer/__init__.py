"""A local page to play with: another horizon, another rule. ``landscape-gym explore``."""
