"""Convolutions over space and delays, event by event: an event adds its part of the kernel to the currents around it.

    I[t, b, y, x, c] = Σ_{d, i, j, p} K[d, i, j, p, c] s[t − d, b, y + i − up, x + j − left, p]

An event is a number other than 0 in s. Events are added in the order of time, row, column and channel, the order in
which a Program adds the spikes of a patch, so that both have the same bits. The cost is one row of the kernel for each
event, tap and position that the tap reaches; silence costs nothing. With strides, only every `stride` steps, rows
and columns have currents, and the cost falls by the same factors.

Shapes   s (time, batch, row · column · channel) · K (delay, row, column, channel, target)
         I (step, batch, row, column, target), the first step is `before`
Units    delays, strides and `before` in steps, rows and columns
Source   Grimaldi & Perrinet 2023, Biol. Cybern. 117:373: events are multiplexed to the synapses of their address
Differs  a correlation, as everywhere in deep learning: kernels are not flipped
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from snnsim.kernels.common.gates import eager
from snnsim.kernels.common.threads import thread_count, torch_threads
from snnsim.kernels.delay import event_rows
from snnsim.kernels.delay.event_rows import Events, Sizes
from snnsim.kernels.delay.filter_microkernel import VECTOR


class ConvGeometry(NamedTuple):
    """Sizes of a convolution over space and delays."""

    height: int
    width: int
    channels: int
    up: int
    """Rows of zeros above and below the field."""
    left: int
    """Columns of zeros beside the field."""
    before: int = 0
    """Steps at the beginning that have no currents."""
    stride: tuple[int, int, int] = (1, 1, 1)
    """Steps, rows and columns from one current to the next."""

    def outputs(self, steps: int, rows: int, columns: int) -> tuple[int, int, int]:
        """Return the steps, rows and columns of the currents.

        Args:
            steps: Steps of the spikes.
            rows: Rows of the kernel.
            columns: Columns of the kernel.
        """
        extents = (
            steps - self.before,
            self.height + 2 * self.up - rows + 1,
            self.width + 2 * self.left - columns + 1,
        )
        sizes = [max(0, -(-extent // stride)) for extent, stride in zip(extents, self.stride, strict=True)]
        return sizes[0], sizes[1], sizes[2]


@eager
def event_conv(spikes: Tensor, kernel: Tensor, geometry: ConvGeometry) -> Tensor:
    """Return the currents of spikes, with a gradient for the kernel alone.

    Args:
        spikes: Spikes (time, batch, neuron) on the CPU, of any numbers; they get no gradient.
        kernel: Kernel (delay, row, column, channel, target).
        geometry: Sizes of the field, its margin and the strides.

    Raises:
        ValueError: If the shapes do not match, or the spikes require a gradient.
    """
    check_conv(spikes, kernel, geometry, who="event_conv")
    if spikes.requires_grad or spikes.device.type != "cpu":
        raise ValueError(
            "event_conv: spikes must be on the CPU and get no gradient; take the form in time or frequency for others"
        )
    current: Tensor = _EventConv.apply(spikes, kernel, geometry)  # type: ignore[no-untyped-call]
    return current


def check_conv(spikes: Tensor, kernel: Tensor, geometry: ConvGeometry, *, who: str) -> None:
    """Check that spikes and kernel fit a field.

    Args:
        spikes: Spikes (time, batch, neuron).
        kernel: Kernel (delay, row, column, channel, target).
        geometry: Sizes of the field, its margin and the strides.
        who: Name of the function that was called, for the message.

    Raises:
        ValueError: If they do not fit.
    """
    field = f"{geometry.height} x {geometry.width} x {geometry.channels}"
    if spikes.ndim != 3 or spikes.shape[2] != geometry.height * geometry.width * geometry.channels:
        raise ValueError(f"{who}: spikes must be (time, batch, {field}), not {tuple(spikes.shape)}")
    if kernel.ndim != 5 or kernel.shape[3] != geometry.channels or kernel.dtype != spikes.dtype:
        must = f"(delay, row, column, {geometry.channels}, target) in {spikes.dtype}"
        raise ValueError(f"{who}: the kernel must be {must}, not {tuple(kernel.shape)} in {kernel.dtype}")
    if spikes.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{who}: spikes must be float32 or float64, not {spikes.dtype}; convert them")
    if min(geometry.stride) < 1 or geometry.before < 0 or min(geometry.up, geometry.left) < 0:
        raise ValueError(f"{who}: strides must be 1 or more, margins and before 0 or more; got {geometry}")
    if min(geometry.outputs(len(spikes), *kernel.shape[1:3])) < 1:
        raise ValueError(
            f"{who}: the kernel must fit into the field of {field} and {len(spikes)} steps with its margins; it is "
            f"{tuple(kernel.shape)}; take a smaller one"
        )


class _EventConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spikes: Tensor, kernel: Tensor, geometry: ConvGeometry) -> Tensor:
        sizes = _sizes(spikes, kernel, geometry)
        events = Events.of(spikes.detach().contiguous().numpy(), sizes)
        ctx.events, ctx.sizes, ctx.shape = events, sizes, kernel.shape
        outputs, targets = geometry.outputs(len(spikes), *kernel.shape[1:3]), kernel.shape[4]
        current = torch.empty(outputs[0], spikes.shape[1], *outputs[1:], targets, dtype=kernel.dtype)
        taps = _wide(kernel.detach(), sizes)
        with torch_threads():
            sums = np.empty((thread_count(), sizes.positions * sizes.width), events.value.dtype)
            event_rows.currents(events, taps, sizes, sums, current.numpy())
        return current

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        sizes, shape = ctx.sizes, ctx.shape
        slope = torch.zeros(*shape[:4], sizes.width, dtype=gradient.dtype)
        with torch_threads():
            slopes = _wide(gradient, sizes)
            event_rows.gradient(ctx.events, slopes, sizes, thread_count(), slope.view(-1).numpy())
        return None, slope[..., : shape[4]], None


def _wide(rows: Tensor, sizes: Sizes) -> np.ndarray:
    """Return numbers (..., target), flat, with zeros behind the targets."""
    wide: np.ndarray = functional.pad(rows, (0, sizes.width - rows.shape[-1])).contiguous().view(-1).numpy()
    return wide


def _sizes(spikes: Tensor, kernel: Tensor, geometry: ConvGeometry) -> Sizes:
    delays, rows, columns, channels, targets = kernel.shape
    positions = geometry.outputs(len(spikes), rows, columns)[2]
    return Sizes(
        spikes.shape[0], spikes.shape[1], geometry.height, geometry.width, channels, geometry.up, geometry.left,
        geometry.before, *geometry.stride, delays, rows, columns, positions, -(-targets // VECTOR) * VECTOR,
    )  # fmt: skip
