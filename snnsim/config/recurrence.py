"""Kinds of recurrent connections: the section `network.recurrent` of a config.

A new kind is a class here and a member of AnyRecurrence; experiment/recurrence.py builds it.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from snnsim import schema
from snnsim.config.ranges import Count, Milliseconds, Width, check
from snnsim.schema import Range

DelayKind = Literal["synaptic", "axonal", "dendritic"]
"""Whether every connection, every source or every target has a delay of its own."""


@dataclass(frozen=True, kw_only=True)
class Recurrence(schema.Kind):
    """Settings of all kinds."""

    layers: tuple[Count, ...] = ()
    """Numbers of the hidden layers that are recurrent, counted from 1; an empty list is all of them."""
    dropout: Annotated[float, Range(at_least=0)] = 0.2
    """Probability of dropout of the recurrent current, with one mask for a recording."""

    def __post_init__(self) -> None:
        schema.settle(self, "network.recurrent.")
        check(self.dropout < 1, "network.recurrent.dropout", "at least 0 and below 1", self.dropout)


@dataclass(frozen=True, kw_only=True)
class DenseRecurrence(Recurrence):
    """Connections of all neurons of a layer to all neurons of the layer, with a delay of one step."""

    kind: Literal["dense"] = "dense"


@dataclass(frozen=True, kw_only=True)
class RecurrentDelays(Recurrence):
    """Settings of the kinds with delays of one step or more."""

    max_delay_ms: Milliseconds = 400.0
    """The longest delay, at least one step: the time from a spike to its recurrent current."""
    learn_delay: bool = True
    """Whether delays are learned; otherwise they are random and fixed."""
    window: Literal["gauss", "max", "v1", "v0"] = "gauss"
    """Shape of the delay windows."""
    sigma_start: Width | None = None
    """Initial width of the delay windows in steps; None is half the delay range."""
    sigma_end: Width | None = None
    """Final width in steps; None is that of the published recipe, 0.5 for `gauss`."""


@dataclass(frozen=True, kw_only=True)
class DelayedRecurrence(RecurrentDelays):
    """Connections of all neurons of a layer to all neurons of the layer, with delays."""

    kind: Literal["delays"] = "delays"
    delays: DelayKind = "axonal"
    """Whether every source, every connection or every target has a delay of its own."""
    start_ms: tuple[Milliseconds, ...] = ()
    """Bounds between which delays start, uniform; an empty list is from one step to the longest delay."""

    def __post_init__(self) -> None:
        super().__post_init__()
        start = list(self.start_ms)
        ordered = len(start) in (0, 2) and start == sorted(start) and max(start, default=0) <= self.max_delay_ms
        must = f"an empty list, or two times in ascending order, at most max_delay_ms = {self.max_delay_ms}"
        check(ordered, "network.recurrent.start_ms", must, start)


@dataclass(frozen=True, kw_only=True)
class ConvolutionalRecurrence(RecurrentDelays):
    """One kernel along the neuron axis, with a delay for each of its weights: neurons get spikes of their neighbors."""

    kind: Literal["conv"] = "conv"
    kernel: Count = 3
    """Number of weights, an odd number: a neuron and its neighbors on both sides."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.kernel % 2 == 1, "network.recurrent.kernel", "odd", self.kernel)


AnyRecurrence = DenseRecurrence | DelayedRecurrence | ConvolutionalRecurrence
"""Recurrent connections of any kind."""
RECURRENCES: dict[str, type[Recurrence]] = {kind.kind: kind for kind in get_args(AnyRecurrence)}
"""Every kind by its name in a config."""
