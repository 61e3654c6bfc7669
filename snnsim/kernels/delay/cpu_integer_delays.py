"""The sums of integer_delays.py on the CPU: compiled, in the order of the definition.

    I[t, b, j] = Σ_k w[k] · s[t − d[k], b, i[k]]      over the synapses k of target j, one after the other

A convolution repeats the same connections at every pixel of a field of neurons:

    I[t, b, (p, j)] = Σ_k w[k] · s[t − d[k], b, i[k] + pixel[p]]      i and pixel count neurons of a field with a margin

A lane is a recording. For a few lanes and a stretch of time, the spikes of a source lie side by side. A synapse then
adds one weight times one contiguous run of spikes to a block of (time · lane) cells, whatever its delay. The sums of a
block stay in vector registers while all synapses of a target are added. The cost is one product and one sum per
synapse, step and recording, whether there are spikes or not.

Shapes   spikes (time, batch, source) · weight, delay (target, source, tap) · current (time, batch, pixel · target)
Units    delay in steps
Source   100 steps, 128 recordings, 256 -> 256: 50 ms on two threads of an AMD EPYC, where a matrix product takes 32 ms
Differs  memory per thread: up to BUFFER bytes of spikes in the layout (source, time · lane), or as many as the longest
         delay needs, and the currents of one block of cells
"""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from snnsim.kernels.common.buffers import empty, workspace
from snnsim.kernels.common.jit import njit, subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel, thread_count, torch_threads
from snnsim.kernels.delay.sum_microkernel import VECTOR, sum_of_vectors

LANES = 4
"""Recordings side by side: few, so that the spikes of a block need little of the nearer caches, and still aligned."""
BLOCK = 8 * VECTOR
"""Cells whose sums are in registers at once."""
BUFFER = 2**20
"""Bytes of spikes in the buffer of a thread, if the longest delay allows."""


class Synapses(NamedTuple):
    """Synapses sorted by target, then by delay from the longest on, then by source and tap; none has weight 0."""

    indptr: np.ndarray
    """int64 (target + 1,), the first synapse of each target."""
    source: np.ndarray
    """int32 (synapse,)."""
    delay: np.ndarray
    """int32 (synapse,), in steps."""
    weight: np.ndarray
    """(synapse,)."""


class PatchIndices(NamedTuple):
    """The neurons that a convolution reads, in a field with a margin of zeros; a plain layer is one pixel."""

    source: np.ndarray
    """int64 (source,), the index of each source in the field with its margin."""
    element: np.ndarray
    """int64 (element,), the neurons that the pixel at the origin reads, in the order of `weight`."""
    pixel: np.ndarray
    """int64 (pixel,), the summand of these indices for every pixel."""
    size: int
    """Neurons of the field with its margin."""

    @classmethod
    def of_layer(cls, sources: int) -> "PatchIndices":
        """Return the indices of a layer that connects all sources with all targets.

        Args:
            sources: Number of sources of the layer.
        """
        every = np.arange(sources)
        return cls(every, every, np.zeros(1, np.int64), sources)


class _Layout(NamedTuple):
    """The layout of spikes in a buffer: neuron by neuron, each a stretch of time, each step with its lanes."""

    lanes: int
    history: int
    """Steps before the stretch: the longest delay."""
    steps: int
    """Length of the stretch."""
    stride: int
    """Numbers from one neuron to the next."""


class _Offsets(NamedTuple):
    """Synapses with the place of their first spike in the buffer."""

    indptr: np.ndarray
    offset: np.ndarray
    """int64 (synapse,), for the first cell of a stretch."""
    weight: np.ndarray


class _Scratch(NamedTuple):
    """Scratch memory of all threads."""

    buffers: np.ndarray
    """Spikes, (thread, neuron · stride + BLOCK)."""
    sums: np.ndarray
    """Currents of a block, (thread, target · BLOCK + cell)."""


def ordered(weight: Tensor, delay: Tensor) -> Synapses:
    """Return the synapses of a layer in the order in which they are added.

    Args:
        weight: The weights, (target, source, tap).
        delay: The delays in steps, (target, source, tap).
    """
    targets, _, taps = weight.shape
    weights = np.ascontiguousarray(weight.detach().numpy()).reshape(targets, -1)
    delays = np.ascontiguousarray(delay.detach().numpy().astype(np.int32)).reshape(targets, -1)
    indptr = np.zeros(targets + 1, np.int64)
    np.cumsum(np.count_nonzero(weights, axis=1), out=indptr[1:])
    count = indptr[-1]
    synapses = Synapses(indptr, np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, weights.dtype))
    _sort(weights, delays, taps, int(delays.max(initial=0)), synapses)
    return synapses


