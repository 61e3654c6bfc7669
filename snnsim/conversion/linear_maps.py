"""Linear maps of feature maps, composed: what reaches a layer of neurons from each layer of spikes before it.

    value[o, y', x'] = Σ_terms Σ_e kernel[o, c, r, q] s[c, y, x] + offset[o]
                       with stride · y' = upsampling · y + padding − r, columns alike: see program/geometry.py

A layer of spikes is a term with the identity as its kernel. A convolution, an average pooling, an upsampling, a batch
normalization of evaluation or a linear map of a term is a term again:

    kernel[o, c, r₁ + stride₁ r₂] = Σ_m kernel₂[o, m, r₂] kernel₁[m, c, r₁]
    stride = stride₁ stride₂ · padding = padding₁ + stride₁ padding₂ · upsampling = upsampling₁

This holds where a term is 0 beyond its borders, which is checked wherever the second kernel has a padding.

Shapes   kernel float64 (out channel, in channel, row, column) · fields (channel, row, column), as torch has them
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from snnsim.program import ConvEdge, Field, Geometry
from snnsim.validation import require

Shape = tuple[int, int, int]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Term:
    """The part of a value that comes from one population, or from the input."""

    source: str
    source_shape: Shape
    kernel: np.ndarray
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    upsampling: Pair = (1, 1)

    def behind(self, kernel: np.ndarray, stride: Pair, padding: Pair) -> "Term":
        """Return the term behind a second kernel.

        Args:
            kernel: The second kernel.
            stride: Its stride.
            padding: Its padding.
        """
        rows, columns = (
            (first - 1) + step * (second - 1) + 1
            for first, step, second in zip(self.kernel.shape[2:], self.stride, kernel.shape[2:], strict=True)
        )
        total = np.zeros((len(kernel), self.kernel.shape[1], rows, columns))
        height, width = self.kernel.shape[2:]
        for row, column in np.ndindex(*kernel.shape[2:]):
            top, left = row * self.stride[0], column * self.stride[1]
            part = np.einsum("om,mcrq->ocrq", kernel[:, :, row, column], self.kernel)
            total[:, :, top : top + height, left : left + width] += part
        pairs = zip(self.stride, self.padding, stride, padding, strict=True)
        steps = [(first * second, zeros + first * more) for first, zeros, second, more in pairs]
        (down, above), (right, left) = steps
        return replace(self, kernel=total, stride=(down, right), padding=(above, left))

    def is_zero_beyond(self, shape: Shape, padding: Pair) -> bool:
        """Return whether the term is 0 at all positions that a padding adds to its field.

        Args:
            shape: The field of the value.
            padding: Rows and columns beyond each border.
        """
        for axis in (0, 1):
            sources = np.arange(self.source_shape[1 + axis]) * self.upsampling[axis] + self.padding[axis]
            used = np.flatnonzero(np.abs(self.kernel).sum((0, 1, 3 - axis)))
            reached = {int(position) for position in (sources[:, None] - used).ravel()}
            beyond = [*range(-padding[axis], 0), *range(shape[1 + axis], shape[1 + axis] + padding[axis])]
            if any(self.stride[axis] * position in reached for position in beyond):
                return False
        return True

    def edge(self, target: str, shape: Shape) -> ConvEdge:
        """Return the edge to a population.

        Args:
            target: Name of the population.
            shape: Its field.
        """
        source, reached = (Field(rows, columns, channels) for channels, rows, columns in (self.source_shape, shape))
        geometry = Geometry(source, reached, self.stride, self.padding, self.upsampling)
        return ConvEdge.dense(self.source, target, self.kernel, geometry=geometry)


@dataclass(frozen=True)
class Value:
    """A sum of terms and a number for each channel: currents, or spikes that a layer sent."""

    shape: Shape
    terms: tuple[Term, ...]
    offset: np.ndarray
    """float64 (channel,)."""
    flat: bool = False
    """Whether torch has the field as one axis, (channel · row · column)."""
    is_mean: bool = False
    """Whether it was averaged over time."""

    @classmethod
    def spikes(cls, source: str, shape: Shape, amplitude: float = 1.0, *, flat: bool = False) -> Self:
        """Return the spikes of a population, or the input.

        Args:
            source: Its name.
            shape: Its field.
            amplitude: Value of a spike.
            flat: Whether torch has the field as one axis.
        """
        channels = shape[0]
        kernel = amplitude * np.eye(channels)[:, :, None, None]
        return cls(shape, (Term(source, shape, kernel),), np.zeros(channels), flat)

    def convolved(
        self, kernel: np.ndarray, stride: Pair, padding: Pair, offset: np.ndarray | float = 0.0, *, who: str
    ) -> "Value":
        """Return the value behind a kernel.

        Args:
            kernel: The kernel, (out channel, channel, row, column).
            stride: Its stride.
            padding: Its padding.
            offset: Added to each channel.
            who: Name of the layer, for messages.

        Raises:
            ValueError: If the field has other channels, or the value is not 0 beyond its borders.
        """
        require(
            kernel.shape[1] == self.shape[0],
            f"freeze: {who} must get {kernel.shape[1]} channels, not {self.shape[0]}; see the shape of the pictures",
        )
        inside = all(term.is_zero_beyond(self.shape, padding) for term in self.terms) and not self.offset.any()
        require(
            not any(padding) or inside,
            f"freeze: {who} has a padding, so the currents before it must be 0 beyond their borders, without a bias; "
            "put neurons between both layers, or take padding=0",
        )
        sides = zip(self.shape[1:], kernel.shape[2:], stride, padding, strict=True)
        rows, columns = ((side + 2 * zeros - length) // step + 1 for side, length, step, zeros in sides)
        carried = kernel.sum((2, 3)) @ self.offset
        terms = tuple(term.behind(kernel, stride, padding) for term in self.terms)
        return replace(self, shape=(len(kernel), rows, columns), terms=terms, offset=carried + offset)

    def scaled(self, factor: np.ndarray, offset: np.ndarray) -> "Value":
        """Return the value times a factor, plus an offset, of each channel.

        Args:
            factor: Factors (channel,).
            offset: Offsets (channel,).
        """
        terms = tuple(replace(term, kernel=factor[:, None, None, None] * term.kernel) for term in self.terms)
        return replace(self, terms=terms, offset=factor * self.offset + offset)

    def upsampled(self, times: Pair, *, who: str) -> "Value":
        """Return the value with each position repeated, as the nearest neighbor.

        Args:
            times: Repetitions of rows and columns.
            who: Name of the layer, for messages.

        Raises:
            ValueError: If a term was strided before.
        """
        plain = all(term.stride == (1, 1) for term in self.terms)
        require(plain, f"freeze: {who} must not repeat positions that a stride or a pooling left; put neurons between")
        terms = []
        for term in self.terms:
            wide = np.zeros(
                (*term.kernel.shape[:2], *(n * k for n, k in zip(times, term.kernel.shape[2:], strict=True)))
            )
            for row, column in np.ndindex(*times):
                wide[:, :, row :: times[0], column :: times[1]] = term.kernel
            (up, left), (more, wider) = term.upsampling, times
            above, before = ((zeros + 1) * n - 1 for zeros, n in zip(term.padding, times, strict=True))
            terms.append(replace(term, kernel=wide, padding=(above, before), upsampling=(up * more, left * wider)))
        channels, rows, columns = self.shape
        return replace(self, shape=(channels, rows * times[0], columns * times[1]), terms=tuple(terms))

    def plus(self, other: "Value", *, who: str) -> "Value":
        """Return the sum with another value.

        Args:
            other: The other value.
            who: Name of the sum, for messages.

        Raises:
            ValueError: If the fields differ.
        """
        same = (self.shape, self.flat, self.is_mean) == (other.shape, other.flat, other.is_mean)
        require(same, f"freeze: {who} must add maps of one shape, not {self.shape} and {other.shape}")
        return replace(self, terms=self.terms + other.terms, offset=self.offset + other.offset)

    def beside(self, other: "Value", *, who: str) -> "Value":
        """Return the channels of this value, and behind them those of another.

        Args:
            other: The other value.
            who: Name of the concatenation, for messages.

        Raises:
            ValueError: If the rows or columns differ.
        """
        require(self.shape[1:] == other.shape[1:], f"freeze: {who} must join maps of one height and width")
        before, behind = self.shape[0], other.shape[0]
        shape = (before + behind, *self.shape[1:])
        mine = [np.pad(term.kernel, ((0, behind), (0, 0), (0, 0), (0, 0))) for term in self.terms]
        theirs = [np.pad(term.kernel, ((before, 0), (0, 0), (0, 0), (0, 0))) for term in other.terms]
        terms = zip(self.terms + other.terms, mine + theirs, strict=True)
        offset = np.concatenate([self.offset, other.offset])
        return replace(
            self, shape=shape, terms=tuple(replace(term, kernel=kernel) for term, kernel in terms), offset=offset
        )
