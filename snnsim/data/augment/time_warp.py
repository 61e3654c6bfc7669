"""Time warp: parts of a recording become longer and others shorter, as the parts of a word in another voice.

    t' = ∫ f,  f constant in each of `parts` equal parts of the recording, log f uniform in ±log most

The parts are those of the time from 0 to the last spike.

Source   after the time warping of SpecAugment (Park et al. 2019, arXiv 1904.08779), which has two parts and one length
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws, uniform
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import TimeWarp
from snnsim.kernels.common.jit import njit


def apply(kind: TimeWarp, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with warped times.

    Args:
        kind: Settings: probability of a warp, number of parts, largest factor.
        batch: Spikes of the recordings; its times are overwritten.
        draws: Random numbers of this augmentation in an epoch: one of stream 1 for each part.
    """
    applied = draws.applied(batch.recording, kind.probability)
    _warp(batch.events, applied, draws.starts(batch.recording, 1), batch.last_times(), kind.parts, np.log(kind.most))
    return batch


@njit(cache=True, nogil=True)
def _warp(events: Events, applied: np.ndarray, start: np.ndarray, last: np.ndarray, parts: int, most: float) -> None:
    factor, begin = np.ones(parts), np.zeros(parts)
    for row in range(last.size):
        if not applied[row] or last[row] == 0:
            continue
        length = last[row] / parts
        for part in range(parts):
            factor[part] = np.exp(most * (2 * uniform(start[row], part) - 1))
            begin[part] = 0.0 if part == 0 else begin[part - 1] + factor[part - 1] * length
        for event in range(events.offset[row], events.offset[row + 1]):
            t = np.float64(events.time[event])
            part = min(int(t / length), parts - 1)
            events.time[event] = begin[part] + factor[part] * (t - part * length)
