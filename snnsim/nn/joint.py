"""Currents of several connections to the same neurons in evaluation, summed in one order, as a Program sums them.

    I[t, j] = Σ_k w[k] s[t − d[k], i[k]]        over the synapses k of all connections that lead to j

The order is that of kernels/delay/integer_delays.py over the sources of all connections: the earliest spikes first,
then by source and tap. Two sums, one for each connection, would be rounded otherwise, and a membrane that
reaches its threshold exactly would miss it.

Shapes   spikes (time, batch, source) · weight, delay (target, source, tap) · current (time, batch, target)
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.gradient_paths import GradientPaths
from snnsim.kernels.common import gates
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.linear import SparseLinear
from snnsim.nn.protocols import Synapse


class Incoming(NamedTuple):
    """A connection that leads to a layer, with the spikes that it carries."""

    synapse: Synapse
    spikes: Tensor
    """(time, batch, source)."""
    history: Tensor | None = None
    """Spikes before them, as far back as they are known, (step, batch, source); None for silence."""

    def next_history(self) -> Tensor | None:
        """Return the last spikes, as far back as delays reach; None without delays."""
        before = self.synapse.max_delay
        return _reaching_back(self, before)[len(self.spikes) :] if before else None


class Sent(NamedTuple):
    """A connection that leads to a layer, and where it comes from."""

    source: int
    """Number of the layer that sends the spikes; 0 is the input."""
    incoming: Incoming


def in_one_order(own: Sent, others: Sequence[Sent], credit: GradientPaths) -> list[Incoming]:
    """Return connections by the order of their sources, to be summed in one order; none where that is not possible.

    Args:
        own: The connection of a layer or a readout itself.
        others: Its skip connections.
        credit: Gradient paths, all of which the sum has.
    """
    connections = [sent.incoming for sent in sorted((own, *others), key=lambda sent: sent.source)]
    possible = credit.delayed == "exact" and all(
        sums_in_order(one.synapse) and one.spikes.ndim == 3 for one in connections
    )
    return connections if possible else []


class Joint(NamedTuple):
    """Several connections as one."""

    spikes: Tensor
    """(before + time, batch, source)."""
    weight: Tensor
    """(target, source, tap)."""
    delay: Tensor
    """Integers, (target, source, tap)."""
    before: int
    """The longest delay."""


def sums_in_order(synapse: Synapse) -> bool:
    """Return whether a synapse adds weights at integer delays in its present mode, which may be summed with others.

    Args:
        synapse: The synapse.
    """
    hooked = synapse._forward_hooks or synapse._forward_pre_hooks or synapse._backward_hooks
    known = type(synapse) is SparseLinear or isinstance(synapse, DelayedLinear)
    return known and not synapse.training and not hooked


def joined(incoming: Sequence[Incoming]) -> Joint:
    """Return connections that sum in order as one connection.

    Args:
        incoming: The connections, by the order of their sources; those of one source carry the same tensor of spikes.

    Raises:
        ValueError: If spikes are of another number of sources, or not finite.
    """
    before = max(one.synapse.max_delay for one in incoming)
    # connections that carry the same spikes are one with more taps
    groups = [list(group) for _, group in groupby(incoming, key=lambda one: id(one.spikes))]
    pairs = [[integer_weights(one.synapse) for one in group] for group in groups]
    parts = [[torch.cat(kind, dim=2) for kind in zip(*pair, strict=True)] for pair in pairs]
    taps = max(weight.shape[2] for weight, _ in parts)
    # a tap of weight 0 adds 0
    weight, delay = (
        torch.cat([functional.pad(one, (0, taps - one.shape[2])) for one in kind], dim=1)
        for kind in zip(*parts, strict=True)
    )
    farthest = [max(group, key=lambda one: one.synapse.max_delay) for group in groups]
    spikes = torch.cat([_reaching_back(one, before) for one in farthest], dim=2)
    return Joint(gates.known(spikes), weight, delay, before)


def integer_weights(synapse: Synapse) -> tuple[Tensor, Tensor]:
    """Return weights and integer delays, (target, source, tap) each.

    Args:
        synapse: A synapse that sums in order.
    """
    if isinstance(synapse, DelayedLinear):
        return synapse.weight, synapse.integer_delay()
    weight = synapse.weight[..., None]
    return weight, torch.zeros_like(weight, dtype=torch.int64)


def joint_current(incoming: Sequence[Incoming]) -> Tensor:
    """Return the current of connections, (time, batch, target).

    Args:
        incoming: Connections that sum in order, see `joined`.
    """
    joint = joined(incoming)
    return integer_current(joint.spikes, joint.weight, joint.delay, delays=joint.before + 1, before=joint.before)


def _reaching_back(incoming: Incoming, before: int) -> Tensor:
    """Return the spikes with so many steps in front of them; silence stands where no spikes are known."""
    spikes = gates.spikes(incoming.spikes, who="synapse", like=incoming.synapse.weight)
    history = incoming.history
    if history is not None:
        spikes = torch.cat([history[max(0, len(history) - before) :], spikes])
    missing = before + len(incoming.spikes) - len(spikes)
    return torch.cat([spikes.new_zeros(missing, *spikes.shape[1:]), spikes]) if missing else spikes
