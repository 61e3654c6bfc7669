"""Random masks of steps: whether the random number of a neuron in a step is below a probability.

    below[t, lane, j] = r[recording, step + t, j] < p        r as in counter_rng.py

Shapes   below (step, lane, neuron)
"""

import numpy as np

from snnsim.kernels.common.counter_rng import Counter, Draws, lane_start, uniform
from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel, torch_threads


def below(draws: Draws, probability: float, steps: int, lanes: int, neurons: int) -> np.ndarray:
    """Return whether r is below a probability, as bools (step, lane, neuron).

    Args:
        draws: Random counter of the first step.
        probability: The probability.
        steps: Number of steps.
        lanes: Number of lanes.
        neurons: Number of neurons of a lane.
    """
    result = np.empty((steps, lanes, neurons), np.bool_)
    with torch_threads():
        _below(draws.counter(), float(probability), result)
    return result


@parallel()
def _below(counter: Counter, probability: float, result: np.ndarray) -> None:
    for_each(_below_of_lane, result.shape[1], (counter, probability, result))


@subroutine(cache=True, error_model="numpy")
def _below_of_lane(lane: int, counter: Counter, probability: float, result: np.ndarray) -> None:
    for step in range(len(result)):
        start, first = lane_start(counter, lane, result.shape[2], step)
        for n in range(result.shape[2]):
            result[step, lane, n] = uniform(start, first + n) < probability
