"""One block of an online convolution: spikes before a boundary to currents behind it, by products of spectra.

    I[p] = Σ_q kernel[n + p − q − 1] · s[q]        q = 0 … n − 1 before the boundary, p = 0 … m − 1 behind it

A transform of n + m points, or of 2 n where m = n and kernels end at 2 n − 1, has room for all of it: what wraps around
falls on points that are not read. The spectra of the kernels are computed once for a sequence.

Shapes   spikes (n, batch, source) · currents (m, batch, target) · kernel (delay, target, source), index 0 one step
Names    n steps before the boundary · m steps behind it
Source   overlap-save: Oppenheim & Schafer, Discrete-Time Signal Processing, §8.7
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common import dispatch
from snnsim.kernels.common.buffers import empty, workspace
from snnsim.kernels.common.threads import thread_count, torch_threads
from snnsim.kernels.delay import complex_gemm, fft, windowed_fft
from snnsim.kernels.delay.complex_gemm import ProductShape
from snnsim.kernels.delay.windowed_fft import Span, Windows

_APART = 16
"""Numbers between frequencies: frequencies a power of two apart would share places in the caches."""


class Block:
    """The way from the spikes before a boundary to the currents behind it.

    Args:
        kernel: Weights by delay, (delay, target, source); delays beyond n + m − 1 are left out.
        before: Number of steps before the boundary, n.
        behind: Number of steps behind it, m.
    """

    def __init__(self, kernel: Tensor, *, before: int, behind: int) -> None:
        self.before, self.behind = before, behind
        # index 0 becomes the same step
        self.kernel = torch.cat([torch.zeros_like(kernel[:1]), kernel[: before + behind - 1]])
        self.points = fft.good_size(before + behind)
        self.compiled = dispatch.of_neurons(kernel) == "numba"
        self.responses: dict[bool, Tensor] = {}

    def current(self, spikes: Tensor) -> Tensor:
        """Return the currents behind the boundary, (m, batch, target).

        Args:
            spikes: The last spikes before the boundary, at most n steps, (time, batch, source).
        """
        if self.compiled:
            current: Tensor = _Compiled.apply(spikes, self)  # type: ignore[no-untyped-call]
            return current
        # torch has no transforms of 16 bits
        wide = torch.promote_types(spikes.dtype, torch.float32)
        signal = torch.fft.rfft(spikes.to(wide), self.points, dim=0)
        response = torch.fft.rfft(self.kernel.to(wide), self.points, dim=0).mT
        product = torch.fft.irfft(signal @ response, self.points, dim=0)
        result: Tensor = product[len(spikes) : len(spikes) + self.behind].to(spikes.dtype)
        return result

    def through(self, sequence: Tensor, *, steps: int, start: int, result_start: int, transposed: bool) -> Tensor:
        """Return a stretch of the convolution with the kernels, or of the correlation with them.

        Args:
            sequence: Spikes (time, batch, source); transposed: errors (time, batch, target).
            steps: Number of steps of the result.
            start: Point of the transform at which the sequence begins.
            result_start: Point at which the result begins.
            transposed: Whether errors are correlated with the kernels, from targets to sources.
        """
        _, lanes, columns = sequence.shape
        others = self.kernel.shape[2 if transposed else 1]
        plan, planes = fft.plan(self.points, str(sequence.dtype).removeprefix("torch.")), self._planes
        result = empty(sequence, steps, lanes, others)
        with torch_threads():
            response = self._response(transposed)
            sizes = [planes * (lanes * columns + _APART), planes * (lanes * others + _APART)]
            signal, product = workspace(sequence, sum(sizes)).split(sizes)  # type: ignore[no-untyped-call]
            signal, product = signal.view(planes, -1), product.view(planes, -1)
            rows, windows = Span(0, lanes), Windows(self.points, -start, self.points, start)
            windowed_fft.analyze(
                sequence.numpy(), 1.0, windows, plan, rows, Span(0, columns), False, signal.numpy()
            )  # fmt: skip
            complex_gemm.multiply(
                signal.numpy(), response.numpy(), product.numpy(), ProductShape(lanes, columns, others), transposed,
                False, False, thread_count(),
            )  # fmt: skip
            windows = Windows(self.points, -result_start, self.points, result_start)
            windowed_fft.synthesize(product.numpy(), windows, plan, rows, Span(0, others), 0, result.numpy())
        return result

    @property
    def _planes(self) -> int:
        return 2 * (self.points // 2 + 1)

    def _response(self, transposed: bool) -> Tensor:
        """Return the spectra of the kernels in panels: rows are sources, or targets if transposed."""
        if transposed not in self.responses:
            kernel = self.kernel if transposed else self.kernel.transpose(1, 2)
            kernel = kernel[: self.points].contiguous()
            _, rows, columns = kernel.shape
            panels = -(-columns // fft.LANES) * fft.LANES
            spectra = empty(kernel, self._planes, rows * panels + _APART)
            windows = Windows(self.points, 0, self.points, 0)
            plan = fft.plan(self.points, str(kernel.dtype).removeprefix("torch."))
            windowed_fft.analyze(
                kernel.numpy(), 1.0, windows, plan, Span(0, rows), Span(0, columns), True, spectra.numpy()
            )  # fmt: skip
            self.responses[transposed] = spectra
        return self.responses[transposed]


class _Compiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Tensor, block: Block) -> Tensor:
        ctx.block, ctx.count = block, len(spikes)
        return block.through(
            spikes.detach().contiguous(), steps=block.behind, start=0, result_start=len(spikes), transposed=False
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        block, count = ctx.block, ctx.count
        error = grad.contiguous()
        return block.through(error, steps=count, start=count, result_start=0, transposed=True), None