@parallel()
def _sort(weight: np.ndarray, delay: np.ndarray, taps: int, longest: int, synapses: Synapses) -> None:
    """Sort the synapses of each target from the longest delay on, and otherwise keep their order (counting sort)."""
    for_each(_sort_target, len(weight), (weight, delay, taps, longest, synapses))


@subroutine(cache=True)
def _sort_target(j: int, weight: np.ndarray, delay: np.ndarray, taps: int, longest: int, synapses: Synapses) -> None:
    weights, delays = weight[j], delay[j]
    starts = np.zeros(longest + 2, np.int64)
    for k in range(weights.size):
        starts[longest - delays[k] + 1] += weights[k] != 0
    for late in range(longest + 1):
        starts[late + 1] += starts[late]
    first = synapses.indptr[j]
    for k in range(weights.size):
        if weights[k] != 0:
            late = longest - delays[k]
            index = first + starts[late]
            starts[late] += 1
            synapses.source[index], synapses.delay[index], synapses.weight[index] = k // taps, delays[k], weights[k]


@njit(cache=True)
def _places(synapses: Synapses, element: np.ndarray, layout: _Layout) -> np.ndarray:
    """Return the place of the first spike of each synapse in the buffer, int64 (synapse,)."""
    offset = np.empty(synapses.source.size, np.int64)
    for k in range(offset.size):
        late = layout.history - np.int64(synapses.delay[k])
        offset[k] = element[synapses.source[k]] * layout.stride + late * layout.lanes
    return offset


def current(
    spikes: Tensor, weight: Tensor, delay: Tensor, *, before: int = 0, patches: PatchIndices | None = None
) -> Tensor:
    """Return the currents of all steps behind the context.

    Args:
        spikes: The spikes (time, batch, source), float32 or float64 on the CPU.
        weight: The weights (target, element, tap) of the same dtype.
        delay: Integer delays in steps, (target, element, tap), from 0 on.
        before: The context steps of the spikes in front of the currents.
        patches: The neurons that a convolution reads; without them, elements are the sources.

    Returns:
        The currents (time - before, batch, pixel · target).
    """
    with torch_threads():
        synapses = ordered(weight, delay)
    return current_of(spikes, synapses, before=before, patches=patches)


def current_of(spikes: Tensor, synapses: Synapses, *, before: int = 0, patches: PatchIndices | None = None) -> Tensor:
    """Return the currents of synapses that are sorted already.

    Args:
        spikes: The spikes (time, batch, source), float32 or float64 on the CPU.
        synapses: The synapses of `ordered`, with weights of the same dtype and sources that the spikes have.
        before: The context steps of the spikes in front of the currents.
        patches: The neurons that a convolution reads; without them, elements are the sources.

    Returns:
        The currents (time - before, batch, pixel · target).
    """
    (steps, batch, sources), targets = spikes.shape, synapses.indptr.size - 1
    patches = PatchIndices.of_layer(sources) if patches is None else patches
    result = empty(spikes, steps - before, batch, len(patches.pixel) * targets)
    layout = _layout(steps, batch, int(synapses.delay.max(initial=0)), patches.size * spikes.element_size())
    offset = _places(synapses, patches.element, layout)
    with torch_threads():
        threads, size = thread_count(), patches.size * layout.stride + BLOCK
        memory = workspace(spikes, threads * (size + BLOCK * targets)).numpy()
        buffers, sums = memory[: threads * size], memory[threads * size :]
        scratch = _Scratch(buffers.reshape(threads, size), sums.reshape(threads, -1))
        offsets = _Offsets(synapses.indptr, offset, synapses.weight)
        _currents(spikes.detach().contiguous().numpy(), offsets, patches, layout, before, scratch, result.numpy())
    return result


