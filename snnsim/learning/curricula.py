"""Curricula: which levels of difficulty are trained together, and when the next one comes.

    single    one level; when it passes, the next level takes its place
    multi     all levels up to the newest; when they pass, the next one is added
    sliding   a window of w levels; when it passes, the f oldest leave and the next f come
    none      one level for good

Levels pass when their mean accuracy and that of the newest level are above a goal. A curriculum is a value, and so is
the progress of a training along it: `after` returns the next progress and changes nothing.

Source   Khajehabdollahi et al. 2024 (ICLR), arXiv 2309.12927
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, NamedTuple

from snnsim import validation

KINDS = ("single", "multi", "sliding", "none")


class Progress(NamedTuple):
    """How far a training along a curriculum has come."""

    levels: tuple[int, ...]
    """Levels that are trained, the newest last."""
    passed: int | None = None
    """Largest level that has passed; None for none."""
    finished: bool = False
    """Whether the newest level has passed, and no other comes."""

    @property
    def newest(self) -> int:
        """The newest level."""
        return self.levels[-1]

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> "Progress":
        """Return the progress of a checkpoint, which `_asdict` gave.

        Args:
            saved: Levels, passed and finished by name.

        Raises:
            ValueError: If there is no level, or a level is none.
        """
        levels = tuple(validation.integer(one, who="Progress", name="levels") for one in saved["levels"])
        if not levels:
            raise ValueError("Progress: there must be one level or more; none came")
        passed = saved["passed"]
        if passed is not None:
            passed = validation.integer(passed, who="Progress", name="passed")
        return cls(levels, passed, validation.truth(saved["finished"], who="Progress", name="finished"))


@dataclass(frozen=True)
class Curriculum:
    """A schedule over levels of difficulty, which are integers."""

    kind: str
    """"single", "multi", "sliding" or "none"."""
    first: int = 2
    """The first level; the level itself of "none"."""
    last: int | None = None
    """Bound of the levels; None for no end. A sliding window that would go beyond it does not move on, so that up to
    `advance` − 1 levels before the bound may never come."""
    goal: float = 0.98
    """Accuracy that must be exceeded."""
    window: int = 10
    """Number w of levels of a sliding window."""
    advance: int = 5
    """Number f of levels by which a sliding window moves."""

    def __post_init__(self) -> None:
        validation.one_of(self.kind, KINDS, who="Curriculum", name="kind")
        for name in ("first", "window", "advance"):
            validation.integer(getattr(self, name), who="Curriculum", name=name, at_least=1)
        if not 0 < self.goal < 1:
            raise ValueError(f"Curriculum: goal must be above 0 and below 1, not {self.goal}")
        if self.advance > self.window:
            raise ValueError(f"Curriculum: advance must be at most the window of {self.window}, not {self.advance}")
        if self.last is not None and self.last < self.start().newest:
            raise ValueError(f"Curriculum: last must be {self.start().newest} or more, not {self.last}")

    def start(self) -> Progress:
        """Return the progress before the training."""
        count = self.window if self.kind == "sliding" else 1
        return Progress(tuple(range(self.first, self.first + count)))

    def passes(self, progress: Progress, accuracy: Mapping[int, float]) -> bool:
        """Return whether the present levels pass.

        Args:
            progress: The present progress.
            accuracy: Accuracy of each present level, from 0 to 1.

        Raises:
            ValueError: If the accuracy of a level is missing.
        """
        missing = [level for level in progress.levels if level not in accuracy]
        if missing:
            raise ValueError(f"Curriculum: accuracies of the levels {missing} are missing; give one for each level")
        mean = fmean(accuracy[level] for level in progress.levels)
        return mean > self.goal and accuracy[progress.newest] > self.goal

    def after(self, progress: Progress, accuracy: Mapping[int, float]) -> Progress:
        """Return the progress after an evaluation.

        Args:
            progress: The present progress.
            accuracy: Accuracy of each present level, from 0 to 1.
        """
        if progress.finished or not self.passes(progress, accuracy):
            return progress
        newest = progress.newest
        count = self.advance if self.kind == "sliding" else 1
        more = tuple(range(newest + 1, newest + 1 + count))
        if self.kind == "none" or (self.last is not None and more[-1] > self.last):
            return Progress(progress.levels, newest, True)
        remaining = {"single": (), "multi": progress.levels, "sliding": progress.levels[count:]}[self.kind]
        return Progress((*remaining, *more), newest)
