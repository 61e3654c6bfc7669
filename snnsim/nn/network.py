"""Layers in order: synapse, normalization, neuron, dropout; the last one is a synapse and a leaky readout.

    current = norm(synapse(spikes));  spikes = dropout(neuron(current));  ...;  output = readout(synapse(spikes))

A layer may be recurrent, see nn/recurrence.py, skip connections may lead from a layer to any later one, see
nn/skip.py, and a network may have several readouts, see nn/heads.py.

A call takes whole sequences; `run` takes chunks of them one after the other, with the state between them.

Shapes   frames (time, batch, channel) · valid (batch,) · spikes (time, batch, neuron) · output (time, batch, class)
Draws    spikes of stochastic neurons are those of `draws`; without it, those of the generator in training mode, and
         the likelier of spike and silence in evaluation mode
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.gradient_paths import ALL_PATHS, GradientPaths
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import settings
from snnsim.nn.constraints import constrain, constrain_after
from snnsim.nn.conv import DelayedConv
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.feedback import check_loops
from snnsim.nn.heads import Head, HeadParts, Output, checked_heads
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.layer_state import LayerState, SequenceContext
from snnsim.nn.propagation import Record, fire, read, run_heads, run_layers
from snnsim.nn.protocols import Readout, Synapse
from snnsim.nn.skip import SentSpikes, Skip, check_skips

__all__ = ["NetworkState", "Record", "SpikingNetwork", "constrain", "constrain_after"]


NetworkState = tuple[LayerState | None, ...]
"""The states of all layers, and of each readout with its synapse."""


class SpikingNetwork(nn.Module):
    """A spiking network of layers in order; `network(frames)` gives the voltage of its readout over time.

    Args:
        layers: The hidden layers.
        synapse: The `Synapse` between the last layer and the readout; None with `heads`.
        readout: A LeakyReadout, or a module with its methods; None with `heads`.
        heads: Several readouts with their synapses by name, in place of `synapse` and `readout`; outputs are then
            dicts of voltages by name.
        extra_steps: Number of steps without input at the end, in which late spikes still arrive.
        skips: Connections that lead from a layer, or the input, to a later layer or a readout.

    Raises:
        TypeError: If a part is of another kind, or there are heads besides a readout.
        ValueError: If the number of extra steps is negative, or a skip connection or a head does not fit the layers.
    """

    def __init__(
        self,
        layers: Sequence[SpikingLayer],
        synapse: Synapse | None = None,
        readout: Readout | None = None,
        *,
        heads: Mapping[str, Head] | None = None,
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
        self.layers: Sequence[SpikingLayer] = nn.ModuleList(layers)  # type: ignore[assignment]
        self.heads = checked_heads(heads, len(layers), synapse=synapse, readout=readout)
        if synapse is not None and readout is not None:
            self.synapse, self.readout = synapse, readout
        targets: dict[int | str, int] = {number: layer.synapse.targets for number, layer in enumerate(layers, start=1)}
        targets |= {head.key: head.synapse.targets for head in self.readouts()}
        check_skips(skips, targets, len(layers))
        check_loops(layers, skips)
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
    ) -> Output:
        """Return the readout's voltage (time + extra_steps, batch, class), or those of named heads by name.

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
        sent = self._sent(spikes, credit)
        del spikes
        fire(self.layers, sent, SequenceContext(valid, generator, credit, draws))
        return self._output(sent)

    def run(
        self,
        frames: Tensor,
        state: NetworkState | None = None,
        *,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: GradientPaths = ALL_PATHS,
    ) -> tuple[Output, NetworkState]:
        """Return the readout's voltage in a chunk of time, or those of named heads by name, and the next state.

        No steps are added to the frames: let `extra_steps` frames of silence follow a recording.

        Args:
            frames: The input, (time, batch, channel).
            state: State after the chunk before, or None; for a random counter, the first state is `start(draws)`.
            valid: Steps of each recording that count, (batch,) or one for all, from its beginning; None for every step.
            generator: Generator of dropout and draws in training mode.
            credit: Gradient paths.

        Raises:
            ValueError: If the state is of a network with another number of layers.
        """
        heads, count = self.readouts(), len(self.layers)
        state = (None,) * (count + len(heads)) if state is None else state
        if len(state) != count + len(heads):
            raise ValueError(f"network: a state of {count + len(heads)} parts is needed, not of {len(state)}")
        sent = self._sent(gates.spikes(frames, who="network", like=self._parameter(), name="frames"), credit)
        if valid is not None:
            valid = gates.lengths(valid, who="network", name="valid", batch=math.prod(frames.shape[1:-1]))
        of_layers = run_layers(self.layers, state[:count], sent, SequenceContext(valid, generator, credit))
        outputs, of_heads = run_heads(heads, state[count:], sent)
        return self.named(outputs), (*of_layers, *of_heads)

    def read(
        self,
        spikes: Tensor,
        state: LayerState | None = None,
        *,
        before: int = 0,
        credit: GradientPaths = ALL_PATHS,
        extra: Tensor | None = None,
    ) -> tuple[Tensor, LayerState]:
        """Return the voltage of the one readout without a name in a chunk of time, and the next state.

        Args:
            spikes: Spikes of the last layer, (time, batch, neuron).
            state: State after the chunk before, or None.
            before: Number of steps at the beginning of the spikes that are history; the state then needs none.
            credit: Gradient paths.
            extra: A current of other synapses that is added, (time, batch, class); None for none.
        """
        head = self.single_readout("SpikingNetwork.read")
        return head.run(spikes, state, before=before, credit=credit, extra=extra)

    def start(self, draws: Draws) -> NetworkState:
        """Return the state at rest of a network with stochastic neurons.

        Args:
            draws: Random counter of the sequence; each layer gets its own from it.
        """
        return (
            *(LayerState(draws=draws.layer(number)) for number in range(len(self.layers))),
            *[None] * len(self.readouts()),
        )

    def record(self, frames: Tensor, lengths: Tensor | None = None, draws: Draws | None = None) -> Record:
        """Return the spikes of every layer and the output.

        Args:
            frames: Input (time, batch, channel); the extra steps are added behind it.
            lengths: Steps of each recording before its padding, (batch,); None if no recording is padded.
            draws: Random counter of stochastic neurons; without it, torch's generator draws in training mode alone.
        """
        spikes, valid = self._extended(frames, lengths)
        sent = self._sent(spikes, ALL_PATHS, everything=True)
        fire(self.layers, sent, SequenceContext(valid, draws=draws))
        return Record([sent.spikes[number] for number in range(len(self.layers) + 1)], self._output(sent))

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
        yield from (head.synapse for head in self.readouts())
        yield from (skip.synapse for skip in self.skips)

    def readouts(self) -> tuple[HeadParts, ...]:
        """Return the readouts with their synapses: that without a name, or the named heads in their order."""
        last = len(self.layers)
        if not self.heads:
            return (HeadParts(last + 1, last, self.synapse, self.readout),)
        heads: dict[str, Head] = dict(self.heads.items())  # type: ignore[arg-type]
        return tuple(
            HeadParts(name, last if head.source is None else head.source, head.synapse, head.readout)
            for name, head in heads.items()
        )

    def single_readout(self, who: str) -> HeadParts:
        """Return the readout without a name.

        Args:
            who: Name of the function that needs it, for the message.

        Raises:
            ValueError: If the network has named heads.
        """
        if self.heads:
            raise ValueError(
                f"{who}: the network must have one readout without a name, not heads {', '.join(self.heads)}"
            )
        return self.readouts()[0]

    @property
    def has_loops(self) -> bool:
        """Whether there are recurrent or feedback connections."""
        recurrent = any(layer.recurrent is not None for layer in self.layers)
        return recurrent or any(skip.is_feedback for skip in self.skips)

    def looped_synapses(self) -> list[Synapse]:
        """Return the connections that are recurrent or feedback, whose delays count from the next step."""
        recurrent = [layer.recurrent.synapse for layer in self.layers if layer.recurrent is not None]
        synapses = recurrent + [skip.synapse for skip in self.skips if skip.is_feedback]
        return [synapse.connections if isinstance(synapse, DelayedConv) else synapse for synapse in synapses]

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

    def _sent(self, frames: Tensor, credit: GradientPaths, *, everything: bool = False) -> SentSpikes:
        # a list, as torch.compile cannot rebuild an object that got a generator
        numbers = range(len(self.layers) + 1) if everything else [head.source for head in self.readouts()]
        return SentSpikes(self.skips, numbers, frames, credit)

    def _output(self, sent: SentSpikes) -> Output:
        """Return the voltages of all readouts over a whole sequence."""
        return self.named([read(head, sent) for head in self.readouts()])

    def named(self, outputs: list[Tensor]) -> Output:
        """Return the voltages of all readouts in the form of the network's output: by name if heads have names.

        Args:
            outputs: The voltages, (time, ..., class), in the order of `readouts`.
        """
        return dict(zip(self.heads, outputs, strict=True)) if self.heads else outputs[0]
