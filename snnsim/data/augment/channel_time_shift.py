"""Time shift of channels: every group of neighboring channels moves in time by a random number of steps of its own.

    t' = t + k[group] · step_ms        k uniform in least..most
    spikes before 0 and at or after the end of the recording, (floor(last / step_ms) + 1) · step_ms, are dropped

Source   DelRec, arXiv 2509.24852: k in -100..100 steps of 10 ms, for 140 channels of 5 units, in a third of all copies
Differs  DelRec adds a changed copy of every recording; here a recording is changed with a probability
"""

import math
from typing import NamedTuple

import numpy as np

from snnsim.data.augment.draws import AugmentationDraws, uniform
from snnsim.data.augment.events import EventBatch, Events
from snnsim.data.augment.kinds import ChannelTimeShift
from snnsim.kernels.common.jit import njit


class Steps(NamedTuple):
    """The range of the shifts."""

    least: int
    most: int
    step_ms: float
    group: int
    """Neighboring channels that share a shift."""


def apply(kind: ChannelTimeShift, batch: EventBatch, draws: AugmentationDraws) -> EventBatch:
    """Return a batch with the channels moved in time.

    Args:
        kind: Settings: probability of a change, smallest and largest shift in steps, ms of a step, channels of a group.
        batch: Spikes of the recordings; its arrays are overwritten, and times no longer ascend.
        draws: Random numbers of this augmentation in an epoch: one of stream 1 for each group of channels.
    """
    applied = draws.applied(batch.recording, kind.probability)
    steps = Steps(kind.least, kind.most, kind.step_ms, kind.group)
    _shift(batch.events, applied, draws.starts(batch.recording, 1), steps, np.zeros(batch.units))
    return batch.with_events(batch.events, ascending=False)


@njit(cache=True, nogil=True)
def _shift(events: Events, applied: np.ndarray, start: np.ndarray, steps: Steps, shift: np.ndarray) -> None:
    """Move the channels of the applied rows in time; `shift` (units,) is working memory."""
    time, unit, offset = events.time, events.unit, events.offset
    begin, used = 0, 0
    for row in range(offset.size - 1):
        last, end = 0.0, np.inf
        if applied[row]:
            for event in range(begin, offset[row + 1]):
                last = max(last, np.float64(time[event]))
            end = (math.floor(last / steps.step_ms) + 1) * steps.step_ms
            for number in range(shift.size):
                draw = math.floor(uniform(start[row], number // steps.group) * (steps.most - steps.least + 1))
                shift[number] = min(steps.least + draw, steps.most) * steps.step_ms
        else:
            shift[:] = 0
        for event in range(begin, offset[row + 1]):
            now = np.float64(time[event]) + shift[unit[event]]
            if 0 <= now < end:
                time[used], unit[used] = now, unit[event]
                used += 1
        begin, offset[row + 1] = offset[row + 1], used
