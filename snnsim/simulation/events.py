"""What a simulator is fed: counted spikes of input channels on the grid of steps, recording after recording.

Shapes   step, channel, count (event,) · offset (recording + 1,) · length (recording,)
Units    step, length in steps of the Program
Names    count  how many spikes of a channel fall into a step. A Program in floats also takes a graded input, any finite
         number, which is multiplied with the weights: the gray levels of a picture, the values of a signal, below 0
         too. It counts as one spike where spikes are counted. A Program in integers takes whole numbers alone
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.validation import indices, integer, row, shown

MOST = 2**31 - 1
"""Steps and channels are counted in 32 bits, and counts are within ± this."""


@dataclass(frozen=True, eq=False)
class Events:
    """Input spikes; recording r owns events offset[r]:offset[r + 1] and lasts length[r] steps."""

    step: np.ndarray
    """int32, ascending within a recording, from 0."""
    channel: np.ndarray
    """int32."""
    count: np.ndarray
    """How many spikes fell into the step: 1, or more where steps are long."""
    offset: np.ndarray
    length: np.ndarray

    def __post_init__(self) -> None:
        for name, kind in (("step", np.int32), ("channel", np.int32), ("offset", np.int64), ("length", np.int64)):
            object.__setattr__(self, name, row(getattr(self, name), kind, f"Events: {name}"))
        object.__setattr__(self, "count", _counts(self.count))
        self.check_parts()
        _check_steps(self)

    def check_parts(self) -> None:
        """Raise a ValueError unless the five arrays fit each other; cheap, and what no engine could do without."""
        offset, length, events = self.offset, self.length, len(self.step)
        if (
            len(offset) != len(length) + 1
            or (offset[0], offset[-1]) != (0, events)
            or len(self.channel) != events
            or len(self.count) != events
            or (offset[1:] < offset[:-1]).any()
        ):
            raise ValueError(
                "Events: offset must ascend from 0 to the number of events, one per recording and the end, beside one "
                f"channel and one count per event; got {len(offset)} offsets, {len(length)} lengths, {events} steps, "
                f"{len(self.channel)} channels, {len(self.count)} counts"
            )
        if len(length) and not (length.min() >= 0 and length.max() <= MOST):
            raise ValueError(
                f"Events: length must be from 0 to {MOST} steps, not {length.min()} to {length.max()}; it is how long "
                "each recording lasts"
            )

    def __len__(self) -> int:
        return len(self.length)

    @classmethod
    def from_frames(cls, frames: np.ndarray, length: np.ndarray | None = None) -> "Events":
        """Return the events of frames.

        Args:
            frames: Counts (time, recording, channel), or a graded input; what is 0 is no event.
            length: Steps of each recording (recording,); by default all that the frames have.

        Raises:
            ValueError: If frames are of another shape or type, or not finite; or a recording ends before its events.
        """
        frames = np.asarray(frames)
        if frames.ndim != 3:
            raise ValueError(f"Events: frames must be (time, recording, channel), not {frames.shape}")
        if frames.dtype.kind not in "biuf":
            raise ValueError(f"Events: frames must be numbers, not {frames.dtype}")
        recording, step, channel = np.nonzero(frames.transpose(1, 0, 2))
        offset = np.searchsorted(recording, np.arange(frames.shape[1] + 1))
        whole = np.full(frames.shape[1], len(frames))
        return cls(step, channel, frames[step, recording, channel], offset, whole if length is None else length)

    @classmethod
    def single(cls, step: np.ndarray, channel: np.ndarray, *, steps: int) -> "Events":
        """Return one recording of plain spikes.

        Args:
            step: Whole numbers from 0 to steps - 1 (event,), ascending.
            channel: The channel of each (event,).
            steps: How long the recording lasts.
        """
        steps = integer(steps, who="Events", name="steps", at_least=0, at_most=MOST)
        step = row(step, np.int32, "Events: step")
        return cls(step, channel, np.ones(len(step)), np.array([0, len(step)]), np.array([steps]))

    def part(self, begin: int, end: int) -> "Events":
        """Return steps begin:end of every recording, counted from 0 again.

        Args:
            begin: The first step, from 0; not counted from the end, as recordings end at different steps.
            end: The step behind the last, from `begin`; recordings that end before it are shorter.

        Raises:
            ValueError: If begin is below 0, or end below begin.
        """
        begin = integer(begin, who="Events.part", name="begin", at_least=0)
        end = integer(end, who="Events.part", name="end", at_least=begin)
        begin, end = min(begin, MOST), min(end, MOST)
        kept = (self.step >= begin) & (self.step < end)
        offset = np.concatenate([[0], np.cumsum(kept)])[self.offset]
        length = np.clip(self.length, begin, end) - begin
        return Events(self.step[kept] - begin, self.channel[kept], self.count[kept], offset, length)

    def select(self, recordings: np.ndarray) -> "Events":
        """Return some of the recordings, in that order.

        Args:
            recordings: Numbers of recordings (chosen,), where -1 is the last as in NumPy, or a bool for each of them.
        """
        recordings = indices(recordings, len(self), who="Events.select", name="recordings")
        size = np.diff(self.offset)[recordings]
        offset = np.concatenate([[0], np.cumsum(size)])
        event = np.arange(offset[-1]) + np.repeat(self.offset[recordings] - offset[:-1], size)
        return Events(self.step[event], self.channel[event], self.count[event], offset, self.length[recordings])


def _counts(values: Any) -> np.ndarray:
    count = np.asarray(values)
    if count.ndim != 1 or count.dtype.kind not in "biuf":
        raise ValueError(f"Events: count must be a row of numbers, not {shown(count)}")
    if count.size and not (float(count.min()) >= -MOST and float(count.max()) <= MOST):
        raise ValueError(
            f"Events: count must be finite and within ± {MOST}, not from {count.min()} to {count.max()}; it is how "
            "many spikes fall into a step, or a graded input"
        )
    return np.ascontiguousarray(count)


def _check_steps(events: Events) -> None:
    back = np.empty(len(events.step), bool)
    back[:1] = False
    np.less(events.step[1:], events.step[:-1], out=back[1:])
    # the first event of a recording may come before the last one of the recording before it
    back[events.offset[:-1][np.diff(events.offset) > 0]] = False
    late = events.step >= np.repeat(events.length, np.diff(events.offset))
    for wrong, rule in (
        (back, "steps must ascend within a recording"),
        (late | (events.step < 0), "steps must be from 0 to the recording's length - 1"),
    ):
        if wrong.any():
            event = int(np.flatnonzero(wrong)[0])
            recording = int(np.searchsorted(events.offset, event, side="right")) - 1
            raise ValueError(
                f"Events: {rule}; event {event}, of recording {recording}, is at step {events.step[event]} of "
                f"{events.length[recording]}; sort the events, or make the recording longer"
            )
