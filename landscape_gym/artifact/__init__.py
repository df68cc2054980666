"""Learned rules as files: save one, load one, and the ones that are shipped.

    python -m landscape_gym.artifact show FILE_OR_NAME     what it is and where it comes from
    python -m landscape_gym.artifact check FILE_OR_NAME    exit status 0 if it can be loaded

A file holds data and nothing else, in the safetensors format: arrays behind a JSON header. Files
may come from strangers. Nothing in them is ever executed, and everything is checked before it is
used: names, shapes and types of arrays before arrays are made, sizes of problems before they are
solved.
"""

from landscape_gym.extras import needed_by

with needed_by(__name__):
    from landscape_gym.artifact.store import ArtifactError, load_rule, save_rule, shipped_rules

__all__ = ["ArtifactError", "load_rule", "save_rule", "shipped_rules"]
