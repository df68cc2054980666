"""Train an agent on a regime and print it against derived rules and the optimum."""

import sys
from collections.abc import Sequence

from landscape_gym.extras import needed_by
from landscape_gym.program import program

with needed_by(__name__):
    import tyro

    from agents import RunConfig, run, run_seeds
    from agents.config import read_config, settings_help


@program("train_agent.py", "Nothing was trained.")
def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line, train, and print; the exit status is 1 if a seed has failed."""
    description = f"{RunConfig.__doc__}\n\n{settings_help()}"
    config = tyro.cli(RunConfig, prog="train_agent.py", description=description, args=words)
    seeds = config.seeds if config.resume is None else read_config(config.resume).seeds
    if seeds == 1:
        finished = run(config)
        print(finished.report)
        print(f"Model, logs and picture are in {finished.folder} (look at paths.png).")
        return 0
    left = run_seeds(config)
    print(f"{left.table}\nThe runs are in {left.folder}.")
    for line in left.complaints:
        print(f"train_agent.py: {line}", file=sys.stderr)
    return int(bool(left.complaints))


if __name__ == "__main__":
    sys.exit(main())
