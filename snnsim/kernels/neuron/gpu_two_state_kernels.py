"""Loops over time of neurons with two state variables, for a GPU: one program runs a block of neurons of one recording.

    y = (scale · x + shift for t < length, else 0) + f w        level = θ + κ w
    u = β v + e y        s = Θ(u − level)        v = u (1 − s)  (hard)   or   u − level s  (soft)
    w = ((ρ w + a v) + b s) + c y        with the new v

    backward   dv += a dw        ds = dŝ · mask + b dw (− u dv (hard), − level dv (soft) with the reset in the graph)
               dx = h ds         du = dx + dū + r dv, r = 1 − s (hard), 1 (soft)        h = g'(u − level)
               dlevel = − dx (− s dv for a soft reset)        dy = e du + c dw
               before the step: dv = β du        dw = ρ dw + f dy + κ dlevel

Shapes   arrays (time, batch, neuron) without gaps, sums (sum, batch, neuron) · `stride` batch · neuron, from one step
         or sum to the next
Names    those of gpu_kernels.py and of two_state.py
Exact    the backward pass computes u and w again, and a threshold decides: launch with enable_fp_fusion=False, so that
         every product is rounded before it is added, in the order of the parentheses, as in all other forms
"""

# Triton reads the annotations of its functions
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from snnsim.kernels.neuron.gpu_steps import AHEAD, indices, read, read_plane, slope


@triton.jit
def load_five(first, second, third, fourth, fifth, neuron, inside):
    """Return the numbers of a block of neurons from five arrays (neuron,).

    Args:
        first: The first array.
        second: The second one.
        third: The third one.
        fourth: The fourth one.
        fifth: The fifth one.
        neuron: The neurons.
        inside: Which of them exist.
    """
    return (
        tl.load(first + neuron, mask=inside),
        tl.load(second + neuron, mask=inside),
        tl.load(third + neuron, mask=inside),
        tl.load(fourth + neuron, mask=inside),
        tl.load(fifth + neuron, mask=inside),
    )


@triton.jit
def read_or_zero(values, at, stride, left, like):
    """Return the values of AHEAD steps, as `read` does, or blocks of 0 for None.

    Args:
        values: The array, or None.
        at: The offsets of the first step.
        stride: The numbers from one step to the next.
        left: The steps that are left, for each neuron.
        like: Blocks of the same shape and type.
    """
    if values is None:
        zero = tl.zeros_like(like[0])
        result = (zero, zero, zero, zero)
    else:
        result = read(values, at, stride, left)
    return result


@triton.jit
def own_current(x, w, counts, scale, shift, feedback):
    """Return y, the current of a step with the feedback of the second variable.

    Args:
        x: The current.
        w: The second variable before the step.
        counts: Whether the step is within the length.
        scale: Factors of the current.
        shift: Summands of the current.
        feedback: f.
    """
    return tl.where(counts, scale * x + shift, 0.0) + feedback * w


@triton.jit
def reset_to(u, level, HARD: tl.constexpr):
    """Return whether a neuron fires, and the voltage after the reset.

    Args:
        u: Membranes before the reset.
        level: Threshold in this step.
        HARD: Whether the voltage becomes 0 at a spike; otherwise the level is subtracted.
    """
    fires = u >= level
    return fires, tl.where(fires, 0.0 if HARD else u - level, u)


@triton.jit
def back_through(
    u, level, ds, grad_u, dv, gain, dw_intake, exists,
    HARD: tl.constexpr, DETACHED: tl.constexpr, SURROGATE: tl.constexpr, ALPHA: tl.constexpr,
):  # fmt: skip
    """Return the gradients of the membrane, of the threshold in the step, and of y; 0 for steps that do not exist.

    Args:
        u: Membranes before the reset.
        level: Threshold in this step.
        ds: The gradient of the spike.
        grad_u: The gradient of the recorded membrane.
        dv: The gradient of v after the step.
        gain: e.
        dw_intake: The gradient of y through the second variable.
        exists: Whether the step exists.
        HARD: Whether the reset is hard.
        DETACHED: Whether the reset is outside of the graph.
        SURROGATE: The name of the surrogate.
        ALPHA: The sharpness of the surrogate.
    """
    fires = u >= level
    if not DETACHED:
        ds -= dv * (u if HARD else level)
    dx = slope(u - level, SURROGATE, ALPHA) * ds
    du, dlevel = dx + (tl.where(fires, 0.0, dv) if HARD else dv) + grad_u, -dx
    if not HARD:
        dlevel -= tl.where(fires, dv, 0.0)
    dy = gain * du + dw_intake
    return tl.where(exists, du, 0.0), tl.where(exists, dlevel, 0.0), tl.where(exists, dy, 0.0)


