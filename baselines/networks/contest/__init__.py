"""The contest of optimizers: two leagues, on networks on which no constant of ours was chosen.

Files: a network (`small_network`), those that constants are chosen on (`tuning`) and those that are
judged (`judged`); who takes part (`entrants`); one training (`trial`), all that are known
(`trials`), how a rate is found (`leagues`), and what is said of them (`tables`).
"""
