"""Layers in order: synapse, normalization, neuron, dropout; the last one is a synapse and a leaky readout.

    current = norm(synapse(spikes));  spikes = dropout(neuron(current));  ...;  output = readout(synapse(spikes))

Whole sequences, or windows of them one after the other: `run` takes the state and returns it.

Shapes   frames (time, batch, channel) · valid (batch,) · spikes (time, batch, neuron) · output (time, batch, class)
Draws    chance is that of `draws` where given, of the generator in training; else what is likelier happens
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.gradient_paths import ALL_PATHS, GradientPaths
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import dropout, settings
from snnsim.nn.conv import DelayedConv
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.layer import LayerState, SpikingLayer, arriving, checked_part


@dataclass(frozen=True)
class Record:
    """What happened in a network over one batch."""

    spikes: list[Tensor]
    """The input and then the spikes of each hidden layer, (time, batch, neuron)."""
    output: Tensor
    """Voltage of the readout, (time, batch, class)."""


NetworkState = tuple[LayerState | None, ...]
"""That of every layer, and of the synapse and the readout behind them."""


class SpikingNetwork(nn.Module):
    """A feed-forward spiking network; `network(frames)` gives the voltage of its readout over time.

    `extra_steps` is how long the network runs on after the input has ended, so that late spikes still arrive.
    """

    def __init__(
        self, layers: Sequence[SpikingLayer], synapse: nn.Module, readout: nn.Module, *, extra_steps: int = 0
    ) -> None:
        super().__init__()
        extra_steps = validation.integer(extra_steps, who="SpikingNetwork", name="extra_steps")
        if extra_steps < 0:
            raise ValueError(f"extra_steps must be 0 or more, not {extra_steps}")
        if not isinstance(layers, Iterable) or isinstance(layers, str | bytes):
            raise TypeError(f"SpikingNetwork: layers must be SpikingLayers, not {validation.shown(layers)}")
        layers = list(layers)
        for number, layer in enumerate(layers, start=1):
            if not isinstance(layer, SpikingLayer):
                raise TypeError(f"SpikingNetwork: layer {number} must be a SpikingLayer, not {validation.shown(layer)}")
        self.layers = nn.ModuleList(layers)
        self.synapse = checked_part(synapse, "run", who="SpikingNetwork", name="synapse", such="a DelayedLinear")
        self.readout = checked_part(readout, "run", who="SpikingNetwork", name="readout", such="a LeakyReadout")
        self.extra_steps = extra_steps
        settings.carry(self, extra_steps=extra_steps)

    def forward(
        self,
        frames: Tensor,
        lengths: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: GradientPaths = ALL_PATHS,
        draws: Draws | None = None,
    ) -> Tensor:
        """Return the readout's voltage (time + extra_steps, batch, class).

        Args:
            frames: The input, (time, batch, channel); bools and integers are converted to the parameters' type.
            lengths: The recordings' own lengths in steps, integers (batch,), or one for all; what stands behind them is
                padding. None if every step counts.
            generator: Where training mode takes its dropout and draws from.
            credit: Along which routes errors go back.
            draws: What neurons that fire by chance draw.

        Raises:
            TypeError: If frames or lengths are of another type.
            ValueError: If their shapes do not match, a length is outside of the frames, or a frame is not finite.
        """
        spikes, valid = self._checked(frames, lengths)
        for number, layer in enumerate(self.layers):
            # in two, so that spikes which have been sent are not kept while the next ones are made
            own = dropout.drawn(layer.neuron, draws and draws.layer(number), generator)
            current = layer.current(spikes, credit, own)
            del spikes
            spikes = layer.fire(current, valid, generator, credit, own)
            del current
        return self._output(spikes, credit)

    def run(
        self,
        frames: Tensor,
        state: NetworkState | None = None,
        *,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: GradientPaths = ALL_PATHS,
    ) -> tuple[Tensor, NetworkState]:
        """Return the readout's voltage in a window of time, and the state to go on from.

        `valid` (batch,) says how many steps of each sequence count, from its beginning. Nothing is added to the frames:
        let `extra_steps` frames of silence follow a recording. For draws, let the first state be `start(draws)`.
        """
        state = (None,) * (len(self.layers) + 1) if state is None else state
        if len(state) != len(self.layers) + 1:
            raise ValueError(f"network: a state of {len(self.layers) + 1} parts is needed, not of {len(state)}")
        spikes, after = gates.spikes(frames, who="network", like=next(self.parameters()), name="frames"), []
        for layer, before in zip(self.layers, state[:-1], strict=True):
            spikes, between = layer.run(spikes, before, valid=valid, generator=generator, credit=credit)
            after.append(between)
        output, last = self.read(spikes, state[-1], credit=credit)
        return output, (*after, last)

    def read(
        self, spikes: Tensor, state: LayerState | None = None, *, before: int = 0, credit: GradientPaths = ALL_PATHS
    ) -> tuple[Tensor, LayerState]:
        """Return the readout's voltage for the last layer's spikes in a window of time, and the state to go on from.

        The first `before` steps of the spikes are their history, if it is not in the state.
        """
        state = LayerState() if state is None else state
        current, history = arriving(self.synapse, spikes, state, before, credit)
        output, voltage = self.readout.run(current.to(spikes.dtype), state.voltage, **credit.of_neurons())
        return output, LayerState(history, voltage, None, state.first + len(current))

    def start(self, draws: Draws) -> NetworkState:
        """Return the state at rest of a network whose neurons fire by chance."""
        return (*(LayerState(draws=draws.layer(number)) for number in range(len(self.layers))), None)

    def record(self, frames: Tensor, lengths: Tensor | None = None, draws: Draws | None = None) -> Record:
        """Return the spikes of every layer and the output."""
        extended, valid = self._checked(frames, lengths)
        spikes = [extended]
        for number, layer in enumerate(self.layers):
            spikes.append(layer(spikes[-1], valid, draws=draws and draws.layer(number)))
        return Record(spikes, self._output(spikes[-1]))

    def valid(self, lengths: Tensor) -> Tensor:
        """Return how many steps count for recordings of these lengths."""
        return lengths + self.extra_steps

    def constrain(self) -> None:
        """Bring all parameters back to what they may be; call after each optimizer step."""
        for part in (*self.synapses(), *(layer.neuron for layer in self.layers)):
            if hasattr(part, "constrain"):
                part.constrain()

    def synapses(self) -> Iterator[nn.Module]:
        """Yield the synapses from the input to the output."""
        yield from (layer.synapse for layer in self.layers)
        yield self.synapse

    def delayed_synapses(self) -> list[DelayedLinear]:
        """Return the connections that have delays, those of convolutions included."""
        found = (synapse.connections if isinstance(synapse, DelayedConv) else synapse for synapse in self.synapses())
        return [connections for connections in found if isinstance(connections, DelayedLinear)]

    def _checked(self, frames: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return frames with the extra steps, and how many steps count."""
        frames = gates.spikes(frames, who="network", like=next(self.parameters()), name="frames")
        valid = None
        if lengths is not None:
            batch = math.prod(frames.shape[1:-1])
            found = gates.lengths(lengths, who="network", name="lengths", batch=batch, longest=len(frames))
            valid = self.valid(found.to(frames.device))
        if self.extra_steps:
            frames = gates.known(torch.cat([frames, frames.new_zeros(self.extra_steps, *frames.shape[1:])]))
        return frames, valid

    def _output(self, spikes: Tensor, credit: GradientPaths = ALL_PATHS) -> Tensor:
        current = self.synapse(spikes, **credit.of_synapses()).to(spikes.dtype)
        return self.readout(current, **credit.of_neurons())
