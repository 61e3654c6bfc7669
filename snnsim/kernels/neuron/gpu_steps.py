"""Parts of the loops of gpu_kernels.py: reads of several steps, one step of a neuron, the surrogate slopes.

Names    as in gpu_kernels.py · AHEAD steps that are read at once
"""

# Triton reads the annotations of its functions
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators

import triton
import triton.language as tl

# steps that are read at once, so that a program waits for memory once for all of them: reads do not depend on the
# state, but no compiler may move a read in front of a write that could have the same address
AHEAD = tl.constexpr(4)
QUARTER_TURN = tl.constexpr(1.5707963267948966)


@triton.jit
def indices(neurons, BLOCK: tl.constexpr):
    """Return the recording and the neurons of this program, their offset in a plane, and which of them exist.

    Args:
        neurons: Number of neurons of a recording.
        BLOCK: Number of neurons of a program, a power of 2.
    """
    blocks = tl.cdiv(neurons, BLOCK)
    program = tl.program_id(0)
    lane = (program // blocks).to(tl.int64)
    neuron = program % blocks * BLOCK + tl.arange(0, BLOCK)
    return lane, neuron, lane * neurons + neuron, neuron < neurons


@triton.jit
def read(values, at, stride, left):
    """Return the values of AHEAD steps from the offset `at` on; 0 from step `left` on, a number for each neuron.

    Args:
        values: The array.
        at: The offsets of the first step.
        stride: The numbers from one step, or sum, to the next; negative backward in time.
        left: The steps that are left, for each neuron.
    """
    return (
        tl.load(values + at, mask=left > 0, other=0.0),
        tl.load(values + at + stride, mask=left > 1, other=0.0),
        tl.load(values + at + 2 * stride, mask=left > 2, other=0.0),
        tl.load(values + at + 3 * stride, mask=left > 3, other=0.0),
    )


@triton.jit
def reset(u, threshold, HARD: tl.constexpr):
    """Return whether a neuron fires, and the voltage after the reset.

    Args:
        u: Membranes before the reset, (BLOCK,).
        threshold: Threshold of each neuron, (BLOCK,).
        HARD: Whether the voltage becomes 0 at a spike; otherwise the threshold is subtracted.
    """
    fired = u >= threshold
    # u − u: an infinite membrane becomes NaN and stays, as on the CPU
    return fired, tl.where(fired, u - u if HARD else u - threshold, u)


@triton.jit
def advance(v, x, counts, scale, shift, beta, threshold, HARD: tl.constexpr):
    """Return the membrane before the reset, whether the neuron fires, and the voltage after the reset.

    Args:
        v: The voltage of the step before.
        x: The current.
        counts: Whether the step is within the length.
        scale: Factors of the current, (neuron,).
        shift: Summands of the current, (neuron,).
        beta: β, (neuron,).
        threshold: θ, (neuron,).
        HARD: Whether the reset is hard.
    """
    u = beta * v + tl.where(counts, scale * x + shift, 0.0)
    fired, after = reset(u, threshold, HARD)
    return u, fired, after


@triton.jit
def slope(x, SURROGATE: tl.constexpr, ALPHA: tl.constexpr):
    """Return g'(x) of `snnsim.surrogate`.

    Args:
        x: u − θ of each neuron, (BLOCK,).
        SURROGATE: Name of the surrogate.
        ALPHA: Sharpness α of the surrogate.
    """
    if SURROGATE == "atan":
        turn = x * (QUARTER_TURN * ALPHA)
        h = (0.5 * ALPHA) / (1.0 + turn * turn)
    elif SURROGATE == "triangle":
        h = tl.maximum(ALPHA - (ALPHA * ALPHA) * tl.abs(x), 0.0)
    elif SURROGATE == "sigmoid":
        # g (1 − g) is even in x, and a decaying exponential neither overflows nor cancels
        fall = tl.exp(-ALPHA * tl.abs(x))
        h = ALPHA * fall / ((1.0 + fall) * (1.0 + fall))
    elif SURROGATE == "fast_sigmoid":
        grown = 1.0 + ALPHA * tl.abs(x)
        h = 1.0 / (grown * grown)
    else:
        tl.static_assert(SURROGATE == "boxcar")
        h = tl.where(tl.abs(x) < 0.5 / ALPHA, tl.full(x.shape, ALPHA, x.dtype), 0.0)
    return h


@triton.jit
def through_spike(
    u, ds, dv, threshold, HARD: tl.constexpr, DETACHED: tl.constexpr, SURROGATE: tl.constexpr, ALPHA: tl.constexpr
):
    """Return the gradient of the membrane through its spike.

    Args:
        u: The membrane.
        ds: The gradient of the spike, from the next layer.
        dv: The gradient of the voltage after this step.
        threshold: θ, (neuron,).
        HARD: Whether the reset is hard.
        DETACHED: Whether the reset is outside of the graph.
        SURROGATE: The name of the surrogate.
        ALPHA: The sharpness of the surrogate.
    """
    if not DETACHED:
        ds -= dv * (u if HARD else threshold)
    return slope(u - threshold, SURROGATE, ALPHA) * ds


@triton.jit
def read_plane(values, at, inside, like, OTHERWISE: tl.constexpr):
    """Return the values of a plane, or a block of OTHERWISE for None.

    Args:
        values: The plane, or None.
        at: The offsets.
        inside: Which neurons exist.
        like: A block of the same shape and type.
        OTHERWISE: The number for None.
    """
    return tl.full(like.shape, OTHERWISE, like.dtype) if values is None else tl.load(values + at, mask=inside)
