"""Delayed currents of many chunks of time with one set of parameters: kernels are transformed once, not in every chunk.

Within `keep_spectra`, the spectra of kernels are kept from the first chunk on, and the gradients of all chunks are
summed as spectra:

    chunk c     Î[c] = K̂ Ŝ[c]        Ĝ = Σ_c Ê[c] Ŝ[c]*
    at the end  ∂L/∂kernel = the transform of Ĝ back, and from it the gradients of the parameters, once

A connection is known by its function and its parameters: the same memory, unchanged. Parameters that are computed anew
for every chunk, as in training with quantized weights, take the ordinary form.

Shapes   as in overlap_save.py
Names    L points of a window · hats: Fourier transforms · E gradient of the currents
Differs  memory: three spectra of all kernels, of L numbers for each connection, until the end
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import ismethod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import torch_threads
from snnsim.kernels.delay.bitpack import Packed, packed
from snnsim.kernels.delay.overlap_save import KernelFunction, add_gradients, narrowed
from snnsim.kernels.delay.pieces import Pieces, spans
from snnsim.kernels.delay.window_sizes import whole_points
from snnsim.kernels.delay.windowed_fft import Span

_KEPT: ContextVar[dict[KernelFunction, "KeptKernels"] | None] = ContextVar("kept_spectra", default=None)


@contextmanager
def keep_spectra() -> Iterator[None]:
    """Keep the spectra of kernels within a `with` block, whose end adds the gradients to those of the parameters.

    Blocks within a block belong to it.
    """
    if _KEPT.get() is not None:
        yield
        return
    by_function: dict[KernelFunction, KeptKernels] = {}
    token = _KEPT.set(by_function)
    try:
        yield
        for one in by_function.values():
            one.backward()
    finally:
        _KEPT.reset(token)
        for one in by_function.values():
            # the spectra know their kernels: without a circle their memory is free at once
            one.by_points.clear()


def kept_kernels(
    kernel_of: KernelFunction, parameters: tuple[Tensor, ...], *, delays: int, before: int
) -> "KeptKernels | None":
    """Return the kept kernels of a connection, or None where none are kept.

    Args:
        kernel_of: The function from parameters to kernels.
        parameters: The parameters, (target, source, ...) or ().
        delays: The number of delays of a kernel.
        before: The context steps in front of the currents: chunks have the longest delay of them.
    """
    by_function = _KEPT.get()
    # a function that is made anew for every chunk would never be found again
    if by_function is None or before != delays - 1 or not ismethod(kernel_of):
        return None
    one = by_function.setdefault(kernel_of, KeptKernels(kernel_of, parameters, delays))
    return one if one.are_of(parameters) else None


def _identity(parameters: tuple[Tensor, ...]) -> list[tuple[object, ...]]:
    return [(one.data_ptr(), one.dtype, one.shape, one.stride(), one._version) for one in parameters]


class KeptKernels:
    """The kernels of a connection as spectra, and the sum of their gradients.

    Args:
        kernel_of: The function from parameters to kernels.
        parameters: The parameters, (target, source, ...) or ().
        delays: The number of delays of a kernel.
    """

    def __init__(self, kernel_of: KernelFunction, parameters: tuple[Tensor, ...], delays: int) -> None:
        self.kernel_of, self.parameters, self.delays = kernel_of, parameters, delays
        self.identity = _identity(parameters)
        self.by_points: dict[int, _Spectra] = {}
        # an input of every chunk's currents, so that they have a gradient where a parameter has one
        self.root = torch.zeros((), requires_grad=True)
        self.graph: tuple[Tensor, ...] | None = None

    def are_of(self, parameters: tuple[Tensor, ...]) -> bool:
        """Return whether the kernels are those of parameters, whose graph is then the one of the gradients.

        Args:
            parameters: The parameters, (target, source, ...) or ().
        """
        if _identity(parameters) != self.identity:
            return False
        if self.graph is None and torch.is_grad_enabled() and any(one.requires_grad for one in parameters):
            self.graph = parameters
        return True

    def current(self, spikes: Tensor) -> Tensor:
        """Return the currents of a chunk, (time - delays + 1, batch, target).

        Args:
            spikes: The spikes (time, batch, source), with the longest delay of context steps first.
        """
        root = self.root if self.graph is not None else self.root.detach()
        current: Tensor = _KeptCurrent.apply(spikes, root, self)  # type: ignore[no-untyped-call]
        return current

    def spectra(self, steps: int) -> "_Spectra":
        """Return the spectra for chunks of a length: those of longer chunks serve shorter ones.

        Args:
            steps: The steps of the currents.
        """
        points = whole_points(steps, self.delays)
        longer = [one for one in self.by_points if one >= points]
        return self.by_points.setdefault(min(longer, default=points), _Spectra(self, min(longer, default=points)))

    @torch.no_grad()
    def backward(self) -> None:
        """Add the gradients of all chunks to those of the parameters."""
        if self.graph is None:
            return
        needed = [one.requires_grad for one in self.graph]
        grads = [torch.zeros_like(one) if need else None for one, need in zip(self.graph, needed, strict=True)]
        for spectra in self.by_points.values():
            spectra.add_gradients(grads, needed)
        pairs = [(one, grad) for one, grad in zip(self.graph, grads, strict=True) if grad is not None]
        if any(spectra.gradient for spectra in self.by_points.values()):
            torch.autograd.backward([one for one, _ in pairs], [grad for _, grad in pairs])


class _Spectra:
    """The spectra of kernels for windows of a number of points."""

    def __init__(self, kernels: KeptKernels, points: int) -> None:
        self.kernels, self.points = kernels, points
        self.targets, self.sources = kernels.parameters[0].shape[:2]
        self.forward: dict[Span, Tensor] = {}
        """Of kernels (delay, source, target), by the span of the targets."""
        self.back: dict[Span, Tensor] = {}
        """Of kernels (delay, target, source), by the span of the sources."""
        self.gradient: dict[Span, Tensor] = {}
        """Of the kernels' gradient (delay, target, source), by the span of the sources."""

    def pieces(self, like: Tensor, columns: int) -> Pieces:
        """Return the pieces of a chunk, whose currents or gradient of the currents are given."""
        before = self.kernels.delays - 1
        return Pieces(like, before + 1, columns=columns, before=before, points=self.points, kernels_last=True)

    def forward_response(self, pieces: Pieces, targets: Span) -> Tensor:
        """Return the spectra of the kernels to a span of targets."""
        if targets not in self.forward:
            transposed = (one.detach().transpose(0, 1) if one.ndim else one.detach() for one in self.kernels.parameters)
            parts = (narrowed(one, 1, targets).contiguous() for one in transposed)
            memory = pieces.lasting(self.sources, targets.size)
            self.forward[targets] = pieces.response(self.kernels.kernel_of(*parts), memory)
        return self.forward[targets]

    def back_response(self, pieces: Pieces, sources: Span) -> Tensor:
        """Return the spectra of the kernels from a span of sources."""
        if sources not in self.back:
            parts = (narrowed(one.detach(), 1, sources) for one in self.kernels.parameters)
            memory = pieces.lasting(self.targets, sources.size)
            self.back[sources] = pieces.response(self.kernels.kernel_of(*parts), memory)
        return self.back[sources]

    def add_gradients(self, grads: list[Tensor | None], needed: list[bool]) -> None:
        """Add the gradients of the parameters."""
        like = self.kernels.parameters[0].detach()
        pieces = self.pieces(like.new_empty(1, 1, self.targets), self.targets)
        for sources, memory in self.gradient.items():
            leaves = [narrowed(one, 1, sources).detach() for one in self.kernels.parameters]
            with torch.enable_grad():
                kernel = self.kernels.kernel_of(*map(torch.Tensor.requires_grad_, leaves, needed))
            with torch_threads():
                grad = pieces.kernel_gradient(sources, self.kernels.delays, memory)
            add_gradients(grads, kernel, leaves, grad, sources)


