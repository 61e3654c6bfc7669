"""The delayed currents of dispatch.py on the CPU: compiled transforms, and a piece of the network at a time.

Time is cut into windows of L points whose spectra meet those of kernels, three real products for a complex one.
Nothing that it needs on the way is as large as the spectra of all spikes or of all kernels; kernels are made from
their parameters piece by piece too. Of spikes it keeps a bit each for the backward pass.

Shapes   as in dispatch.py · rows: (window, lane), a lane is a recording · columns: sources or targets
Names    L points of a window
Memory   backward pass: T · B · I bits of spikes · on the way: up to PIECE bytes of spectra of spikes (LITTLE where the
         process keeps little), and about as much again for the kernels and products
Source   overlap-save and overlap-add: Oppenheim & Schafer, Discrete-Time Signal Processing, §8.7
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from numba import get_num_threads
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.allocator import keeps_little
from snnsim.kernels.common.buffers import empty, workspace
from snnsim.kernels.common.threads import as_torch_has
from snnsim.kernels.delay import complex_gemm, fft, windowed_fft
from snnsim.kernels.delay.bitpack import Packed, packed

Spread = Callable[..., Tensor]
Span = tuple[int, int]

PIECE, LITTLE = 48 * 2**20, 2**20
"""Bytes of spectra of spikes that are there at once, and where as little is kept as there can be."""
SHORT = 512
"""Points of a window up to which a sequence is not cut."""
_APART = 16


class Blocked(torch.autograd.Function):
    """Windows of recordings meet the kernels of some targets at a time, and backward those of some sources."""

    @staticmethod
    def forward(ctx, spikes, spread, delays, before, *parameters):
        spikes = spikes.contiguous()
        steps, batch, sources = spikes.shape
        current = empty(spikes, steps - before, batch, len(parameters[0]))
        if any(ctx.needs_input_grad):
            kept = packed(spikes)
            ctx.save_for_backward(kept.kept, kept.scale, *parameters)
            ctx.spread, ctx.delays, ctx.before, ctx.packing = spread, delays, before, kept[2:]
        cut = Cut(current, min(delays, steps), columns=sources, before=before)
        # columns are what lies side by side in a product: kernels (delay, source, target)
        turned = [one.transpose(0, 1).contiguous() if one.ndim else one for one in parameters]
        with as_torch_has():
            for group, some in cut.pieces(current.shape[2]):
                response = cut.responses(spread(*(_part(parameter, 1, some) for parameter in turned)))
                for rows in group:
                    signal = cut.whole_spectra(spikes, rows)
                    product = cut.product(signal, response, (rows[1] - rows[0], sources, some[1] - some[0]))
                    cut.into(current, product, rows, some)
        return current

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        kept, scale, *parameters = ctx.saved_tensors
        spikes = Packed(kept, scale, *ctx.packing)
        needed = ctx.needs_input_grad[0], *ctx.needs_input_grad[4:]
        grads = gradients(grad, spikes, ctx.spread, parameters, delays=ctx.delays, before=ctx.before, needed=needed)
        return grads[0], None, None, None, *grads[1:]


def gradients(  # noqa: PLR0913
    grad: Tensor,
    spikes: Packed,
    spread: Spread,
    parameters: Sequence[Tensor],
    *,
    delays: int,
    before: int,
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradients of the spikes and of the parameters of kernels, for that of the currents.

    `needed` says which of them are wanted, that of the spikes first; the others are None, and so are those of
    parameters on which a kernel does not depend.
    """
    counts, grad, targets = spikes.counts(), grad.contiguous(), grad.shape[2]
    grad_spikes = empty(grad, *counts.shape) if needed[0] else None
    grads = [torch.zeros_like(one) if need else None for one, need in zip(parameters, needed[1:], strict=True)]
    cut = Cut(grad, min(delays, len(counts)), columns=targets, before=before)
    with as_torch_has():
        for group, some in cut.pieces(counts.shape[2]):
            leaves = [_part(parameter, 1, some).detach() for parameter in parameters]
            with torch.enable_grad():
                kernel = spread(*map(torch.Tensor.requires_grad_, leaves, needed[1:]))
            if grad_spikes is not None:
                response = cut.responses(kernel.detach())
                for rows in group:
                    error = cut.whole_spectra(grad, rows, late=True)
                    shape = rows[1] - rows[0], targets, some[1] - some[0]
                    product = cut.product(error, response, shape, conjugate=True)
                    cut.back_into(grad_spikes, product, rows, some)
            if any(needed[1:]):
                # its sum takes the place of the responses
                for rows in group:
                    error = cut.whole_spectra(grad, rows, late=True)
                    signal = cut.some_spectra(counts, float(spikes.scale), rows, some)
                    cut.add_kernel(error, signal, rows, some, first=rows == group[0])
                _add(grads, kernel, leaves, cut.kernel(some, delays), some)
            # before the next one is there
            del kernel
    return [grad_spikes, *grads]


