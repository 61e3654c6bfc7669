"""Kinds of tasks: the section `task` of a config, and the sections of its heads.

A new kind is a class here, a name in AnyTask, and a task of learning/tasks, which experiment/tasks.py builds.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from snnsim import schema
from snnsim.choices import DecisionName, RegressionDecisionName
from snnsim.config.ranges import check
from snnsim.schema import Kind, Range


@dataclass(frozen=True, kw_only=True)
class Task(Kind):
    """What a network learns."""

    def __post_init__(self) -> None:
        schema.settle(self, "task.")


@dataclass(frozen=True, kw_only=True)
class ClassTask(Task):
    """One class for each recording; training.decision and training.loss have its decision and its loss."""

    kind: Literal["class"] = "class"
    target: str | None = None
    """Target of the data with the classes; None takes the labels."""


@dataclass(frozen=True, kw_only=True)
class StepClassTask(Task):
    """One class for each step."""

    kind: Literal["step-class"] = "step-class"
    target: str = "target"
    """Target of the data with the classes of steps."""


@dataclass(frozen=True, kw_only=True)
class RegressionTask(Task):
    """Numbers for each recording."""

    kind: Literal["regression"] = "regression"
    target: str = "target"
    """Target of the data with the numbers of recordings."""
    decision: RegressionDecisionName = "mean_membrane"
    """From the voltage of the readout to the numbers."""


@dataclass(frozen=True, kw_only=True)
class StepRegressionTask(Task):
    """Numbers for each step."""

    kind: Literal["step-regression"] = "step-regression"
    target: str = "target"
    """Target of the data with the numbers of steps."""


@dataclass(frozen=True, kw_only=True)
class _Head:
    name: str = ""
    """Name of the head."""
    weight: Annotated[float, Range(at_least=0, at_most=1e6)] = 1.0
    """Weight of its loss."""


@dataclass(frozen=True, kw_only=True)
class ClassHead(_Head, ClassTask):
    """A head with one class for each recording."""

    decision: DecisionName = "summed_softmax"
    """From the voltage of the readout to one score per class."""


@dataclass(frozen=True, kw_only=True)
class StepClassHead(_Head, StepClassTask):
    """A head with one class for each step."""


@dataclass(frozen=True, kw_only=True)
class RegressionHead(_Head, RegressionTask):
    """A head with numbers for each recording."""


@dataclass(frozen=True, kw_only=True)
class StepRegressionHead(_Head, StepRegressionTask):
    """A head with numbers for each step."""


AnyHead = ClassHead | StepClassHead | RegressionHead | StepRegressionHead


@dataclass(frozen=True, kw_only=True)
class HeadsTask(Task):
    """Several heads, each with a task of its own."""

    kind: Literal["heads"] = "heads"
    heads: tuple[AnyHead, ...] = ()
    """Tables with a `name`, a `kind` and its settings, and the `weight` of the loss."""

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [head.name for head in self.heads]
        check(len(set(names)) == len(names) > 0 and all(names), "task.heads", "heads with different names", names)


AnyTask = ClassTask | StepClassTask | RegressionTask | StepRegressionTask | HeadsTask
"""A section of any kind."""
