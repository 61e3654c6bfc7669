"""Channel jitter: a normal random number, truncated towards 0, is added to the channel of every spike.

    unit' = unit + trunc(sd ξ)        P(|trunc(sd ξ)| < m) = erf(m / (sd √2)); spikes outside of the range are dropped

The number comes from one uniform number, by the inverse of its distribution.

Source   event-ssm, arXiv 2404.18508: sd = 0.55 on SHD and 1.0 on SSC
"""

import math

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws, uniform
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import ChannelJitter
from snnsim.kernels.common.jit import njit


def apply(kind: ChannelJitter, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with random numbers added to its channels.

    Args:
        kind: Settings: probability of a change, deviation in channels.
        batch: Spikes of the recordings; its arrays are overwritten.
        draws: Random numbers of this augmentation in an epoch: one of stream 1 for each spike.
    """
    applied = draws.applied(batch.recording, kind.probability)
    _jitter(batch.events, applied, draws.starts(batch.recording, 1), distribution(kind.sd), batch.units)
    return batch.with_events(batch.events)


def distribution(sd: float) -> np.ndarray:
    """Return P(|trunc(sd ξ)| < m) for m = 1, 2, ... up to the first that is 1, float64 (m,).

    Args:
        sd: Standard deviation of the normal number sd ξ in channels, at least 0.
    """
    if sd == 0:
        return np.ones(1)
    # erf is 1 in float64 from 5.93 on
    most = math.ceil(6 * sd * math.sqrt(2)) + 1
    values = np.array([math.erf(m / (sd * math.sqrt(2))) for m in range(1, most + 1)])
    return values[: np.argmax(values == 1.0) + 1]


@njit(cache=True, nogil=True)
def _jitter(events: Events, applied: np.ndarray, start: np.ndarray, below: np.ndarray, units: int) -> None:
    time, unit, offset = events.time, events.unit, events.offset
    begin, used = 0, 0
    for row in range(offset.size - 1):
        for event in range(begin, offset[row + 1]):
            number = np.int64(unit[event])
            if applied[row]:
                # the sign and the size of one number between -1 and 1
                draw = 2 * uniform(start[row], event - begin) - 1
                move = 0
                while abs(draw) >= below[move]:
                    move += 1
                number += move if draw > 0 else -move
            if 0 <= number < units:
                time[used], unit[used] = time[event], number
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
