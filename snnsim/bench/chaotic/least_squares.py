"""A network without hidden neurons, whose readout is solved: synapses with all delays from every channel.

    y[t] = gain (b + sum over delays d and channels j of w[d, j] n[t − d, j] / levels)
    w, b = argmin |p[t + 1] − p[t] − y[t] / gain|² + κ |w[d, j − 1] − 2 w[d, j] + w[d, j + 1]|² + λ |w|²

The equation is a sum of functions of delayed values. Here, each of them is a sum of the tuning curves of the channels,
which are triangles, so that it is linear between two centers; κ keeps it smooth. The code is graded: the number of
spikes n of a channel falls from `levels` at its center to 0 at half of the width.

Shapes   series (point,) · features (step, delay and channel and constant) · w (delay, channel)
Units    delays in steps · n in spikes
Names    p points of the series, κ SMOOTHNESS, λ RIDGE
"""

import numpy as np

from snnsim.data.synthetic import mackey_glass
from snnsim.data.synthetic.mackey_glass import Recipe
from snnsim.program import INPUT, Edge, Population, Program

DELAYS = 24
"""Delays of the synapses of a channel, from 0; the longest τ has 19.1 steps."""
SMOOTHNESS, RIDGE = 0.3, 1e-7


def recipe(tau: int) -> Recipe:
    """Return the graded code of a series.

    Args:
        tau: Delay of the equation.
    """
    return Recipe(tau=tau, channels=64, active=4, levels=255)


def fitted(series: np.ndarray, chosen: Recipe) -> Program:
    """Return the Program whose readout has the least squares.

    Args:
        series: The training points and the one after them (point,), more than DELAYS.
        chosen: The code.
    """
    rows = features(mackey_glass.raster(series[:-1], chosen), chosen.levels)
    size = rows.shape[1]
    curvature = np.diff(np.eye(chosen.channels), 2, axis=0)
    # the constant is free: its penalty only keeps the equations solvable
    penalty = RIDGE * np.eye(size)
    penalty[:-1, :-1] += SMOOTHNESS * np.kron(np.eye(DELAYS), curvature.T @ curvature)
    *weight, bias = np.linalg.solve(rows.T @ rows + penalty, rows.T @ np.diff(series)[DELAYS - 1 :])
    return program_of(np.reshape(weight, (DELAYS, chosen.channels)), bias, chosen)


def features(counts: np.ndarray, levels: int) -> np.ndarray:
    """Return the inputs of the readout in all steps from DELAYS - 1 on, float64 (step, delay and channel and constant).

    Args:
        counts: Spikes (step, channel).
        levels: Spikes of a channel at its center.
    """
    steps = len(counts) - DELAYS + 1
    delayed = [counts[DELAYS - 1 - delay :][:steps] / levels for delay in range(DELAYS)]
    return np.concatenate([*delayed, np.ones((steps, 1))], axis=1)


def program_of(weight: np.ndarray, bias: float, chosen: Recipe) -> Program:
    """Return the Program of the weights of the readout.

    Args:
        weight: Weights of the inputs of `features` (delay, channel).
        bias: Weight of the constant.
        chosen: The code, and the gain of the change.
    """
    delay, channel = (index.ravel() for index in np.indices(weight.shape))
    synapses = (channel, np.zeros_like(channel), delay, chosen.gain / chosen.levels * weight.ravel())
    one = np.ones(1)
    return Program(
        channels=chosen.channels,
        populations=(Population("readout", "readout", 0 * one, one, chosen.gain * bias * one, one),),
        edges=(Edge.of(INPUT, "readout", synapses, sources=chosen.channels),),
        time_step_ms=chosen.time_step_ms,
        readout="readout",
        classes=(mackey_glass.TARGET,),
        task="step-regression",
    )
