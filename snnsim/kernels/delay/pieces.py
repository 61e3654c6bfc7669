"""The pieces of a network in which overlap_save.py computes, and the scratch memory for their spectra.

Shapes   rows: (window, lane), a lane is a recording · columns: sources or targets · spectra as in windowed_fft.py, of
         factors in panels, or in rows where products are short: there a row of zeros follows an even number of windows
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from numba import get_num_threads
from torch import Tensor

from snnsim.allocator import keeps_little
from snnsim.kernels.common.buffers import empty, workspace
from snnsim.kernels.common.short_products import products_are_short
from snnsim.kernels.delay import complex_gemm, fft, windowed_fft
from snnsim.kernels.delay.complex_gemm import ProductShape
from snnsim.kernels.delay.short_gemm import multiply_short
from snnsim.kernels.delay.window_sizes import points_of_a_window
from snnsim.kernels.delay.windowed_fft import Span, Windows

PIECE, LITTLE = 48 * 2**20, 2**20
"""Bytes of spectra of spikes that exist at once, and where the process is set to use little memory."""
_WIDE = 7
"""Vectors of columns of a short product, an odd number for the reason of `_APART`."""
_APART = 16
"""Numbers between frequencies: frequencies a power of two apart would share places in the caches."""


class _Scratch(NamedTuple):
    """Scratch memory for spectra."""

    signal: Tensor
    """Of a span of windows, with all columns of their sequence."""
    response: Tensor
    """Of the kernels from these columns to a span of the other columns."""
    product: Tensor
    """Of a span of windows, with a span of the other columns."""


class Pieces:
    """The windows of a sequence of currents, and the operations on their spectra.

    Args:
        like: The currents or their gradient, (time, batch, target).
        delays: The number of delays of a kernel.
        columns: The columns of the sequence whose windows are multiplied with kernels: sources forward, targets
            backward.
        before: The context steps of the spikes in front of the currents.
        points: The points of a window; None chooses them.
        kernels_last: Whether the spectra of kernels last: more scratch memory is little beside them.
    """

    def __init__(
        self,
        like: Tensor,
        delays: int,
        *,
        columns: int,
        before: int,
        points: int | None = None,
        kernels_last: bool = False,
    ) -> None:
        steps, self.lanes, _ = like.shape
        points = points_of_a_window(steps, delays, self.lanes) if points is None else points
        hop = points - delays + 1
        self.delays, self.like, self.columns = delays, like, columns
        self.short = products_are_short() and like.dtype == torch.float32
        self.number = -(-steps // hop) * self.lanes
        # a window begins with the context of the longest delay; its own steps are the last `hop` ones
        self.plan = fft.plan(points, str(like.dtype).removeprefix("torch."))
        self.full = Windows(points, before + 1 - delays, hop, 0)
        self.late = Windows(points, 1 - delays, hop, delays - 1)
        self.single = Windows(points, 0, points, 0)
        self.planes = 2 * (points // 2 + 1)
        self.length, self.width = self._sizes(columns, kernels_last=kernels_last)
        self.analyzed: Span | None = None
        windows = self._padded(self.length)
        sizes = [_panels(columns) * windows, columns * self.width, windows * self.width]
        lengths = [self.planes * (size + _APART) for size in sizes]
        memory = workspace(like, sum(lengths))
        self.scratch = _Scratch(*memory.split(lengths))  # type: ignore[no-untyped-call]

    def _sizes(self, columns: int, *, kernels_last: bool) -> tuple[int, int]:
        """Return the number of windows, and of other columns, of a piece."""
        size, little = self.planes * self.like.element_size(), LITTLE * (8 if kernels_last else 1)
        most = max(1, (little if keeps_little() else PIECE) // (size * columns))
        length = -(-self.number // -(-self.number // most))
        if kernels_last:
            # fewer calls; no kernels are computed, for which a few columns take less memory
            return length, 4 * fft.LANES
        if self.short and not keeps_little():
            return length, fft.LANES * max(1, min(_WIDE, most // fft.LANES))
        # wide products are faster, but kernels should not need more memory than the windows
        return length, fft.LANES * (2 if length > 2 * fft.LANES else 1)

    def groups(self, number: int) -> Iterator[tuple[list[Span], Span]]:
        """Yield groups of pieces of the windows with a piece of the other columns: targets forward, sources backward.

        The more expensive spectra are computed once: those of long pieces of windows, or else the kernels of short
        pieces.

        Args:
            number: The number of the other columns.
        """
        rows, columns = self.rows(), spans(number, self.width)
        groups = [[one] for one in rows] if self.length > self.width else [rows]
        return ((group, span) for group in groups for span in columns)

    def rows(self) -> list[Span]:
        """Return the pieces of the windows."""
        return spans(self.number, self.length)

    def spectrum(self, sequence: Tensor, rows: Span, *, late: bool = False) -> Tensor:
        """Return the spectra (row, column) of windows with all their columns.

        Args:
            sequence: The sequence (time, batch, column), the same in every call.
            rows: The windows.
            late: Whether the sequence begins behind the context steps.
        """
        result = self._windows(self.scratch.signal, rows.size, self.columns)
        if rows != self.analyzed:
            windows, columns = self.late if late else self.full, Span(0, self.columns)
            windowed_fft.analyze(sequence.numpy(), 1.0, windows, self.plan, rows, columns, False, result.numpy())
            self.analyzed = rows
        return result

    def count_spectrum(self, counts: Tensor, scale: float, rows: Span, columns: Span) -> Tensor:
        """Return the spectra of scale · counts, as a factor.

        Args:
            counts: The counts (time, batch, source).
            scale: The factor of the counts.
            rows: The windows.
            columns: The sources.
        """
        result = self._windows(self.scratch.product, rows.size, columns.size)
        panels = not self.short
        windowed_fft.analyze(counts.numpy(), scale, self.full, self.plan, rows, columns, panels, result.numpy())
        return result

    def lasting(self, rows: int, columns: int) -> Tensor:
        """Return memory for the spectra of a factor that outlives the pieces.

        Args:
            rows: The rows of the spectra.
            columns: Their columns.
        """
        size = rows * columns if self.short else rows * _panels(columns) + _APART
        return empty(self.like, self.planes, size)

    def response(self, kernel: Tensor, memory: Tensor | None = None) -> Tensor:
        """Return the spectra of kernels, as a factor.

        Args:
            kernel: Kernels (delay, lane, column); delays beyond those of the pieces are left out.
            memory: Memory of `lasting` for the result; None takes scratch memory.
        """
        kernel = kernel[: self.delays].contiguous()
        _, lanes, columns = kernel.shape
        result = self._planes(self.scratch.response, lanes, columns) if memory is None else memory
        rows, every = Span(0, lanes), Span(0, columns)
        panels = not self.short
        windowed_fft.analyze(kernel.numpy(), 1.0, self.single, self.plan, rows, every, panels, result.numpy())
        return result

    def product(self, a: Tensor, b: Tensor, sizes: tuple[int, int, int], *, conjugate: bool = False) -> Tensor:
        """Return A B, or A B*, of spectra.

        Args:
            a: The spectra of A.
            b: The spectra of B, as a factor.
            sizes: The rows of A, its columns, and the columns of B.
            conjugate: Whether B is replaced by its complex conjugate.
        """
        shape, threads = ProductShape(*sizes), get_num_threads()
        result = self._planes(self.scratch.product, self._padded(shape.rows), shape.columns)
        if self.short:
            multiply_short(a, b, result, shape._replace(rows=self._padded(shape.rows)), conjugate=conjugate)
        else:
            complex_gemm.multiply(a.numpy(), b.numpy(), result.numpy(), shape, conjugate, False, False, threads)
        return result

    def set_current(self, current: Tensor, product: Tensor, rows: Span, columns: Span) -> None:
        """Set the windows' own steps of the current.

        Args:
            current: The current (time, batch, target).
            product: The spectra of the windows.
            rows: The windows.
            columns: The targets.
        """
        windowed_fft.synthesize(product.numpy(), self.late, self.plan, rows, columns, 0, current.numpy())

    def add_spike_gradient(self, grad: Tensor, product: Tensor, rows: Span, columns: Span) -> None:
        """Add the gradients of overlapping windows.

        Args:
            grad: The gradient of the spikes, (time, batch, source).
            product: The spectra of the windows.
            rows: The windows.
            columns: The sources.
        """
        shared = self.delays - 1
        windowed_fft.synthesize(product.numpy(), self.full, self.plan, rows, columns, shared, grad.numpy())

    def add_kernel_gradient(
        self, error: Tensor, signal: Tensor, rows: Span, sources: Span, *, first: bool, memory: Tensor | None = None
    ) -> None:
        """Add the part of windows to the spectra of the kernels' gradient.

        Args:
            error: The spectra of the gradient of the currents.
            signal: The spectra of the spikes, as a factor.
            rows: The windows.
            sources: The sources.
            first: Whether these are the first windows, whose part is set instead.
            memory: Memory of `lasting` for the spectra; None takes that of the responses.
        """
        result = self._planes(self.scratch.response, self.columns, sources.size) if memory is None else memory
        shape = ProductShape(self.columns, self._padded(rows.size), sources.size)
        if self.short:
            multiply_short(error, signal, result, shape, conjugate=True, transposed=True, added=not first)
            return
        threads = get_num_threads()
        complex_gemm.multiply(error.numpy(), signal.numpy(), result.numpy(), shape, True, True, not first, threads)

    def kernel_gradient(self, sources: Span, delays: int, memory: Tensor | None = None) -> Tensor:
        """Return the gradient (delay, target, source) of kernels; delays longer than the sequence have a gradient of 0.

        Args:
            sources: The sources.
            delays: The number of delays of the kernels.
            memory: Memory of `lasting` with the spectra; None takes that of the responses.
        """
        spectra = self._planes(self.scratch.response, self.columns, sources.size) if memory is None else memory
        grad = self.like.new_zeros(delays, self.columns, sources.size)
        rows, every = Span(0, self.columns), Span(0, sources.size)
        windowed_fft.synthesize(spectra.numpy(), self.single, self.plan, rows, every, 0, grad[: self.delays].numpy())
        return grad

    def _planes(self, scratch: Tensor, rows: int, columns: int) -> Tensor:
        # short products take frequencies without gaps, all others complete panels
        size = rows * columns if self.short else rows * _panels(columns) + _APART
        return scratch[: self.planes * size].view(self.planes, size)

    def _windows(self, scratch: Tensor, windows: int, columns: int) -> Tensor:
        """Return memory for the spectra of windows, whose padding is 0."""
        rows = self._padded(windows)
        planes = self._planes(scratch, rows, columns)
        if rows > windows:
            planes[:, windows * columns :] = 0
        return planes

    def _padded(self, windows: int) -> int:
        """Return the rows of spectra of windows, an odd number where products are short; see `_APART`."""
        return windows | 1 if self.short else windows


def spans(number: int, size: int) -> list[Span]:
    """Return the spans of a range from 0 on.

    Args:
        number: The end of the range.
        size: The size of all spans but the last.
    """
    return [Span(first, min(first + size, number)) for first in range(0, number, size)]


def _panels(columns: int) -> int:
    """Return the number of columns of complete panels."""
    return -(-columns // fft.LANES) * fft.LANES
