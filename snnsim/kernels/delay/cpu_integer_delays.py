"""The sums of integer_delays.py on the CPU: compiled, in the order of the definition.

    I[t, b, j] = Σ_k w[k] · s[t − d[k], b, i[k]]      over the synapses k of target j, one after the other

The same connections may be repeated at every pixel of a field of neurons: of a convolution,

    I[t, b, (p, j)] = Σ_k w[k] · s[t − d[k], b, i[k] + first[p]]      i and first count neurons of a field with a margin

Shapes   spikes (time, batch, source) · weight, delay (target, source, tap) · current (time, batch, pixel · target)
Units    delay in steps
Memory   per thread, up to BUFFER bytes of spikes in the layout (source, time · lane), or as much as the longest delay
         needs, and the currents of one block of places

How      A lane is a recording. Of a few lanes and a stretch of time, the spikes of a source lie side by side, so that a
         synapse adds to a block of (time · lane) places one weight times one contiguous run of spikes, whatever its
         delay. The sums of a block stay in vector registers while all synapses of a target are added
Cost     one product and one sum per synapse, step and recording, whether there are spikes or not; VECTOR at once.
         100 steps, 128 recordings, 256 -> 256: 50 ms on two threads of an AMD EPYC, where a matrix product takes 32 ms
"""

from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic
from torch import Tensor

from snnsim.kernels.common.buffers import empty, workspace
from snnsim.kernels.common.threads import as_torch_has, number, parallel

LANES = 4
"""Recordings side by side: few, as the spikes of a block then take little of the nearer caches, and still aligned."""
VECTOR = 16
"""Places in a vector; float64 takes two registers for it."""
BLOCK = 8 * VECTOR
"""Places whose sums are in registers at once."""
BUFFER = 2**20
"""Bytes of spikes that a thread works at, if the longest delay allows."""


class Synapses(NamedTuple):
    """Synapses sorted by target, then by delay from the longest on, then by source and tap.

    Synapses of weight 0 are left out.
    """

    first: np.ndarray
    """int64 (target + 1,), where the synapses of each target start."""
    source: np.ndarray
    """int32 (synapse,)."""
    delay: np.ndarray
    """int32 (synapse,), in steps."""
    weight: np.ndarray
    """(synapse,)."""


class Places(NamedTuple):
    """Where a convolution reads, in a field of neurons with a margin of zeros; a plain layer is one pixel."""

    neuron: np.ndarray
    """int64 (source,), where each source lies in the field with its margin."""
    element: np.ndarray
    """int64 (element,), the neurons that the pixel at the origin reads, in the order of `weight`."""
    first: np.ndarray
    """int64 (pixel,), what is added to these for every pixel."""
    size: int
    """Neurons of the field with its margin."""

    @classmethod
    def of_layer(cls, sources: int) -> "Places":
        """Return those of a layer that connects all sources with all targets."""
        every = np.arange(sources)
        return cls(every, every, np.zeros(1, np.int64), sources)


class _Layout(NamedTuple):
    """How spikes lie in a thread's buffer: neuron by neuron, each a stretch of time, each step with its lanes."""

    lanes: int
    history: int
    """Steps before the stretch: the longest delay."""
    steps: int
    """Length of the stretch."""
    stride: int
    """Numbers from one neuron to the next."""


def ordered(weight: Tensor, delay: Tensor) -> Synapses:
    """Return the synapses of a layer in the order in which they are added."""
    targets, _, taps = weight.shape
    weights = np.ascontiguousarray(weight.detach().numpy()).reshape(targets, -1)
    delays = np.ascontiguousarray(delay.detach().numpy().astype(np.int32)).reshape(targets, -1)
    first = np.zeros(targets + 1, np.int64)
    np.cumsum(np.count_nonzero(weights, axis=1), out=first[1:])
    synapses = Synapses(
        first, np.empty(first[-1], np.int32), np.empty(first[-1], np.int32), np.empty(first[-1], weights.dtype)
    )
    _sort(weights, delays, taps, np.empty(delays.max(initial=0) + 2, np.int64), synapses)
    return synapses


