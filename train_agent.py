"""Train an agent on a regime and print it against derived rules and the optimum."""

import sys
from collections.abc import Iterable, Mapping, Sequence

from landscape_gym.extras import needed_by, require
from landscape_gym.program import program

with needed_by(__name__):
    require(["tyro", "stable_baselines3", "sb3_contrib", "tensorboard", "rich", "matplotlib"])

    from landscape_gym.command_line import misspelt, parsed
    from landscape_gym.configuration import one_of
    from landscape_gym.registration import NETWORKS, REGIMES, TRAINING

PROG = "train_agent.py"
NAMES: Mapping[str, Iterable[str]] = {
    "--regime": (*REGIMES, *TRAINING),
    "--algo": (
        *("ppo", "recurrent_ppo", "a2c", "trpo", "sac", "td3", "ars"),
        *("evolution", "dagger", "linear_dagger", "gradient", "es", "pes"),
    ),
    "--preset": (
        *("linear", "mlp", "steady", "resets", "schedule", "basins", "per-coordinate"),
        *("belief", "memory", "logarithms", "learning-speed", "recurrent"),
        *("frame", "frame-any", "frame-parameters", "weights"),
        *("believer", "believer-parameters", "fine-tuned", "preconditioner"),
        *("a2c", "trpo", "sac", "td3", "ars", "evolution"),
        *("gradient", "gradient-per-coordinate", "gradient-frame", "gradient-networks"),
        *("es", "pes", "pes-networks"),
    ),
    "--executor": ("serial", "joblib", "ray"),
}
"""Options that take a name. What is named takes seconds to import, and a misspelt name is told
before; a test compares with the registries."""
OTHERS = (
    *("--help", "--settings", "--problem", "--observation", "--action", "--seed", "--seeds"),
    *("--episodes", "--plan-paths", "--no-plan-paths", "--out", "--resume", "--workers"),
    *("--progress", "--no-progress"),
)
"""The other options."""
STEPS = "A training ends with a whole rollout, so that it may take some steps more than timesteps."


@program(PROG, "Nothing was trained.")
def main(words: Sequence[str] | None = None) -> int:
    """Parse the command line, train, and print; the exit status is 1 if a seed has failed."""
    words = sys.argv[1:] if words is None else words
    check(words)
    from agents.config import RunConfig, read_config, settings_help
    from agents.preset_help import presets_help
    from agents.run import run
    from agents.seeds import run_seeds

    description = f"{RunConfig.__doc__}\n\n{presets_help()}\n\n{STEPS}\n{settings_help()}"
    config = parsed(RunConfig, words, prog=PROG, description=description)
    asked = config if config.resume is None else read_config(config.resume)
    require(asked.configured().packages, f"For the data of {asked.regime}.")
    if asked.seeds == 1:
        finished = run(config)
        print(finished.report)
        print(f"Model, logs and picture are in {finished.folder} (look at paths.png).")
        return 0
    left = run_seeds(config)
    print(f"{left.table}\nThe runs are in {left.folder}.")
    for line in left.complaints:
        print(f"{PROG}: {line}", file=sys.stderr)
    return int(bool(left.complaints))


def check(words: Sequence[str]) -> None:
    """Refuse names that are not known, before torch and Stable-Baselines3 are imported.

    Raises:
        ValueError: naming what is accepted and the nearest; of regimes of networks, what serves
            them.
    """
    given = misspelt(words, {**NAMES, **dict.fromkeys(("--regime", *OTHERS))})
    regime = given.get("--regime")
    if regime in NETWORKS:
        raise ValueError(
            f"the regime {regime!r} has thousands of parameters, and no agent is trained on it: "
            "rules for networks are learned on small ones, by --regime small-networks, and the "
            "shipped one trains this regime: python -m baselines record --regime "
            f"{regime} --learned networks; docs/networks.md compares them."
        )
    if regime is not None:
        one_of("regime", regime, NAMES["--regime"])


if __name__ == "__main__":
    sys.exit(main())
