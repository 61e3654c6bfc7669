"""Loops over time for a GPU: one program runs a block of neurons of one recording from the first step to the last.

    drive      y[t] = scale · current[t] + shift for t < length, else 0
    forward    u[t] = β v[t−1] + y[t]        s[t] = Θ(u[t] − θ)
               v[t] = u[t] (1 − s[t])  (hard)   or   v[t] = u[t] − θ s[t]  (soft)
    backward   du[t] = h ds[t] + dū[t] + r dv[t]        dv[t] = β du[t+1]        h = g'(u[t] − θ)
               r = 1 − s (hard), 1 (soft); with the reset in the graph also − u h (hard), − θ h (soft)
    moments    z = x − x[0];  δ = z − mean;  mean += δ / count;  squares += δ (z − mean)

Shapes   arrays (time, batch, neuron) without gaps, sums (sum, batch, neuron) · `stride` batch · neuron, from one step
         or sum to the next
Names    lane index of a recording · home offset of a program's neurons in a plane (batch, neuron) · at the same in the
         current step · ends, counted: number of steps, and of steps within the length, for each neuron
Exact    the backward pass computes u again, and a threshold decides: launch with enable_fp_fusion=False, so that
         β v + y rounds twice, as in all other forms, in both passes
         several strides may be beyond 32 bits, so a stride has 64
Source   moments: Welford 1962, Technometrics 4:419
"""

# Triton reads the annotations of its functions
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

from snnsim.kernels.neuron.gpu_steps import AHEAD, advance, indices, read, read_plane, reset, through_spike


@triton.jit(do_not_specialize=["steps"])
def moments_pass(current, lengths, sums, steps, stride, neurons, BLOCK: tl.constexpr):
    """Write x[0], the mean of x − x[0] and the sum of squared deviations of each recording to the planes of `sums`.

    Args:
        current: The currents, (time, batch, neuron).
        lengths: The lengths of the recordings, int64 (batch,).
        sums: The sums, (sum, batch, neuron).
        steps: The number of steps.
        stride: The numbers from one step, or sum, to the next; negative backward in time.
        neurons: The number of neurons.
        BLOCK: The neurons of a program.
    """
    stride = tl.cast(stride, tl.int64)
    lane, _, home, inside = indices(neurons, BLOCK)
    until = tl.minimum(tl.load(lengths + lane), steps).to(tl.int32)
    counted = tl.where(inside, until, 0)
    first = tl.load(current + home, mask=counted > 0, other=0.0)
    mean, squares, count = tl.zeros_like(first), tl.zeros_like(first), tl.zeros_like(first)
    at = home
    for start in range(0, until, AHEAD):
        xs = read(current, at, stride, counted - start)
        for k in tl.static_range(AHEAD):
            count += 1.0
            off = xs[k] - first - mean
            mean += tl.where(start + k < counted, off / count, 0.0)
            squares += tl.where(start + k < counted, off * (xs[k] - first - mean), 0.0)
        at += AHEAD * stride
    tl.store(sums + home, first, mask=inside)
    tl.store(sums + stride + home, mean, mask=inside)
    tl.store(sums + 2 * stride + home, squares, mask=inside)


