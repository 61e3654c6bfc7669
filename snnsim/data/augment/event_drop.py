"""Event drop: every spike is dropped with one probability.

Source   event-ssm, arXiv 2404.18508: 0.1
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws, uniform
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import EventDrop
from snnsim.kernels.common.jit import njit


def apply(kind: EventDrop, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch without random spikes.

    Args:
        kind: Settings: probability that a recording is changed, share of its spikes that are dropped.
        batch: Spikes of the recordings; its arrays are overwritten.
        draws: Random numbers of this augmentation in an epoch: one of stream 1 for each spike.
    """
    share = np.where(draws.applied(batch.recording, kind.probability), kind.share, 0.0)
    _drop(batch.events, draws.starts(batch.recording, 1), share)
    return batch.with_events(batch.events)


@njit(cache=True, nogil=True)
def _drop(events: Events, start: np.ndarray, share: np.ndarray) -> None:
    time, unit, offset = events.time, events.unit, events.offset
    begin, used = 0, 0
    for row in range(offset.size - 1):
        for event in range(begin, offset[row + 1]):
            if uniform(start[row], event - begin) >= share[row]:
                time[used], unit[used] = time[event], unit[event]
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
