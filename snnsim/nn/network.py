"""Layers in order: synapse, normalization, neuron, dropout; the last one is a synapse and a leaky readout.

    current = norm(synapse(spikes));  spikes = dropout(neuron(current));  ...;  output = readout(synapse(spikes))

A layer may be recurrent, see nn/recurrence.py, and skip connections may lead from a layer to any later one, see
nn/skip.py.

A call takes whole sequences; `run` takes chunks of them one after the other, with the state between them.

Shapes   frames (time, batch, channel) · valid (batch,) · spikes (time, batch, neuron) · output (time, batch, class)
Draws    spikes of stochastic neurons are those of `draws`; without it, those of the generator in training mode, and
         the likelier of spike and silence in evaluation mode
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from snnsim import validation
from snnsim.gradient_paths import ALL_PATHS, GradientPaths
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import settings
from snnsim.nn.conv import DelayedConv
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.dropout import neuron_draws
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.layer_state import REST, LayerState, SequenceContext, chunk_current
from snnsim.nn.protocols import Neuron, Readout, Synapse, check_module
from snnsim.nn.skip import Skip, SkipInputs, check_skips


@dataclass(frozen=True)
class Record:
    """The activity of a network over one batch."""

    spikes: list[Tensor]
    """The input and then the spikes of each hidden layer, (time, batch, neuron)."""
    output: Tensor
    """Voltage of the readout, (time, batch, class)."""


NetworkState = tuple[LayerState | None, ...]
"""The states of all layers, and of the last synapse with the readout."""


class SpikingNetwork(nn.Module):
    """A spiking network of layers in order; `network(frames)` gives the voltage of its readout over time.

    Args:
        layers: The hidden layers.
        synapse: The `Synapse` between the last layer and the readout.
        readout: A LeakyReadout, or a module with its methods.
        extra_steps: Number of steps without input at the end, in which late spikes still arrive.
        skips: Connections that lead from a layer, or the input, to a later layer or the readout.

    Raises:
        TypeError: If a part is of another kind.
        ValueError: If the number of extra steps is negative, or a skip connection does not fit the layers.
    """

    def __init__(
        self,
        layers: Sequence[SpikingLayer],
        synapse: Synapse,
        readout: Readout,
        *,
        extra_steps: int = 0,
        skips: Sequence[Skip] = (),
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
        check_module(synapse, Synapse, who="SpikingNetwork", name="synapse", example="DelayedLinear")
        check_module(readout, Readout, who="SpikingNetwork", name="readout", example="LeakyReadout")
        self.layers: Sequence[SpikingLayer] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.synapse, self.readout = synapse, readout
        check_skips(skips, [*(layer.synapse.targets for layer in layers), synapse.targets])
        self.skips: Sequence[Skip] = nn.ModuleList(skips)  # type: ignore[assignment]
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
            lengths: Lengths of the recordings in steps, integers (batch,), or one for all; later steps are padding.
                None if every step counts.
            generator: Generator of dropout and draws in training mode.
            credit: Gradient paths.
            draws: Random counter of stochastic neurons.

        Raises:
            TypeError: If frames or lengths are of another type.
            ValueError: If their shapes do not match, a length is outside of the frames, or a frame is not finite.
        """
        spikes, valid = self._extended(frames, lengths)
        inputs = SkipInputs(self.skips, spikes, credit)
        for number, layer in enumerate(self.layers):
            # two calls, so that the input of a layer is freed before its spikes are computed
            counter = neuron_draws(layer.neuron, draws and draws.layer(number), generator)
            current = inputs.add(number + 1, layer.current(spikes, credit, counter))
            del spikes
            spikes = layer.spike(current, SequenceContext(valid, generator, credit, counter))[0]
            del current
            inputs.keep(number + 1, spikes)
        return self._output(spikes, inputs)

    def run(
        self,
        frames: Tensor,
        state: NetworkState | None = None,
        *,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: GradientPaths = ALL_PATHS,
    ) -> tuple[Tensor, NetworkState]:
        """Return the readout's voltage in a chunk of time, and the next state.

        No steps are added to the frames: let `extra_steps` frames of silence follow a recording.

        Args:
            frames: The input, (time, batch, channel).
            state: State after the chunk before, or None; for a random counter, the first state is `start(draws)`.
            valid: Steps of each recording that count, (batch,), from its beginning; None if every step counts.
            generator: Generator of dropout and draws in training mode.
            credit: Gradient paths.

        Raises:
            ValueError: If the state is of a network with another number of layers.
        """
        state = (None,) * (len(self.layers) + 1) if state is None else state
        if len(state) != len(self.layers) + 1:
            raise ValueError(f"network: a state of {len(self.layers) + 1} parts is needed, not of {len(state)}")
        spikes, after = gates.spikes(frames, who="network", like=self._parameter(), name="frames"), []
        inputs = SkipInputs(self.skips, spikes, credit)
        for number, (layer, before) in enumerate(zip(self.layers, state[:-1], strict=True), start=1):
            extra, skips = inputs.run(number, before)
            spikes, between = layer.run(spikes, before, valid=valid, generator=generator, credit=credit, extra=extra)
            after.append(between._replace(skips=skips))
            inputs.keep(number, spikes)
        extra, skips = inputs.run(len(state), state[-1])
        output, last = self.read(spikes, state[-1], credit=credit, extra=extra)
        return output, (*after, last._replace(skips=skips))

    def read(
        self,
        spikes: Tensor,
        state: LayerState | None = None,
        *,
        before: int = 0,
        credit: GradientPaths = ALL_PATHS,
        extra: Tensor | None = None,
    ) -> tuple[Tensor, LayerState]:
        """Return the readout's voltage for the last layer's spikes in a chunk of time, and the next state.

        Args:
            spikes: Spikes of the last layer, (time, batch, neuron).
            state: State after the chunk before, or None.
            before: Number of steps at the beginning of the spikes that are history; the state then needs none.
            credit: Gradient paths.
            extra: A current of other synapses that is added, (time, batch, class); None for none.
        """
        state = REST if state is None else state
        current, history = chunk_current(self.synapse, spikes, state.history, before, credit)
        current = current if extra is None else current + extra
        output, voltage = self.readout.run(current.to(spikes.dtype), state.neuron, temporal=credit.temporal)
        return output, LayerState(history, voltage, None, state.step + len(current))

    def start(self, draws: Draws) -> NetworkState:
        """Return the state at rest of a network with stochastic neurons.

        Args:
            draws: Random counter of the sequence; each layer gets its own from it.
        """
        return (*(LayerState(draws=draws.layer(number)) for number in range(len(self.layers))), None)

    def record(self, frames: Tensor, lengths: Tensor | None = None, draws: Draws | None = None) -> Record:
        """Return the spikes of every layer and the output.

        Args:
            frames: Input (time, batch, channel); the extra steps are added behind it.
            lengths: Steps of each recording before its padding, (batch,); None if no recording is padded.
            draws: Random counter of stochastic neurons; without it, torch's generator draws in training mode alone.
        """
        extended, valid = self._extended(frames, lengths)
        spikes, inputs = [extended], SkipInputs(self.skips, extended, ALL_PATHS)
        for number, layer in enumerate(self.layers):
            counter = neuron_draws(layer.neuron, draws and draws.layer(number), None)
            current = inputs.add(number + 1, layer.current(spikes[-1], draws=counter))
            spikes.append(layer.spike(current, SequenceContext(valid, draws=counter))[0])
            inputs.keep(number + 1, spikes[-1])
        return Record(spikes, self._output(spikes[-1], inputs))

    def valid(self, lengths: Tensor) -> Tensor:
        """Return the number of steps of each recording that count, with the extra steps.

        Args:
            lengths: Steps of each recording before its padding, (batch,).
        """
        return lengths + self.extra_steps

    def constrain(self) -> None:
        """Bring all parameters back into their ranges; called after each optimizer step, see `constrain_after`."""
        constrain(self)

    def synapses(self) -> Iterator[Synapse]:
        """Yield the synapses from the input to the output, a recurrent one behind the one that leads to its layer.

        Those of skip connections come last.
        """
        for layer in self.layers:
            yield layer.synapse
            if layer.recurrent is not None:
                yield layer.recurrent.synapse
        yield self.synapse
        yield from (skip.synapse for skip in self.skips)

    def delayed_synapses(self) -> list[DelayedLinear]:
        """Return the connections that have delays, those of convolutions included."""
        synapses = (synapse.connections if isinstance(synapse, DelayedConv) else synapse for synapse in self.synapses())
        return [synapse for synapse in synapses if isinstance(synapse, DelayedLinear)]

    def _parameter(self) -> Tensor:
        return next(self.parameters())

    def _extended(self, frames: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return frames with the extra steps, and the number of steps that count."""
        frames = gates.spikes(frames, who="network", like=self._parameter(), name="frames")
        valid = None
        if lengths is not None:
            batch = math.prod(frames.shape[1:-1])
            checked = gates.lengths(lengths, who="network", name="lengths", batch=batch, longest=len(frames))
            valid = self.valid(checked.to(frames.device))
        if self.extra_steps:
            frames = gates.known(torch.cat([frames, frames.new_zeros(self.extra_steps, *frames.shape[1:])]))
        return frames, valid

    def _output(self, spikes: Tensor, inputs: SkipInputs) -> Tensor:
        current: Tensor = self.synapse(spikes, delayed=inputs.credit.delayed).to(spikes.dtype)
        current = inputs.add(len(self.layers) + 1, current)
        return self.readout(current, temporal=inputs.credit.temporal)


def constrain(module: nn.Module) -> None:
    """Bring the parameters of all synapses and neurons in a module back into their ranges.

    Args:
        module: Network, layer or any other module with synapses and neurons at any depth.
    """
    for part in module.modules():
        if isinstance(part, Synapse | Neuron):
            part.constrain()


def constrain_after(optimizer: torch.optim.Optimizer, module: nn.Module) -> RemovableHandle:
    """Constrain the parameters of a module after each step of an optimizer, so that no loop has to call `constrain`.

    `snnsim.fit` and `snnsim train` do so by themselves.

    Args:
        optimizer: The optimizer; with several, each gets its own call.
        module: A network, a layer, or any module that contains synapses or neurons.

    Returns:
        A handle; `handle.remove()` ends it.
    """

    def after_step(*_: Any) -> None:
        constrain(module)

    return optimizer.register_step_post_hook(after_step)
