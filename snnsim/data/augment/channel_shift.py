"""Channel shift: one integer is added to all channels of a recording, as another vocal tract would.

    unit' = unit + s        s uniform in least..most; spikes outside of 0..units - 1 are dropped

Source   Nowotny, Turner, Knight 2022, arXiv 2212.01232: s in -40..39 of 700 channels, new in every epoch
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import ChannelShift
from snnsim.kernels.common.jit import njit


def apply(kind: ChannelShift, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with shifted channels.

    Args:
        kind: Settings: probability of a shift, smallest and largest shift in channels.
        batch: Spikes of the recordings; its arrays are overwritten.
        draws: Random numbers of this augmentation in an epoch: stream 1 draws the shift of each recording.
    """
    shift = draws.integers(batch.recording, 1, kind.least, kind.most)
    shift[~draws.applied(batch.recording, kind.probability)] = 0
    _shift(batch.events, shift, batch.units)
    return batch.with_events(batch.events)


@njit(cache=True, nogil=True)
def _shift(events: Events, shift: np.ndarray, units: int) -> None:
    time, unit, offset = events.time, events.unit, events.offset
    begin, used = 0, 0
    for row in range(offset.size - 1):
        for event in range(begin, offset[row + 1]):
            number = np.int64(unit[event]) + shift[row]
            if 0 <= number < units:
                time[used], unit[used] = time[event], number
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
