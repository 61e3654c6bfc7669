"""A training along a curriculum: epochs, an evaluation after each, and a checkpoint with the progress.

A learner trains and evaluates any model on any levels of difficulty. Its random numbers are functions of its seed and
the epoch, so that a training that was killed goes on from its checkpoint to the same result.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from snnsim.learning.curricula import Curriculum, Progress
from snnsim.training import checkpoint

Row = dict[str, Any]
"""Epoch, levels, accuracy of each level, and the numbers of the learner."""


class Learner(Protocol):
    """A model that is trained on levels of difficulty."""

    def train(self, levels: tuple[int, ...], epoch: int) -> Mapping[str, Any]:
        """Train for an epoch, and return numbers for the history.

        Args:
            levels: Levels, the newest last.
            epoch: Number of the epoch, from 1.
        """

    def accuracy(self, levels: tuple[int, ...], epoch: int) -> Mapping[int, float]:
        """Return the accuracy of each level on fresh data.

        Args:
            levels: Levels, the newest last.
            epoch: Number of the epoch, from 1.
        """

    def state_dict(self) -> Mapping[str, Any]:
        """Return "network", the parameters by name, and all else that training needs to go on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Args:
            state: What `state_dict` returned.
        """


class Course(NamedTuple):
    """A training along a curriculum, as far as it has come."""

    progress: Progress
    history: list[Row]


def follow(
    learner: Learner,
    curriculum: Curriculum,
    *,
    epochs: int,
    path: Path,
    description: Mapping[str, Any],
    passed: Callable[[int], None] | None = None,
) -> Course:
    """Train along a curriculum until an epoch or the last level, from the checkpoint if there is one.

    Args:
        learner: The model; its state is changed.
        curriculum: The curriculum.
        epochs: Number of the last epoch.
        path: The checkpoint, which is written after each epoch.
        description: Settings of the learner and the curriculum, plain values; a checkpoint with others is refused.
        passed: Function that is called when a level has passed, with the level, before the checkpoint is written.

    Raises:
        ValueError: If the checkpoint is damaged or of another training.
    """
    course = Course(curriculum.start(), [])
    if path.is_file():
        course = _loaded(learner, path, description)
    while len(course.history) < epochs and not course.progress.finished:
        epoch, before = len(course.history) + 1, course.progress
        numbers = learner.train(before.levels, epoch)
        accuracy = learner.accuracy(before.levels, epoch)
        progress = curriculum.after(before, accuracy)
        row = {"epoch": epoch, "levels": list(before.levels), "passed": progress.passed, **numbers}
        row["accuracy"] = {str(level): value for level, value in accuracy.items()}
        course = Course(progress, [*course.history, row])
        if passed is not None and progress.passed != before.passed and progress.passed is not None:
            passed(progress.passed)
        save(path, learner.state_dict(), course, description)
    return course


def save(path: Path, state: Mapping[str, Any], course: Course, description: Mapping[str, Any]) -> None:
    """Write a checkpoint.

    Args:
        path: The file.
        state: State of the learner.
        course: Progress and history.
        description: Settings of the learner and the curriculum.
    """
    content = {**state, "progress": course.progress._asdict(), "history": course.history}
    checkpoint.save(path, dict(description), content)


def _loaded(learner: Learner, path: Path, description: Mapping[str, Any]) -> Course:
    """Return the course of a checkpoint, whose state the learner takes over.

    Raises:
        ValueError: If the checkpoint holds no course.
    """
    content = checkpoint.load(path, dict(description))
    if not isinstance(content.get("progress"), dict) or not isinstance(content.get("history"), list):
        raise ValueError(f"checkpoint {path} has no progress along a curriculum; name another folder")
    learner.load_state_dict(content)
    return Course(Progress.of(content["progress"]), content["history"])
