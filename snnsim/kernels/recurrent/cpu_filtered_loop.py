"""The loop over steps of a layer with axonal or dendritic recurrent delays, compiled for the CPU.

    axonal      r[t, j] = Σ_i w[j, i] Σ_d window[d − 1, i] s[t − d, i]        filter, then product
    dendritic   r[t, j] = Σ_d window[d − 1, j] Σ_i w[j, i] s[t − d, i]        product, then filter

    forward     I[t] = x[t] + mask · r[t];  s[t] = neuron(I[t])
    backward    e[t] = ∂L/∂I[t], and the gradient of s[t] through the loop is the same sum in reverse order of time, of
                mask · e, with the transposed matrix: the filter comes last where it came first

A few recordings are computed together, so that the values of the last D steps, the matrix and the windows stay in the
second cache. Products of spikes add a row for each event; others come from a microkernel, with sums in registers.

Shapes   as in loop_types.py; values of channels have a margin up to whole panels
Names    D longest delay · x current of other connections · r recurrent current
Exact    up to rounding; results of a recording do not depend on the others, or on the number of threads
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.delay.filter_microkernel import VECTOR, Rows, filter_vectors
from snnsim.kernels.delay.gemm_microkernel import PANEL, Matrix, product
from snnsim.kernels.neuron.cpu_two_state_rows import flush, short_steps, step_backward
from snnsim.kernels.neuron.two_state_types import Arrays, StepOptions
from snnsim.kernels.recurrent.cpu_loop_steps import (
    add_product,
    add_scaled,
    backward_rows,
    forward_rows,
    narrowed,
    set_sum,
    step_forward,
    widened,
)
from snnsim.kernels.recurrent.loop_types import BackArrays, Delivery, LoopArrays

_four_vectors, _two_vectors = (filter_vectors(vectors, fused=True) for vectors in (4, 2))
_APART = 16
"""Numbers between rows: rows a power of two apart would share places in the caches."""


@parallel()
def forward(arrays: LoopArrays, neuron: Arrays, hard: bool, delivery: Delivery) -> None:
    """Set spikes and the state after the last step, and add the recurrent currents to the others.

    Args:
        arrays: The arrays of the pass.
        neuron: The coefficients of the neurons, (neuron,) each.
        hard: Whether the reset is hard.
        delivery: The way from spikes to currents.
    """
    neurons, lanes = neuron.beta.size, delivery.lanes
    count = arrays.v.size // neurons
    for_each(_tile_forward, -(-count // lanes), (arrays, neuron, hard, delivery))


@subroutine(cache=True)
def _tile_forward(tile: int, arrays: LoopArrays, neuron: Arrays, hard: bool, delivery: Delivery) -> None:
    """Compute all steps of a few lanes."""
    neurons, first = neuron.beta.size, tile * delivery.lanes
    last = min(first + delivery.lanes, arrays.v.size // neurons)
    lanes = last - first
    columns = slice(first * neurons, last * neurons)
    rows, mask, memory = forward_rows(arrays, neuron, lanes, columns), arrays.mask[columns], _memory(delivery, lanes)
    recurrent, ones = np.empty_like(mask), np.ones_like(mask)
    for t in range(len(arrays.total)):
        if t:
            _receive(t, delivery, memory, lanes)
            narrowed(memory.out, lanes, recurrent)
            add_product(recurrent, mask, arrays.total[t, columns])
        step_forward(t, rows, hard)
        widened(arrays.spikes[t, columns], ones, lanes, memory.sent)
        _send(t, delivery, memory, lanes, True)


@parallel()
def backward(
    arrays: BackArrays,
    neuron: Arrays,
    sums: Arrays,
    options: StepOptions,
    delivery: Delivery,
    learned: bool,
    through: bool,
) -> None:
    """Set the gradients of the currents and the state before the first step, and add those of the coefficients.

    Args:
        arrays: The arrays of the pass.
        neuron: The coefficients of the neurons, (neuron,) each.
        sums: Gradients of the coefficients, to be added to, float64 (column,) each, or without elements.
        options: The choices of the pass.
        delivery: The way from errors to spikes.
        learned: Whether the gradients of the coefficients are computed.
        through: Whether errors pass through the loop.
    """
    neurons, lanes = neuron.beta.size, delivery.lanes
    count = arrays.dv.size // neurons
    arguments = (arrays, neuron, sums, options, delivery, learned, through)
    for_each(_tile_backward, -(-count // lanes), arguments)


@subroutine(cache=True)
def _tile_backward(
    tile: int, arrays: BackArrays, neuron: Arrays, sums: Arrays, options: StepOptions, delivery: Delivery,
    learned: bool, through: bool,
) -> None:  # fmt: skip
    """Go back over all steps of a few lanes."""
    neurons, steps, first = neuron.beta.size, len(arrays.total), tile * delivery.lanes
    last = min(first + delivery.lanes, arrays.dv.size // neurons)
    lanes = last - first
    columns = slice(first * neurons, last * neurons)
    rows, mask = backward_rows(arrays, neuron, lanes, columns), arrays.mask[columns]
    memory, recurrent = _memory(delivery, lanes), np.zeros_like(mask)
    between = short_steps(rows.learning.sums, mask.size)
    for t in range(steps - 1, -1, -1):
        if through and t + 1 < steps:
            _receive(steps - 1 - t, delivery, memory, lanes)
            narrowed(memory.out, lanes, recurrent)
        set_sum(arrays.spikes[t, columns], recurrent, rows.back.spikes)
        step_backward(t, rows, options, learned)
        if through:
            widened(arrays.error[t, columns], mask, lanes, memory.sent)
            _send(steps - 1 - t, delivery, memory, lanes, False)
        if learned and t % between == 0:
            flush(rows.learning.sums, sums, columns)


class _Memory(NamedTuple):
    """The memory of a few lanes; values of a lane have a margin."""

    ring: np.ndarray
    """Values of the last steps, (slot, delay · (lane · width + _APART)): one slot, or one for each tap."""
    sent: np.ndarray
    """Values of a step, (lane · width,)."""
    filtered: np.ndarray
    out: np.ndarray
    panel: np.ndarray
    """Scratch memory of a product, (lane · PANEL,)."""


@subroutine(cache=True)
def _memory(delivery: Delivery, lanes: int) -> _Memory:
    taps, delays, width = delivery.window.shape
    kind, size = delivery.window.dtype, lanes * width
    slots = 1 if delivery.filters_first else taps
    return _Memory(
        np.zeros((slots, delays * (size + _APART)), kind), np.zeros(size, kind), np.zeros(size, kind),
        np.zeros(size, kind), np.empty(lanes * PANEL, kind),
    )  # fmt: skip


@subroutine(cache=True)
def _receive(step: int, delivery: Delivery, memory: _Memory, lanes: int) -> None:
    """Set the values that arrive in a step: the sum over all earlier ones."""
    for tap in range(len(delivery.window)):
        if delivery.filters_first:
            _filter(step, delivery.window[tap], memory.ring[0], False, lanes, memory.filtered)
            _multiply(memory.filtered, delivery.weight[tap], tap > 0, lanes, memory.panel, memory.out)
        else:
            _filter(step, delivery.window[tap], memory.ring[tap], tap > 0, lanes, memory.out)


@subroutine(cache=True)
def _send(step: int, delivery: Delivery, memory: _Memory, lanes: int, sparse: bool) -> None:
    """Take the values of a step for the steps after it; sparse ones are mostly 0."""
    delays, size = delivery.window.shape[1], memory.sent.size
    start = step % delays * (size + _APART)
    for slot in range(len(memory.ring)):
        row = memory.ring[slot, start : start + size]
        if delivery.filters_first:
            copy_row(memory.sent, row)
        elif sparse:
            _add_events(memory.sent, delivery.rows[slot], lanes, row)
        else:
            _multiply(memory.sent, delivery.weight[slot], False, lanes, memory.panel, row)


@subroutine(cache=True)
def _filter(step: int, window: np.ndarray, ring: np.ndarray, added: bool, lanes: int, out: np.ndarray) -> None:
    """Set or add the sum over the values of the last steps, which lie in a ring, the latest first."""
    delays, width = window.shape
    distance, flat = lanes * width + _APART, window.reshape(-1)
    latest, count = (step - 1) % delays, min(step, delays)
    near = min(latest + 1, count)
    for channel in range(0, width, 4 * VECTOR):
        for lane in range(lanes):
            index = lane * width + channel
            # from the latest row to the beginning of the ring, and then from its end
            one = Rows(flat, channel, width), Rows(ring, latest * distance + index, -distance)
            two = (
                Rows(flat, near * width + channel, width),
                Rows(ring, (delays - 1) * distance + index, -distance),
            )
            if width - channel >= 4 * VECTOR:
                _four_vectors(one[0], one[1], near, added, out, index)
                _four_vectors(two[0], two[1], count - near, True, out, index)
            else:
                _two_vectors(one[0], one[1], near, added, out, index)
                _two_vectors(two[0], two[1], count - near, True, out, index)


@subroutine(cache=True)
def _multiply(
    values: np.ndarray, weight: np.ndarray, added: bool, lanes: int, panel: np.ndarray, out: np.ndarray
) -> None:
    """Set or add the product of values (lane · width,) with a matrix in panels."""
    width = values.size // lanes
    size = width * PANEL
    for first in range(0, width, PANEL):
        index = first // PANEL * size
        product(lanes, width, Matrix(values, width, 1), weight[index : index + size], panel)
        for lane in range(lanes):
            one, row = (
                panel[lane * PANEL : (lane + 1) * PANEL],
                out[lane * width + first : lane * width + first + PANEL],
            )
            if added:
                for c in range(row.size):
                    row[c] += one[c]
            else:
                copy_row(one, row)


@subroutine(cache=True)
def _add_events(values: np.ndarray, rows: np.ndarray, lanes: int, out: np.ndarray) -> None:
    """Set the product of values that are mostly 0 with a matrix (term, column), row by row."""
    width = values.size // lanes
    for lane in range(lanes):
        total = out[lane * width : (lane + 1) * width]
        total[:] = 0
        for source in range(width):
            value = values[lane * width + source]
            if value != 0:
                add_scaled(value, rows[source], total)
