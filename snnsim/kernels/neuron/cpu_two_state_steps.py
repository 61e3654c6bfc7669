"""Steps of neurons with two state variables, forward and backward, compiled for a row of neurons.

    y = (scale · I + shift) + f w        u = β v + e y        s = Θ(u − level)        level = θ + κ w
    v = u (1 − s)  (hard)   or   u − level s  (soft)          w = ((ρ w + a v) + b s) + c y        with the new v

    backward   dv += a dw        ds = dŝ · mask + b dw (− u dv (hard), − level dv (soft) with the reset in the graph)
               dx = h ds         du = dx + dū + r dv, r = 1 − s (hard), 1 (soft)
               dlevel = − dx (− s dv for a soft reset)        dy = e du + c dw
               before the step: dv = β du        dw = ρ dw + f dy + κ dlevel

A step forward is one loop, which reads and writes memory once; a step backward is two, with the surrogate slopes in
between. Factors of 0 and 1 are exact, so that one form computes every model.

Shapes   rows (column,) or (time, column), a column is a neuron of a recording
Names    h surrogate slope at u − level · dŝ gradient of the spike after dropout · dū gradient of the recorded membrane
"""

from typing import Any, NamedTuple

from snnsim.kernels.common.row_loops import choose, row_loop
from snnsim.kernels.neuron.two_state_types import Coefficients


class Step(NamedTuple):
    """The rows of a step forward."""

    current: Any
    scale: Any
    shift: Any
    neuron: Any
    """Coefficients."""
    v: Any
    """Before the step."""
    w: Any
    factor: Any
    """Factors of the spikes, from dropout."""


class StepChoices(NamedTuple):
    """The choice of a step forward."""

    soft: Any


class StepResults(NamedTuple):
    """The results of a step forward."""

    v: Any
    """After the step."""
    w: Any
    spikes: Any
    membrane: Any


class Path(NamedTuple):
    """The results of a step forward that a step backward needs."""

    v: Any
    w: Any
    u: Any
    before: Any
    """w before the step."""


def _step(rows: Step, flags: StepChoices) -> tuple[Any, Any, Any, Any]:
    """Return whether neurons fire, their membrane, and v and w after the step."""
    neuron: Coefficients[Any] = rows.neuron
    # the parentheses fix the rounding: every form of the computation adds in this order
    y = (rows.scale * rows.current + rows.shift) + neuron.feedback * rows.w
    u = neuron.beta * rows.v + neuron.gain * y
    level = neuron.threshold + neuron.sensitivity * rows.w
    fires = u >= level
    v = choose(fires, choose(flags.soft, u - level, 0.0), u)
    w = ((neuron.rho * rows.w + neuron.coupling * v) + choose(fires, neuron.jump, 0.0)) + neuron.intake * y
    return fires, u, v, w


def _forward(rows: Step, flags: StepChoices) -> tuple[Any, ...]:
    fires, u, v, w = _step(rows, flags)
    return v, w, choose(fires, rows.factor, 0.0), u


def _again(rows: Step, flags: StepChoices) -> tuple[Any, ...]:
    _, u, v, w = _step(rows, flags)
    return v, w, u, rows.w


step_forward = row_loop(_forward)
"""The loop of a step: rows Step, flags StepChoices, results StepResults."""

step_again = row_loop(_again)
"""The loop of a step whose u and earlier w are kept: rows Step, flags StepChoices, results Path."""


class Distance(NamedTuple):
    """The rows of `set_distance`."""

    neuron: Any
    u: Any
    w: Any
    """Before the step."""


class DistanceResult(NamedTuple):
    """The result of `set_distance`."""

    x: Any


def _distance(rows: Distance, _flags: StepChoices) -> tuple[Any, ...]:
    return (rows.u - (rows.neuron.threshold + rows.neuron.sensitivity * rows.w),)


set_distance = row_loop(_distance)
"""The loop of x = u − level: rows Distance, flags StepChoices, results DistanceResult."""


