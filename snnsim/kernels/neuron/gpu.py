"""Raw passes over neurons on a GPU: they allocate, launch the loops of `triton_lanes`, and add up per-recording sums.

    y[t] = scale · current[t] + shift for t < valid, else 0
    u[t] = β v[t−1] + y[t]      s[t] = Θ(u[t] − θ)      v[t] = u[t] (1 − s[t])  or  u[t] − θ s[t]

Shapes   current, u, s (time, batch, neuron) · voltage, keep (batch, neuron) · valid (batch,) · the rest (neuron,)
Names    keep factors of dropout, None for 1 · membrane u · last v after the last step
Memory   backward keeps nothing of the forward pass but its arguments: u is computed again, into the result
Sums     over time in the order of time, then over recordings by torch: the same in every run
Needs    everything contiguous and of one dtype, float32 or float64, but valid int64; nothing is checked here
Differs  `snnsim.kernels.neuron.cpu` is the same for the CPU. TRITON_INTERPRET=1, set before triton is first
         imported, runs these passes on the CPU, slowly
"""

import torch
import triton
from torch import Tensor

from snnsim.kernels.neuron import gpu_kernels as lanes
from snnsim.kernels.neuron.types import Back, Neuron

BLOCK = 64


def moments(current: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance, (neuron,) each, of the steps that count; 0 where none does."""
    steps, batch, neurons = current.shape
    sums = current.new_zeros(3, batch, neurons)
    _launch(lanes.moments_pass, current, current, valid, sums, steps, batch * neurons, neurons)
    # recordings are few: their means are joined in double precision, by Chan, Golub & LeVeque 1979
    first, means, squares = sums.double()
    means += first
    counts = valid.clamp(max=steps).double()[:, None]
    total = counts.sum().clamp(min=1)
    mean = (counts * means).sum(0) / total
    variance = (squares + counts * (means - mean).square()).sum(0) / total
    return mean.to(current.dtype), variance.to(current.dtype)


def fire(  # noqa: PLR0913
    current: Tensor,
    scale: Tensor,
    shift: Tensor,
    valid: Tensor,
    voltage: Tensor,
    keep: Tensor | None,
    neuron: Neuron,
    record: bool,
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return spikes · keep, the membrane u if `record`, else None, and the voltage after the last step."""
    steps, batch, neurons = current.shape
    spikes, last = torch.empty_like(current), voltage.clone()
    membrane = torch.empty_like(current) if record else None
    _launch(
        lanes.fire_pass, current, current, scale, shift, valid, voltage, keep, neuron.beta, neuron.threshold,
        spikes, membrane, last, steps, batch * neurons, neurons, HARD=neuron.hard,
    )  # fmt: skip
    return spikes, membrane, last


def fire_back(  # noqa: PLR0913
    current: Tensor,
    scale: Tensor,
    shift: Tensor,
    valid: Tensor,
    voltage: Tensor,
    keep: Tensor | None,
    neuron: Neuron,
    grad_spikes: Tensor | None,
    grad_membrane: Tensor | None,
    grad_last: Tensor | None,
    learned: bool = True,  # noqa: ARG001
    normed: bool = True,  # noqa: ARG001
) -> Back:
    """Return the gradients of what went into `fire`, from those of its three results; None stands for 0.

    All sums are taken, whether anything is `learned` or `normed` or not: they cost no memory traffic here.
    """
    steps, batch, neurons = current.shape
    drive, sums = torch.empty_like(current), current.new_zeros(5, batch, neurons)
    if steps == 0 and grad_last is not None and neuron.temporal:
        sums[4] = grad_last
    # two launches: what one writes the other reads, whichever thread does it
    _launch(
        lanes.fire_pass, current, current, scale, shift, valid, voltage, None, neuron.beta, neuron.threshold,
        None, drive, torch.empty_like(voltage), steps, batch * neurons, neurons, HARD=neuron.hard,
    )  # fmt: skip
    _launch(
        lanes.fire_back_pass, current, current, valid, voltage, keep, neuron.beta, neuron.threshold,
        grad_spikes, grad_membrane, grad_last, drive, sums, steps, batch * neurons, neurons,
        HARD=neuron.hard, DETACHED=neuron.detached, TEMPORAL=neuron.temporal,
        SURROGATE=neuron.surrogate, ALPHA=float(neuron.alpha),
    )  # fmt: skip
    return Back(drive, *sums[:4].sum(1), sums[4])


def affine_back(
    grad_drive: Tensor, current: Tensor, valid: Tensor, scale: Tensor, offset: Tensor, slope: Tensor
) -> Tensor:
    """Return scale · grad_drive + offset + slope · current where t < valid, else 0, written over `grad_drive`."""
    steps, batch, neurons = current.shape
    _launch(
        lanes.affine_back_pass, current, grad_drive, current, valid, scale, offset, slope, grad_drive,
        steps, batch * neurons, neurons,
    )  # fmt: skip
    return grad_drive


def leak(current: Tensor, voltage: Tensor, beta: Tensor) -> Tensor:
    """Return the membrane u[t] = β u[t−1] + current[t] from u[−1] = voltage on."""
    steps, batch, neurons = current.shape
    membrane = torch.empty_like(current)
    _launch(lanes.leak_pass, current, current, voltage, beta, membrane, steps, batch * neurons, neurons, BACKWARD=False)
    return membrane


def leak_back(beta: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient of the current, du[t] = β du[t+1] + grad[t]."""
    steps, batch, neurons = grad.shape
    result = torch.empty_like(grad)
    _launch(lanes.leak_pass, grad, grad, None, beta, result, steps, batch * neurons, neurons, BACKWARD=True)
    return result


def _launch(loop, current: Tensor, *arguments, **settings) -> None:
    """Run a loop with one program for each recording and block of neurons, on the current's own device."""
    if current.numel() == 0:
        return
    _, batch, neurons = current.shape
    with torch.cuda.device_of(current):
        grid = (batch * triton.cdiv(neurons, BLOCK),)
        loop[grid](*arguments, **settings, BLOCK=BLOCK, num_warps=BLOCK // 32, enable_fp_fusion=False)
