"""Autoregression: a Program predicts a series from its own predictions.

    warm-up     p[0] … p[k − 1] drive the Program
    forecast    x[k] = p[k];  x[t + 1] = clip(x[t] + y[t] / gain),  y[t] the readout after the spikes of x[t]

The state of the simulator goes from step to step, so a forecast is that of a chip that runs on. Values are clipped to
the range of the channels, in which the series lies.

Shapes   points, values (point,)
Source   the protocol: Yik et al. 2025, Nature Communications 16:1545
Differs  NeuroBench leaves the output of a network to its author. Here the readout is the change to the next point, and
         the addition of a forecast is one operation for each step that no count has
"""

from typing import NamedTuple

import numpy as np

from snnsim.data.synthetic.mackey_glass import HIGH, LOW, Recipe, raster
from snnsim.program import Program
from snnsim.simulation import Events, Probe, Result, Simulator, State
from snnsim.validation import require


class Forecast(NamedTuple):
    """Predicted points, and what the network did meanwhile."""

    values: np.ndarray
    """float64 (point,)."""
    result: Result
    """The steps of the forecast as one recording."""


def events_of(values: np.ndarray, recipe: Recipe) -> Events:
    """Return the spikes of values as one recording.

    Args:
        values: Values of the series (point,), one for each step.
        recipe: The code.
    """
    spikes = raster(np.atleast_1d(values), recipe)
    step, channel = np.nonzero(spikes)
    counts = spikes[step, channel].astype(np.int64)
    return Events(step, channel, counts, np.array([0, len(step)]), np.array([np.size(values)]))


def forecast(program: Program, points: np.ndarray, count: int, recipe: Recipe) -> Forecast:
    """Return the points that follow, each predicted from the ones predicted before.

    Args:
        program: A Program with one readout of numbers for each step, the change to the next point.
        points: True points before the forecast (point,); the last one is the first input of the forecast.
        count: Number of points to predict.
        recipe: The code.

    Raises:
        ValueError: If the Program has another task or number of channels, or there are no points.
    """
    fits = program.task == "step-regression" and program.channels == recipe.channels
    require(
        fits and len(points) > 1 and count > 0,
        f"forecast: a program of the task step-regression on {recipe.channels} channels must get two points or more, "
        f"not one of {program.task} on {program.channels} channels with {len(points)}; train the preset chaotic",
    )
    simulator = Simulator(program, threads=1)
    _, after = simulator.feed(events_of(points[:-1], recipe), simulator.start())
    state, inputs = after, [float(points[-1])]
    for _ in range(count):
        following, state = _next(simulator, inputs[-1], state, recipe)
        inputs.append(following)
    # the same steps at once have the counts of all of them
    result, _ = simulator.feed(events_of(np.array(inputs[:-1]), recipe), after, Probe(spikes=True))
    return Forecast(np.array(inputs[1:]), result)


def _next(simulator: Simulator, value: float, state: State, recipe: Recipe) -> tuple[float, State]:
    result, state = simulator.feed(events_of(np.array([value]), recipe), state)
    change = float(result.output()[-1, 0]) / recipe.gain
    return float(np.clip(value + change, LOW, HIGH)), state


def smape(predicted: np.ndarray, target: np.ndarray) -> float:
    """Return the symmetric mean absolute percentage error, 200 mean(|ŷ − y| / (|ŷ| + |y|)), from 0 to 200.

    Args:
        predicted: Predicted points ŷ (point,).
        target: True points y (point,), not 0.
    """
    return float(200 * np.mean(np.abs(predicted - target) / (np.abs(predicted) + np.abs(target))))
