"""Skip connections: a layer, or the readout, also gets the current of spikes from any earlier layer.

    current of layer n = synapse(spikes of layer n − 1) + Σ skip.synapse(spikes of layer skip.source)

The sum is taken before the normalization of the layer, so that all its weights fold into a Program alike.

Shapes   spikes, current (time, ..., neuron)
"""

from collections.abc import Sequence

from torch import Tensor, nn

from snnsim import validation
from snnsim.gradient_paths import GradientPaths
from snnsim.nn.layer_state import LayerState
from snnsim.nn.protocols import Synapse, check_module


class Skip(nn.Module):
    """A connection from a layer, or the input, to a later layer or the readout.

    Args:
        source: Number of the layer that sends spikes, counted from 1; 0 is the input.
        target: Number of the layer that gets the current; one more than there are layers is the readout.
        synapse: The synapse, with or without delays.

    Raises:
        TypeError: If an argument is of another kind.
        ValueError: If the target is no later than the source.
    """

    def __init__(self, source: int, target: int, synapse: Synapse) -> None:
        super().__init__()
        self.source = validation.integer(source, who="Skip", name="source", at_least=0)
        self.target = validation.integer(target, who="Skip", name="target", at_least=1)
        if self.target <= self.source:
            raise ValueError(
                f"Skip: the target must be later than the source, not layer {target} after layer {source}; for a layer "
                "that leads back to itself, use a Recurrence"
            )
        check_module(synapse, Synapse, who="Skip", name="synapse", example="DelayedLinear")
        self.synapse = synapse

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return f"{self.source} -> {self.target}"


def check_skips(skips: Sequence[Skip], targets: Sequence[int]) -> None:
    """Check the skip connections of a network.

    Args:
        skips: The connections.
        targets: Number of neurons of each layer, and of the readout.

    Raises:
        TypeError: If one is no Skip.
        ValueError: If one leads to a layer that does not exist, or to another number of neurons.
    """
    for skip in skips:
        if not isinstance(skip, Skip):
            raise TypeError(f"SpikingNetwork: skips must be Skip connections, not {validation.shown(skip)}")
        if skip.target > len(targets):
            raise ValueError(
                f"SpikingNetwork: a skip connection must lead to a layer from 1 to {len(targets) - 1}, or to the "
                f"readout, {len(targets)}, not to {skip.target}"
            )
        if skip.synapse.targets != targets[skip.target - 1]:
            raise ValueError(
                f"SpikingNetwork: the skip connection {skip.source} -> {skip.target} must lead to "
                f"{targets[skip.target - 1]} neurons, not to {skip.synapse.targets}"
            )


class SkipInputs:
    """The spikes of a sequence, or a chunk of one, that skip connections still need.

    Args:
        skips: The skip connections of a network.
        frames: The input of the network, (time, ..., channel).
        credit: Gradient paths.
    """

    def __init__(self, skips: Sequence[Skip], frames: Tensor, credit: GradientPaths) -> None:
        self.skips, self.credit = skips, credit
        self.spikes: dict[int, Tensor] = {}
        self.keep(0, frames)

    def keep(self, number: int, spikes: Tensor) -> None:
        """Keep the spikes of a layer if a skip connection starts there.

        Args:
            number: Number of the layer, from 1; 0 is the input of the network.
            spikes: Its spikes, (time, ..., neuron).
        """
        if any(skip.source == number for skip in self.skips):
            self.spikes[number] = spikes

    def add(self, target: int, current: Tensor) -> Tensor:
        """Return the current of a layer, or the readout, with those of its skip connections over a whole sequence.

        Args:
            target: Number of the layer.
            current: The current of its own synapse, (time, ..., neuron).
        """
        for skip in self.skips:
            if skip.target == target:
                current = current + skip.synapse(self.spikes[skip.source], delayed=self.credit.delayed)
        return current

    def run(self, target: int, state: LayerState | None) -> tuple[Tensor | None, tuple[Tensor | None, ...]]:
        """Return the sum of the currents of a layer's skip connections in a chunk of time, and their histories.

        Args:
            target: Number of the layer.
            state: State of the layer after the chunk before, or None.
        """
        leading = [skip for skip in self.skips if skip.target == target]
        before = (state.skips if state else ()) or (None,) * len(leading)
        total, after = None, []
        for skip, history in zip(leading, before, strict=True):
            spikes = self.spikes[skip.source]
            current, history = skip.synapse.run(spikes, history, delayed=self.credit.delayed)
            total = current if total is None else total + current
            after.append(history)
        return total, tuple(after)
