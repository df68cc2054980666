"""Train an agent on a regime and print it against derived rules and the optimum."""

import sys

import tyro

from agents import RunConfig, run, run_seeds, seeds_table
from agents.config import settings_help


def main() -> None:
    """Parse the command line, train, and print; errors are one line."""
    description = f"{RunConfig.__doc__}\n\n{settings_help()}"
    try:
        config = tyro.cli(RunConfig, description=description)
        if config.seeds == 1 or config.resume is not None:
            finished = run(config)
            print(finished.report)
            print(f"Model, logs and picture are in {finished.folder} (look at paths.png).")
        else:
            runs = run_seeds(config)
            print(seeds_table(runs, range(config.seed, config.seed + config.seeds)))
            print(f"The runs are in {runs[0].folder.parent}.")
    except (ValueError, TypeError, OSError, ImportError) as error:
        sys.exit(f"train_agent.py: {error}")


if __name__ == "__main__":
    main()
