"""Heads of a network: readouts with their own synapses, on the spikes of the last layer or of any other.

    output of a head = readout(synapse(spikes of its source) + Σ skip.synapse(...))

A network has one readout without a name, whose output is a tensor, or named heads, whose outputs are a dict.

Shapes   spikes (time, ..., neuron) · output (time, ..., class)
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from snnsim import validation
from snnsim.gradient_paths import GradientPaths
from snnsim.nn.layer_state import REST, LayerState, chunk_current
from snnsim.nn.protocols import Readout, Synapse, check_module
from snnsim.program import INPUT

Output = Tensor | dict[str, Tensor]
"""Voltages (time, batch, class) of the readout, or of each head by its name."""

_RESERVED = re.compile(rf"{INPUT}|hidden \d+")
"""Names of the input and the layers in a Program."""


class Head(nn.Module):
    """A readout with its synapse, one of several of a network.

    Args:
        synapse: The `Synapse` that leads to the readout.
        readout: A LeakyReadout, or a module with its methods.
        source: Number of the layer whose spikes the synapse gets, counted from 1; 0 is the input. None: the last layer.

    Raises:
        TypeError: If a part is of another kind.
        ValueError: If the source is below 0.
    """

    def __init__(self, synapse: Synapse, readout: Readout, *, source: int | None = None) -> None:
        super().__init__()
        check_module(synapse, Synapse, who="Head", name="synapse", example="DelayedLinear")
        check_module(readout, Readout, who="Head", name="readout", example="LeakyReadout")
        self.source = None if source is None else validation.integer(source, who="Head", name="source", at_least=0)
        self.synapse, self.readout = synapse, readout

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return "" if self.source is None else f"source={self.source}"


class HeadParts(NamedTuple):
    """A head of a network, with or without a name."""

    key: str | int
    """The target by which skip connections name the head."""
    source: int
    """Number of the layer that sends the spikes; 0 is the input."""
    synapse: Synapse
    readout: Readout

    @property
    def name(self) -> str | None:
        """The name; None for the one readout without a name."""
        return self.key if isinstance(self.key, str) else None

    def forward(self, spikes: Tensor, extra: Tensor | None, credit: GradientPaths) -> Tensor:
        """Return the voltage over a whole sequence.

        Args:
            spikes: Spikes of the source, (time, batch, neuron).
            extra: A current of other synapses that is added, (time, batch, class); None for none.
            credit: Gradient paths.
        """
        current: Tensor = self.synapse(spikes, delayed=credit.delayed).to(spikes.dtype)
        return self.readout(current if extra is None else current + extra, temporal=credit.temporal)

    def run(
        self,
        spikes: Tensor,
        state: LayerState | None = None,
        *,
        before: int = 0,
        credit: GradientPaths,
        extra: Tensor | None = None,
    ) -> tuple[Tensor, LayerState]:
        """Return the voltage in a chunk of time, and the next state.

        Args:
            spikes: Spikes of the source, (time, batch, neuron).
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


def checked_heads(
    heads: Mapping[str, Head] | None, layers: int, *, synapse: Synapse | None, readout: Readout | None
) -> nn.ModuleDict:
    """Return the named heads of a network; none where it has a synapse and a readout without a name.

    Args:
        heads: The heads by name, or None.
        layers: Number of layers.
        synapse: The synapse that leads to the readout without a name; None with heads.
        readout: The readout without a name; None with heads.

    Raises:
        TypeError: If a part is of another kind, or there are heads besides a readout.
        ValueError: If there is no head, a name cannot be one, or a source does not exist.
    """
    if heads is None:
        check_module(synapse, Synapse, who="SpikingNetwork", name="synapse", example="DelayedLinear")
        check_module(readout, Readout, who="SpikingNetwork", name="readout", example="LeakyReadout")
        return nn.ModuleDict()
    if synapse is not None or readout is not None:
        raise TypeError("SpikingNetwork: heads stand in place of synapse and readout; leave these out")
    if not isinstance(heads, Mapping) or not all(isinstance(head, Head) for head in heads.values()):
        raise TypeError(f"SpikingNetwork: heads must be Heads by name, not {validation.shown(heads)}")
    if not heads:
        raise ValueError("SpikingNetwork: heads must be one Head or more; for a single one, use synapse and readout")
    for name, head in heads.items():
        if (
            not isinstance(name, str)
            or not name
            or "." in name
            or name in dir(nn.ModuleDict)
            or _RESERVED.fullmatch(name)
        ):
            raise ValueError(
                "SpikingNetwork: the name of a head must be text without dots, and no name of the input, a layer or a "
                f"method of ModuleDict, not {validation.shown(name)}"
            )
        if head.source is not None and head.source > layers:
            raise ValueError(
                f"SpikingNetwork: the head {name!r} must start at a layer from 1 to {layers}, or at the input, 0, not "
                f"at {head.source}"
            )
    return nn.ModuleDict(heads)
