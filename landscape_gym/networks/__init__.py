"""Neural networks as landscapes: any torch module with a loss and data.

`NetworkLandscape` is the landscape, `Data` what it is trained and tested on, `Mlp`, `ConvNet` and
`Transformer` are models that have a name, `ContinualLandscape` has tasks that change. Torch, and
the packages that data come with, are imported when a landscape is first used.
"""

from landscape_gym.networks.data import DATA, Data
from landscape_gym.networks.landscape import LOSSES, NetworkLandscape
from landscape_gym.networks.models import MODELS, ConvNet, Mlp, Transformer
from landscape_gym.networks.stream import TASKS, ContinualLandscape, Task

__all__ = [
    "DATA",
    "LOSSES",
    "MODELS",
    "TASKS",
    "ContinualLandscape",
    "ConvNet",
    "Data",
    "Mlp",
    "NetworkLandscape",
    "Task",
    "Transformer",
]
