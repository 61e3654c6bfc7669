"""Time mask: all spikes of one stretch of time are dropped.

    begin <= t < begin + share · last        begin uniform between 0 and (1 - share) · last, the time of the last spike

Source   SpikCommander, arXiv 2511.07883: probability 0.5, share = 0.2 of the frames of SHD and 0.1 of those of SSC
Differs  the source masks a share of the frames of all recordings, here it is a share of the recording itself
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws
from snnsim.data.augment.events import EventBatch, drop_between
from snnsim.data.augment.kinds import TimeMask


def apply(kind: TimeMask, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch without a stretch of time of each changed recording.

    Args:
        kind: Settings: probability of a mask, share of a recording's duration that is masked.
        batch: Spikes of the recordings; its arrays are overwritten.
        draws: Random numbers of this augmentation in an epoch: stream 1 draws the begin of the mask.
    """
    last = batch.last_times()
    begin = draws.uniform(batch.recording, 1) * (1 - kind.share) * last
    applied = draws.applied(batch.recording, kind.probability)
    end = np.where(applied, begin + kind.share * last, begin)
    drop_between(batch.events, batch.events.time, begin, end)
    return batch.with_events(batch.events)
