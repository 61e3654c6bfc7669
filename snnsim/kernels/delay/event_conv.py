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

from snnsim.kernels.common.gates import eager
from snnsim.kernels.common.jit import njit, subroutine


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
        events = _Events.of(spikes)
        ctx.events, ctx.geometry, ctx.shape = events, geometry, kernel.shape
        shape = geometry.outputs(len(spikes), *kernel.shape[1:3])
        current = np.zeros((shape[0], spikes.shape[1], *shape[1:], kernel.shape[4]), _numpy_type(kernel))
        _scatter(events, kernel.detach().contiguous().numpy(), current, geometry)
        return torch.from_numpy(current)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        slope = np.zeros(tuple(ctx.shape), _numpy_type(gradient))
        _gather(ctx.events, gradient.contiguous().numpy(), slope, ctx.geometry)
        return None, torch.from_numpy(slope), None


def _numpy_type(tensor: Tensor) -> np.dtype[Any]:
    return np.dtype(np.float32 if tensor.dtype == torch.float32 else np.float64)


class _Events(NamedTuple):
    """The events of a batch in the order of their times."""

    step: np.ndarray
    recording: np.ndarray
    neuron: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, spikes: Tensor) -> "_Events":
        dense = spikes.detach().numpy()
        # steps that reach no current are left out by the loops
        step, recording, neuron = np.nonzero(dense)
        return cls(step, recording, neuron, dense[step, recording, neuron])


class _Reach(NamedTuple):
    """The currents that an event reaches, from the first to the one before the last of each axis."""

    time: int
    row: int
    column: int
    channel: int
    steps: tuple[int, int]
    rows: tuple[int, int]
    columns: tuple[int, int]


@subroutine(cache=True)
def _span(first: int, taps: int, stride: int, outputs: int) -> tuple[int, int]:
    """Return the first output that a tap reaches, and the one behind the last: 0 <= first − stride · output < taps."""
    low = max(0, -((taps - 1 - first) // stride))
    high = min(outputs, first // stride + 1) if first >= 0 else 0
    return low, high


@subroutine(cache=True, error_model="numpy")
def _reach(step: int, neuron: int, taps: tuple[int, ...], outputs: tuple[int, ...], geometry: ConvGeometry) -> _Reach:
    """Return what an event reaches through a kernel of some taps (delay, row, column)."""
    time, by_step = step - geometry.before, geometry.stride[0]
    pixel, channel = divmod(neuron, geometry.channels)
    row, column = divmod(pixel, geometry.width)
    row, column = row + geometry.up, column + geometry.left
    # an output at step · stride lies d = step · stride − time behind the event
    steps = max(0, -(-time // by_step)), min(outputs[0], (time + taps[0] - 1) // by_step + 1)
    rows = _span(row, taps[1], geometry.stride[1], outputs[1])
    columns = _span(column, taps[2], geometry.stride[2], outputs[2])
    return _Reach(time, row, column, channel, steps, rows, columns)


@njit(cache=True, error_model="numpy")
def _scatter(events: _Events, kernel: np.ndarray, current: np.ndarray, geometry: ConvGeometry) -> None:
    steps, _, height, width, targets = current.shape
    by_step, by_row, by_column = geometry.stride
    for number in range(len(events.step)):
        recording, value = events.recording[number], events.value[number]
        at = _reach(events.step[number], events.neuron[number], kernel.shape[:3], (steps, height, width), geometry)
        for step in range(*at.steps):
            for y in range(*at.rows):
                for x in range(*at.columns):
                    taps = kernel[step * by_step - at.time, at.row - y * by_row, at.column - x * by_column, at.channel]
                    sums = current[step, recording, y, x]
                    for target in range(targets):
                        sums[target] += taps[target] * value


@njit(cache=True, error_model="numpy")
def _gather(events: _Events, gradient: np.ndarray, slope: np.ndarray, geometry: ConvGeometry) -> None:
    steps, _, height, width, targets = gradient.shape
    by_step, by_row, by_column = geometry.stride
    for number in range(len(events.step)):
        recording, value = events.recording[number], events.value[number]
        at = _reach(events.step[number], events.neuron[number], slope.shape[:3], (steps, height, width), geometry)
        for step in range(*at.steps):
            for y in range(*at.rows):
                for x in range(*at.columns):
                    taps = slope[step * by_step - at.time, at.row - y * by_row, at.column - x * by_column, at.channel]
                    sums = gradient[step, recording, y, x]
                    for target in range(targets):
                        taps[target] += sums[target] * value
