"""Time jitter: a normal random time is added to every spike.

    t' = t + sd_ms ξ        ξ normal; spikes before time 0 are dropped

Source   event-ssm, arXiv 2404.18508
Differs  event-ssm's deviation is 1 or 3 microseconds, which no grid resolves; the default here is 1 ms
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws, uniform
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import TimeJitter
from snnsim.data.augment.normal import normal
from snnsim.kernels.common.jit import njit


def apply(kind: TimeJitter, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with random times added.

    Args:
        kind: Settings: probability that a recording is changed, standard deviation of the times in ms.
        batch: Spikes of the recordings; its arrays are overwritten, and times no longer ascend.
        draws: Random numbers of this augmentation in an epoch: one of stream 1 for each spike.
    """
    spread = np.where(draws.applied(batch.recording, kind.probability), kind.sd_ms, 0.0)
    _jitter(batch.events, draws.starts(batch.recording, 1), spread)
    return batch.with_events(batch.events, ascending=False)


@njit(cache=True, nogil=True)
def _jitter(events: Events, start: np.ndarray, spread: np.ndarray) -> None:
    time, unit, offset = events.time, events.unit, events.offset
    begin, used = 0, 0
    for row in range(offset.size - 1):
        for event in range(begin, offset[row + 1]):
            now = np.float64(time[event])
            if spread[row] > 0:
                now += spread[row] * normal(uniform(start[row], event - begin))
            if now >= 0:
                time[used], unit[used] = now, unit[event]
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