def _part(parameter: Tensor, axis: int, some: Span) -> Tensor:
    """Return what belongs to some targets (axis 0) or sources (axis 1)."""
    return parameter.narrow(axis, some[0], some[1] - some[0]) if parameter.ndim else parameter


def _add(grads: list[Tensor | None], kernel: Tensor, leaves: list[Tensor], grad: Tensor, some: Span) -> None:
    """Add what a kernel's gradient is for the parameters that it was made from."""
    wanted = [place for place, total in enumerate(grads) if total is not None]
    found = torch.autograd.grad(kernel, [leaves[place] for place in wanted], grad, allow_unused=True)
    for place, more in zip(wanted, found, strict=True):
        if more is None:
            # a rounded delay has no slope
            grads[place] = None
        else:
            _part(grads[place], 1, some).add_(more)


class _Room(NamedTuple):
    """Where spectra are put."""

    signal: Tensor
    """Of some windows, all columns."""
    response: Tensor
    """Of the kernels of all of these and some other columns."""
    product: Tensor
    """Of some windows, some other columns."""


class Cut:
    """How a sequence of currents is cut into windows, and what becomes of them.

    `delays` is how many steps kernels have, `columns` how many columns what meets them has; spikes begin `before`
    steps before the currents.
    """

    def __init__(self, like: Tensor, delays: int, *, columns: int, before: int) -> None:
        steps, self.lanes, _ = like.shape
        points = fft.good_size(steps + delays - 1)
        if points > max(SHORT, 4 * delays):
            points = fft.good_size(max(SHORT // 2, 4 * delays))
        hop = points - delays + 1
        self.delays, self.like, self.columns = delays, like, columns
        self.number = -(-steps // hop) * self.lanes
        # a window reaches back over the longest delay; its own steps are those behind
        self.plan = fft.plan(points, str(like.dtype).removeprefix("torch."))
        self.whole = windowed_fft.Windows(points, before + 1 - delays, hop, 0)
        self.late = windowed_fft.Windows(points, 1 - delays, hop, delays - 1)
        self.single = windowed_fft.Windows(points, 0, points, 0)
        self.planes = 2 * (points // 2 + 1)
        self.length, self.width = self._pieces(columns)
        self.analyzed: Span | None = None
        sizes = [_panels(columns) * self.length, columns * self.width, self.length * self.width]
        places = [self.planes * (size + _APART) for size in sizes]
        self.room = _Room(*workspace(like, sum(places)).split(places))

    def _pieces(self, columns: int) -> tuple[int, int]:
        """Return how many windows, and how many other columns, are worked at together."""
        size = self.planes * self.like.element_size()
        most = max(1, (LITTLE if keeps_little() else PIECE) // (size * columns))
        length = -(-self.number // -(-self.number // most))
        # wide products are faster; but kernels should not need more than the windows that they meet
        return length, fft.LANES * (2 if length > 2 * fft.LANES else 1)

    def pieces(self, number: int) -> Iterator[tuple[list[Span], Span]]:
        """Yield pieces of the windows with a piece of the other columns: targets forward, sources backward.

        What is dear is made once: the spectra of long pieces of windows, or else the kernels that short ones meet.
        """
        rows, columns = _spans(self.number, self.length), _spans(number, self.width)
        groups = [[one] for one in rows] if self.length > self.width else [rows]
        return ((group, some) for group in groups for some in columns)

    def whole_spectra(self, sequence: Tensor, rows: Span, *, late: bool = False) -> Tensor:
        """Return the spectra of windows with all their columns, (row, column); `sequence` is the same in every call."""
        made = self._at(self.room.signal, rows[1] - rows[0], self.columns)
        if rows != self.analyzed:
            windows, every = self.late if late else self.whole, (0, self.columns)
            windowed_fft.analyze(sequence.numpy(), 1.0, windows, self.plan, rows, every, False, made.numpy())
            self.analyzed = rows
        return made

    def some_spectra(self, counts: Tensor, scale: float, rows: Span, columns: Span) -> Tensor:
        """Return the spectra of some columns of windows, in panels."""
        made = self._at(self.room.product, rows[1] - rows[0], columns[1] - columns[0])
        windowed_fft.analyze(counts.numpy(), scale, self.whole, self.plan, rows, columns, True, made.numpy())
        return made

    def responses(self, kernel: Tensor) -> Tensor:
        """Return the spectra of kernels (delay, lane, column), in panels."""
        kernel = kernel[: self.delays].contiguous()
        _, lanes, columns = kernel.shape
        made = self._at(self.room.response, lanes, columns)
        windowed_fft.analyze(kernel.numpy(), 1.0, self.single, self.plan, (0, lanes), (0, columns), True, made.numpy())
        return made

    def product(self, a: Tensor, b: Tensor, shape: tuple[int, int, int], *, conjugate: bool = False) -> Tensor:
        """Return A B, or A B*, of spectra; `shape` is (lines, terms, columns)."""
        made = self._at(self.room.product, shape[0], shape[2])
        complex_gemm.multiply(a.numpy(), b.numpy(), made.numpy(), shape, conjugate, False, False, get_num_threads())
        return made

    def into(self, current: Tensor, product: Tensor, rows: Span, columns: Span) -> None:
        """Set the windows' own steps of the current from products of spectra."""
        windowed_fft.synthesize(product.numpy(), self.late, self.plan, rows, columns, 0, current.numpy())

    def back_into(self, grad: Tensor, product: Tensor, rows: Span, columns: Span) -> None:
        """Add the gradients of overlapping windows."""
        shared = self.delays - 1
        windowed_fft.synthesize(product.numpy(), self.whole, self.plan, rows, columns, shared, grad.numpy())

    def add_kernel(self, error: Tensor, signal: Tensor, rows: Span, sources: Span, *, first: bool) -> None:
        """Add what these windows give to the spectra of the gradient of kernels, which lie where responses did."""
        made, number = self._at(self.room.response, self.columns, sources[1] - sources[0]), get_num_threads()
        shape = self.columns, rows[1] - rows[0], sources[1] - sources[0]
        complex_gemm.multiply(error.numpy(), signal.numpy(), made.numpy(), shape, True, True, not first, number)

    def kernel(self, sources: Span, delays: int) -> Tensor:
        """Return the gradient (delay, target, source) of kernels; what lies behind the sequence is 0."""
        number = sources[1] - sources[0]
        added = self._at(self.room.response, self.columns, number)
        made = self.like.new_zeros(delays, self.columns, number)
        edges = (0, self.columns), (0, number), 0
        windowed_fft.synthesize(added.numpy(), self.single, self.plan, *edges, made[: self.delays].numpy())
        return made

    def _at(self, room: Tensor, rows: int, columns: int) -> Tensor:
        # whole panels; and frequencies a power of two apart would share places in the caches
        return room[: self.planes * (rows * _panels(columns) + _APART)].view(self.planes, -1)


def _spans(number: int, size: int) -> list[Span]:
    return [(first, min(first + size, number)) for first in range(0, number, size)]


def _panels(columns: int) -> int:
    return -(-columns // fft.LANES) * fft.LANES