def _layout(steps: int, batch: int, longest: int, size: int) -> _Layout:
    """Return the layout for neurons that need `size` bytes a number."""
    # a block of few steps has cells for more recordings
    lanes = min(max(LANES, -(-BLOCK // steps)), batch)
    most = max(BUFFER // (size * lanes) - longest, longest, BLOCK // lanes)
    stretch = -(-steps // -(-steps // most))
    return _Layout(lanes, longest, stretch, (longest + stretch) * lanes)


@parallel()
def _currents(
    spikes: np.ndarray, synapses: _Offsets, patches: PatchIndices, layout: _Layout, before: int, scratch: _Scratch,
    result: np.ndarray,
) -> None:  # fmt: skip
    for_each(_thread_currents, len(scratch.buffers), (spikes, synapses, patches, layout, before, scratch, result))


@subroutine(cache=True, error_model="numpy")
def _thread_currents(
    thread: int, spikes: np.ndarray, synapses: _Offsets, patches: PatchIndices, layout: _Layout, before: int,
    scratch: _Scratch, result: np.ndarray,
) -> None:  # fmt: skip
    steps, batch, _ = spikes.shape
    groups = (batch + layout.lanes - 1) // layout.lanes
    jobs, threads = groups * ((steps + layout.steps - 1) // layout.steps), len(scratch.buffers)
    buffer, sums = scratch.buffers[thread], scratch.sums[thread]
    for job in range(thread, jobs, threads):
        lane, start = job % groups * layout.lanes, job // groups * layout.steps
        if start + layout.steps <= before:
            continue
        _fill(spikes, lane, start, patches, layout, buffer)
        _stretch(synapses, lane, start, patches, layout, before, buffer, sums, result)


@subroutine(cache=True)
def _fill(
    spikes: np.ndarray, first_lane: int, start: int, patches: PatchIndices, layout: _Layout, buffer: np.ndarray
) -> None:
    """Copy the spikes of a few lanes and a stretch of time, with the steps before it, into the buffer."""
    steps, batch, sources = spikes.shape
    if patches.size > sources:
        # the margin
        buffer[:] = 0
    else:
        buffer[patches.size * layout.stride :] = 0
    for step in range(layout.history + layout.steps):
        t = start - layout.history + step
        for lane in range(layout.lanes):
            cell = step * layout.lanes + lane
            if 0 <= t < steps and first_lane + lane < batch:
                row = spikes[t, first_lane + lane]
                for i in range(sources):
                    buffer[patches.source[i] * layout.stride + cell] = row[i]
            else:
                for i in range(sources):
                    buffer[patches.source[i] * layout.stride + cell] = 0


@subroutine(cache=True)
def _stretch(
    synapses: _Offsets, first_lane: int, start: int, patches: PatchIndices, layout: _Layout, before: int,
    buffer: np.ndarray, sums: np.ndarray, result: np.ndarray,
) -> None:  # fmt: skip
    """Set the currents of a few lanes over a stretch of time, block after block and pixel after pixel."""
    lanes, targets = layout.lanes, synapses.indptr.size - 1
    end = min(layout.steps, len(result) + before - start) * lanes
    for begin in range(max(0, before - start) * lanes // BLOCK * BLOCK, end, BLOCK):
        width = min(BLOCK, end - begin)
        for pixel in range(patches.pixel.size):
            _sums(synapses, buffer, patches.pixel[pixel] * layout.stride + begin, width, sums)
            for p in range(width):
                t, lane = start + (begin + p) // lanes - before, first_lane + (begin + p) % lanes
                if t >= 0 and lane < result.shape[1]:
                    row = result[t, lane, pixel * targets : (pixel + 1) * targets]
                    for j in range(row.size):
                        row[j] = sums[j * BLOCK + p]


_eight_vectors, _four_vectors, _two_vectors, _one_vector = (sum_of_vectors(vectors) for vectors in (8, 4, 2, 1))


@subroutine(cache=True)
def _sums(synapses: _Offsets, buffer: np.ndarray, cell: int, width: int, sums: np.ndarray) -> None:
    """Set the sums of all targets for `width` cells from one on, in as few vectors as hold them."""
    indptr, offset, weight = synapses.indptr, synapses.offset, synapses.weight
    for j in range(indptr.size - 1):
        if width > BLOCK // 2:
            _eight_vectors(buffer, cell, offset, weight, indptr[j], indptr[j + 1], sums, j * BLOCK)
        elif width > BLOCK // 4:
            _four_vectors(buffer, cell, offset, weight, indptr[j], indptr[j + 1], sums, j * BLOCK)
        elif width > BLOCK // 8:
            _two_vectors(buffer, cell, offset, weight, indptr[j], indptr[j + 1], sums, j * BLOCK)
        else:
            _one_vector(buffer, cell, offset, weight, indptr[j], indptr[j + 1], sums, j * BLOCK)
