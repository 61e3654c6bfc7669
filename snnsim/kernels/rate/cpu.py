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

import numpy as np

from snnsim.kernels.common.jit import njit


@njit(cache=True, error_model="numpy")
def forward(
    external: np.ndarray,
    transposed: np.ndarray,
    leak: np.ndarray,
    shape: tuple[np.ndarray, bool],
    current: np.ndarray,
    states: np.ndarray,
) -> None:
    """Compute the currents and states of all steps.

    Args:
        external: Currents from outside of the network, (time, batch, unit).
        transposed: Recurrent weights, (source, target).
        leak: Reciprocal time constants a, (batch · unit,).
        shape: Slope κ of the nonlinearity below 0, (1,), and whether the leak is inside of it.
        current: Result I, (time, batch, unit).
        states: Result h, (time + 1, batch, unit), with the initial states.
    """
    steps, lanes = len(external), len(leak)
    outer, total, state = external.reshape(steps, lanes), current.reshape(steps, lanes), states.reshape(-1, lanes)
    for t in range(steps):
        np.dot(states[t], transposed, current[t])
        _advance(outer[t], leak, shape[0][0], shape[1], total[t], state[t], state[t + 1])


@njit(cache=True, error_model="numpy")
def _advance(
    outer: np.ndarray,
    leak: np.ndarray,
    below: float,
    inside: bool,
    total: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
) -> None:
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
def backward(
    errors: tuple[np.ndarray, np.ndarray],
    weight: np.ndarray,
    leak: np.ndarray,
    shape: tuple[np.ndarray, bool],
    activity: tuple[np.ndarray, np.ndarray],
    results: tuple[np.ndarray, np.ndarray],
) -> None:
    """Compute the errors of the currents, of the initial states and of the leak.

    Args:
        errors: Errors of the last states, (batch, unit), those of the initial states at the end; and errors of the
            states of every step, (time, batch, unit), without steps if there are none.
        weight: Recurrent weights, (target, source).
        leak: Reciprocal time constants a, (batch · unit,).
        shape: Slope κ of the nonlinearity below 0, (1,), and whether the leak is inside of it.
        activity: Currents I, (time, batch, unit), and states h, (time + 1, batch, unit).
        results: Results q, (time, batch, unit), and the errors of the leak, (batch · unit,), zeros.
    """
    (error, each), (current, states), (q, of_leak) = errors, activity, results
    steps, lanes = len(current), len(leak)
    total, state, own = current.reshape(steps, lanes), states.reshape(-1, lanes), q.reshape(steps, lanes)
    flat, kept, more = error.reshape(lanes), np.empty_like(leak), each.reshape(-1, lanes)
    for t in range(steps - 1, -1, -1):
        if len(each):
            flat += more[t]
        _retreat(flat, leak, shape[0][0], shape[1], (total[t], state[t], state[t + 1]), own[t], kept, of_leak)
        np.dot(q[t], weight, error)
        flat += kept


@njit(cache=True, error_model="numpy")
def _retreat(
    error: np.ndarray,
    leak: np.ndarray,
    below: float,
    inside: bool,
    activity: tuple[np.ndarray, np.ndarray, np.ndarray],
    own: np.ndarray,
    kept: np.ndarray,
    of_leak: np.ndarray,
) -> None:
    total, before, after = activity
    one = leak.dtype.type(1)
    if inside:
        for j in range(len(leak)):
            p = error[j] if after[j] > 0 else below * error[j]
            own[j] = leak[j] * p
            kept[j] = (one - leak[j]) * p
            of_leak[j] += p * (total[j] - before[j])
    else:
        for j in range(len(leak)):
            p = error[j] if total[j] > 0 else below * error[j]
            f = total[j] if total[j] > 0 else below * total[j]
            own[j] = leak[j] * p
            kept[j] = (one - leak[j]) * error[j]
            of_leak[j] += error[j] * (f - before[j])
