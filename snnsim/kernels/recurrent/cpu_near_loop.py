"""A few steps of a layer with any recurrent kernel, compiled for the CPU: what their spikes add to each other.

    forward     I[t] = x[t] + mask · Σ_{d=1}^{t − t₀} kernel[d − 1] s[t − d]        s[t] = neuron(I[t])
    backward    the gradient of s[t] gets Σ_d kernel[d − 1]ᵀ mask · e[t + d], t + d < t₁        e[t] = ∂L/∂I[t]

x holds the currents of spikes before t₀, and the gradient of s[t] those of errors from t₁ on: see loop.py. Spikes add a
row of the kernel for each event; errors are products of matrices.

Shapes   as in loop_types.py; steps from t₀ to before t₁; values of a lane have a margin up to whole panels
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.delay.gemm_microkernel import PANEL, Matrix, product
from snnsim.kernels.neuron.cpu_two_state_rows import flush, step_backward
from snnsim.kernels.neuron.two_state_types import Arrays, StepOptions
from snnsim.kernels.recurrent.cpu_loop_steps import (
    add,
    add_product,
    backward_rows,
    forward_rows,
    set_sum,
    step_forward,
    widened,
)
from snnsim.kernels.recurrent.loop_types import BackArrays, LoopArrays


class NearKernel(NamedTuple):
    """The kernel of the shortest delays, index 0 one step."""

    rows: np.ndarray
    """(delay, source, target)."""
    panels: np.ndarray
    """(panel · delay · target · lane,), lanes are sources; targets have a margin."""
    lanes: int
    """Number of lanes that are computed together."""


@parallel()
def forward(arrays: LoopArrays, neuron: Arrays, hard: bool, kernel: NearKernel, start: int, stop: int) -> None:
    """Set the spikes of a few steps, and bring the state to their end.

    Args:
        arrays: The arrays of the pass.
        neuron: The coefficients of the neurons, (neuron,) each.
        hard: Whether the reset is hard.
        kernel: The kernel.
        start: The first step.
        stop: The step after the last one.
    """
    neurons, lanes = neuron.beta.size, kernel.lanes
    count = arrays.v.size // neurons
    for_each(_tile_forward, -(-count // lanes), (arrays, neuron, hard, kernel, start, stop))


@subroutine(cache=True)
def _tile_forward(
    tile: int, arrays: LoopArrays, neuron: Arrays, hard: bool, kernel: NearKernel, start: int, stop: int
) -> None:
    neurons, first = neuron.beta.size, tile * kernel.lanes
    last = min(first + kernel.lanes, arrays.v.size // neurons)
    lanes = last - first
    columns = slice(first * neurons, last * neurons)
    rows, mask = forward_rows(arrays, neuron, lanes, columns), arrays.mask[columns]
    recurrent = np.empty_like(mask)
    events = np.empty((stop - start, lanes * neurons), np.int32)
    counts = np.zeros((stop - start, lanes), np.int32)
    for t in range(start, stop):
        if t > start:
            _receive(kernel.rows, events[: t - start], counts[: t - start], recurrent)
            add_product(recurrent, mask, arrays.total[t, columns])
        step_forward(t, rows, hard)
        _note_events(arrays.spikes[t, columns], lanes, events[t - start], counts[t - start])


@subroutine(cache=True)
def _receive(rows: np.ndarray, events: np.ndarray, counts: np.ndarray, total: np.ndarray) -> None:
    """Set the recurrent currents (column,) that come from the spikes of the steps so far.

    Args:
        rows: The kernel, (delay, source, target).
        events: Neurons of every lane that fired, (step, lane · neurons).
        counts: Their number, (step, lane).
        total: The result.
    """
    steps, lanes, neurons = len(events), counts.shape[1], rows.shape[1]
    for lane in range(lanes):
        current = total[lane * neurons : (lane + 1) * neurons]
        current[:] = 0
        for step in range(max(0, steps - len(rows)), steps):
            for event in events[step, lane * neurons : lane * neurons + counts[step, lane]]:
                add(rows[steps - step - 1, event], current)


@subroutine(cache=True)
def _note_events(spikes: np.ndarray, lanes: int, events: np.ndarray, counts: np.ndarray) -> None:
    """Set the neurons of every lane that fire, and their number."""
    neurons = spikes.size // lanes
    for lane in range(lanes):
        first = lane * neurons
        for n in range(neurons):
            if spikes[first + n] != 0:
                events[first + counts[lane]] = n
                counts[lane] += 1


@parallel()
def backward(
    arrays: BackArrays, neuron: Arrays, sums: Arrays, options: StepOptions, kernel: NearKernel, learned: bool,
    through: bool, start: int, stop: int,
) -> None:  # fmt: skip
    """Set the gradients of the currents of a few steps, and bring those of the state to their beginning.

    Args:
        arrays: The arrays of the pass.
        neuron: The coefficients of the neurons, (neuron,) each.
        sums: Gradients of the coefficients, to be added to, float64 (column,) each, or without elements.
        options: The choices of the pass.
        kernel: The kernel.
        learned: Whether the gradients of the coefficients are computed.
        through: Whether errors pass through the loop.
        start: The first step.
        stop: The step after the last one.
    """
    neurons, lanes = neuron.beta.size, kernel.lanes
    count = arrays.dv.size // neurons
    arguments = (arrays, neuron, sums, options, kernel, learned, through, range(start, stop))
    for_each(_tile_backward, -(-count // lanes), arguments)


@subroutine(cache=True)
def _tile_backward(
    tile: int, arrays: BackArrays, neuron: Arrays, sums: Arrays, options: StepOptions, kernel: NearKernel,
    learned: bool, through: bool, steps: range,
) -> None:  # fmt: skip
    neurons, stop, first = neuron.beta.size, steps.stop, tile * kernel.lanes
    last = min(first + kernel.lanes, arrays.dv.size // neurons)
    lanes, columns = last - first, slice(first * neurons, last * neurons)
    rows, mask = backward_rows(arrays, neuron, lanes, columns), arrays.mask[columns]
    delays, width = len(kernel.rows), -(-neurons // PANEL) * PANEL
    # errors of a lane lie one step after the other
    sent, wide = np.zeros(lanes * len(steps) * width, mask.dtype), np.zeros(lanes * width, mask.dtype)
    recurrent, panel = np.zeros_like(mask), np.empty(lanes * PANEL, mask.dtype)
    for t in range(stop - 1, steps.start - 1, -1):
        later = min(stop - 1 - t, delays)
        if through and later:
            values = Matrix(sent[(t + 1 - steps.start) * width :], len(steps) * width, 1)
            _receive_errors(values, kernel.panels, delays * width, later * width, panel, recurrent)
        set_sum(arrays.spikes[t, columns], recurrent, rows.back.spikes)
        step_backward(t, rows, options, learned)
        widened(arrays.error[t, columns], mask, lanes, wide)
        for lane in range(lanes):
            begin = (lane * len(steps) + t - steps.start) * width
            copy_row(wide[lane * width :], sent[begin : begin + width])
    if learned:
        flush(rows.learning.sums, sums, columns)


@subroutine(cache=True)
def _receive_errors(
    values: Matrix, panels: np.ndarray, rows: int, terms: int, panel: np.ndarray, total: np.ndarray
) -> None:
    """Set the gradients (column,) of spikes that come from the errors of the steps after them.

    Args:
        values: The errors, a row for every lane.
        panels: The matrices in panels of so many rows.
        rows: The number of rows of a panel.
        terms: The number of rows that errors reach.
        panel: Scratch memory, (lane · PANEL,).
        total: The result.
    """
    lanes = panel.size // PANEL
    neurons = total.size // lanes
    for first in range(0, neurons, PANEL):
        product(lanes, terms, values, panels[first * rows :], panel)
        for lane in range(lanes):
            for c in range(min(PANEL, neurons - first)):
                total[lane * neurons + first + c] = panel[lane * PANEL + c]
