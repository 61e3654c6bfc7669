"""Convolutions over space and delays in two dense forms: in time by torch's conv3d, and in frequency by transforms.

    time        I = Σ K s over every tap, delay and position: the cost does not depend on the spikes
    frequency   Î[c] = Σ_p Ŝ[p] K̂[c, p]        Fourier transforms over time, rows and columns
                K̂'[c, p] = Σ_b conj(Ŝ[b, p]) Ĝ[b, c]        gradient of the kernel, one inverse transform per batch

The cost of the second form is that of the transforms of the currents, however large the kernel is. Both forms have
gradients for spikes and kernels; see event_conv.py for the equation, and for the form whose cost is that of the events.

Shapes   as event_conv.py
Differs  the form in frequency has errors of some 1e-7 of the largest current in float32
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.kernels.delay.event_conv import ConvGeometry, check_conv, event_conv


def time_conv(spikes: Tensor, kernel: Tensor, geometry: ConvGeometry) -> Tensor:
    """Return the currents of spikes by torch's conv3d.

    Args:
        spikes: Spikes (time, batch, neuron).
        kernel: Kernel (delay, row, column, channel, target).
        geometry: Sizes of the field, its margin and the strides.
    """
    check_conv(spikes, kernel, geometry, who="time_conv")
    volume = _padded(spikes, kernel, geometry)[:, :, geometry.before :]
    # torch has correlations; in time a delay looks back
    weight = kernel.permute(4, 3, 0, 1, 2).flip(2)
    return functional.conv3d(volume, weight, stride=geometry.stride).permute(2, 0, 3, 4, 1)


def frequency_conv(spikes: Tensor, kernel: Tensor, geometry: ConvGeometry) -> Tensor:
    """Return the currents of spikes by Fourier transforms.

    Args:
        spikes: Spikes (time, batch, neuron).
        kernel: Kernel (delay, row, column, channel, target).
        geometry: Sizes of the field, its margin and the strides.
    """
    check_conv(spikes, kernel, geometry, who="frequency_conv")
    if spikes.numel() == 0:
        # there is nothing to transform
        return time_conv(spikes, kernel, geometry)
    volume = _padded(spikes, kernel, geometry)
    current: Tensor = _FrequencyConv.apply(volume, kernel)  # type: ignore[no-untyped-call]
    by_step, by_row, by_column = geometry.stride
    return current[geometry.before :: by_step, :, ::by_row, ::by_column]


def _padded(spikes: Tensor, kernel: Tensor, geometry: ConvGeometry) -> Tensor:
    """Return spikes as (batch, channel, delays − 1 + time, row, column), with zeros before the first step."""
    field = spikes.reshape(*spikes.shape[:2], geometry.height, geometry.width, geometry.channels).permute(1, 4, 0, 2, 3)
    return functional.pad(field, (geometry.left,) * 2 + (geometry.up,) * 2 + (len(kernel) - 1, 0))


_AXES = (-3, -2, -1)


class _FrequencyConv(torch.autograd.Function):
    """Currents (time, batch, row, column, target) of a padded volume, target by target to bound the memory."""

    @staticmethod
    def forward(ctx: Any, volume: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(volume, kernel)
        size = volume.shape[2:]
        # a valid correlation does not wrap around in a transform of the size of the volume
        spectrum = torch.fft.rfftn(volume, dim=_AXES)
        valid = tuple(extent - taps + 1 for extent, taps in zip(size, kernel.shape[:3], strict=True))
        current = volume.new_empty(valid[0], len(volume), *valid[1:], kernel.shape[4])
        for target in range(kernel.shape[4]):
            tap = _spectrum_of_kernel(kernel[..., target], size)
            product = (spectrum * tap.conj()).sum(1)
            field = torch.fft.irfftn(product, s=size, dim=_AXES)[:, : valid[0], : valid[1], : valid[2]]
            current[..., target] = field.movedim(0, 1)
        return current

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        volume, kernel = ctx.saved_tensors
        size = volume.shape[2:]
        spectrum = torch.fft.rfftn(volume, dim=_AXES)
        slope = torch.empty_like(kernel) if ctx.needs_input_grad[1] else None
        back = torch.zeros_like(spectrum) if ctx.needs_input_grad[0] else None
        for target in range(kernel.shape[4]):
            sent = torch.fft.rfftn(gradient[..., target].movedim(0, 1), s=size, dim=_AXES)
            if slope is not None:
                product = torch.einsum("bpxyz,bxyz->pxyz", spectrum, sent.conj())
                taps = torch.fft.irfftn(product, s=size, dim=_AXES)
                taps = taps[:, : kernel.shape[0], : kernel.shape[1], : kernel.shape[2]]
                slope[..., target] = taps.flip(1).permute(1, 2, 3, 0)
            if back is not None:
                back += sent[:, None] * _spectrum_of_kernel(kernel[..., target], size)
        before = None if back is None else torch.fft.irfftn(back, s=size, dim=_AXES)
        return before, slope


def _spectrum_of_kernel(taps: Tensor, size: torch.Size) -> Tensor:
    """Return the transform of taps (delay, row, column, channel) as a correlation kernel, (channel, ...)."""
    spectrum: Tensor = torch.fft.rfftn(taps.flip(0).permute(3, 0, 1, 2), s=tuple(size), dim=_AXES)
    return spectrum


FORMS = {"events": event_conv, "time": time_conv, "frequency": frequency_conv}
"""The forms of a convolution over space and delays by name."""
