"""Sorted synapses of a layer, kept from one evaluation to the next while its weights and delays stay the same.

The sums of integer_delays.py need synapses in their order. For one recording, or one step of a stream, sorting takes
longer than the sums. Weights and delays are compared number by number, which costs a small part of a sort, and so no
change of them is missed, not even one that torch does not count, as by `weight.data`.

Shapes   spikes (time, batch, source) · weight (target, source, tap) · delay, broadcast to that of the weights
Units    delay in steps
Differs  memory: a copy of the weights and delays of the latest evaluation, and 16 bytes for each synapse
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snnsim.kernels.common import dispatch
from snnsim.kernels.common.gates import eager
from snnsim.kernels.common.threads import torch_threads
from snnsim.kernels.delay import cpu_integer_delays
from snnsim.kernels.delay.integer_delays import check_delays, check_spikes, integer_current


class _Sorted(NamedTuple):
    weight: Tensor
    delay: Tensor
    delays: int
    synapses: cpu_integer_delays.Synapses


class KeptSynapses:
    """The synapses of a layer in the order in which evaluation adds them; a copy or a pickle of it is empty."""

    def __init__(self) -> None:
        self._latest: _Sorted | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return KeptSynapses, ()

    @eager
    def current(
        self,
        spikes: Tensor,
        weight: Tensor,
        delay: Tensor,
        rounded: Callable[[], Tensor],
        *,
        delays: int,
        before: int = 0,
    ) -> Tensor:
        """Return the currents of `integer_current`; with gradients, or off the CPU, nothing is kept.

        Args:
            spikes: Spikes of the sources, (time, batch, source).
            weight: Weights, (target, source, tap).
            delay: Delays before they are rounded, of any shape that broadcasts to that of the weights.
            rounded: Function that returns the delays as integers, in the shape of the weights.
            delays: Number of delays: the longest is one less.
            before: Context steps of the spikes in front of the currents.

        Returns:
            Currents (time - before, batch, target) in the dtype of the spikes.

        Raises:
            TypeError: If rounded delays are not integers.
            ValueError: If the shapes do not match, or a delay is outside of its range.
        """
        sums = spikes.shape[1] > 0 and len(spikes) > before
        if torch.is_grad_enabled() or not sums or dispatch.of_integer_delays(spikes, weight) != "numba":
            return integer_current(spikes, weight, rounded(), delays=delays, before=before)
        check_spikes(spikes, weight, before)
        latest = self._latest
        if (
            latest is None
            or latest.delays != delays
            or not _same(latest.weight, weight)
            or not _same(latest.delay, delay)
        ):
            latest = self._latest = _sorted(weight.detach(), delay.detach(), rounded(), delays)
        return cpu_integer_delays.current_of(spikes, latest.synapses, before=before)


def _sorted(weight: Tensor, delay: Tensor, integers: Tensor, delays: int) -> _Sorted:
    check_delays(weight, integers, delays)
    with torch_threads():
        synapses = cpu_integer_delays.ordered(weight, integers)
    return _Sorted(weight.clone(), delay.clone(), delays, synapses)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)
