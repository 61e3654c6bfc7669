"""Time stretch: all times of a recording are multiplied by one factor, as slower or faster speech would be.

    t' = f t        f uniform between 1 / most and most

Source   event-ssm, arXiv 2404.18508: most = 1.2 on SHD and 1.05 on SSC
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import TimeStretch
from snnsim.kernels.common.jit import njit


def apply(kind: TimeStretch, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with stretched times.

    Args:
        kind: Settings: probability of a stretch, largest factor.
        batch: Spikes of the recordings; its times are overwritten.
        draws: Random numbers of this augmentation in an epoch: stream 1 draws the factor of each recording.
    """
    factor = 1 / kind.most + (kind.most - 1 / kind.most) * draws.uniform(batch.recording, 1)
    factor[~draws.applied(batch.recording, kind.probability)] = 1
    _stretch(batch.events, factor)
    return batch.moved(factor=factor)


@njit(cache=True, nogil=True)
def _stretch(events: Events, factor: np.ndarray) -> None:
    for row in range(factor.size):
        for event in range(events.offset[row], events.offset[row + 1]):
            events.time[event] = np.float64(events.time[event]) * factor[row]