class Back(NamedTuple):
    """The rows of a step backward."""

    neuron: Any
    u: Any
    w: Any
    """Before the step."""
    slope: Any
    """h."""
    spikes: Any
    """dŝ."""
    factor: Any
    membrane: Any
    """dū."""
    dv: Any
    """Of the state after the step."""
    dw: Any


class BackChoices(NamedTuple):
    """The choices of a step backward."""

    soft: Any
    attached: Any
    """Whether gradients pass through the reset."""
    temporal: Any
    """Whether gradients pass from step to step; otherwise those of the state before the step are 0."""


class BackResults(NamedTuple):
    """The results of a step backward."""

    dv: Any
    """Of the state before the step."""
    dw: Any
    drive: Any
    """dy."""


class _Gradients(NamedTuple):
    """The gradients of a step."""

    y: Any
    u: Any
    level: Any
    v: Any
    """Of the state before the step."""
    w: Any


def _gradients(rows: Back, flags: BackChoices) -> _Gradients:
    neuron: Coefficients[Any] = rows.neuron
    level = neuron.threshold + neuron.sensitivity * rows.w
    fires = rows.u >= level
    dv = rows.dv + neuron.coupling * rows.dw
    ds = rows.spikes * rows.factor + neuron.jump * rows.dw
    ds = choose(flags.attached, ds - choose(flags.soft, level, rows.u) * dv, ds)
    dx = rows.slope * ds
    lowered = choose(fires, dv, 0.0)
    du = dx + (rows.membrane + choose(flags.soft, dv, choose(fires, 0.0, dv)))
    dlevel = -dx - choose(flags.soft, lowered, 0.0)
    dy = neuron.gain * du + neuron.intake * rows.dw
    dw = (neuron.rho * rows.dw + neuron.feedback * dy) + neuron.sensitivity * dlevel
    return _Gradients(
        dy, du, dlevel, choose(flags.temporal, neuron.beta * du, 0.0), choose(flags.temporal, dw, 0.0)
    )  # fmt: skip


def _backward(rows: Back, flags: BackChoices) -> tuple[Any, ...]:
    grads = _gradients(rows, flags)
    return grads.v, grads.w, grads.y


step_backward = row_loop(_backward)
"""The loop of a step backward: rows Back, flags BackChoices, results BackResults."""


class Learning(NamedTuple):
    """The rows of a step backward with the gradients of the coefficients."""

    back: Any
    """Back."""
    current: Any
    scale: Any
    shift: Any
    after: Any
    """du of the step after."""
    sums: Any
    """Coefficients: sums over the steps after this one."""


class LearningResults(NamedTuple):
    """The results of `learning_backward`."""

    dv: Any
    dw: Any
    drive: Any
    du: Any
    sums: Any


def _learning(rows: Learning, flags: BackChoices) -> tuple[Any, ...]:
    back, sums, neuron = rows.back, rows.sums, rows.back.neuron
    grads, dw = _gradients(back, flags), back.dw
    y = (rows.scale * rows.current + rows.shift) + neuron.feedback * back.w
    level = neuron.threshold + neuron.sensitivity * back.w
    fires = back.u >= level
    v = choose(fires, choose(flags.soft, back.u - level, 0.0), back.u)
    totals = Coefficients(
        beta=sums.beta + rows.after * v,
        threshold=sums.threshold + grads.level,
        feedback=sums.feedback + grads.y * back.w,
        gain=sums.gain + grads.u * y,
        sensitivity=sums.sensitivity + grads.level * back.w,
        rho=sums.rho + dw * back.w,
        coupling=sums.coupling + dw * v,
        jump=sums.jump + choose(fires, dw, 0.0),
        intake=sums.intake + dw * y,
    )
    return grads.v, grads.w, grads.y, grads.u, totals


learning_backward = row_loop(_learning)
"""The loop of a step backward with gradients of the coefficients: rows Learning, flags BackChoices."""
