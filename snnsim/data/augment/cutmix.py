"""CutMix: a run of spikes of another recording replaces the spikes of the same stretch of time.

    run      spikes first..first + size - 1 of the m spikes of the partner: size uniform in 1..m, first in 0..m - size
    result   the recording before the first time of the run, the run, the recording after its last time
    λ        size / spikes of the result
    class    (1 − λ) p + λ onehot(class of the partner)        p: probabilities of the recording before

The partner is a random other recording of the training split, as it is in the file.

Source   event-ssm, arXiv 2404.18508: probability 0.3. Yun et al. 2019 (ICCV), arXiv 1905.04899
Differs  the source decides for a batch, and takes partners from it; here each recording decides for itself
"""

from dataclasses import replace

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import CutMix
from snnsim.kernels.common.jit import njit


def apply(kind: CutMix, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with mixed recordings and their probabilities of classes.

    Args:
        kind: Settings: probability that a recording is mixed with another one.
        batch: Spikes of the recordings, with probabilities of classes. Partners come from its pool.
        draws: Random numbers of this augmentation in an epoch: stream 1 chooses partners, streams 2 and 3 the runs of
            spikes.

    Raises:
        ValueError: If the batch has no probabilities.
    """
    if batch.probability is None:
        raise ValueError("cutmix: the batch must have probabilities of classes; take it by Pool.batch(mixes=True)")
    partner = batch.pool.others(batch.recording, draws.uniform(batch.recording, 1))
    available = np.where(partner >= 0, np.diff(batch.pool.events.offset)[partner], 0)
    applied = draws.applied(batch.recording, kind.probability) & (available > 0)
    size = np.where(applied, draws.integers(batch.recording, 2, 1, np.maximum(available, 1)), 0)
    first = batch.pool.events.offset[partner] + draws.integers(batch.recording, 3, 0, np.maximum(available - size, 0))
    result = Events.empty_like(batch.events, len(batch.events.time) + int(size.sum()))
    _replace(batch.events, batch.pool.events, first, size, result)
    share = np.where(applied, size / np.maximum(np.diff(result.offset), 1), 0.0)[:, None]
    other = np.eye(batch.pool.classes)[batch.pool.label[partner]]
    probability = (1 - share) * batch.probability + share * other
    return replace(batch.with_events(result), probability=probability)


@njit(cache=True, nogil=True)
def _replace(events: Events, source: Events, first: np.ndarray, size: np.ndarray, result: Events) -> None:
    time, unit, used = result.time, result.unit, 0
    for row in range(size.size):
        begin, end = events.offset[row], events.offset[row + 1]
        low, high, after = np.inf, np.inf, first[row] + size[row]
        if size[row] > 0:
            low, high = np.float64(source.time[first[row]]), np.float64(source.time[after - 1])
        for event in range(begin, end):
            if np.float64(events.time[event]) < low:
                time[used], unit[used] = events.time[event], events.unit[event]
                used += 1
        for event in range(first[row], after):
            time[used], unit[used] = source.time[event], source.unit[event]
            used += 1
        for event in range(begin, end):
            if np.float64(events.time[event]) > high:
                time[used], unit[used] = events.time[event], events.unit[event]
                used += 1
        result.offset[row + 1] = used
