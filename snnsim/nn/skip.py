"""Skip connections: a layer, or the readout, also gets the current of spikes from any other layer.

    current of layer n = synapse(spikes of layer n − 1) + Σ skip.synapse(spikes of layer skip.source)

The sum is taken before the normalization of the layer, so that all its weights fold into a Program alike.

A connection to the same or an earlier layer is feedback, see nn/feedback.py: its delays count from the step after the
spike, and its current is added behind the normalization, as that of a Recurrence.

Shapes   spikes, current (time, ..., neuron)
"""

from collections.abc import Collection, Mapping, Sequence

from torch import Tensor, nn

from snnsim import validation
from snnsim.gradient_paths import GradientPaths
from snnsim.nn.joint import Incoming, Sent
from snnsim.nn.layer_state import LayerState
from snnsim.nn.protocols import Synapse, check_module


class Skip(nn.Module):
    """A connection from a layer, or the input, to another layer or a readout.

    Args:
        source: Number of the layer that sends spikes, counted from 1; 0 is the input.
        target: Number of the layer that gets the current; one more than there are layers is the readout. The name of a
            head is that head. With a target no later than the source, the connection is feedback.
        synapse: The synapse, with or without delays.

    Raises:
        TypeError: If an argument is of another kind.
        ValueError: If a number is out of its range.
    """

    def __init__(self, source: int, target: int | str, synapse: Synapse) -> None:
        super().__init__()
        self.source = validation.integer(source, who="Skip", name="source", at_least=0)
        self.target = target
        if not isinstance(target, str):
            self.target = validation.integer(target, who="Skip", name="target", at_least=1)
        check_module(synapse, Synapse, who="Skip", name="synapse", example="DelayedLinear")
        self.synapse = synapse

    @property
    def is_feedback(self) -> bool:
        """Whether the connection leads to the same or an earlier layer."""
        return isinstance(self.target, int) and self.target <= self.source

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return f"{self.source} -> {self.target}"


def check_skips(skips: Sequence[Skip], targets: Mapping[int | str, int], layers: int) -> None:
    """Check the skip connections of a network.

    Args:
        skips: The connections.
        targets: Number of neurons of each layer and each head, by the target of a skip connection.
        layers: Number of layers.

    Raises:
        TypeError: If one is no Skip.
        ValueError: If one starts at or leads to a layer that does not exist, or to another number of neurons.
    """
    for skip in skips:
        if not isinstance(skip, Skip):
            raise TypeError(f"SpikingNetwork: skips must be Skip connections, not {validation.shown(skip)}")
        if skip.target not in targets:
            heads = [key for key in targets if isinstance(key, str)]
            last = f"a head, {' or '.join(map(repr, heads))}" if heads else f"the readout, {layers + 1}"
            raise ValueError(
                f"SpikingNetwork: a skip connection must lead to a layer from 1 to {layers}, or to {last}, not to "
                f"{skip.target!r}"
            )
        if skip.source > layers:
            raise ValueError(
                f"SpikingNetwork: a skip connection must start at a layer from 1 to {layers}, or at the input, 0, not "
                f"at {skip.source}"
            )
        if skip.synapse.targets != targets[skip.target]:
            raise ValueError(
                f"SpikingNetwork: the skip connection {skip.source} -> {skip.target} must lead to "
                f"{targets[skip.target]} neurons, not to {skip.synapse.targets}"
            )


def joint_layers(layers: int, skips: Sequence[Skip]) -> list[range]:
    """Return the layers of a network, counted from 1, as ranges: those of a loop together, every other one alone.

    Args:
        layers: Number of layers.
        skips: The skip and feedback connections.
    """
    last = {number: number for number in range(1, layers + 1)}
    for skip in skips:
        if isinstance(skip.target, int) and skip.is_feedback:
            last[skip.target] = max(last[skip.target], skip.source)
    ranges, first = [], 1
    while first <= layers:
        end = number = first
        while number <= end:
            end, number = max(end, last[number]), number + 1
        ranges.append(range(first, end + 1))
        first = end + 1
    return ranges


class SentSpikes:
    """The spikes of a sequence, or a chunk of one, that layers, skip connections and heads still need.

    Args:
        skips: The skip connections of a network.
        needed: Numbers of the layers whose spikes are kept for a head, or for a record; 0 is the input.
        frames: The input of the network, (time, ..., channel).
        credit: Gradient paths.
    """

    def __init__(self, skips: Sequence[Skip], needed: Collection[int], frames: Tensor, credit: GradientPaths) -> None:
        self.skips, self.credit = skips, credit
        self.needed = {*needed, *(skip.source for skip in skips)}
        self.spikes: dict[int, Tensor] = {}
        self.keep(0, frames)

    def keep(self, number: int, spikes: Tensor) -> None:
        """Keep the spikes of a layer.

        Args:
            number: Number of the layer, from 1; 0 is the input of the network.
            spikes: Its spikes, (time, ..., neuron).
        """
        self.spikes[number] = spikes

    def take(self, number: int) -> Tensor:
        """Return the spikes of a layer for the next one; they are kept only where a connection still needs them.

        Args:
            number: Number of the layer, from 1; 0 is the input of the network.
        """
        return self.spikes[number] if number in self.needed else self.spikes.pop(number)

    def current(self, target: int | str) -> Tensor | None:
        """Return the sum of the currents of the skip connections to a target over a whole sequence; None for none.

        Args:
            target: Number of the layer, or target of the head.
        """
        total = None
        for skip in self.skips:
            if skip.target == target:
                current = skip.synapse(self.spikes[skip.source], delayed=self.credit.delayed)
                total = current if total is None else total + current
        return total

    def run(self, target: int | str, state: LayerState | None) -> tuple[Tensor | None, tuple[Tensor | None, ...]]:
        """Return the sum of the currents of a layer's skip connections in a chunk of time, and their histories.

        Args:
            target: Number of the layer, or target of the head.
            state: State of the layer after the chunk before, or None.
        """
        total, after = None, []
        for _, (synapse, spikes, history) in self.sent(target, state):
            current, history = synapse.run(spikes, history, delayed=self.credit.delayed)
            total = current if total is None else total + current
            after.append(history)
        return total, tuple(after)

    def sent(self, target: int | str, state: LayerState | None = None) -> list[Sent]:
        """Return the skip connections to a target with their spikes.

        Args:
            target: Number of the layer, or target of the head.
            state: State of the layer after the chunk before, or None.
        """
        leading = [skip for skip in self.skips if skip.target == target]
        before = (state.skips if state else ()) or (None,) * len(leading)
        return [
            Sent(skip.source, Incoming(skip.synapse, self.spikes[skip.source], history))
            for skip, history in zip(leading, before, strict=True)
        ]