class _KeptCurrent(torch.autograd.Function):
    """Delayed currents of a chunk by kept spectra."""

    @staticmethod
    def forward(ctx: Any, spikes: Tensor, root: Tensor, kernels: KeptKernels) -> Tensor:  # noqa: ARG004
        spikes = spikes.contiguous()
        steps, batch, sources = spikes.shape
        spectra = kernels.spectra(steps - kernels.delays + 1)
        current = empty(spikes, steps - kernels.delays + 1, batch, spectra.targets)
        if any(ctx.needs_input_grad):
            saved = packed(spikes)
            ctx.save_for_backward(saved.planes, saved.scale)
            ctx.kernels, ctx.shape, ctx.counted = kernels, saved.shape, saved.counted
        pieces = spectra.pieces(current, sources)
        with torch_threads():
            for rows in pieces.rows():
                signal = pieces.spectrum(spikes, rows)
                for targets in spans(spectra.targets, pieces.width):
                    response = spectra.forward_response(pieces, targets)
                    product = pieces.product(signal, response, (rows.size, sources, targets.size))
                    pieces.set_current(current, product, rows, targets)
        return current

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, None, None]:
        kernels, grad = ctx.kernels, grad.contiguous()
        planes, factor = ctx.saved_tensors
        counts = Packed(planes, factor, ctx.shape, ctx.counted).counts()
        scale, spectra, targets = float(factor), kernels.spectra(len(grad)), grad.shape[2]
        grad_spikes = empty(grad, *counts.shape) if ctx.needs_input_grad[0] else None
        pieces = spectra.pieces(grad, targets)
        with torch_threads():
            for rows in pieces.rows():
                error = pieces.spectrum(grad, rows, late=True)
                for sources in spans(counts.shape[2], pieces.width):
                    if grad_spikes is not None:
                        response = spectra.back_response(pieces, sources)
                        shape = rows.size, targets, sources.size
                        product = pieces.product(error, response, shape, conjugate=True)
                        pieces.add_spike_gradient(grad_spikes, product, rows, sources)
                    if ctx.needs_input_grad[1]:
                        signal, first = pieces.count_spectrum(counts, scale, rows, sources), False
                        if sources not in spectra.gradient:
                            first, spectra.gradient[sources] = True, pieces.lasting(targets, sources.size)
                        memory = spectra.gradient[sources]
                        pieces.add_kernel_gradient(error, signal, rows, sources, first=first, memory=memory)
        return grad_spikes, None, None
