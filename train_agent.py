"""Train an agent on a regime and print it against derived rules and the optimum."""

import sys

import tyro

from agents import RunConfig, run, run_seeds
from agents.config import read_config, settings_help


def main() -> None:
    """Parse the command line, train, and print; errors are one line."""
    description = f"{RunConfig.__doc__}\n\n{settings_help()}"
    try:
        config = tyro.cli(RunConfig, description=description)
        seeds = config.seeds if config.resume is None else read_config(config.resume).seeds
        if seeds == 1:
            finished = run(config)
            print(finished.report)
            print(f"Model, logs and picture are in {finished.folder} (look at paths.png).")
        else:
            left = run_seeds(config)
            print(f"{left.table}\nThe runs are in {left.folder}.")
            if left.failed:
                raise OSError(
                    f"{', '.join(left.failed)} failed:\n" + "\n".join(left.failed.values())
                )
    except (ValueError, TypeError, OSError, ImportError) as error:
        sys.exit(f"train_agent.py: {error}")


if __name__ == "__main__":
    main()
