"""The section `network` of a config: sizes, delays, neurons and normalization."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from snnsim import schema
from snnsim.config import renamed_keys
from snnsim.config.neurons import LIF, AnyNeurons
from snnsim.config.ranges import Count, Width, check
from snnsim.config.readout import Readout
from snnsim.config.recurrence import AnyRecurrence, DelayKind
from snnsim.config.skips import AnySkip, check_skips
from snnsim.schema import Range


@dataclass(frozen=True)
class Network:
    """The layers: sizes, delays, neurons, normalization."""

    hidden: tuple[int, ...] = (256, 256)
    convolutions: tuple[int, ...] = ()
    """Channels of the convolutional layers in front of the hidden ones; they need data.height and data.width."""
    kernel: Count = 3
    """Rows and columns of the kernels of convolutions, an odd number; zero padding keeps the size of a field."""
    stride: Annotated[int, Range(at_least=1, at_most=1000)] = 1
    """Stride of the convolutions, in rows and in columns."""
    pool: Count = 2
    """Rows and columns of the average pooling of spikes after every convolutional layer."""
    delays: Literal["learned", "fixed", "none"] = "learned"
    delay_kind: DelayKind = "synaptic"
    """Whether every connection, every source or every target has a delay of its own."""
    max_delay_ms: Annotated[float, Range(at_least=0)] = 240.0
    taps: Annotated[int, Range(at_least=1, at_most=1000)] = 1
    """(weight, delay) pairs of each connection."""
    window: Literal["gauss", "max", "v1", "v0"] = "gauss"
    """Shape of the delay windows."""
    sigma_start: Width | None = None
    """Initial width of the delay windows in steps; None is half the delay range."""
    sigma_end: Width | None = None
    """Final width of the delay windows in steps; None is that of the published recipe, 0.5 for `gauss`."""
    sparsity: float = 0.0
    """Share of the connections that are left out at random."""
    neuron: AnyNeurons = field(default_factory=LIF)
    """Neurons of the layers, a section of config/neurons.py: lif, meta, levy_baxter, second_order, adlif, silif, alif,
    cuba_lif."""
    readout: Readout = field(default_factory=Readout)
    """The neurons of the readout, a section of config/readout.py."""
    recurrent: AnyRecurrence | None = None
    """Recurrent connections of hidden layers, a section of config/recurrence.py: dense, delays, conv; None for none."""
    skip: tuple[AnySkip, ...] = ()
    """Skip and feedback connections, a list of sections of config/skips.py: dense, delays."""
    batch_norm: bool = True
    bias: bool = False
    """Whether each neuron has a learned bias where there is no batch normalization, which has one."""
    dropout: float = 0.4
    dropout_mask: Literal["recording", "step"] = "recording"
    """Whether dropout has one mask for a recording or a new one in every step."""
    extra_ms: Annotated[float, Range(at_least=0)] = 360.0
    """Time that the network runs after the end of a recording, so that late spikes count."""

    def __post_init__(self) -> None:
        schema.settle(self, "network.")
        sizes = len(self.hidden + self.convolutions) > 0 and all(width > 0 for width in self.hidden)
        check(sizes, "network.hidden", "one or more positive widths", list(self.hidden))
        channels = all(number > 0 for number in self.convolutions)
        check(channels, "network.convolutions", "positive numbers of channels", list(self.convolutions))
        check(self.kernel > 0 and self.kernel % 2 == 1, "network.kernel", "odd and positive", self.kernel)
        check(0 <= self.dropout < 1, "network.dropout", "at least 0 and below 1", self.dropout)
        check(0 <= self.sparsity < 1, "network.sparsity", "at least 0 and below 1", self.sparsity)
        check(not (self.bias and self.batch_norm), "network.bias", "false with network.batch_norm, which has one", True)
        self._check_connections()

    def positions(self, height: int, width: int) -> Iterator[tuple[int, int]]:
        """Yield the rows and columns of each convolution's field, before its spikes are averaged.

        Args:
            height: Rows of the field of the input.
            width: Columns of that field.
        """
        for _ in self.convolutions:
            height, width = -(-height // self.stride), -(-width // self.stride)
            yield height, width
            height, width = height // self.pool, width // self.pool

    def _check_connections(self) -> None:
        flat = self.delay_kind == "synaptic" or not self.convolutions
        check(flat, "network.delay_kind", "synaptic in a network with convolutions", self.delay_kind)
        check_skips(self.skip, hidden=len(self.hidden), convolutions=bool(self.convolutions))
        if self.recurrent is not None:
            check(not self.convolutions, "network.recurrent", "none in a network with convolutions", "a section")
            layers, most = self.recurrent.layers, len(self.hidden)
            must = f"different numbers of hidden layers, from 1 to {most}"
            check(
                len(set(layers)) == len(layers) <= most >= max(layers, default=1),
                "network.recurrent.layers",
                must,
                list(layers),
            )


renamed_keys.accept(Network)
