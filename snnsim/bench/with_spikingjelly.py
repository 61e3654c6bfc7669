"""The same network of spikingjelly's LIFNode and BatchNorm1d over whole sequences, with the delays of dcls.

    ours               theirs
    β                  tau = 1 / (1 − β), decay_input=False
    leaky readout      LIFNode with a threshold out of reach, of which the voltages are kept

Two forms: `network_like` in our frame, the same function of the same parameters; and `recipe_like`, put together as
the recipe of DCLS-Delays is. There every layer also pads (K − 1) / 2 steps on the right, so that a sequence becomes
longer from layer to layer (100, 112, 124, 136 steps for SHD) where ours has its extra steps at once; dropout is
spikingjelly's; the loss counts all steps of all recordings.

Differs  their batch normalization counts padded steps, ours does not (the same where all lengths are)
"""

from collections.abc import Callable, Iterator

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from snnsim.bench.baseline_network import PeerLayer, PeerNetwork, Synapse, fixed_decay, require, synapse_like
from snnsim.nn import LIF, LeakyReadout
from snnsim.nn.decay import Decay
from snnsim.nn.network import SpikingNetwork

OUT_OF_REACH = 1e9
SURROGATES: dict[str, Callable[..., nn.Module]] = {
    "atan": surrogate.ATan,
    "sigmoid": surrogate.Sigmoid,
    "triangle": surrogate.PiecewiseQuadratic,
}


class Neuron(nn.Module):
    """LIFNode with the settings of a LIF."""

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
        """Return the spikes of a sequence that starts at rest."""
        spikes = self.node(current)
        functional.reset_net(self.node)
        return spikes


class Readout(nn.Module):
    """LIFNode that never fires, with the settings of a LeakyReadout."""

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
        """Return the voltages of a sequence that starts at rest."""
        self.node(current)
        voltage = self.node.v_seq
        functional.reset_net(self.node)
        return voltage


def network_like(ours: SpikingNetwork) -> PeerNetwork:
    """Return a network in our frame with the same initial parameters."""
    layers = [
        PeerLayer(synapse_like(part.synapse), Neuron(part.neuron), norm=_norm(part.norm), dropout=part.dropout.p)
        for part in ours.layers
    ]
    return PeerNetwork(layers, synapse_like(ours.synapse), Readout(ours.readout), extra_steps=ours.extra_steps)


class Recipe(nn.Module):
    """The network as the recipe puts it together: its own padding and dropout, no lengths."""

    def __init__(self, ours: SpikingNetwork) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "synapse": _late(part.synapse),
                    "norm": nn.Identity() if part.norm is None else _norm(part.norm),
                    "neuron": Neuron(part.neuron),
                    "dropout": layer.Dropout(part.dropout.p, step_mode="m"),
                }
            )
            for part in ours.layers
        )
        self.synapse, self.readout = _late(ours.synapse), Readout(ours.readout)

    def forward(
        self, frames: Tensor, lengths: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:  # fmt: skip
        """Return the readout's voltage, longer than the frames by half a kernel per layer."""
        del lengths, generator
        spikes = frames
        for part in self.layers:
            spikes = part["dropout"](part["neuron"](part["norm"](part["synapse"](spikes))))
            # a mask is for one sequence
            functional.reset_net(part["dropout"])
        return self.readout(self.synapse(spikes))

    def constrain(self) -> None:
        """Bring all parameters back to what they may be; call after each optimizer step."""
        for synapse in self.synapses():
            synapse.constrain()

    def synapses(self) -> Iterator[nn.Module]:
        """Yield the synapses from the input to the output."""
        yield from (part["synapse"] for part in self.layers)
        yield self.synapse

    def delayed_synapses(self) -> list[Synapse]:
        """Return the synapses, all of which have delays."""
        return list(self.synapses())


def recipe_like(ours: SpikingNetwork) -> Recipe:
    """Return the recipe's network with the same initial parameters."""
    return Recipe(ours)


def _late(ours: nn.Module) -> Synapse:
    delayed = len(ours.weight.shape) == 3
    require(delayed, "connections with delays in the recipe's own composition", "plain ones")
    return Synapse(ours, late=ours.max_delay // 2)


def _norm(ours: nn.BatchNorm1d | None) -> nn.Module | None:
    return None if ours is None else layer.BatchNorm1d(ours.num_features, step_mode="m")


def _tau(decay: Decay) -> float:
    return 1 / (1 - fixed_decay(decay))