@triton.jit(do_not_specialize=["steps"])
def lif_forward_pass(
    current, scale, shift, lengths, voltage, mask, beta, threshold, spikes, membrane, last,
    steps, stride, neurons, HARD: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write the spikes and the membrane, each unless it is None, and the voltage after the last step.

    Args:
        current: The currents, (time, batch, neuron).
        scale: Factors of the current, (neuron,).
        shift: Summands of the current, (neuron,).
        lengths: The lengths of the recordings, int64 (batch,).
        voltage: The voltage before the first step, (batch, neuron).
        mask: Factors of the spikes, (batch, neuron), or None for 1.
        beta: β, (neuron,).
        threshold: θ, (neuron,).
        spikes: The spikes, (time, batch, neuron), or None.
        membrane: The membrane, (time, batch, neuron), or None.
        last: The voltage after the last step, (batch, neuron).
        steps: The number of steps.
        stride: The numbers from one step, or sum, to the next; negative backward in time.
        neurons: The number of neurons.
        HARD: Whether the reset is hard.
        BLOCK: The neurons of a program.
    """
    stride = tl.cast(stride, tl.int64)
    lane, neuron, home, inside = indices(neurons, BLOCK)
    until = tl.minimum(tl.load(lengths + lane), steps).to(tl.int32)
    ends, counted = tl.where(inside, steps, 0), tl.where(inside, until, 0)
    scale, shift = tl.load(scale + neuron, mask=inside), tl.load(shift + neuron, mask=inside)
    beta, threshold = tl.load(beta + neuron, mask=inside), tl.load(threshold + neuron, mask=inside)
    v = tl.load(voltage + home, mask=inside)
    size = read_plane(mask, home, inside, v, 1.0)
    at = home
    for start in range(0, steps, AHEAD):
        xs = read(current, at, stride, counted - start)
        for k in tl.static_range(AHEAD):
            exists = start + k < ends
            u, fired, after = advance(v, xs[k], start + k < counted, scale, shift, beta, threshold, HARD)
            v = tl.where(exists, after, v)
            if spikes is not None:
                tl.store(spikes + at, tl.where(fired, size, 0.0), mask=exists)
            if membrane is not None:
                tl.store(membrane + at, u, mask=exists)
            at += stride
    tl.store(last + home, v, mask=inside)


@triton.jit(do_not_specialize=["steps"])
def lif_backward_pass(
    current, lengths, voltage, mask, beta, threshold, grad_spikes, grad_membrane, grad_last, drive, sums,
    steps, stride, neurons,
    HARD: tl.constexpr, DETACHED: tl.constexpr, TEMPORAL: tl.constexpr, SURROGATE: tl.constexpr, ALPHA: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Turn the membrane in `drive` into dL/dy, and write the gradients of scale, shift, β, θ and voltage to `sums`.

    Args:
        current: The currents, (time, batch, neuron).
        lengths: The lengths of the recordings, int64 (batch,).
        voltage: The voltage before the first step, (batch, neuron).
        mask: Factors of the spikes, (batch, neuron), or None for 1.
        beta: β, (neuron,).
        threshold: θ, (neuron,).
        grad_spikes: The gradient of the spikes, or None for 0.
        grad_membrane: The gradient of the membrane, or None for 0.
        grad_last: The gradient of the last voltage, or None for 0.
        drive: The membrane, which the gradient of y replaces.
        sums: The sums, (sum, batch, neuron).
        steps: The number of steps.
        stride: The numbers from one step, or sum, to the next; negative backward in time.
        neurons: The number of neurons.
        HARD: Whether the reset is hard.
        DETACHED: Whether the reset is outside of the graph.
        TEMPORAL: Whether gradients pass from step to step.
        SURROGATE: The name of the surrogate.
        ALPHA: The sharpness of the surrogate.
        BLOCK: The neurons of a program.
    """
    stride = tl.cast(stride, tl.int64)
    lane, neuron, home, inside = indices(neurons, BLOCK)
    until = tl.minimum(tl.load(lengths + lane), steps).to(tl.int32)
    ends, counted = tl.where(inside, steps, 0), tl.where(inside, until, 0)
    beta, threshold = tl.load(beta + neuron, mask=inside), tl.load(threshold + neuron, mask=inside)
    before = tl.load(voltage + home, mask=inside)
    size = read_plane(mask, home, inside, before, 1.0)
    dv = read_plane(grad_last, home, inside, before, 0.0) if TEMPORAL else tl.zeros_like(before)
    zero = tl.zeros_like(before)
    du, by_scale, by_shift, by_beta, by_threshold = zero, zero, zero, zero, zero
    at = home + tl.cast(steps - 1, tl.int64) * stride
    for start in range(0, steps, AHEAD):
        left = ends - start
        us, xs = read(drive, at, -stride, left), read(current, at, -stride, left)
        gs = us if grad_spikes is None else read(grad_spikes, at, -stride, left)
        gm = us if grad_membrane is None else read(grad_membrane, at, -stride, left)
        for k in tl.static_range(AHEAD):
            t = left - 1 - k
            u, exists = us[k], t >= 0
            fired, after = reset(u, threshold, HARD)
            ds = zero if grad_spikes is None else size * gs[k]
            through = through_spike(u, ds, dv, threshold, HARD, DETACHED, SURROGATE, ALPHA)
            now = through + (tl.where(fired, 0.0, dv) if HARD else dv)
            if grad_membrane is not None:
                now += gm[k]
            counts = exists & (t < counted)
            by_scale += tl.where(counts, now * xs[k], 0.0)
            by_shift += tl.where(counts, now, 0.0)
            by_beta += tl.where(exists, du * after, 0.0)
            by_threshold -= tl.where(exists, through if HARD else through + tl.where(fired, dv, 0.0), 0.0)
            tl.store(drive + at, tl.where(counts, now, 0.0), mask=exists)
            du = tl.where(exists, now, du)
            if TEMPORAL:
                dv = tl.where(exists, beta * now, dv)
            at -= stride
    tl.store(sums + home, by_scale, mask=inside)
    tl.store(sums + stride + home, by_shift, mask=inside)
    tl.store(sums + 2 * stride + home, by_beta + du * before, mask=inside)
    tl.store(sums + 3 * stride + home, by_threshold, mask=inside)
    tl.store(sums + 4 * stride + home, dv, mask=inside)


@triton.jit(do_not_specialize=["steps"])
def affine_backward_pass(
    grad_drive, current, lengths, scale, offset, slope, result, steps, stride, neurons, BLOCK: tl.constexpr
):
    """Write scale · grad_drive + offset + slope · current at t < lengths, else 0.

    Args:
        grad_drive: The gradient of y, (time, batch, neuron).
        current: The currents, (time, batch, neuron).
        lengths: The lengths of the recordings, int64 (batch,).
        scale: Factors of the current, (neuron,).
        offset: Summands, (neuron,).
        slope: Factors of the current, (neuron,).
        result: The result, (time, batch, neuron).
        steps: The number of steps.
        stride: The numbers from one step, or sum, to the next; negative backward in time.
        neurons: The number of neurons.
        BLOCK: The neurons of a program.
    """
    stride = tl.cast(stride, tl.int64)
    lane, neuron, at, inside = indices(neurons, BLOCK)
    until = tl.minimum(tl.load(lengths + lane), steps).to(tl.int32)
    ends, counted = tl.where(inside, steps, 0), tl.where(inside, until, 0)
    scale, offset = tl.load(scale + neuron, mask=inside), tl.load(offset + neuron, mask=inside)
    slope = tl.load(slope + neuron, mask=inside)
    for start in range(0, steps, AHEAD):
        gs = read(grad_drive, at, stride, counted - start)
        xs = read(current, at, stride, counted - start)
        for k in tl.static_range(AHEAD):
            grad = tl.where(start + k < counted, scale * gs[k] + offset + slope * xs[k], 0.0)
            tl.store(result + at, grad, mask=start + k < ends)
            at += stride


@triton.jit(do_not_specialize=["steps"])
def leaky_pass(values, first, beta, result, steps, stride, neurons, BACKWARD: tl.constexpr, BLOCK: tl.constexpr):
    """Write u[t] = β u[t−1] + values[t] from u[−1] = first on (0 if None); in reverse order of time if BACKWARD.

    Args:
        values: The currents or their gradients, (time, batch, neuron).
        first: u before the first step, (batch, neuron), or None for 0.
        beta: β, (neuron,).
        result: The result, (time, batch, neuron).
        steps: The number of steps.
        stride: The numbers from one step, or sum, to the next; negative backward in time.
        neurons: The number of neurons.
        BACKWARD: Whether time runs backward.
        BLOCK: The neurons of a program.
    """
    stride = tl.cast(stride, tl.int64)
    _, neuron, home, inside = indices(neurons, BLOCK)
    beta = tl.load(beta + neuron, mask=inside)
    ends = tl.where(inside, steps, 0)
    u = read_plane(first, home, inside, beta, 0.0)
    if BACKWARD:
        at, hop = home + tl.cast(steps - 1, tl.int64) * stride, -stride
    else:
        at, hop = home, stride
    for start in range(0, steps, AHEAD):
        xs = read(values, at, hop, ends - start)
        for k in tl.static_range(AHEAD):
            u = beta * u + xs[k]
            tl.store(result + at, u, mask=start + k < ends)
            at += hop
