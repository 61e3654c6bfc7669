"""Spikes kept in a bit or a byte each: counts times one number, as what is kept for the backward pass.

    x = scale · n        n = 0 or 1, a bit        n = 0 … 255, a byte

Spikes are 0 or 1, binned input has small counts, and dropout multiplies all that it keeps by the same number. What is
no multiple of one number is kept as it came.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from snnsim.kernels.threads import as_torch_has

MOST = 255


class Packed(NamedTuple):
    """Spikes in little memory."""

    kept: Tensor
    """Bits, eight to a byte in a row; or bytes, or numbers, in their shape."""
    scale: Tensor
    shape: torch.Size
    bits: bool

    def counts(self) -> Tensor:
        """Return n as bytes, or the numbers that are no counts."""
        if not self.bits:
            return self.kept
        size = math.prod(self.shape)
        return torch.from_numpy(np.unpackbits(self.kept.numpy(), count=size)).view(self.shape)

    def dense(self) -> Tensor:
        """Return the spikes as they came."""
        counts = self.counts()
        return counts.to(self.scale.dtype).mul_(self.scale) if counts.dtype == torch.uint8 else counts


def packed(spikes: Tensor) -> Packed:
    """Return spikes in bits or bytes if those times a scale are exactly what came, else as they are, and 1."""
    flat = spikes.detach().contiguous()
    alone = Packed(flat, torch.ones((), dtype=flat.dtype), flat.shape, bits=False)
    if flat.numel() == 0 or flat.device.type != "cpu" or flat.dtype not in (torch.float32, torch.float64):
        return alone
    values = flat.numpy().reshape(-1)
    counts = np.empty(values.size, np.uint8)
    with as_torch_has():
        threads = numba.get_num_threads()
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
    bits = bool(most <= 1)
    kept = torch.from_numpy(np.packbits(counts)) if bits else torch.from_numpy(counts).view(flat.shape)
    return Packed(kept, torch.tensor(scale, dtype=flat.dtype), flat.shape, bits)


@njit(cache=True)
def _first(values):
    """Return the first positive number, or 1."""
    for value in values:
        if 0 < value < np.inf:
            return value
    return values.dtype.type(1)


@njit(parallel=True, cache=True)
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
@njit(parallel=True, cache=True, error_model="numpy")
def _count(values, scale, counts, threads):
    """Set the counts, and return whether they are exact, and a bound of them: no more than 1 if they are bits."""
    wrong, most_of = np.zeros(threads, np.int64), np.zeros(threads, np.uint8)
    size = (values.size + threads - 1) // threads
    kind = values.dtype.type
    half, most = kind(0.5), kind(MOST + 1)
    for k in prange(threads):
        some, here = values[k * size : (k + 1) * size], counts[k * size : (k + 1) * size]
        bad, any_bit = 0, np.uint8(0)
        for i in range(some.size):
            count = some[i] / scale + half
            here[i] = np.uint8(count if 0 <= count < most else 0)
            bad += scale * kind(here[i]) != some[i]
        for i in range(some.size):
            any_bit |= here[i]
        wrong[k], most_of[k] = bad, any_bit
    return wrong.sum() == 0, most_of.max()
