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
    """Names of the classes."""

    def table(self) -> dict[str, Any]:
        """Return the readout in the types of JSON."""
        return {"population": self.population, "decision": self.decision, "classes": list(self.classes)}

    @classmethod
    def of(cls, value: Any) -> "Readout":
        """Return a readout whose classes are a tuple of texts.

        Args:
            value: A Readout, or a tuple or table of its fields.

        Raises:
            ValueError: If it is none.
        """
        if isinstance(value, Mapping) and set(value) == set(cls._fields):
            value = cls(**value)
        if not isinstance(value, tuple) or not 1 <= len(value) <= len(cls._fields):
            raise ValueError(f"a readout must be a Readout, or have the fields {', '.join(cls._fields)}, not {value!r}")
        readout = cls(*value)
        if not isinstance(readout.classes, tuple | list):
            raise ValueError(f"the classes of a readout must be a tuple of names, not {readout.classes!r}")
        return readout._replace(classes=tuple(map(str, readout.classes)))
