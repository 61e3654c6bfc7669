"""Input of a simulator: counted spikes of input channels on the grid of steps, recording after recording.

Shapes   step, channel, count (event,) · offset (recording + 1,) · length (recording,)
Units    step, length in steps of the Program
Names    count  number of spikes of a channel in a step. A Program in floats also takes a graded input, any finite
         number, negative ones too, which is multiplied with the weights: the gray levels of a picture, the values of a
         signal. It counts as one spike in results. A Program in integers takes integers alone
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim import ragged
from snnsim.validation import indices, integer, real, row, shown

MOST = 2**31 - 1
"""The most steps and channels, as they are counted in 32 bits; counts are within ± this number."""


@dataclass(frozen=True, eq=False)
class Events:
    """Input spikes; recording r owns events offset[r]:offset[r + 1] and lasts length[r] steps."""

    step: np.ndarray
    """int32, ascending within a recording, from 0."""
    channel: np.ndarray
    """int32."""
    count: np.ndarray
    """Numbers of any type: spikes in the step, or a graded input."""
    offset: np.ndarray
    """int64, the first event of each recording, and the number of events."""
    length: np.ndarray
    """int64, in steps."""

    def __post_init__(self) -> None:
        for name, kind in (("step", np.int32), ("channel", np.int32), ("offset", np.int64), ("length", np.int64)):
            object.__setattr__(self, name, row(getattr(self, name), kind, f"Events: {name}"))
        object.__setattr__(self, "count", _counts(self.count))
        self.check_parts()
        _check_steps(self)

    def check_parts(self) -> None:
        """Check that the five arrays fit each other, without a look at every event.

        Raises:
            ValueError: If sizes, offsets or lengths are inconsistent; kernels would read beyond the arrays.
        """
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
                f"Events: length must be from 0 to {MOST} steps, not {length.min()} to {length.max()}; it is the "
                "duration of each recording"
            )

    def __len__(self) -> int:
        return len(self.length)

    @classmethod
    def from_frames(cls, frames: np.ndarray, length: np.ndarray | None = None) -> "Events":
        """Return the events of frames.

        Args:
            frames: Counts (time, recording, channel), or a graded input; a value of 0 is no event.
            length: Steps of each recording (recording,); None for all steps of the frames.

        Raises:
            ValueError: If the frames are of another shape or type, or not finite, or a recording ends before its
                events.
        """
        frames = np.asarray(frames)
        if frames.ndim != 3:
            raise ValueError(f"Events: frames must be (time, recording, channel), not {frames.shape}")
        if frames.dtype.kind not in "biuf":
            raise ValueError(f"Events: frames must be numbers, not {frames.dtype}")
        recording, step, channel = np.nonzero(frames.transpose(1, 0, 2))
        offset = np.searchsorted(recording, np.arange(frames.shape[1] + 1))
        length = np.full(frames.shape[1], len(frames)) if length is None else length
        return cls(step, channel, frames[step, recording, channel], offset, length)

    @classmethod
    def single(cls, step: np.ndarray, channel: np.ndarray, *, steps: int) -> "Events":
        """Return one recording of plain spikes.

        Args:
            step: Step of each event (event,), ascending, from 0 to steps - 1.
            channel: Channel of each event (event,).
            steps: Length of the recording.

        Raises:
            TypeError: If `steps` is no integer.
            ValueError: If a number is out of its range.
        """
        steps = integer(steps, who="Events", name="steps", at_least=0, at_most=MOST)
        step = row(step, np.int32, "Events: step")
        return cls(step, channel, np.ones(len(step)), np.array([0, len(step)]), np.array([steps]))

    @classmethod
    def random(
        cls, recordings: int, *, steps: int, channels: int, rate: float, seed: int = 0, max_count: int = 1
    ) -> "Events":
        """Return random recordings in which channels and steps are independent.

        Args:
            recordings: Number of recordings, all of the same length.
            steps: Steps of each recording.
            channels: Number of channels.
            rate: Probability that a channel has an event in a step, from 0 to 1.
            seed: Seed of the random numbers; the events are a function of it and the other arguments.
            max_count: Largest count of an event; counts are uniform from 1 to this number.

        Raises:
            TypeError: If a number has a wrong type.
            ValueError: If a number is out of range.
        """
        who = "Events.random"
        shape = tuple(
            integer(value, who=who, name=name, at_least=0, at_most=MOST)
            for name, value in (("steps", steps), ("recordings", recordings), ("channels", channels))
        )
        rate = real(rate, who=who, name="rate", at_least=0, at_most=1)
        max_count = integer(max_count, who=who, name="max_count", at_least=1, at_most=MOST)
        generator = np.random.default_rng(integer(seed, who=who, name="seed", at_least=0))
        # NumPy draws nothing for a range of one integer, so the positions do not depend on a max_count of 1
        count = generator.integers(1, 1 + max_count, shape)
        return cls.from_frames(count * (generator.random(shape) < rate))

    def part(self, begin: int, end: int) -> "Events":
        """Return steps begin:end of every recording, counted from 0 again.

        Args:
            begin: The first step, at least 0: steps are not counted from the end, as recordings differ in length.
            end: The step behind the last, at least `begin`; recordings that end before it are shorter.

        Raises:
            TypeError: If a step is no integer.
            ValueError: If `begin` is below 0, or `end` below `begin`.
        """
        begin = integer(begin, who="Events.part", name="begin", at_least=0)
        end = integer(end, who="Events.part", name="end", at_least=begin)
        begin, end = min(begin, MOST), min(end, MOST)
        mask = (self.step >= begin) & (self.step < end)
        offset = ragged.indptr(mask)[self.offset]
        length = np.clip(self.length, begin, end) - begin
        return Events(self.step[mask] - begin, self.channel[mask], self.count[mask], offset, length)

    def select(self, recordings: np.ndarray) -> "Events":
        """Return chosen recordings, in the order of the choice.

        Args:
            recordings: Indices of recordings (chosen,), where -1 is the last as in NumPy, or bools (recording,).

        Raises:
            TypeError: If an index is no integer.
            ValueError: If an index is out of the range.
        """
        recordings = indices(recordings, len(self), who="Events.select", name="recordings")
        event, offset = ragged.select_rows(self.offset, recordings)
        return Events(self.step[event], self.channel[event], self.count[event], offset, self.length[recordings])


def _counts(values: Any) -> np.ndarray:
    count = np.asarray(values)
    if count.ndim != 1 or count.dtype.kind not in "biuf":
        raise ValueError(f"Events: count must be a row of numbers, not {shown(count)}")
    if count.size and not (float(count.min()) >= -MOST and float(count.max()) <= MOST):
        raise ValueError(
            f"Events: count must be finite and within ± {MOST}, not from {count.min()} to {count.max()}; it is the "
            "number of spikes in a step, or a graded input"
        )
    return np.ascontiguousarray(count)


def _check_steps(events: Events) -> None:
    late = events.step >= np.repeat(events.length, np.diff(events.offset))
    for violation, condition in (
        (ragged.descends(events.step, events.offset), "steps must ascend within a recording"),
        (late | (events.step < 0), "steps must be from 0 to the recording's length - 1"),
    ):
        if violation.any():
            event = int(np.flatnonzero(violation)[0])
            recording = int(np.searchsorted(events.offset, event, side="right")) - 1
            raise ValueError(
                f"Events: {condition}; event {event}, of recording {recording}, is at step {events.step[event]} of "
                f"{events.length[recording]}; sort the events, or make the recording longer"
            )
