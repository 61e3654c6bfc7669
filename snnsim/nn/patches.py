"""Fields of neurons, and the patches of a field that a convolution sums over.

    neuron (y, x, c) has the number (y · width + x) · channels + c, so a field is flat, as all spikes are
    pooled[y, x, c]          = mean of s over the pool × pool neurons (pool y + a, pool x + b, c)
    patch[y, x][c, row, col] = pooled[stride y + row − padding, stride x + col − padding, c],  0 outside of the field

Shapes   s (..., neuron) · patches (..., pixel, element), an element being (c, row, col) as in torch's conv2d
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from snnsim.kernels.delay.cpu_integer_delays import PatchIndices
from snnsim.program import Field
from snnsim.program.geometry import LARGEST_OFFSET
from snnsim.validation import integer, shown

MOST_STRIDE = LARGEST_OFFSET
"""The largest stride, that of a Program."""


@dataclass(frozen=True)
class Patches:
    """The patches of a convolution in a field that is averaged over squares of `pool` pixels."""

    field: Field
    kernel: tuple[int, int]
    padding: tuple[int, int]
    pool: int
    stride: int = 1
    """Rows and columns after pooling from one patch to the next."""

    @classmethod
    def of(
        cls,
        who: str,
        field: tuple[int, int, int],
        kernel: int | tuple[int, int],
        *,
        padding: int | None,
        pool: int,
        stride: int = 1,
    ) -> Self:
        """Return checked patches.

        Args:
            who: Name of the class that was called, for messages.
            field: Field of the sources, (height, width, channels).
            kernel: Sides of the kernel: one side, or (rows, columns).
            padding: Zeros around the field; None keeps its height and width.
            pool: Side of the squares of pixels that are averaged first.
            stride: Rows and columns after pooling from one patch to the next.

        Raises:
            TypeError: If an argument is no integer or no sequence of integers.
            ValueError: If a side is out of its range, or the kernel does not fit into the field.
        """
        field = Field(*_sides(field, 3, who=who, name="field"))
        rows = _sides((kernel, kernel) if isinstance(kernel, int) else kernel, 2, who=who, name="kernel")
        pool = integer(pool, who=who, name="pool")
        stride = integer(stride, who=who, name="stride", at_least=1, at_most=MOST_STRIDE)
        padding = None if padding is None else integer(padding, who=who, name="padding", at_most=2**31)
        if min(field) < 1 or pool < 1 or field.height % pool or field.width % pool:
            raise ValueError(
                f"{who}: a field is (height, width, channels) from 1 on, and pool divides its height and width; got "
                f"{tuple(field)} and pool={pool}"
            )
        odd = all(side % 2 for side in rows)
        if min(rows) < 1 or (padding is None and not odd) or (padding or 0) < 0:
            raise ValueError(
                f"{who}: the sides of a kernel are positive, and odd unless a padding of 0 or more is given; got "
                f"{rows} and padding={padding}"
            )
        up, left = (side // 2 if padding is None else padding for side in rows)
        patches = cls(field, (rows[0], rows[1]), (up, left), pool, stride)
        if min(patches.into(1)) < 1:
            raise ValueError(
                f"{who}: a kernel of {rows} does not fit into {tuple(patches.pooled)} with padding={padding}"
            )
        return patches

    def settings(self) -> dict[str, str | int]:
        """Return the geometry as a saved state carries it, see nn/settings.py."""
        return {"field": str(tuple(self.field)), "padding": str(self.padding), "pool": self.pool, "stride": self.stride}

    @property
    def pooled(self) -> Field:
        """The field after pooling."""
        return Field(self.field.height // self.pool, self.field.width // self.pool, self.field.channels)

    @property
    def elements(self) -> int:
        """Number of elements of a patch."""
        return self.field.channels * math.prod(self.kernel)

    def into(self, channels: int) -> Field:
        """Return the field of the targets.

        Args:
            channels: Number of neurons of the targets for each patch.
        """
        sides = zip(self.pooled, self.kernel, self.padding, strict=False)
        height, width = ((side + 2 * padding - kernel) // self.stride + 1 for side, kernel, padding in sides)
        return Field(height, width, channels)

    def described(self, channels: int) -> str:
        """Return the geometry as a text.

        Args:
            channels: Number of neurons of the targets for each patch.
        """
        height, width, sources = self.field
        more = "".join(f", {name}={side}" for name, side in (("pool", self.pool), ("stride", self.stride)) if side != 1)
        return f"{height} x {width} x {sources} -> {channels} channels, kernel={self.kernel}{more}"

    def maps(self, spikes: Tensor) -> Tensor:
        """Return pooled spikes in the layout of torch's convolutions, (any, channel, row, column).

        Args:
            spikes: Spikes of the field, (..., neuron).
        """
        self.check(spikes)
        # channels stay last in memory, the fast layout of torch's convolutions on the CPU
        maps = spikes.reshape(math.prod(spikes.shape[:-1]), *self.field).permute(0, 3, 1, 2)
        return maps if self.pool == 1 else functional.avg_pool2d(maps, self.pool)

    def check(self, spikes: Tensor) -> None:
        """Check that spikes are a tensor (time, ..., neuron) of this field.

        Args:
            spikes: Spikes of the field, (time, ..., neuron).

        Raises:
            TypeError: If they are no tensor.
            ValueError: If they are of another shape.
        """
        if not isinstance(spikes, Tensor):
            raise TypeError(f"a convolution needs spikes as a torch tensor, not {shown(spikes)}")
        if spikes.ndim < 2 or spikes.shape[-1] != self.field.size:
            height, width, channels = self.field
            raise ValueError(
                f"a convolution over {height} x {width} x {channels} neurons needs spikes (time, ..., "
                f"{self.field.size}), not {tuple(spikes.shape)}"
            )

    def of_spikes(self, spikes: Tensor) -> Tensor:
        """Return the patches of spikes, (..., pixel, element).

        Args:
            spikes: Spikes of the field, (..., neuron).
        """
        columns = functional.unfold(self.maps(spikes), self.kernel, padding=self.padding, stride=self.stride)
        return columns.mT.reshape(*spikes.shape[:-1], columns.shape[-1], self.elements)

    def in_order(self, spikes: Tensor) -> Tensor:
        """Return the patches of spikes before pooling, each in the order of its neurons.

        Args:
            spikes: Spikes (..., neuron) of the field.

        Returns:
            Patches (..., pixel, element); an element is (row, column, channel) of the field itself.
        """
        height, width, channels = self.field
        (up, left), rows = self._before_pooling(self.padding), self._before_pooling(self.kernel)
        flat = spikes.reshape(math.prod(spikes.shape[:-1]), height, width, channels)
        padded = functional.pad(flat, (0, 0, left, left, up, up))
        step = self.pool * self.stride
        patches = padded.unfold(1, rows[0], step).unfold(2, rows[1], step).permute(0, 1, 2, 4, 5, 3)
        pixels = patches.shape[1] * patches.shape[2]
        return patches.reshape(*spikes.shape[:-1], pixels, self.pool**2 * self.elements)

    def offsets(self) -> PatchIndices:
        """Return the positions of the patches of `in_order` in the padded field, for the compiled kernel."""
        height, width, channels = self.field
        (up, left), (rows, columns) = self._before_pooling(self.padding), self._before_pooling(self.kernel)
        wide, pixels, step = width + 2 * left, self.into(1), self.pool * self.stride

        def number(y: np.ndarray, x: np.ndarray, c: np.ndarray) -> np.ndarray:
            neurons: np.ndarray = ((y[:, None, None] * wide + x[:, None]) * channels + c).ravel()
            return neurons

        channel = np.arange(channels)
        return PatchIndices(
            number(np.arange(height) + up, np.arange(width) + left, channel),
            number(np.arange(rows), np.arange(columns), channel),
            number(np.arange(pixels.height) * step, np.arange(pixels.width) * step, channel[:1]),
            (height + 2 * up) * wide * channels,
        )

    def elements_in_order(self, values: Tensor) -> Tensor:
        """Return the values of a kernel for each element of the patches of `in_order`.

        Args:
            values: Values (out channel, element, ...), an element being (channel, row, column) after pooling.

        Returns:
            Values (out channel, element, ...), an element being (row, column, channel) before pooling.
        """
        shape = (len(values), self.field.channels, *self.kernel, *values.shape[2:])
        by_pixel = values.reshape(shape).movedim(1, 3)
        wide = by_pixel.repeat_interleave(self.pool, 1).repeat_interleave(self.pool, 2)
        return wide.flatten(1, 3)

    def _before_pooling(self, sides: tuple[int, int]) -> tuple[int, int]:
        return sides[0] * self.pool, sides[1] * self.pool

    def members(self) -> Tensor:
        """Return the neurons averaged in each element of each patch, (pixel, element, pool²); -1 outside."""
        height, width, channels = self.pooled
        number = torch.arange(self.field.size).view(height, self.pool, width, self.pool, channels)
        squares = number.permute(1, 3, 4, 0, 2).reshape(self.pool**2, channels, height, width)
        (above, left), members = self.padding, []
        for square in squares:
            # unfold does not pad integers; 0 is outside of the field, as neurons are counted from 1
            padded = functional.pad(square + 1, (left, left, above, above)) - 1
            patches = padded.unfold(1, self.kernel[0], self.stride).unfold(2, self.kernel[1], self.stride)
            members.append(patches.permute(1, 2, 0, 3, 4).reshape(-1, self.elements))
        return torch.stack(members, dim=-1)


def _sides(sides: Sequence[int], number: int, *, who: str, name: str) -> tuple[int, ...]:
    if not isinstance(sides, Sequence) or len(sides) != number:
        raise TypeError(f"{who}: {name} must be {number} integers, not {shown(sides)}")
    return tuple(integer(side, who=who, name=f"{name} side", at_most=2**31) for side in sides)
