"""Train an agent on a regime and print it against derived rules and the optimum."""

import sys

import tyro

from agents import RunConfig, run

if __name__ == "__main__":
    try:
        finished = run(tyro.cli(RunConfig, description=RunConfig.__doc__))
    except (ValueError, TypeError, OSError, ImportError) as error:
        sys.exit(f"train_agent.py: {error}")
    print(finished.report)
    print(f"Model, logs and picture are in {finished.folder} (look at paths.png).")
