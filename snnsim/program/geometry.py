"""Geometry of a convolution: the target positions that an offset of the kernel reaches from a source position.

    s y' = u y + p − r        rows; columns alike        u = 1: a convolution as conv2d; s = 1: a transposed one

A neuron (y, x, c) of a field has the number (y · width + x) · channels + c.

Names    y, y' row of the source, row of the target · r row of an entry of the kernel, from 0
         s stride · p padding, zero rows above the source · u upsampling, the rows that a row of the source stands for
Shapes   tables (offset, position)
Differs  dilation needs no number of its own: the rows and columns of the entries are multiples of it. Zeros below and
         to the right need none either, because the field of the targets has its own height and width
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from snnsim.validation import integer, require, shown

MOST = 2**31 - 1
"""The most neurons of a field."""
LARGEST_OFFSET = int(np.iinfo(np.int16).max)
"""The largest row and column of an entry of a kernel, and the largest stride, padding and upsampling."""
AXES = ("rows", "columns")


class Field(NamedTuple):
    """Rows, columns, and neurons at each pixel."""

    height: int
    width: int
    channels: int

    @property
    def size(self) -> int:
        """Number of neurons."""
        return math.prod(self)


@dataclass(frozen=True)
class Geometry:
    """Two fields, and the steps of a kernel over them; pairs are (rows, columns)."""

    source: Field
    target: Field
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    upsampling: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            sides = _integers(getattr(self, name), 3, name, at_least=1, at_most=MOST)
            require(math.prod(sides) <= MOST, f"Geometry: {name} must have at most {MOST} neurons, not {sides}")
            object.__setattr__(self, name, Field(*sides))
        for name, least in (("stride", 1), ("padding", 0), ("upsampling", 1)):
            pair = _integers(getattr(self, name), 2, name, at_least=least, at_most=LARGEST_OFFSET)
            object.__setattr__(self, name, pair)

    @classmethod
    def of(
        cls,
        source: Sequence[int],
        channels: int,
        kernel: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
    ) -> Self:
        """Return the geometry of torch's conv2d, with the field of its targets.

        Args:
            source: Field of the sources, (height, width, channels).
            channels: Number of channels of the targets.
            kernel: Rows and columns of the kernel.
            stride: Rows and columns from one target to the next.
            padding: Rows and columns of zeros at each side of the source.

        Raises:
            TypeError: If an argument is no integer or no sequence of integers.
            ValueError: If a number is out of its range, or the kernel does not fit into the field.
        """
        sides = zip(source, kernel, stride, padding, strict=False)
        height, width = ((side + 2 * zeros - length) // step + 1 for side, length, step, zeros in sides)
        return cls(Field(*source), Field(height, width, channels), stride, padding)

    def reached(self, axis: int, offset: np.ndarray) -> np.ndarray:
        """Return the row or column of the target that each offset reaches from each of the source; -1 for none.

        Args:
            axis: 0 for rows, 1 for columns.
            offset: Rows or columns of entries (offset,).

        Returns:
            int64 (offset, source position).
        """
        position = np.arange(self.source[axis]) * self.upsampling[axis] + self.padding[axis]
        return _quotient(position - _column(offset), self.stride[axis], self.target[axis])

    def origin(self, axis: int, offset: np.ndarray) -> np.ndarray:
        """Return the row or column of the source from which each offset reaches each of the target; -1 for none.

        Args:
            axis: 0 for rows, 1 for columns.
            offset: Rows or columns of entries (offset,).

        Returns:
            int64 (offset, target position).
        """
        position = np.arange(self.target[axis]) * self.stride[axis] - self.padding[axis]
        return _quotient(position + _column(offset), self.upsampling[axis], self.source[axis])

    def table(self) -> dict[str, list[int]]:
        """Return the geometry in the types of JSON."""
        return {name: list(value) for name, value in vars(self).items()}

    def __str__(self) -> str:
        fields = " -> ".join(" x ".join(map(str, field)) for field in (self.source, self.target))
        changed = [
            f"{name} {pair}" for name, pair in vars(self).items() if len(pair) == 2 and pair not in ((1, 1), (0, 0))
        ]
        return ", ".join([fields, *changed])


def _integers(values: Any, count: int, name: str, *, at_least: int, at_most: int) -> tuple[int, ...]:
    if not isinstance(values, Sequence) or len(values) != count:
        raise TypeError(f"Geometry: {name} must be {count} integers, not {shown(values)}")
    return tuple(integer(value, who="Geometry", name=name, at_least=at_least, at_most=at_most) for value in values)


def _column(offset: np.ndarray) -> np.ndarray:
    column: np.ndarray = offset.astype(np.int64)[:, None]
    return column


def _quotient(position: np.ndarray, divisor: int, size: int) -> np.ndarray:
    """Return the quotients that are integers from 0 to below the size, and -1 elsewhere."""
    quotient, rest = np.divmod(position, divisor)
    return np.where((rest == 0) & (quotient >= 0) & (quotient < size), quotient, -1)
