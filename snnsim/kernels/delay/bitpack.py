"""Spikes in few bits each: counts times one number, as they are saved for the backward pass.

    x = scale · n        n = 0 … 255, in as many bits as the largest count needs: one if all counts are 0 or 1

Spikes are 0 or 1, binned input has small counts, and dropout multiplies all spikes by the same number. Spikes that are
no multiples of one number are saved as they are.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from snnsim.kernels.common import gates
from snnsim.kernels.common.jit import njit, subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel, thread_count, torch_threads
from snnsim.validation import shown

MOST = 255
"""The largest count."""


class Packed(NamedTuple):
    """Spikes in little memory."""

    planes: Tensor
    """(bit, byte): the lowest bits of all counts, eight to a byte, then the next bits; or the spikes as they were."""
    scale: Tensor
    shape: torch.Size
    counted: bool
    """Whether the spikes are counts times the scale."""

    def counts(self) -> Tensor:
        """Return n as bytes, or the spikes that are no counts."""
        if not self.counted:
            return self.planes
        counts = np.zeros(self.shape, np.uint8)
        for bit, plane in enumerate(self.planes.numpy()):
            counts |= np.unpackbits(plane, count=counts.size).reshape(self.shape) << np.uint8(bit)
        return torch.from_numpy(counts)

    def restored(self, dtype: torch.dtype) -> Tensor:
        """Return the spikes in a dtype.

        Args:
            dtype: Type of the result; that of the packed spikes restores them bit for bit.
        """
        spikes = self.counts().to(dtype)
        return spikes.mul_(self.scale) if self.counted else spikes

    def into(self, spikes: Tensor) -> None:
        """Set a tensor to the spikes.

        Args:
            spikes: The tensor, of the shape and type of the spikes.

        Raises:
            TypeError: If it is no tensor, or of another type.
            ValueError: If it has another shape.
        """
        gates.shaped(who="Packed", spikes=(spikes, tuple(self.shape)))
        if spikes.dtype != self.scale.dtype:
            raise TypeError(f"Packed: spikes must be of the type {self.scale.dtype} that came, not {spikes.dtype}")
        spikes.copy_(self.counts())
        if self.counted:
            spikes.mul_(self.scale)


def packed(spikes: Tensor) -> Packed:
    """Return spikes in few bits if counts times a scale are exactly equal to them, else as they are.

    Args:
        spikes: A tensor of any shape.

    Raises:
        TypeError: If it is no tensor.
    """
    if not isinstance(spikes, Tensor):
        raise TypeError(f"packed: spikes must be a torch tensor, not {shown(spikes)}")
    flat = spikes.detach().contiguous()
    unpacked = Packed(flat, torch.ones((), dtype=flat.dtype), flat.shape, counted=False)
    if flat.numel() == 0 or flat.device.type != "cpu" or flat.dtype not in (torch.float32, torch.float64):
        return unpacked
    values = flat.numpy().reshape(-1)
    counts = np.empty(values.size, np.uint8)
    with torch_threads():
        threads = thread_count()
        # the first positive number is the scale of all spikes; of counts it may be a multiple of the smallest
        scale = values.dtype.type(_first_positive(values))
        exact, most = _count(values, scale, counts, threads)
        if not exact:
            least = _smallest_positive(values.view(f"u{values.itemsize}"), threads).min(keepdims=True)
            scale = (least + least.dtype.type(1)).view(values.dtype)[0]
            if not (np.isfinite(scale) and scale > 0):
                return unpacked
            exact, most = _count(values, scale, counts, threads)
            if not exact:
                return unpacked
    bits = max(1, int(most).bit_length())
    planes = np.stack([np.packbits(counts & np.uint8(1 << bit)) for bit in range(bits)])
    return Packed(torch.from_numpy(planes), torch.tensor(scale, dtype=flat.dtype), flat.shape, counted=True)


@njit(cache=True)
def _first_positive(values: np.ndarray) -> Any:
    """Return the first positive finite number, or 1."""
    for value in values:
        if 0 < value < np.inf:
            return value
    return values.dtype.type(1)


@parallel()
def _smallest_positive(bits: np.ndarray, threads: int) -> np.ndarray:
    """Return the bits, less 1, of the smallest positive number of each part: bits are in the order of numbers."""
    result = np.empty(threads, bits.dtype)
    for_each(_set_smallest_positive, threads, (bits, result))
    return result


@subroutine(cache=True)
def _set_smallest_positive(k: int, bits: np.ndarray, result: np.ndarray) -> None:
    one, most = bits.dtype.type(1), ~bits.dtype.type(0)
    size = (bits.size + result.size - 1) // result.size
    # the bits of negative numbers are larger than those of infinity; those of 0, less 1, wrap to the largest
    least = most
    for value in bits[k * size : (k + 1) * size]:
        least = min(least, value - one if value > 0 else most)
    result[k] = least


@parallel()
def _count(values: np.ndarray, scale: Any, counts: np.ndarray, threads: int) -> tuple[Any, Any]:
    """Set the counts, and return whether they are exact, and the bits that any of them has."""
    wrong, bits = np.zeros(threads, np.int64), np.zeros(threads, np.uint8)
    for_each(_count_part, threads, (values, scale, counts, wrong, bits))
    return wrong.sum() == 0, bits.max()


# a check for division by 0 would keep the loop from vector registers
@subroutine(cache=True, error_model="numpy")
def _count_part(
    k: int, values: np.ndarray, scale: Any, counts: np.ndarray, wrong: np.ndarray, bits: np.ndarray
) -> None:
    size, kind = (values.size + wrong.size - 1) // wrong.size, values.dtype.type
    half, most = kind(0.5), kind(MOST + 1)
    part, result = values[k * size : (k + 1) * size], counts[k * size : (k + 1) * size]
    differences, union = 0, np.uint8(0)
    for i in range(part.size):
        count = part[i] / scale + half
        result[i] = np.uint8(count if 0 <= count < most else 0)
        differences += scale * kind(result[i]) != part[i]
    for i in range(part.size):
        union |= result[i]
    wrong[k], bits[k] = differences, union
