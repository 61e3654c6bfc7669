"""Recurrent layers in evaluation: every current is summed in the order of the spikes, as in a Program.

    I[t, j] = x[t, j] + Σ_k w[k] s[t − d[k], i[k]]        over the synapses k of target j

Spikes s are those of other layers and of the layer itself. The sum starts at 0 and adds one product after the other,
each of them rounded: the longest delay first, then by source, then by tap. The layer's own spikes come last among those
of a step. Each spike adds its weights to the currents of the steps to come, which lie in a ring, so the order comes by
itself, for any batch, chunk of time and number of threads.

Shapes   sent (time, batch, source) with steps before the first one in front · x, spikes (time, batch, neuron)
         weight, delay (target, source, tap) · coefficients (neuron,)
Units    delays in steps
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from snnsim.kernels.common import gates
from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel, torch_threads
from snnsim.kernels.neuron.two_state import check_unseen
from snnsim.kernels.neuron.two_state_types import Arrays, Coefficients
from snnsim.kernels.recurrent.cpu_loop_steps import forward_rows, set_sum, step_forward
from snnsim.kernels.recurrent.loop_types import LoopArrays, Looped


class Synapses(NamedTuple):
    """Synapses that are present, by source: first the sources of other layers, and then the neurons themselves."""

    indptr: np.ndarray
    """First synapse of each source, int64 (source + 1,)."""
    offset: np.ndarray
    """Delay · neurons + target, int64 (synapse,)."""
    weight: np.ndarray
    """(synapse,)."""
    longest: int
    """The longest delay."""


def synapses(weight: Tensor, delay: Tensor) -> Synapses:
    """Return the synapses of weights and delays.

    Args:
        weight: Weights, (target, source, tap).
        delay: Delays in steps, integers of 0 or more, (target, source, tap).
    """
    targets, sources, taps = weight.shape
    # by source, and each of them by target and tap
    flat, late = (part.permute(1, 0, 2).reshape(sources, targets * taps) for part in (weight.detach(), delay))
    present = flat != 0
    target = torch.arange(targets).repeat_interleave(taps)
    indptr = torch.zeros(sources + 1, dtype=torch.int64)
    torch.cumsum(present.sum(1), 0, out=indptr[1:])
    longest = int(delay.max()) if delay.numel() else 0
    return Synapses(indptr.numpy(), (late * targets + target)[present].numpy(), flat[present].numpy(), longest)


def fire(
    external: Tensor, sent: Tensor, own: Tensor, connections: Synapses, v: Tensor, w: Tensor,
    neuron: Coefficients[Tensor], *, hard: bool,
) -> Looped:  # fmt: skip
    """Return the spikes of a layer, and its last state; without gradients.

    Args:
        external: Currents that precede any of the synapses', (time, batch, neuron), float32 or float64.
        sent: Spikes of other layers, (before + time, batch, source).
        own: Spikes of the layer itself before the first step, (before, batch, neuron).
        connections: The synapses; delays of own spikes are one step at least.
        v: The voltage before the first step, (batch, neuron).
        w: The second variable before it, (batch, neuron).
        neuron: The coefficients of the neurons, (neuron,) each.
        hard: Whether the reset is hard.

    Raises:
        ValueError: If the shapes do not match, a coefficient is not finite, or the state does not stay finite.
    """
    steps, batch, neurons = external.shape
    before, sources = len(own), len(connections.indptr) - 1 - neurons
    gates.shaped(
        who="in_order.fire", v=(v, (batch, neurons)), w=(w, (batch, neurons)),
        sent=(sent, (before + steps, batch, sources)), own=(own, (before, batch, neurons)),
    )  # fmt: skip
    check_unseen(neuron)
    total, spikes = external.detach().clone(memory_format=torch.contiguous_format), empty(external, *external.shape)
    last = v.detach().clone(), w.detach().clone()
    arrays = LoopArrays(*(_flat(one) for one in (total, torch.ones_like(v), *last, spikes)))
    with torch_threads():
        _fire(
            arrays, Coefficients(*(one.detach().contiguous().numpy() for one in neuron)), hard,
            _flat(sent.detach().contiguous()), _flat(own.detach().contiguous()), connections,
        )  # fmt: skip
    for part in last:
        gates.ended(part, who="neurons")
    return Looped(spikes, *last)


def _flat(tensor: Tensor) -> np.ndarray:
    """Return (batch, neuron) as (column,), and (time, batch, neuron) as (time, column)."""
    array: np.ndarray = tensor.flatten(-2).numpy()
    return array


@parallel()
def _fire(
    arrays: LoopArrays, neuron: Arrays, hard: bool, sent: np.ndarray, own: np.ndarray, connections: Synapses
) -> None:
    for_each(_fire_lane, arrays.v.size // neuron.beta.size, (arrays, neuron, hard, sent, own, connections))


@subroutine(cache=True)
def _fire_lane(
    lane: int, arrays: LoopArrays, neuron: Arrays, hard: bool, sent: np.ndarray, own: np.ndarray, connections: Synapses
) -> None:
    """Compute all steps of a recording."""
    neurons, before, sources = neuron.beta.size, len(own), connections.indptr.size - 1 - neuron.beta.size
    columns, senders = slice(lane * neurons, (lane + 1) * neurons), slice(lane * sources, (lane + 1) * sources)
    rows = forward_rows(arrays, neuron, 1, columns)
    ring = np.zeros((connections.longest + 1) * neurons, arrays.v.dtype)
    for index in range(len(sent)):
        t, start = index - before, index % (connections.longest + 1) * neurons
        _push(connections, 0, sent[index, senders], start, ring)
        current = ring[start : start + neurons]
        if t >= 0:
            total = arrays.total[t, columns]
            set_sum(total, current, total)
            step_forward(t, rows, hard)
            spikes = arrays.spikes[t, columns]
        else:
            spikes = own[index, columns]
        current[:] = 0
        _push(connections, sources, spikes, start, ring)


@subroutine(cache=True)
def _push(connections: Synapses, first: int, spikes: np.ndarray, start: int, ring: np.ndarray) -> None:
    """Add the weights of the spikes of a step, those of the sources from one on, to the currents of their arrivals."""
    indptr, offset, weight = connections.indptr, connections.offset, connections.weight
    for n in range(spikes.size):
        spike = spikes[n]
        if spike != 0:
            for k in range(indptr[first + n], indptr[first + n + 1]):
                index = start + offset[k]
                if index >= ring.size:
                    index -= ring.size
                ring[index] += spike * weight[k]
