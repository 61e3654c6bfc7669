"""The networks: three blocks of convolution, batch normalization, activation and pooling, and a linear readout.

block      Conv 3 x 3 → BatchNorm → activation → AvgPool 2 x 2, where the map still has two rows
readout    dropout of 0.2 → Linear
"""

from collections.abc import Callable

import torch
from torch import nn

from snnsim.conversion import QCFS, Conversion
from snnsim.experiment.one_step.settings import Budget
from snnsim.nn import ScaledLIF
from snnsim.nn.folded import SpikingActivation

DROPOUT = 0.2
LEVELS = 4
"""Levels of the trained quantized activation."""
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "ann": nn.ReLU,
    "qcfs": lambda: QCFS(LEVELS, 4.0),
    "scratch": lambda: SpikingActivation(ScaledLIF(), 1),
}
"""Activations of the networks that are trained from random weights."""


def network(arm: str, budget: Budget, field: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return a network with torch's initial weights of the present random state.

    Args:
        arm: A key of ACTIVATIONS.
        budget: Numbers of channels.
        field: Channels, rows and columns of a picture.
        classes: Number of classes.
    """
    channels, rows, columns = field
    modules: list[nn.Module] = []
    for wide in budget.channels:
        modules += [nn.Conv2d(channels, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), ACTIVATIONS[arm]()]
        channels = wide
        if min(rows, columns) >= 4:
            modules.append(nn.AvgPool2d(2))
            rows, columns = rows // 2, columns // 2
    modules += [nn.Flatten(), nn.Dropout(DROPOUT), nn.Linear(channels * rows * columns, classes)]
    return nn.Sequential(*modules).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def binary(conversion: Conversion) -> nn.Module:
    """Return a network converted to one step, with binary activations λ [z ≥ λ / 2] in place of neurons.

    Args:
        conversion: Network of one step; it becomes the result.
    """
    for name, threshold in conversion.thresholds.items():
        conversion.network.set_submodule(name, QCFS(1, threshold))
    return conversion.network
