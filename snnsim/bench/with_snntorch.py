"""A network of snnTorch's Leaky neurons, stepped in a loop as in its tutorials, with the delays of dcls.

    snnsim                  snnTorch
    β, θ                    beta, threshold
    hard, detached reset    reset_mechanism "zero" with its default reset_delay=True: the voltage becomes 0 at the
                            beginning of the next step, which gives the same spikes; this reset is always detached
    other resets            reset_delay=False
    leaky readout           reset_mechanism "none"; the output is the voltage
    batch normalization     torch's BatchNorm1d over (time · batch)

Differs  Leaky does not fire at θ itself; after a subtraction that leaves more than θ, it subtracts again a step later;
         a reset by subtraction cannot be detached in the same step, so its spikes are equal, and its gradients differ;
         batch normalization counts padded steps
"""

from collections.abc import Callable
from typing import cast

import snntorch
import torch
from snntorch import surrogate
from torch import Tensor, nn

from snnsim.bench.baseline_network import BaselineLayer, BaselineNetwork, fixed_decay, layers_of, require, synapse_like
from snnsim.nn import LIF, LeakyReadout
from snnsim.nn.network import SpikingNetwork

SURROGATES: dict[str, Callable[..., Callable[[Tensor], Tensor]]] = {
    "atan": surrogate.atan,
    "fast_sigmoid": surrogate.fast_sigmoid,
    "sigmoid": surrogate.sigmoid,
}


class Neuron(nn.Module):
    """Leaky with the settings of a LIF.

    Args:
        ours: Neurons of snnsim, from which the decay, threshold, reset and surrogate are taken. The threshold and decay
            are not trained.
    """

    def __init__(self, ours: LIF) -> None:
        super().__init__()
        require(not isinstance(ours.threshold, nn.Parameter), "a fixed threshold", "a trained one")
        shape = ours.surrogate
        require(shape.name in SURROGATES, f"surrogates {', '.join(SURROGATES)}", shape.name)
        self.leaky = snntorch.Leaky(
            beta=fixed_decay(ours.decay),
            threshold=float(ours.threshold),
            spike_grad=SURROGATES[shape.name](shape.sharpness),
            reset_mechanism="zero" if ours.reset.hard else "subtract",
            reset_delay=ours.reset.hard and ours.reset.detached,
        )

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes of a sequence of currents, from a voltage of 0, (time, batch, neuron).

        Args:
            current: Currents (time, batch, neuron).
        """
        spikes, memory = [], torch.zeros_like(current[0])
        for now in current:
            spike, memory = self.leaky(now, memory)
            spikes.append(spike)
        return torch.stack(spikes)


class Readout(nn.Module):
    """Leaky without a reset, with the settings of a LeakyReadout.

    Args:
        ours: Readout of snnsim, from which the decay is taken. The decay is not trained.
    """

    def __init__(self, ours: LeakyReadout) -> None:
        super().__init__()
        self.leaky = snntorch.Leaky(beta=fixed_decay(ours.decay), reset_mechanism="none")

    def forward(self, current: Tensor) -> Tensor:
        """Return the voltages of a sequence of currents, from a voltage of 0, (time, batch, class).

        Args:
            current: Currents (time, batch, class).
        """
        voltages, memory = [], torch.zeros_like(current[0])
        for now in current:
            _, memory = self.leaky(now, memory)
            voltages.append(memory)
        return torch.stack(voltages)


class Norm(nn.Module):
    """torch's BatchNorm1d over all steps, padded or not.

    Args:
        features: Number of neurons.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)

    def forward(self, current: Tensor) -> Tensor:
        """Return the normalized currents, (time, batch, neuron).

        Args:
            current: Currents (time, batch, neuron); the statistics are those of all steps and recordings together.
        """
        normalized: Tensor = self.norm(current.flatten(0, 1))
        return normalized.view_as(current)


def network_like(ours: SpikingNetwork) -> BaselineNetwork:
    """Return a baseline with the initial parameters of a network.

    Args:
        ours: The network of snnsim.
    """
    layers = [
        BaselineLayer(
            synapse_like(part.synapse),
            Neuron(part.neuron),
            norm=None if part.norm is None else Norm(part.norm.num_features),
            dropout=part.dropout.p,
        )
        for part in layers_of(ours)
    ]
    return BaselineNetwork(
        layers, synapse_like(ours.synapse), Readout(cast("LeakyReadout", ours.readout)), extra_steps=ours.extra_steps
    )
