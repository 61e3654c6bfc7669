"""Delayed currents: what arrives at every target when every synapse has its own kernel over delays.

    I[t, b, j] = Σ_i Σ_d kernel[d, j, i] · s[t − d, b, i],   s = 0 before t = 0

Three forms of the same sum:

    time        one 1-D convolution over time (oneDNN, cuDNN): K · T products per synapse
    fourier     Î[f] = K̂[f] Ŝ[f]: with L = T + K − 1 points nothing wraps around, and a real signal needs L/2 + 1
                frequencies: about 2 (T + K) products per synapse. torch.fft, on any device
    blocked     the same on the CPU, compiled and a piece of the network at a time, see overlap_save.py

A layer gives the parameters of its kernels and a function `spread` that makes kernels (delay, target, source) from
any part of them.

Shapes   spikes (time, batch, source) · kernel (delay, target, source) · result (time, batch, target)
          parameters (target, source, ...), or () where all connections share one
Names    s spikes · K = max_delay + 1 · T = len(spikes) · hats: Fourier transforms · L points
Memory   time and fourier keep spikes, kernels and their spectra for the backward pass; blocked a bit a spike
"""

import torch
from torch import Tensor
from torch.nn import functional

from snnsim.kernels.common import dispatch
from snnsim.kernels.delay import fft
from snnsim.kernels.delay.overlap_save import Blocked, Spread
from snnsim.validation import known

FORMS = ("time", "fourier", "blocked")


def delayed_current(spikes: Tensor, kernel: Tensor, *, form: str | None = None) -> Tensor:
    """Return the delayed current of ready kernels, by the form that is fastest here or by the one named in `form`."""
    if spikes.ndim != 3 or kernel.ndim != 3 or spikes.shape[2] != kernel.shape[2]:
        raise ValueError(
            "delayed_current: spikes must be (time, batch, source) and kernel (delay, target, source), "
            f"not {tuple(spikes.shape)} and {tuple(kernel.shape)}"
        )
    return spread_current(spikes, _as_they_are, (kernel.permute(1, 2, 0),), delays=len(kernel), form=form)


def _as_they_are(kernel: Tensor) -> Tensor:
    return kernel.permute(2, 0, 1)


# torch.compile calls it as it stands; the public decorator imports torch's compiler when a module is imported
@torch._disable_dynamo
def spread_current(
    spikes: Tensor,
    spread: Spread,
    parameters: tuple[Tensor, ...],
    *,
    delays: int,
    before: int = 0,
    form: str | None = None,
) -> Tensor:
    """Return the delayed current of the kernels spread(*parameters), which have `delays` steps from 0 on.

    The first `before` steps of the spikes, fewer than there are delays, lie before the steps whose current is wanted.
    """
    form = form or dispatch.of_current(spikes, delays=delays)
    if not 0 <= before < delays or before > len(spikes):
        raise ValueError(f"delayed_current: before must be less than the {delays} delays, and there, not {before}")
    known(form, FORMS, "delayed_current: form")
    if delays == 1 or spikes.numel() == 0 or before == len(spikes):
        return spikes[before:] @ spread(*parameters)[0].mT
    if form != "blocked":
        return _WHOLE[form](spikes, spread(*parameters))[before:]
    current: Tensor = Blocked.apply(spikes, spread, delays, before, *parameters)
    return current


def in_time(spikes: Tensor, kernel: Tensor) -> Tensor:
    """Return the delayed current as a causal convolution over time."""
    # conv1d correlates, so the longest delay comes first
    weight = kernel.flip(0).permute(1, 2, 0)
    padded = functional.pad(spikes.permute(1, 2, 0), (len(kernel) - 1, 0))
    return functional.conv1d(padded, weight).permute(2, 0, 1)


def in_frequency(spikes: Tensor, kernel: Tensor) -> Tensor:
    """Return the delayed current as one complex matrix product per frequency."""
    points = fft.good_size(len(spikes) + len(kernel) - 1)
    signal, response = torch.fft.rfft(spikes, points, dim=0), torch.fft.rfft(kernel, points, dim=0)
    return torch.fft.irfft(signal @ response.mT, points, dim=0)[: len(spikes)]


_WHOLE = {"time": in_time, "fourier": in_frequency}
