"""A network of spikingjelly's LIFNode and BatchNorm1d in multi-step mode, with the delays of dcls.

    snnsim             spikingjelly
    β                  tau = 1 / (1 − β), decay_input=False
    leaky readout      LIFNode with a threshold of 10⁹; the output is the voltage

`network_like` is the same function of the same parameters as the network of snnsim. `recipe_like` is composed as the
recipe of DCLS-Delays: every layer also pads (K − 1) / 2 steps on the right, so that a sequence becomes longer from
layer to layer (100, 112, 124, 136 steps for SHD), where snnsim adds its extra steps once; dropout is spikingjelly's;
the loss counts all steps of all recordings.

Differs  batch normalization counts padded steps, which snnsim leaves out
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from snnsim.bench.baseline_network import (
    BaselineLayer,
    BaselineNetwork,
    Synapse,
    fixed_decay,
    layers_of,
    require,
    synapse_like,
)
from snnsim.nn import LIF, DelayedLinear, LeakyReadout
from snnsim.nn.decay import Decay
from snnsim.nn.network import SpikingNetwork

OUT_OF_REACH = 1e9
SURROGATES: dict[str, Callable[..., nn.Module]] = {
    "atan": surrogate.ATan,
    "sigmoid": surrogate.Sigmoid,
    "triangle": surrogate.PiecewiseQuadratic,
}


class Neuron(nn.Module):
    """LIFNode with the settings of a LIF.

    Args:
        ours: Neurons of snnsim, from which the decay, threshold, reset and surrogate are taken. The threshold and decay
            are not trained.
    """

    def __init__(self, ours: LIF) -> None:
        super().__init__()
        require(not isinstance(ours.threshold, nn.Parameter), "a fixed threshold", "a trained one")
        shape = ours.surrogate
        require(shape.name in SURROGATES, f"surrogates {', '.join(SURROGATES)}", shape.name)
        self.node = neuron.LIFNode(
            tau=_tau(ours.decay),
            decay_input=False,
            v_threshold=float(ours.threshold),
            v_reset=0.0 if ours.reset.hard else None,
            surrogate_function=SURROGATES[shape.name](alpha=shape.sharpness),
            detach_reset=ours.reset.detached,
            step_mode="m",
        )

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes of a sequence of currents, from a voltage of 0, (time, batch, neuron).

        Args:
            current: Currents (time, batch, neuron).
        """
        spikes: Tensor = self.node(current)
        functional.reset_net(self.node)
        return spikes


class Readout(nn.Module):
    """LIFNode that never fires, with the settings of a LeakyReadout.

    Args:
        ours: Readout of snnsim, from which the decay is taken. The decay is not trained.
    """

    def __init__(self, ours: LeakyReadout) -> None:
        super().__init__()
        self.node = neuron.LIFNode(
            tau=_tau(ours.decay),
            decay_input=False,
            v_threshold=OUT_OF_REACH,
            v_reset=0.0,
            surrogate_function=surrogate.ATan(alpha=5.0),
            detach_reset=True,
            step_mode="m",
            store_v_seq=True,
        )

    def forward(self, current: Tensor) -> Tensor:
        """Return the voltages of a sequence of currents, from a voltage of 0, (time, batch, class).

        Args:
            current: Currents (time, batch, class).
        """
        self.node(current)
        voltage: Tensor = self.node.v_seq
        functional.reset_net(self.node)
        return voltage


def network_like(ours: SpikingNetwork) -> BaselineNetwork:
    """Return a baseline with the initial parameters of a network.

    Args:
        ours: The network of snnsim.
    """
    layers = [
        BaselineLayer(synapse_like(part.synapse), Neuron(part.neuron), norm=_norm(part.norm), dropout=part.dropout.p)
        for part in layers_of(ours)
    ]
    return BaselineNetwork(
        layers, synapse_like(ours.synapse), Readout(cast("LeakyReadout", ours.readout)), extra_steps=ours.extra_steps
    )


class Recipe(nn.Module):
    """The network as the recipe composes it, with its own padding and dropout; lengths are ignored.

    Args:
        ours: The network of snnsim.
    """

    def __init__(self, ours: SpikingNetwork) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "synapse": _late(part.synapse),
                    "norm": _norm(part.norm) or nn.Identity(),
                    "neuron": Neuron(part.neuron),
                    "dropout": layer.Dropout(part.dropout.p, step_mode="m"),
                }
            )
            for part in layers_of(ours)
        )
        self.synapse, self.readout = _late(ours.synapse), Readout(cast("LeakyReadout", ours.readout))

    def forward(
        self, frames: Tensor, lengths: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:  # fmt: skip
        """Return the readout's voltage, (time, batch, class), longer than the frames by half a kernel per layer.

        Args:
            frames: Counts of spikes (time, batch, channel).
            lengths: Not used, as padded steps count like all others; it stands here as in SpikingNetwork.
            generator: Not used, as spikingjelly's dropout takes torch's own; it stands here as in SpikingNetwork.
        """
        del lengths, generator
        spikes = frames
        layers: list[Any] = list(self.layers)
        for part in layers:
            spikes = part.dropout(part.neuron(part.norm(part.synapse(spikes))))
            # a new mask for the next sequence
            functional.reset_net(part.dropout)
        voltage: Tensor = self.readout(self.synapse(spikes))
        return voltage

    def constrain(self) -> None:
        """Clamp all parameters to their ranges; call it after each optimizer step."""
        for synapse in self.synapses():
            synapse.constrain()

    def synapses(self) -> Iterator[Any]:
        """Yield the synapses from the input to the output."""
        yield from (part.synapse for part in self.layers)
        yield self.synapse

    def delayed_synapses(self) -> list[Synapse]:
        """Return the synapses; all of them have delays."""
        return list(self.synapses())


def recipe_like(ours: SpikingNetwork) -> Recipe:
    """Return the network of the recipe with the initial parameters of a network.

    Args:
        ours: The network of snnsim.
    """
    return Recipe(ours)


def _late(ours: nn.Module) -> Synapse:
    require(isinstance(ours, DelayedLinear), "connections with delays in the recipe", "connections without delays")
    synapse = cast("DelayedLinear", ours)
    return Synapse(synapse, late=synapse.max_delay // 2)


def _norm(ours: nn.BatchNorm1d | None) -> nn.Module | None:
    return None if ours is None else layer.BatchNorm1d(ours.num_features, step_mode="m")


def _tau(decay: Decay) -> float:
    return 1 / (1 - fixed_decay(decay))