@njit(cache=True)
def _sort(weight, delay, taps, place, synapses):
    """Sort the synapses of each target from the longest delay on, and otherwise keep their order (counting sort)."""
    longest = place.size - 2
    for j in range(len(weight)):
        place[:] = 0
        for k in np.flatnonzero(weight[j]):
            place[longest - delay[j, k] + 1] += 1
        for late in range(longest + 1):
            place[late + 1] += place[late]
        for k in np.flatnonzero(weight[j]):
            late = longest - delay[j, k]
            to = synapses.first[j] + place[late]
            place[late] += 1
            synapses.source[to], synapses.delay[to], synapses.weight[to] = k // taps, delay[j, k], weight[j, k]


def current(spikes: Tensor, weight: Tensor, delay: Tensor, *, before: int = 0, places: Places | None = None) -> Tensor:
    """Return the currents of all steps but the first `before`.

    Args:
        spikes: What the sources send, (time, batch, source), float32 or float64 on the CPU.
        weight: Weights (target, element, tap) of the same dtype.
        delay: Integer delays in steps, (target, element, tap), from 0 on.
        before: Steps at the beginning whose currents are not wanted.
        places: Where a convolution reads; without it, elements are the sources.

    Returns:
        Currents (time - before, batch, pixel · target).
    """
    synapses, (steps, batch, sources) = ordered(weight, delay), spikes.shape
    places = Places.of_layer(sources) if places is None else places
    result = empty(spikes, steps - before, batch, len(places.first) * len(weight))
    layout = _layout(steps, batch, int(synapses.delay.max(initial=0)), places.size * spikes.element_size())
    offset = places.element[synapses.source] * layout.stride
    offset += (layout.history - synapses.delay.astype(np.int64)) * layout.lanes
    with as_torch_has():
        threads, size = number(), places.size * layout.stride + BLOCK
        room = workspace(spikes, threads * (size + BLOCK * len(weight)))
        buffers, sums = room[: threads * size].view(threads, size), room[threads * size :].view(threads, -1)
        _currents(
            spikes.detach().contiguous().numpy(), (synapses.first, offset, synapses.weight), places, layout, before,
            (buffers.numpy(), sums.numpy()), result.numpy(),
        )  # fmt: skip
    return result


