"""A sweep: policies in regimes, block by block of episodes, and what it leaves in its folder."""

from pathlib import Path

from baselines.sweep.command import Options, main

# [sweep]
options = Options(
    out=Path("sweep"),
    regimes=("long-horizon", "hidden-curvature"),
    policies=("gradient_descent", "momentum"),
    blocks=2,
    episodes=32,
    progress=False,
)
main(options)

# [again]
main(options)

# [table]
print((options.out / "tables.md").read_text())
