"""Delivery of a spike through kernels that all positions of a field share, for both engines.

    s Y + φ = u y + p        rows; columns alike: the quotient Y and the phase φ, once for each spike
    y' = Y − r'              for the entries of the component, those with r = s r' + φ
    target = first + (Y · width' + X) · channels' + offset        offset = o − (r' · width' + q') · channels'

All entries of a pixel of the kernel, with any channel and delay, need one test for the border of the field. Each costs
as much as a single synapse, and the arrays of a kernel stay in the nearer caches.

Shapes   indptr (component + 1,), a component being a source channel, a phase of rows and one of columns: the polyphase
         components of the kernel · row, column (pixel,), sorted by component · indptr_of_pixel (pixel + 1,)
         delay, offset, weight (entry,), sorted by pixel, and within a pixel as in the Program
Names    s stride · u upsampling · p padding · r, q, o row, column and target channel of an entry
"""

from typing import Any

import numpy as np

from snnsim.kernels.common.jit import njit
from snnsim.kernels.simulate.types import Convolutions, Queue

(
    FIRST_SOURCE, WIDTH, CHANNELS, ROW_UPSAMPLING, COLUMN_UPSAMPLING, ROW_PADDING, COLUMN_PADDING, ROW_STRIDE,
    COLUMN_STRIDE, TARGET_HEIGHT, TARGET_WIDTH, TARGET_CHANNELS, FIRST_TARGET, FIRST_COMPONENT,
) = range(14)  # fmt: skip
"""Columns of `Convolutions.geometry`."""


@njit(nogil=True, cache=True)
def any_from(convolutions: Convolutions, segment: int) -> bool:
    """Return whether a convolution starts at the input or a population.

    Args:
        convolutions: The convolutions.
        segment: 0 for the input, else 1 and the number of the population.
    """
    first = convolutions.indptr_of_segment
    return bool(first[segment] < first[segment + 1])


# no divisor is 0, and the test for it compiles long
@njit(nogil=True, cache=True, error_model="numpy")
def _locate(geometry: np.ndarray, node: Any) -> tuple[int, int, int]:
    """Return the component of a node, and the quotients of its row and its column."""
    neuron, channels, width = np.int64(node) - geometry[FIRST_SOURCE], geometry[CHANNELS], geometry[WIDTH]
    pixel = neuron // channels
    row = pixel // width
    y = row * geometry[ROW_UPSAMPLING] + geometry[ROW_PADDING]
    x = (pixel - row * width) * geometry[COLUMN_UPSAMPLING] + geometry[COLUMN_PADDING]
    down, across = y // geometry[ROW_STRIDE], x // geometry[COLUMN_STRIDE]
    component = (neuron - pixel * channels) * geometry[ROW_STRIDE] + y - down * geometry[ROW_STRIDE]
    component = component * geometry[COLUMN_STRIDE] + x - across * geometry[COLUMN_STRIDE]
    return geometry[FIRST_COMPONENT] + component, down, across


@njit(nogil=True, cache=True)
def deliver(convolutions: Convolutions, segment: int, node: Any, base: int, buffer: np.ndarray, count: Any) -> None:
    """Add the weights of a spike to the rows of its arrivals, in the clock-driven engine.

    Args:
        convolutions: The convolutions; their offsets include the rows of the delays.
        segment: 0 for the input, else 1 and the number of the population.
        node: The node that fires.
        base: The index of the row of this step in the buffer.
        buffer: The currents of the steps to come.
        count: Number of spikes, of the type of the buffer.
    """
    row, column, first = convolutions.row, convolutions.column, convolutions.indptr_of_pixel
    offset, weight = convolutions.offset, convolutions.weight
    for number in range(convolutions.indptr_of_segment[segment], convolutions.indptr_of_segment[segment + 1]):
        geometry = convolutions.geometry[number]
        height, width = geometry[TARGET_HEIGHT], geometry[TARGET_WIDTH]
        component, y, x = _locate(geometry, node)
        start = base + geometry[FIRST_TARGET] + (y * width + x) * geometry[TARGET_CHANNELS]
        for pixel in range(convolutions.indptr[component], convolutions.indptr[component + 1]):
            if 0 <= y - row[pixel] < height and 0 <= x - column[pixel] < width:
                for entry in range(np.uint64(first[pixel]), np.uint64(first[pixel + 1])):
                    buffer[np.uint64(start + offset[entry])] += count * weight[entry]


@njit(nogil=True, cache=True)
def send(convolutions: Convolutions, segment: int, node: Any, count: Any, step: int, queue: Queue) -> None:
    """Queue the events of a spike, in the event-driven engine; those without a delay go into the slot of this step.

    Args:
        convolutions: The convolutions; their offsets include no delay.
        segment: 0 for the input, else 1 and the number of the population.
        node: The node that fires.
        count: Number of spikes.
        step: The step of the spike.
        queue: The events on their way.
    """
    row, column, first = convolutions.row, convolutions.column, convolutions.indptr_of_pixel
    offset, weight = convolutions.offset, convolutions.weight
    delay, queued, value, used = convolutions.delay, queue.target, queue.value, queue.used
    ring = used.size - 1
    now = step % ring
    for number in range(convolutions.indptr_of_segment[segment], convolutions.indptr_of_segment[segment + 1]):
        geometry = convolutions.geometry[number]
        height, width = geometry[TARGET_HEIGHT], geometry[TARGET_WIDTH]
        component, y, x = _locate(geometry, node)
        start = geometry[FIRST_TARGET] + (y * width + x) * geometry[TARGET_CHANNELS]
        for pixel in range(convolutions.indptr[component], convolutions.indptr[component + 1]):
            if not (0 <= y - row[pixel] < height and 0 <= x - column[pixel] < width):
                continue
            for entry in range(np.uint64(first[pixel]), np.uint64(first[pixel + 1])):
                slot = now + delay[entry]
                slot = slot - ring if slot >= ring else slot
                index = used[slot]
                used[slot] = index + 1
                if index < queued.shape[1]:
                    queued[slot, index], value[slot, index] = start + offset[entry], count * weight[entry]
