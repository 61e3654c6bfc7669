"""Single recordings of any origin as batches: events or frames, each with its target.

    events   a structured array with t (microseconds) and p, x, y where they exist, as tonic's data sets give them
             channel = (y · columns + x) · polarities + p,  step = floor(t / time step)
    frames   (time, channel), or (time, polarity, row, column) as tonic's ToFrame gives them, in the same channels

Recordings are padded to the longest of a batch: frames with zeros, classes of steps with -1, numbers of steps with NaN.

Shapes   frames of a batch (time, batch, channel) · sensor (columns, rows, polarities), as in tonic
"""

from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snnsim.data.targets import NO_CLASS
from snnsim.learning.losses import Batch
from snnsim.learning.tasks import Heads, RecordingClass, RecordingRegression, StepRegression, Task
from snnsim.validation import integer, real, shown


@dataclass(frozen=True)
class SampleGrid:
    """The steps and channels that events are counted in."""

    time_step_ms: float = 10.0
    sensor_size: tuple[int, int, int] | None = None
    """Columns, rows and polarities, which events need."""

    def frames(self, recording: Any) -> np.ndarray:
        """Return the frames of a recording, float32 (time, channel).

        Args:
            recording: Events or frames, as an array, a tensor, or a list of numbers.

        Raises:
            ValueError: If they are neither, or events lie outside of the sensor.
        """
        array = recording.numpy() if isinstance(recording, Tensor) else np.asarray(recording)
        counted = self._counted(array) if array.dtype.names else _in_channels(array)
        if counted.ndim != 2:
            raise ValueError(f"fit: a recording must be events, or frames (time, channel), not {shown(recording)}")
        return counted

    def _counted(self, events: np.ndarray) -> np.ndarray:
        if self.sensor_size is None:
            raise ValueError("fit: events need the size of their sensor: sensor_size=(columns, rows, polarities)")
        columns, rows, polarities = self.sensor_size
        if not {"t", "x"} <= set(events.dtype.names or ()):
            raise ValueError(
                f"fit: events must have the fields t and x, and y and p where they exist, not {events.dtype}"
            )
        names = events.dtype.names or ()
        x, y, p = (
            events[name].astype(np.int64) if name in names and size > 1 else np.zeros(len(events), np.int64)
            for name, size in (("x", columns), ("y", rows), ("p", polarities))
        )
        inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows) & (p >= 0) & (p < polarities)
        if not inside.all():
            raise ValueError(
                f"fit: events must lie in {columns} columns, {rows} rows and {polarities} polarities; some do not; "
                "give the sensor_size of the recordings"
            )
        position = events["t"].astype(np.float64) / (1000 * self.time_step_ms)
        # a multiple of the step that is rounded down begins its step, as in snnsim.data
        step = np.floor(position + np.minimum(2.0**-50 * position, 0.25)).astype(np.int64)
        if len(step) and step.min() < 0:
            raise ValueError("fit: the times of events must be 0 or more microseconds; some are negative")
        size = columns * rows * polarities
        frames = np.zeros((int(step.max(initial=0)) + 1, size), np.float32)
        np.add.at(frames, (step, (y * columns + x) * polarities + p), 1)
        return frames


def _in_channels(frames: np.ndarray) -> np.ndarray:
    """Return frames (time, channel) of frames (time, channel) or (time, polarity, row, column)."""
    if frames.ndim == 4:
        frames = frames.transpose(0, 2, 3, 1)
    numbers = frames.astype(np.float32)
    return numbers.reshape(len(numbers), -1) if numbers.ndim > 2 else numbers


