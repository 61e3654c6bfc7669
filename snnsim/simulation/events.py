"""What a simulator is fed: counted spikes of input channels on the grid of steps, recording after recording.

Shapes   step, channel, count (event,) · offset (recording + 1,) · length (recording,)
Units    step, length in steps of the Program
"""

from dataclasses import dataclass

import numpy as np


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
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), kind))
        object.__setattr__(self, "count", np.ascontiguousarray(self.count))
        offset, length, events = self.offset, self.length, len(self.step)
        if (
            len(offset) != len(length) + 1
            or (offset[0], offset[-1]) != (0, events)
            or len(self.channel) != events
            or len(self.count) != events
            or np.any(np.diff(offset) < 0)
        ):
            raise ValueError(
                "Events: offset must ascend from 0 to the number of events, one per recording and the end, beside one "
                f"channel and one count per event; got {len(offset)} offsets, {len(length)} lengths, {events} steps, "
                f"{len(self.channel)} channels, {len(self.count)} counts"
            )
        _check_steps(self)

    def __len__(self) -> int:
        return len(self.length)

    @classmethod
    def from_frames(cls, frames: np.ndarray, length: np.ndarray | None = None) -> "Events":
        """Return the events of frames (time, recording, channel); `length` are the recordings' own steps."""
        frames = np.asarray(frames)
        if frames.ndim != 3:
            raise ValueError(f"Events: frames must be (time, recording, channel), not {frames.shape}")
        recording, step, channel = np.nonzero(frames.transpose(1, 0, 2))
        offset = np.searchsorted(recording, np.arange(frames.shape[1] + 1))
        whole = np.full(frames.shape[1], len(frames))
        return cls(step, channel, frames[step, recording, channel], offset, whole if length is None else length)

    @classmethod
    def single(cls, step: np.ndarray, channel: np.ndarray, *, steps: int) -> "Events":
        """Return one recording of plain spikes."""
        return cls(step, channel, np.ones(len(step)), np.array([0, len(step)]), np.array([steps]))

    def part(self, begin: int, end: int) -> "Events":
        """Return steps begin:end of every recording, counted from 0 again."""
        kept = (self.step >= begin) & (self.step < end)
        offset = np.concatenate([[0], np.cumsum(kept)])[self.offset]
        length = np.clip(self.length, begin, end) - begin
        return Events(self.step[kept] - begin, self.channel[kept], self.count[kept], offset, length)

    def select(self, recordings: np.ndarray) -> "Events":
        """Return some of the recordings, in that order."""
        recordings = np.asarray(recordings, np.int64)
        size = np.diff(self.offset)[recordings]
        offset = np.concatenate([[0], np.cumsum(size)])
        event = np.arange(offset[-1]) + np.repeat(self.offset[recordings] - offset[:-1], size)
        return Events(self.step[event], self.channel[event], self.count[event], offset, self.length[recordings])


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
