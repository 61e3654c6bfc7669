"""Activations of a U-Net: spiking neurons, SiLU for the same network without spikes, and QCFS for conversion.

    spiking    u[t] = v[t−1] + I[t]     s = Θ(u − g)     v = u (1 − s)       integrate and fire, hard reset
    silu       x σ(x), of the ANN, one step
    qcfs       L levels from 0 to λ, one step; converted: integrate and fire in L steps from λ / 2, with spikes of λ

Names    g guidance: threshold at inference, 1 in training
Source   spiking diffusion, guidance by the threshold: J. Cao et al. 2024, arXiv 2408.16467
"""

from typing import Literal, cast

import torch
from torch import nn

from snnsim import validation
from snnsim.conversion.qcfs import QCFS
from snnsim.nn import LIF
from snnsim.nn.folded import SpikingActivation, set_steps

Activation = Literal["spiking", "silu", "qcfs"]


def make(kind: Activation, steps: int, *, levels: int, temporal: bool) -> nn.Module:
    """Return a new activation.

    Args:
        kind: Kind of the activation.
        steps: Steps of spiking neurons.
        levels: Levels of qcfs.
        temporal: Whether gradients pass from step to step through the voltage.
    """
    if kind == "silu":
        return nn.SiLU()
    if kind == "qcfs":
        return QCFS(levels, 2.0)
    neuron = LIF(beta=1.0, reset="hard", surrogate="atan")
    return SpikingActivation(neuron, steps, temporal=temporal)


def converted(network: nn.Module) -> nn.Module:
    """Replace every QCFS of a network by integrate-and-fire neurons that run as many steps as it has levels.

    Args:
        network: The network, which changes.

    Raises:
        ValueError: If it has no QCFS, or several numbers of levels.
    """
    named = [(name, part) for name, part in network.named_modules() if isinstance(part, QCFS)]
    levels = sorted({part.levels for _, part in named})
    validation.require(
        len(levels) == 1, f"conversion: the network must have QCFS activations of one number of levels, not of {levels}"
    )
    for name, part in named:
        bound = float(part.bound().detach())
        neuron = LIF(beta=1.0, reset="soft", threshold=bound)
        parent, _, child = name.rpartition(".")
        activation = SpikingActivation(neuron, levels[0], initial=0.5, amplitude=bound)
        setattr(network.get_submodule(parent), child, activation)
    set_steps(network, levels[0])
    return network


@torch.no_grad()
def guide(network: nn.Module, threshold: float) -> None:
    """Multiply the thresholds of all spiking neurons: below 1 more spikes, above 1 fewer.

    Args:
        network: The network, which changes.
        threshold: Factor, such as 0.997.

    Raises:
        ValueError: If the network has no spiking neurons.
    """
    factor = validation.positive(threshold, who="guide", name="threshold")
    parts = [cast(LIF, part.neuron) for part in network.modules() if isinstance(part, SpikingActivation)]
    validation.require(bool(parts), "guide: the network must have spiking neurons; it has none")
    for neuron in parts:
        neuron.threshold.mul_(factor)
