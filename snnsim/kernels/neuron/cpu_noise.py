"""Loops over the columns of one step of stochastic neurons; see cpu_lif.py and cpu_steps.py.

    s[t] = Θ(u[t] − θ[t])        θ[t] = θ − Δ ξ[t]        P(s = 1) = sigmoid((u − θ) / Δ) = p
    v[t] = r after a hard reset, u[t] − θ + r after a soft one

    straight through    ∂s/∂u := ∂p/∂u = p (1 − p) / Δ = h        ∂s/∂θ := − h        ∂s/∂Δ := − h (u − θ) / Δ

Shapes   as in cpu_steps.py · Δ, r (column,), without elements where there is no noise, or where r is 0
Names    level θ[t], drawn in every step · Δ scale of the noise · r reset value · ξ logistic, see counter_rng.py
"""

import numpy as np

from snnsim.kernels.common.counter_rng import lane_start, logistic
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.portable_math import exp
from snnsim.kernels.neuron import cpu_steps
from snnsim.kernels.neuron.cpu_types import Block, NoiseArrays, Options, Parameters, StepArrays, Sums
from snnsim.kernels.neuron.surrogate_slopes import to_slopes as to_surrogate_slopes


@subroutine(cache=True)
def tiled(values: np.ndarray, times: int) -> np.ndarray:
    """Return values repeated one after the other, (times · value,); values without elements stay as they are.

    Args:
        values: One number for each neuron, (neuron,), or no element.
        times: Number of lanes.
    """
    return cpu_steps.tiled(values, times) if values.size else values


@subroutine(cache=True, error_model="numpy")
def draw_levels(block: Block, t: int, threshold: np.ndarray, scale: np.ndarray, level: np.ndarray) -> None:
    """Draw the noisy threshold of every column in a step.

    Args:
        block: The lanes of the columns.
        t: The step, counted from that of the counter.
        threshold: θ.
        scale: Δ.
        level: The result.
    """
    neurons, kind = threshold.size // block.lengths.size, threshold.dtype.type
    for lane in range(block.lengths.size):
        (start, first), left = lane_start(block.counter, block.first + lane, neurons, t), lane * neurons
        for n in range(neurons):
            level[left + n] = threshold[left + n] - scale[left + n] * kind(logistic(start, first + n))


@subroutine(cache=True)
def reset(
    u: np.ndarray, level: np.ndarray, threshold: np.ndarray, reset_value: np.ndarray, hard: bool, v: np.ndarray
) -> None:
    """Set the voltage after the reset, to which r is added.

    Args:
        u: The membrane.
        level: The noisy threshold.
        threshold: θ.
        reset_value: r.
        hard: Whether the reset is hard.
        v: The result.
    """
    for n in range(u.size):
        # u − u, as an integer 0 would turn the sum into float64
        lower = u[n] - u[n] if hard else u[n] - threshold[n]
        v[n] = lower + reset_value[n] if u[n] >= level[n] else u[n]


@subroutine(cache=True, error_model="numpy")
def _to_probability_slopes(x: np.ndarray, scale: np.ndarray) -> None:
    one = x.dtype.type(1)
    for n in range(x.size):
        # p (1 − p) is even in x, and the exponential of a negative number neither overflows nor cancels
        g = one / (one + x.dtype.type(exp(-abs(x[n]) / scale[n])))
        x[n] = g * (one - g) / scale[n]


@subroutine(cache=True)
def add_reset_gradient(detached: bool, factor: np.ndarray, reset_value: np.ndarray, total: np.ndarray) -> None:
    """Add the product of a factor and r, which a reset in the graph adds to the voltage.

    Args:
        detached: Whether the reset is outside of the graph; then nothing is added.
        factor: h if the total is ∂v/∂u, dv if the total is ds.
        reset_value: r, or without elements for 0.
        total: The sum.
    """
    for n in range(0 if detached else reset_value.size):
        total[n] += factor[n] * reset_value[n]


@subroutine(cache=True, error_model="numpy")
def _add_scale_gradient(
    h: np.ndarray, ds: np.ndarray, u: np.ndarray, threshold: np.ndarray, scale: np.ndarray, total: np.ndarray
) -> None:
    for n in range(h.size):
        total[n] -= h[n] * ds[n] * ((u[n] - threshold[n]) / scale[n])


@subroutine(cache=True)
def _add_reset_value_gradient(dv: np.ndarray, u: np.ndarray, level: np.ndarray, total: np.ndarray) -> None:
    for n in range(dv.size):
        total[n] += dv[n] if u[n] >= level[n] else dv.dtype.type(0)


@subroutine(cache=True)
def add_beta_gradient(
    t: int, du: np.ndarray, before: np.ndarray, level: np.ndarray, reset_value: np.ndarray, total: np.ndarray
) -> None:
    """Add du r to the gradient of β for the neurons that fired a step ago.

    Args:
        t: The step; before step 0 there was no reset.
        du: The gradient of the membrane.
        before: The membrane of the step before.
        level: The noisy threshold of the step before.
        reset_value: r, or without elements for 0.
        total: The sums over time, float64.
    """
    for n in range(reset_value.size if t else 0):
        total[n] += du[n] * reset_value[n] if before[n] >= level[n] else du.dtype.type(0)


@subroutine(cache=True)
def to_slopes(x: np.ndarray, scale: np.ndarray, options: Options) -> None:
    """Turn u − θ into the slope there: of the probability, or of a surrogate where there is no noise.

    Args:
        x: u − θ of each column, overwritten by the slope there, (column,).
        scale: Scale Δ of the noise, (column,); without elements there is no noise.
        options: Choices of the backward pass: surrogate and sharpness.
    """
    if scale.size:
        _to_probability_slopes(x, scale)
    else:
        to_surrogate_slopes(x, options.surrogate, x.dtype.type(options.alpha))


@subroutine(cache=True)
def add_parameter_gradients(
    step: StepArrays, neuron: Parameters, noise: NoiseArrays, detached: bool, ds: np.ndarray, sums: Sums
) -> None:
    """Add the gradients of θ, Δ and r in one step.

    Args:
        step: The arrays of the step.
        neuron: The parameters of the columns.
        noise: The noise of the columns.
        detached: Whether the reset is outside of the graph.
        ds: Scratch memory for the gradient of the spikes before dropout.
        sums: The sums over time, of the columns of the block.
    """
    h, u, level, dv = step.slope, step.membrane, step.level, step.grad_voltage
    threshold, hard = neuron.threshold, neuron.hard
    cpu_steps.set_spike_errors(step.grad_spikes, step.factor, dv, u, threshold, hard, detached, ds)
    add_reset_gradient(detached, dv, noise.reset_value, ds)
    cpu_steps.add_threshold_gradient(h, ds, dv, u, level, hard, sums.threshold)
    if noise.scale.size:
        _add_scale_gradient(h, ds, u, threshold, noise.scale, sums.noise_scale)
    if noise.reset_value.size:
        _add_reset_value_gradient(dv, u, level, sums.reset_value)
