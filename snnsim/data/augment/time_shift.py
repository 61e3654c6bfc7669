"""Time shift: one time is added to all spikes of a recording.

    t' = t + s        s uniform between least_ms and most_ms; spikes before time 0 are dropped

Differs  a later recording becomes longer; `data.max_time_ms` bounds it
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import TimeShift
from snnsim.kernels.common.jit import njit


def apply(kind: TimeShift, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with shifted times.

    Args:
        kind: Settings: probability of a shift, smallest and largest shift in ms.
        batch: Spikes of the recordings; its arrays are overwritten.
        draws: Random numbers of this augmentation in an epoch: stream 1 draws the shift of each recording.
    """
    shift = kind.least_ms + (kind.most_ms - kind.least_ms) * draws.uniform(batch.recording, 1)
    shift[~draws.applied(batch.recording, kind.probability)] = 0
    _shift(batch.events, shift)
    return batch.with_events(batch.events).moved(shift_ms=shift)


@njit(cache=True, nogil=True)
def _shift(events: Events, shift: np.ndarray) -> None:
    time, unit, offset = events.time, events.unit, events.offset
    begin, used = 0, 0
    for row in range(offset.size - 1):
        for event in range(begin, offset[row + 1]):
            now = np.float64(time[event]) + shift[row]
            if now >= 0:
                time[used], unit[used] = now, unit[event]
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
