"""Channel warp: channels are moved by a random curve, as a vocal tract of another shape would move its formants.

    unit' = unit + round(s(unit)),  s linear between `knots` channels at equal distances, from the first to the last

The curve is uniform in -most..most at every knot, independently. Where neighboring knots are farther apart than 2 most
channels, the order of the channels stays.

Source   after vocal tract length perturbation (Jaitly & Hinton 2013), which scales all frequencies alike
"""

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws, uniform
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import ChannelWarp
from snnsim.kernels.common.jit import njit


def apply(kind: ChannelWarp, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with warped channels.

    Args:
        kind: Settings: probability of a warp, number of knots, largest shift in channels.
        batch: Spikes of the recordings; its arrays are overwritten.
        draws: Random numbers of this augmentation in an epoch: one of stream 1 for each knot.
    """
    applied = draws.applied(batch.recording, kind.probability)
    _warp(batch.events, applied, draws.starts(batch.recording, 1), kind.knots, kind.most, batch.units)
    return batch.with_events(batch.events)


@njit(cache=True, nogil=True)
def _warp(events: Events, applied: np.ndarray, start: np.ndarray, knots: int, most: float, units: int) -> None:
    time, unit, offset = events.time, events.unit, events.offset
    shift, distance = np.zeros(knots), max(1.0, (units - 1) / (knots - 1))
    begin, used = 0, 0
    for row in range(offset.size - 1):
        for knot in range(knots):
            shift[knot] = most * (2 * uniform(start[row], knot) - 1) if applied[row] else 0.0
        for event in range(begin, offset[row + 1]):
            position = unit[event] / distance
            knot = min(int(position), knots - 2)
            right = position - knot
            move = (1 - right) * shift[knot] + right * shift[knot + 1]
            number = np.int64(unit[event]) + np.int64(np.floor(move + 0.5))
            if 0 <= number < units:
                time[used], unit[used] = time[event], number
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
