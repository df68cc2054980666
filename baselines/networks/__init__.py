"""Learning rules train networks, side by side: ``python -m baselines.networks``.

`tasks` has the networks and how one is trained, `contestants` the rules, `search` how a learning
rate is tuned, `results` what has been computed, `page` the tables and pictures; `contest` is
that of optimizers which people would pick instead.
"""