def _layout(steps: int, batch: int, longest: int, size: int) -> _Layout:
    """Return the layout for neurons that take `size` bytes a number."""
    # few steps leave room in a block for more recordings
    lanes = min(max(LANES, -(-BLOCK // steps)), batch)
    most = max(BUFFER // (size * lanes) - longest, longest, BLOCK // lanes)
    stretch = -(-steps // -(-steps // most))
    return _Layout(lanes, longest, stretch, (longest + stretch) * lanes)


@parallel()
def _currents(spikes, synapses, places, layout, before, room, result):  # noqa: PLR0913
    steps, batch, _ = spikes.shape
    groups = (batch + layout.lanes - 1) // layout.lanes
    jobs, threads = groups * ((steps + layout.steps - 1) // layout.steps), len(room[0])
    for thread in prange(threads):
        for job in range(thread, jobs, threads):
            lane, start = job % groups * layout.lanes, job // groups * layout.steps
            if start + layout.steps <= before:
                continue
            _fill(spikes, lane, start, places, layout, room[0][thread])
            _stretch(synapses, lane, start, places, layout, before, room[0][thread], room[1][thread], result)


@njit(cache=True)
def _fill(spikes, first_lane, start, places, layout, buffer):
    """Copy the spikes of some lanes and a stretch of time, with the steps before it, into the buffer."""
    steps, batch, sources = spikes.shape
    if places.size > sources:
        buffer[:] = 0
    else:
        buffer[places.size * layout.stride :] = 0
    for step in range(layout.history + layout.steps):
        t = start - layout.history + step
        for lane in range(layout.lanes):
            at = step * layout.lanes + lane
            if 0 <= t < steps and first_lane + lane < batch:
                row = spikes[t, first_lane + lane]
                for i in range(sources):
                    buffer[places.neuron[i] * layout.stride + at] = row[i]
            else:
                for i in range(sources):
                    buffer[places.neuron[i] * layout.stride + at] = 0


@njit(cache=True)
def _stretch(synapses, first_lane, start, places, layout, before, buffer, sums, result):  # noqa: PLR0913
    """Set the currents of some lanes over a stretch of time, block after block and pixel after pixel."""
    lanes, targets = layout.lanes, synapses[0].size - 1
    end = min(layout.steps, len(result) + before - start) * lanes
    for begin in range(max(0, before - start) * lanes // BLOCK * BLOCK, end, BLOCK):
        width = min(BLOCK, end - begin)
        for pixel in range(places.first.size):
            _sums(synapses, buffer, places.first[pixel] * layout.stride + begin, width, sums)
            for p in range(width):
                t, lane = start + (begin + p) // lanes - before, first_lane + (begin + p) % lanes
                if t >= 0 and lane < result.shape[1]:
                    row = result[t, lane, pixel * targets : (pixel + 1) * targets]
                    for j in range(row.size):
                        row[j] = sums[j * BLOCK + p]


@njit(cache=True)
def _sums(synapses, buffer, place, width, sums):
    """Set the sums of all targets for so many numbers from a place on, in as few vectors as hold them."""
    first, offset, weight = synapses
    for j in range(first.size - 1):
        if width > BLOCK // 2:
            _eight(buffer, place, offset, weight, first[j], first[j + 1], sums, j * BLOCK)
        elif width > BLOCK // 4:
            _four(buffer, place, offset, weight, first[j], first[j + 1], sums, j * BLOCK)
        elif width > BLOCK // 8:
            _two(buffer, place, offset, weight, first[j], first[j + 1], sums, j * BLOCK)
        else:
            _one(buffer, place, offset, weight, first[j], first[j + 1], sums, j * BLOCK)


def _sum_of(vectors: int):
    """Return the sum of some synapses for so many vectors of places, as a function for compiled code."""

    def plain(buffer, place, offset, weight, first, last, sums, to):  # noqa: PLR0913
        total = np.zeros(vectors * VECTOR, buffer.dtype)
        for k in range(first, last):
            at = offset[k] + place
            total += weight[k] * buffer[at : at + vectors * VECTOR]
        sums[to : to + vectors * VECTOR] = total

    def typed(_context, buffer, place, offset, weight, first, last, sums, to):  # noqa: ARG001, PLR0913
        index = types.intp
        signature = types.void(buffer, index, offset, weight, index, index, sums, index)

        def generate(context, builder, signature, arguments):
            _emit(context, builder, signature, arguments, vectors)
            return context.get_dummy_value()

        return signature, generate

    return plain if numba.config.DISABLE_JIT else intrinsic(typed)


def _emit(context, builder, signature, arguments, vectors):
    """Emit the loop over synapses, with the sums in registers; a product and a sum are rounded one by one."""
    buffer, place, offset, weight, first, last, sums, to = arguments
    number = context.get_value_type(signature.args[0].dtype)
    vector, size = ir.VectorType(number, VECTOR), place.type
    align = context.get_abi_sizeof(number)
    buffer, offset, weight, sums = (
        context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 2, 3, 6)
    )

    def run(array, at, v):
        return builder.bitcast(
            builder.gep(array, [builder.add(at, ir.Constant(size, v * VECTOR))]), vector.as_pointer()
        )

    entry, head, body, done = builder.block, *(builder.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(size)
    totals = [builder.phi(vector) for _ in range(vectors)]
    builder.cbranch(builder.icmp_signed("<", k, last), body, done)

    builder.position_at_end(body)
    at = builder.add(builder.load(builder.gep(offset, [k])), place)
    one = builder.load(builder.gep(weight, [k]), align=align)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), one, ir.Constant(ir.IntType(32), 0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), [0] * VECTOR)
    one = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), everywhere)
    spikes = [builder.load(run(buffer, at, v), align=align) for v in range(vectors)]
    more = [builder.fadd(total, builder.fmul(one, sent)) for total, sent in zip(totals, spikes, strict=True)]
    following = builder.add(k, ir.Constant(size, 1))
    builder.branch(head)
    for block, start, values in ((entry, first, None), (body, following, more)):
        k.add_incoming(start, block)
        for v, total in enumerate(totals):
            total.add_incoming(ir.Constant(vector, None) if values is None else values[v], block)

    builder.position_at_end(done)
    for v, total in enumerate(totals):
        builder.store(total, run(sums, to, v), align=align)


_eight, _four, _two, _one = (_sum_of(vectors) for vectors in (8, 4, 2, 1))
