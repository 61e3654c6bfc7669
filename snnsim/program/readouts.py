"""Readouts of a Program: populations whose membranes are outputs, with their decisions and classes."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Readout(NamedTuple):
    """A population of the model "readout", with the decision of its membranes."""

    population: str
    """Name of the population."""
    decision: str | None = None
    """One of DECISIONS, from the membranes to one score per class."""
    classes: tuple[str, ...] = ()
    """Names of the classes, or of the numbers."""
    task: str = "class"
    """One of TASKS: the output stands for classes or numbers, of recordings or steps."""

    @property
    def per_step(self) -> bool:
        """Whether every step has a prediction of its own."""
        return self.task.startswith("step-")

    @property
    def of_classes(self) -> bool:
        """Whether predictions are classes, not numbers."""
        return self.task.endswith("class")

    def table(self) -> dict[str, Any]:
        """Return the readout in the types of JSON."""
        # files and digests of classes of recordings are those of Programs before there were other tasks
        task = {} if self.task == "class" else {"task": self.task}
        return {"population": self.population, "decision": self.decision, "classes": list(self.classes)} | task

    @classmethod
    def of(cls, value: Any) -> "Readout":
        """Return a readout whose classes are a tuple of texts.

        Args:
            value: A Readout, or a tuple or table of its fields.

        Raises:
            ValueError: If it is none.
        """
        if isinstance(value, Mapping) and set(value) | {"task"} == set(cls._fields):
            value = cls(**value)
        if not isinstance(value, tuple) or not 1 <= len(value) <= len(cls._fields):
            raise ValueError(f"a readout must be a Readout, or have the fields {', '.join(cls._fields)}, not {value!r}")
        readout = cls(*value)
        if not isinstance(readout.classes, tuple | list):
            raise ValueError(f"the classes of a readout must be a tuple of names, not {readout.classes!r}")
        return readout._replace(classes=tuple(map(str, readout.classes)))
