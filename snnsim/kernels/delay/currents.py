"""Delayed currents: the current of every target when every synapse has its own kernel over delays.

    I[t, b, j] = Σ_i Σ_d kernel[d, j, i] · s[t − d, b, i],   s = 0 before t = 0

Four forms of the same sum:

    conv1d         one 1-D convolution over time (oneDNN, cuDNN): K · T products per synapse
    direct         the same on the CPU by a matrix product for each delay, without copies, see direct.py
    fft            Î[f] = K̂[f] Ŝ[f]: with L = T + K − 1 points nothing wraps around, and a real signal needs L/2 + 1
                   frequencies: about 2 (T + K) products per synapse. torch.fft, on any device
    overlap_save   the same on the CPU, compiled and a piece of the network at a time, see overlap_save.py;
                   chunks of time with the same kernels transform them once, see kept_spectra.py

A layer passes the parameters of its kernels and a function that computes kernels (delay, target, source) from any part
of the parameters.

Shapes   spikes (time, batch, source) · kernel (delay, target, source) · result (time, batch, target)
         parameters (target, source, ...), or () where all connections share one
Names    s spikes · K = max_delay + 1 · T = len(spikes) · hats: Fourier transforms · L points
Differs  conv1d, direct and fft save spikes, kernels and spectra for the backward pass; overlap_save saves a bit per
         spike
"""

import math

import torch
from torch import Tensor

from snnsim.kernels.common import dispatch
from snnsim.kernels.common.gates import eager
from snnsim.kernels.delay import fft
from snnsim.kernels.delay.direct import are_few, direct_current, in_time
from snnsim.kernels.delay.kept_spectra import kept_kernels
from snnsim.kernels.delay.overlap_save import KernelFunction, OverlapSave
from snnsim.validation import known

FORMS = ("conv1d", "direct", "fft", "overlap_save")


def delayed_current(spikes: Tensor, kernel: Tensor, *, form: str | None = None) -> Tensor:
    """Return the delayed currents of kernels.

    Args:
        spikes: The spikes (time, batch, source).
        kernel: The kernels (delay, target, source).
        form: A form of FORMS; by default the fastest for these sizes.

    Returns:
        The currents (time, batch, target).

    Raises:
        ValueError: If the shapes do not match, or the form is unknown.
    """
    if spikes.ndim != 3 or kernel.ndim != 3 or spikes.shape[2] != kernel.shape[2]:
        raise ValueError(
            "delayed_current: spikes must be (time, batch, source) and kernel (delay, target, source), "
            f"not {tuple(spikes.shape)} and {tuple(kernel.shape)}"
        )
    return spread_current(spikes, _delays_first, (kernel.permute(1, 2, 0),), delays=len(kernel), form=form)


def _delays_first(kernel: Tensor) -> Tensor:
    return kernel.permute(2, 0, 1)


@eager
def spread_current(
    spikes: Tensor,
    kernel_of: KernelFunction,
    parameters: tuple[Tensor, ...],
    *,
    delays: int,
    before: int = 0,
    form: str | None = None,
) -> Tensor:
    """Return the delayed currents of the kernels that a function computes from parameters.

    Args:
        spikes: The spikes (time, batch, source).
        kernel_of: The function from parameters to kernels (delay, target, source).
        parameters: The parameters, (target, source, ...) or ().
        delays: The number of delays of a kernel, from 0 on.
        before: Context steps of the spikes in front of the currents, fewer than there are delays.
        form: A form of FORMS; by default the fastest for these sizes.

    Returns:
        The currents (time - before, batch, target).

    Raises:
        ValueError: If there are more context steps than delays or spikes, or the form is unknown.
    """
    few = are_few(spikes, delays=delays, synapses=math.prod(parameters[0].shape[:2]))
    form = form or dispatch.of_current(spikes, delays=delays, few=few)
    if not 0 <= before < delays or before > len(spikes):
        raise ValueError(
            f"delayed_current: before must be from 0 to {min(delays - 1, len(spikes))}, less than the {delays} delays "
            f"and at most the {len(spikes)} steps of the spikes, not {before}"
        )
    known(form, FORMS, "delayed_current: form")
    if delays == 1 or spikes.numel() == 0 or before == len(spikes):
        return spikes[before:] @ kernel_of(*parameters)[0].mT
    if form == "conv1d":
        return in_time(spikes, kernel_of(*parameters))[before:]
    if form == "fft":
        return in_frequency(spikes, kernel_of(*parameters))[before:]
    lasting = kept_kernels(kernel_of, parameters, delays=delays, before=before)
    if lasting is not None:
        return lasting.current(spikes)
    if form == "direct":
        return direct_current(spikes, kernel_of(*parameters), before)
    if not torch.is_grad_enabled():
        # or else spikes would be saved for a backward pass
        spikes, parameters = spikes.detach(), tuple(one.detach() for one in parameters)
    arguments = spikes, kernel_of, delays, before, *parameters
    current: Tensor = OverlapSave.apply(*arguments)  # type: ignore[no-untyped-call]
    return current


def in_frequency(spikes: Tensor, kernel: Tensor) -> Tensor:
    """Return the delayed current as one complex matrix product per frequency.

    Args:
        spikes: The spikes (time, batch, source).
        kernel: The kernels (delay, target, source), index 0 the same step.
    """
    points = fft.good_size(len(spikes) + len(kernel) - 1)
    signal, response = torch.fft.rfft(spikes, points, dim=0), torch.fft.rfft(kernel, points, dim=0)
    current: Tensor = torch.fft.irfft(signal @ response.mT, points, dim=0)
    return current[: len(spikes)]
