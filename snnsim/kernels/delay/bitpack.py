"""Spikes kept in few bits each: counts times one number, as what is kept for the backward pass.

    x = scale · n        n = 0 … 255, in as many bits as the largest takes: one if all are 0 or 1

Spikes are 0 or 1, binned input has small counts, and dropout multiplies all that it keeps by the same number. What is
no multiple of one number is kept as it came.
"""

from typing import NamedTuple

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from snnsim.kernels.common import gates
from snnsim.kernels.common.threads import as_torch_has, number, parallel
from snnsim.validation import shown

MOST = 255


class Packed(NamedTuple):
    """Spikes in little memory."""

    kept: Tensor
    """(bit, byte): the lowest bits of all counts, eight to a byte, then the next ones; or numbers in their shape."""
    scale: Tensor
    shape: torch.Size
    counted: bool

    def counts(self) -> Tensor:
        """Return n as bytes, or the numbers that are no counts."""
        if not self.counted:
            return self.kept
        counts = np.zeros(self.shape, np.uint8)
        for bit, kept in enumerate(self.kept.numpy()):
            counts |= np.unpackbits(kept, count=counts.size).reshape(self.shape) << np.uint8(bit)
        return torch.from_numpy(counts)

    def restored(self, dtype: torch.dtype) -> Tensor:
        """Return what came, in this dtype."""
        spikes = self.counts().to(dtype)
        return spikes.mul_(self.scale) if self.counted else spikes

    def into(self, spikes: Tensor) -> None:
        """Set spikes to what came.

        Raises:
            TypeError: If they are no tensor, or of another type.
            ValueError: If they are of another shape.
        """
        gates.shaped(who="Packed", spikes=(spikes, tuple(self.shape)))
        if spikes.dtype != self.scale.dtype:
            raise TypeError(f"Packed: spikes must be of the type {self.scale.dtype} that came, not {spikes.dtype}")
        spikes.copy_(self.counts())
        if self.counted:
            spikes.mul_(self.scale)


def packed(spikes: Tensor) -> Packed:
    """Return spikes in few bits if counts times a scale are exactly what came, else as they are."""
    if not isinstance(spikes, Tensor):
        raise TypeError(f"packed: spikes must be a torch tensor, not {shown(spikes)}")
    flat = spikes.detach().contiguous()
    alone = Packed(flat, torch.ones((), dtype=flat.dtype), flat.shape, counted=False)
    if flat.numel() == 0 or flat.device.type != "cpu" or flat.dtype not in (torch.float32, torch.float64):
        return alone
    values = flat.numpy().reshape(-1)
    counts = np.empty(values.size, np.uint8)
    with as_torch_has():
        threads = number()
        # the first number there is will do for spikes; for counts it may be a multiple of the smallest
        scale = _first(values)
        exact, most = _count(values, scale, counts, threads)
        if not exact:
            least = _smallest(values.view(f"u{values.itemsize}"), threads).min(keepdims=True)
            scale = (least + least.dtype.type(1)).view(values.dtype)[0]
            if not (np.isfinite(scale) and scale > 0):
                return alone
            exact, most = _count(values, scale, counts, threads)
            if not exact:
                return alone
    bits = max(1, int(most).bit_length())
    kept = np.stack([np.packbits(counts & np.uint8(1 << bit)) for bit in range(bits)])
    return Packed(torch.from_numpy(kept), torch.tensor(scale, dtype=flat.dtype), flat.shape, counted=True)


@njit(cache=True)
def _first(values):
    """Return the first positive number, or 1."""
    for value in values:
        if 0 < value < np.inf:
            return value
    return values.dtype.type(1)


@parallel()
def _smallest(bits, threads):
    """Return the bits, less 1, of the smallest positive number of each part: bits are in the order of numbers."""
    one, most = bits.dtype.type(1), ~bits.dtype.type(0)
    found = np.empty(threads, bits.dtype)
    size = (bits.size + threads - 1) // threads
    for k in prange(threads):
        # negative numbers lie behind infinity
        least = most
        for value in bits[k * size : (k + 1) * size]:
            least = min(least, value - one if value > 0 else most)
        found[k] = least
    return found


# a check for division by 0 would keep the loop from vector registers
@parallel(error_model="numpy")
def _count(values, scale, counts, threads):
    """Set the counts, and return whether they are exact, and the bits that any of them has."""
    wrong, bits = np.zeros(threads, np.int64), np.zeros(threads, np.uint8)
    size = (values.size + threads - 1) // threads
    kind = values.dtype.type
    half, most = kind(0.5), kind(MOST + 1)
    for k in prange(threads):
        some, here = values[k * size : (k + 1) * size], counts[k * size : (k + 1) * size]
        bad, found = 0, np.uint8(0)
        for i in range(some.size):
            count = some[i] / scale + half
            here[i] = np.uint8(count if 0 <= count < most else 0)
            bad += scale * kind(here[i]) != some[i]
        for i in range(some.size):
            found |= here[i]
        wrong[k], bits[k] = bad, found
    return wrong.sum() == 0, bits.max()
