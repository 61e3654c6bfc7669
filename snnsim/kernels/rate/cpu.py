"""The loops of the recurrent rate network: a matrix product of BLAS and one pass over the units in each step.

The backward loop goes on with the error e of the states, from the last step to the first. The error of the current is
q[t] = a f′ e[t]:

    leak inside    e[t−1] = ∂L/∂h[t−1] + (1 − a) f′ e[t] + q[t] w        ∂L/∂a = Σ f′ e[t] (I[t] − h[t−1])
    leak outside   e[t−1] = ∂L/∂h[t−1] + (1 − a) e[t] + q[t] w           ∂L/∂a = Σ e[t] (f(I[t]) − h[t−1])

f′ is 1 above 0 and κ otherwise, 0 included; the sign of h is that of its argument where the leak is inside. The
gradient of the weights is one product of q and h over all steps and recordings, behind the loop.

All arrays but the weights have batch and units as one axis for the passes over units, so that they are vectorized.

Shapes   states (time + 1, batch, unit), the initial ones first · current, q (time, batch, unit) · w as named
         leak (batch · unit,), the units of every recording
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.jit import njit


class Nonlinearity(NamedTuple):
    """The nonlinearity and the place of the leak."""

    slope: np.ndarray
    """Slope κ below 0, (1,), in the type of the states."""
    inside: bool
    """Whether the leak is inside of the nonlinearity."""


class Activity(NamedTuple):
    """Currents and states of a sequence."""

    current: np.ndarray
    """I, (time, batch, unit)."""
    states: np.ndarray
    """h, (time + 1, batch, unit), with the initial states."""


class Errors(NamedTuple):
    """Derivatives of the loss."""

    last: np.ndarray
    """Those of the last states, (batch, unit), zeros before the loop; those of the initial states behind it."""
    each: np.ndarray
    """Those of the states of every step, (time, batch, unit)."""
    current: np.ndarray
    """q, those of the currents, (time, batch, unit), a result."""
    leak: np.ndarray
    """Those of the leak of every recording, (batch · unit,), zeros before the loop."""


class _Step(NamedTuple):
    """The activity of one step, (batch · unit,) each."""

    current: np.ndarray
    before: np.ndarray
    after: np.ndarray


@njit(cache=True, error_model="numpy")
def forward(
    external: np.ndarray, transposed: np.ndarray, leak: np.ndarray, shape: Nonlinearity, activity: Activity
) -> None:
    """Compute the currents and states of all steps.

    Args:
        external: Currents from outside of the network, (time, batch, unit).
        transposed: Recurrent weights, (source, target).
        leak: Reciprocal time constants a, (batch · unit,).
        shape: Nonlinearity and place of the leak.
        activity: Result, with the initial states.
    """
    steps, lanes = len(external), len(leak)
    outer, total = external.reshape(steps, lanes), activity.current.reshape(steps, lanes)
    state = activity.states.reshape(-1, lanes)
    for t in range(steps):
        np.dot(activity.states[t], transposed, activity.current[t])
        _advance(outer[t], leak, shape.slope[0], shape.inside, _Step(total[t], state[t], state[t + 1]))


@njit(cache=True, error_model="numpy")
def _advance(outer: np.ndarray, leak: np.ndarray, below: float, inside: bool, step: _Step) -> None:
    total, before, after = step.current, step.before, step.after
    one = leak.dtype.type(1)
    if inside:
        for j in range(len(leak)):
            current = total[j] + outer[j]
            total[j] = current
            u = (one - leak[j]) * before[j] + leak[j] * current
            after[j] = u if u > 0 else below * u
    else:
        for j in range(len(leak)):
            current = total[j] + outer[j]
            total[j] = current
            f = current if current > 0 else below * current
            after[j] = (one - leak[j]) * before[j] + leak[j] * f


@njit(cache=True, error_model="numpy")
def backward(weight: np.ndarray, leak: np.ndarray, shape: Nonlinearity, activity: Activity, errors: Errors) -> None:
    """Compute the errors of the currents, of the initial states and of the leak.

    Args:
        weight: Recurrent weights, (target, source).
        leak: Reciprocal time constants a, (batch · unit,).
        shape: Nonlinearity and place of the leak.
        activity: Currents and states.
        errors: Errors of the states, and all results.
    """
    steps, lanes = len(activity.current), len(leak)
    total, state = activity.current.reshape(steps, lanes), activity.states.reshape(-1, lanes)
    each, own, flat = (
        errors.each.reshape(steps, lanes),
        errors.current.reshape(steps, lanes),
        errors.last.reshape(lanes),
    )
    decayed = np.empty_like(leak)
    for t in range(steps - 1, -1, -1):
        flat += each[t]
        step = _Step(total[t], state[t], state[t + 1])
        _retreat(flat, leak, shape.slope[0], shape.inside, step, own[t], decayed, errors.leak)
        np.dot(errors.current[t], weight, errors.last)
        flat += decayed


@njit(cache=True, error_model="numpy")
def _retreat(
    error: np.ndarray,
    leak: np.ndarray,
    below: float,
    inside: bool,
    step: _Step,
    own: np.ndarray,
    decayed: np.ndarray,
    of_leak: np.ndarray,
) -> None:
    total, before, after = step.current, step.before, step.after
    one = leak.dtype.type(1)
    if inside:
        for j in range(len(leak)):
            p = error[j] if after[j] > 0 else below * error[j]
            own[j] = leak[j] * p
            decayed[j] = (one - leak[j]) * p
            of_leak[j] += p * (total[j] - before[j])
    else:
        for j in range(len(leak)):
            p = error[j] if total[j] > 0 else below * error[j]
            f = total[j] if total[j] > 0 else below * total[j]
            own[j] = leak[j] * p
            decayed[j] = (one - leak[j]) * error[j]
            of_leak[j] += error[j] * (f - before[j])
