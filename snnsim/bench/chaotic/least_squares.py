"""A network without hidden neurons, whose readout is solved: synapses with all delays from every channel.

    y[t] = gain (b + sum over delays d and channels j of w[d, j] n[t − d, j] / levels)
    w, b = argmin |p[t + 1] − p̃[t] − y[t] / gain|² + λ |w|²          over the training points and their noisy copies

The equation is a sum of functions of delayed values. Here, each of them is a sum of the tuning curves of the channels,
which are triangles, so that it is linear between two centers. The code is graded: the number of spikes n of a channel
falls from `levels` at its center to 0 at half of the width.

Shapes   series (point,) · features (step, delay and channel and constant) · w (delay, channel)
Units    delays in steps · n in spikes
Names    p̃ points with noise, λ RIDGE
"""

import numpy as np

from snnsim.data.synthetic import mackey_glass
from snnsim.data.synthetic.mackey_glass import Recipe
from snnsim.program import INPUT, Edge, Population, Program

DELAYS = 24
"""Delays of the synapses of a channel, from 0; the longest τ has 19.1 steps."""
RIDGE = 1e-3


def recipe(tau: int, copies: int) -> Recipe:
    """Return the graded code of a series, and its noise.

    Args:
        tau: Delay of the equation.
        copies: Number of times that the series is shown, all but the first with noise.
    """
    return Recipe(tau=tau, channels=32, active=12, levels=255, noise=0.0005, copies=copies)


def fitted(series: np.ndarray, chosen: Recipe, seed: int) -> Program:
    """Return the Program whose readout has the least squares.

    Args:
        series: The training points and the one after them (point,).
        chosen: Code, noise and copies.
        seed: Seed of the noise.
    """
    generator, size = np.random.default_rng(seed), DELAYS * chosen.channels + 1
    # the constant is free: its penalty only keeps the equations solvable
    products, targets = np.diag([*[RIDGE] * (size - 1), 1e-9]), np.zeros(size)
    for copy in range(chosen.copies):
        noise = chosen.noise * generator.standard_normal(len(series) - 1) * (copy > 0)
        shown = series[:-1] + noise
        rows = features(mackey_glass.raster(shown, chosen), chosen.levels)
        products += rows.T @ rows
        targets += rows.T @ (series[DELAYS:] - shown[DELAYS - 1 :])
    *weight, bias = np.linalg.solve(products, targets)
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