@triton.jit(do_not_specialize=["steps"])
def two_state_forward_pass(
    current, scale, shift, lengths, first_v, first_w, mask,
    beta, threshold, feedback, gain, sensitivity, rho, coupling, jump, intake,
    spikes, membrane, second, last_v, last_w, steps, stride, neurons, HARD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write spikes, membrane and second variable before each step, each unless it is None, and the last state.

    Args:
        current: The currents, (time, batch, neuron).
        scale: Factors of the current, (neuron,).
        shift: Summands of the current, (neuron,).
        lengths: The lengths of the recordings, int64 (batch,).
        first_v: The voltage before the first step, (batch, neuron).
        first_w: The second variable before the first step, (batch, neuron).
        mask: Factors of the spikes, (batch, neuron), or None for 1.
        beta: β, (neuron,).
        threshold: θ, (neuron,).
        feedback: f, (neuron,).
        gain: e, (neuron,).
        sensitivity: κ, (neuron,).
        rho: ρ, (neuron,).
        coupling: a, (neuron,).
        jump: b, (neuron,).
        intake: c, (neuron,).
        spikes: The spikes, (time, batch, neuron), or None.
        membrane: The membrane, (time, batch, neuron), or None.
        second: w before each step, (time, batch, neuron), or None.
        last_v: v after the last step, (batch, neuron).
        last_w: w after the last step, (batch, neuron).
        steps: The number of steps.
        stride: The numbers from one step, or sum, to the next.
        neurons: The number of neurons.
        HARD: Whether the reset is hard.
        BLOCK: The neurons of a program.
    """
    stride = tl.cast(stride, tl.int64)
    lane, neuron, home, inside = indices(neurons, BLOCK)
    until = tl.minimum(tl.load(lengths + lane), steps).to(tl.int32)
    ends, counted = tl.where(inside, steps, 0), tl.where(inside, until, 0)
    scale, shift, beta, threshold, feedback = load_five(scale, shift, beta, threshold, feedback, neuron, inside)
    gain, sensitivity, rho, coupling, jump = load_five(gain, sensitivity, rho, coupling, jump, neuron, inside)
    intake = tl.load(intake + neuron, mask=inside)
    v, w = tl.load(first_v + home, mask=inside), tl.load(first_w + home, mask=inside)
    size = read_plane(mask, home, inside, v, 1.0)
    at = home
    for start in range(0, steps, AHEAD):
        xs = read(current, at, stride, counted - start)
        for k in tl.static_range(AHEAD):
            exists = start + k < ends
            y = own_current(xs[k], w, start + k < counted, scale, shift, feedback)
            u, level = beta * v + gain * y, threshold + sensitivity * w
            fires, after = reset_to(u, level, HARD)
            if spikes is not None:
                tl.store(spikes + at, tl.where(fires, size, 0.0), mask=exists)
            if membrane is not None:
                tl.store(membrane + at, u, mask=exists)
            if second is not None:
                tl.store(second + at, w, mask=exists)
            later = ((rho * w + coupling * after) + tl.where(fires, jump, 0.0)) + intake * y
            v, w = tl.where(exists, after, v), tl.where(exists, later, w)
            at += stride
    tl.store(last_v + home, v, mask=inside)
    tl.store(last_w + home, w, mask=inside)


@triton.jit(do_not_specialize=["steps"])
def two_state_backward_pass(
    current, scale, shift, lengths, first_v, mask,
    beta, threshold, feedback, gain, sensitivity, rho, coupling, jump, intake,
    grad_spikes, grad_membrane, grad_v, grad_w, drive, second, sums, steps, stride, neurons,
    HARD: tl.constexpr, DETACHED: tl.constexpr, TEMPORAL: tl.constexpr, SURROGATE: tl.constexpr, ALPHA: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Turn the membrane in `drive` into the gradient of the drive, and write all other gradients to `sums`.

    The planes of `sums` are the gradients of v, w, scale, shift, and of the coefficients in their order. β acts on v in
    the step after: its gradient has the du of that step, `later`.

    Args:
        current: The currents, (time, batch, neuron).
        scale: Factors of the current, (neuron,).
        shift: Summands of the current, (neuron,).
        lengths: The lengths of the recordings, int64 (batch,).
        first_v: The voltage before the first step, (batch, neuron).
        mask: Factors of the spikes, (batch, neuron), or None for 1.
        beta: β, (neuron,).
        threshold: θ, (neuron,).
        feedback: f, (neuron,).
        gain: e, (neuron,).
        sensitivity: κ, (neuron,).
        rho: ρ, (neuron,).
        coupling: a, (neuron,).
        jump: b, (neuron,).
        intake: c, (neuron,).
        grad_spikes: The gradient of the spikes, or None for 0.
        grad_membrane: The gradient of the membrane, or None for 0.
        grad_v: The gradient of the last v, or None for 0.
        grad_w: The gradient of the last w, or None for 0.
        drive: The membrane, which the gradient of the drive replaces.
        second: w before each step, (time, batch, neuron).
        sums: The sums, (sum, batch, neuron).
        steps: The number of steps.
        stride: The numbers from one step, or sum, to the next.
        neurons: The number of neurons.
        HARD: Whether the reset is hard.
        DETACHED: Whether the reset is outside of the graph.
        TEMPORAL: Whether gradients pass from step to step.
        SURROGATE: The name of the surrogate.
        ALPHA: The sharpness of the surrogate.
        BLOCK: The neurons of a program.
    """
    lane, neuron, home, inside = indices(neurons, BLOCK)
    until = tl.where(inside, tl.minimum(tl.load(lengths + lane), steps).to(tl.int32), 0)
    scale, shift, beta, threshold, feedback = load_five(scale, shift, beta, threshold, feedback, neuron, inside)
    gain, sensitivity, rho, coupling, jump = load_five(gain, sensitivity, rho, coupling, jump, neuron, inside)
    intake, before = tl.load(intake + neuron, mask=inside), tl.load(first_v + home, mask=inside)
    size, zero = read_plane(mask, home, inside, before, 1.0), tl.zeros_like(before)
    dv = read_plane(grad_v, home, inside, before, 0.0) if TEMPORAL else zero
    dw = read_plane(grad_w, home, inside, before, 0.0) if TEMPORAL else zero
    later, by_scale, by_shift, by_beta, by_threshold, by_feedback = zero, zero, zero, zero, zero, zero
    by_gain, by_sensitivity, by_rho, by_coupling, by_jump, by_intake = zero, zero, zero, zero, zero, zero
    at, stride = home + tl.cast(steps - 1, tl.int64) * stride, tl.cast(stride, tl.int64)
    for start in range(0, steps, AHEAD):
        left = tl.where(inside, steps, 0) - start
        us, xs, ws = read(drive, at, -stride, left), read(current, at, -stride, left), read(second, at, -stride, left)
        gs, gm = read_or_zero(grad_spikes, at, -stride, left, us), read_or_zero(grad_membrane, at, -stride, left, us)
        for k in tl.static_range(AHEAD):
            u, w, exists = us[k], ws[k], left > k
            counts = exists & (left - 1 - k < until)
            y, level = own_current(xs[k], w, counts, scale, shift, feedback), threshold + sensitivity * w
            fires, after = reset_to(u, level, HARD)
            ds, by_v, by_y = size * gs[k] + jump * dw, dv + coupling * dw, intake * dw
            du, dlevel, dy = back_through(
                u, level, ds, gm[k], by_v, gain, by_y, exists, HARD, DETACHED, SURROGATE, ALPHA
            )
            dz = tl.where(exists, dw, 0.0)
            tl.store(drive + at, tl.where(counts, dy, 0.0), mask=exists)
            by_scale, by_shift = by_scale + tl.where(counts, dy * xs[k], 0.0), by_shift + tl.where(counts, dy, 0.0)
            by_beta, by_threshold = by_beta + tl.where(exists, later * after, 0.0), by_threshold + dlevel
            by_feedback, by_gain, by_sensitivity = by_feedback + dy * w, by_gain + du * y, by_sensitivity + dlevel * w
            by_rho, by_coupling, by_intake = by_rho + dz * w, by_coupling + dz * after, by_intake + dz * y
            by_jump, later = by_jump + tl.where(fires, dz, 0.0), tl.where(exists, du, later)
            dw = tl.where(exists & TEMPORAL, (rho * dw + feedback * dy) + sensitivity * dlevel, dw)
            dv = tl.where(exists & TEMPORAL, beta * du, dv)
            at -= stride
    sums_of_steps = (
        dv, dw, by_scale, by_shift, by_beta + later * before, by_threshold, by_feedback, by_gain, by_sensitivity,
        by_rho, by_coupling, by_jump, by_intake,
    )  # fmt: skip
    for number in tl.static_range(13):
        tl.store(sums + number * stride + home, sums_of_steps[number], mask=inside)
