"""Kinds of skip and feedback connections: the list of sections `[[network.skip]]` of a config.

A new kind is a class here and a member of AnySkip; experiment/skips.py builds it.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from snnsim import schema
from snnsim.config.ranges import Milliseconds, check
from snnsim.config.recurrence import DelayKind
from snnsim.schema import Range


@dataclass(frozen=True, kw_only=True)
class Skip(schema.Kind):
    """Settings of all kinds."""

    source: Annotated[int, Range(at_least=0)] = 0
    """Number of the hidden layer that sends spikes, counted from 1; 0 is the input."""
    target: Annotated[int, Range(at_least=1)] = 2
    """Number of the hidden layer that gets the current; one more than there are hidden layers is the readout. With a
    target no later than its source, the connection is feedback."""

    def __post_init__(self) -> None:
        schema.settle(self, "network.skip.")

    @property
    def is_feedback(self) -> bool:
        """Whether the connection leads to the same or an earlier layer."""
        return self.target <= self.source


@dataclass(frozen=True, kw_only=True)
class DenseSkip(Skip):
    """Connections of all sources to all targets: without delay, or with one step in a loop."""

    kind: Literal["dense"] = "dense"


@dataclass(frozen=True, kw_only=True)
class DelayedSkip(Skip):
    """The same connections with delays; their windows are those of the network."""

    kind: Literal["delays"] = "delays"
    max_delay_ms: Milliseconds = 240.0
    """The longest delay: the time from a spike to its current."""
    delays: DelayKind = "synaptic"
    """Whether every source, every connection or every target has a delay of its own."""
    learn_delay: bool = True
    """Whether delays are learned; otherwise they are random and fixed."""


AnySkip = DenseSkip | DelayedSkip
"""A connection of any kind."""
SKIPS: dict[str, type[Skip]] = {kind.kind: kind for kind in get_args(AnySkip)}
"""Every kind by its name in a config."""


def check_skips(skips: tuple[AnySkip, ...], *, hidden: int, convolutions: bool) -> None:
    """Check the connections of a network.

    Args:
        skips: The connections.
        hidden: Number of hidden layers.
        convolutions: Whether the network has convolutions.

    Raises:
        ValueError: If one starts at or leads to a layer that does not exist, or there are convolutions, too.
    """
    check(not (skips and convolutions), "network.skip", "none in a network with convolutions", "a section")
    for skip in skips:
        must = f"a hidden layer from 1 to {hidden}"
        check(skip.source <= hidden, "network.skip.source", f"{must}, or 0, the input", skip.source)
        check(skip.target <= hidden + 1, "network.skip.target", f"{must}, or {hidden + 1}, the readout", skip.target)