class SampleBatches(Sized):
    """Batches of single recordings, in a new order in each epoch if there is a seed.

    Args:
        samples: Pairs of events or frames and a target, by their numbers: a list, or a torch Dataset.
        task: The task, which says the form of the targets.
        grid: Steps and channels of events.
        batch_size: Recordings of a batch.
        seed: Seed of the order; None keeps the order.
    """

    def __init__(self, samples: Any, task: Task, grid: SampleGrid, *, batch_size: int, seed: int | None = None) -> None:
        self.samples, self.task, self.grid = samples, task, grid
        self.batch_size = integer(batch_size, who="fit", name="batch_size", at_least=1)
        real(grid.time_step_ms, who="fit", name="time_step_ms", above=0)
        self.seed, self.epoch = seed, 0

    def __len__(self) -> int:
        return -(-len(self.samples) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        order = np.arange(len(self.samples))
        if self.seed is not None:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
            self.epoch += 1
        for start in range(0, len(order), self.batch_size):
            yield self._batch([self.samples[int(number)] for number in order[start : start + self.batch_size]])

    def _batch(self, samples: Sequence[Any]) -> Batch:
        if not all(isinstance(sample, tuple | list) and len(sample) == 2 for sample in samples):
            raise TypeError(f"fit: a recording must be (events or frames, target), not {shown(samples[0])}")
        rows, targets = [self.grid.frames(first) for first, _ in samples], [target for _, target in samples]
        steps = [max(len(row), steps_of(self.task, target)) for row, target in zip(rows, targets, strict=True)]
        if len({row.shape[1] for row in rows}) > 1:
            raise ValueError("fit: all recordings must have the same number of channels, and some have others")
        frames = torch.zeros(max(steps), len(rows), rows[0].shape[1])
        for number, row in enumerate(rows):
            frames[: len(row), number] = torch.from_numpy(row)
        return batch_of(self.task, frames, collated(self.task, targets, max(steps)), torch.tensor(steps))


def sensor_size_of(samples: Any) -> tuple[int, int, int] | None:
    """Return columns, rows and polarities that a data set of tonic names, or None.

    Args:
        samples: The data set.
    """
    for kind in (samples, *type(samples).__mro__):
        if "sensor_size" in vars(kind):
            columns, rows, polarities = vars(kind)["sensor_size"]
            return int(columns), int(rows), int(polarities)
    return None


def steps_of(task: Task, target: Any) -> int:
    """Return the steps of the target of one recording, 0 for one value per recording.

    Args:
        task: The task.
        target: Target of a recording; of several heads a table by name.
    """
    if isinstance(task, Heads):
        return max(steps_of(each, target[name]) for name, each in task.tasks.items())
    return len(target) if task.per_step else 0


def collated(task: Task, targets: Sequence[Any], steps: int) -> Any:
    """Return the targets of recordings as a tensor, or as tensors by head.

    Args:
        task: The task.
        targets: Classes or numbers of each recording, or of its steps; of several heads a table by name.
        steps: Steps of the longest recording.
    """
    if isinstance(task, Heads):
        return {name: collated(each, [one[name] for one in targets], steps) for name, each in task.tasks.items()}
    rows = [np.asarray(one) for one in targets]
    if not task.per_step:
        joined = torch.from_numpy(np.stack(rows))
        return joined if joined.is_floating_point() else joined.long()
    numbers = isinstance(task, StepRegression) or rows[0].dtype.kind == "f"
    none: Any = np.nan if numbers else NO_CLASS
    result = np.full((steps, len(rows), *rows[0].shape[1:]), none)
    for number, row in enumerate(rows):
        result[: len(row), number] = row
    return torch.from_numpy(result)


def batch_of(task: Task, frames: Tensor, target: Any, lengths: Tensor) -> Batch:
    """Return a batch of frames and the target of a task.

    Args:
        task: The task.
        frames: Frames (time, batch, channel).
        target: Labels (batch,) or probabilities (batch, class), classes of steps (time, batch), numbers (batch, target)
            or (time, batch, target); the axis of a single target may be left out. Of several heads, a table by name.
        lengths: Steps of each recording (batch,).

    Raises:
        TypeError: If several heads have no table of targets.
    """
    size = float(len(lengths))
    if isinstance(task, Heads):
        if not isinstance(target, Mapping):
            raise TypeError(f"fit: the target of several heads must be a dict by head, not {shown(target)}")
        named = {name: _with_axis(each, target[name]) for name, each in task.tasks.items() if name in target}
        return Batch(frames, lengths, torch.full_like(lengths, NO_CLASS), size, targets=named)
    if isinstance(task, RecordingClass) and task.target is None:
        soft = target.is_floating_point() and target.ndim == 2
        return Batch(frames, lengths, target.argmax(1) if soft else target, size, target if soft else None)
    (name,) = task.targets()
    return Batch(frames, lengths, torch.full_like(lengths, NO_CLASS), size, targets={name: _with_axis(task, target)})


def _with_axis(task: Task, target: Tensor) -> Tensor:
    """Return numbers with the axis of the targets, which a single target may lack."""
    axes = 2 + task.per_step
    if isinstance(task, RecordingRegression | StepRegression) and not target.is_floating_point():
        target = target.float()
    return target[..., None] if target.is_floating_point() and target.ndim == axes - 1 else target
