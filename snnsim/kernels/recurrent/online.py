"""Convolution over delays of a sequence that comes into being step by step.

    I[t, b, j] = Σ_{d=1}^{D} Σ_i kernel[d − 1, j, i] · s[t − d, b, i]      s[t] is known once I[t] is

A step needs the spikes of the steps before it, so no transform can take the whole sequence. Time is cut into dyadic
blocks: when a block of S steps is complete, one product of spectra adds its spikes to the currents of the next S steps,
for S = NEAR, 2 NEAR, ... up to the largest block. At the boundary of a largest block, all D steps before it are added
at once. What a step gets from its own block of NEAR steps is a matrix product.

Every pair of a step and an earlier spike is met exactly once: the two are separated by a single boundary of the highest
power of two.

In products of one step's spikes with the matrix of one delay, a step costs (NEAR − 1) / 2, about 1.5 for each S below
the largest, and 1.5 (D + S) / S for the largest, instead of D.

Shapes   spikes, current (batch, neuron) of a step · kernel (delay, target, source), index 0 a delay of one step
Names    D longest delay · S length of a block · n points of a transform, 2 S, and D + S for the largest block
Source   relaxed (online) multiplication: van der Hoeven 2002, J. Symbolic Computation 34:479; Hairer, Lubich,
         Schlichte 1985, SIAM J. Sci. Stat. Comput. 6:532, for convolution equations
Differs  exact up to rounding; the order of the sums depends on the step's position in its block
"""

import torch
from torch import Tensor

from snnsim.kernels.delay import filtered
from snnsim.kernels.recurrent.block import Block

NEAR = 8
"""Steps whose currents from each other are matrix products."""


class OnlineConvolution:
    """The recurrent current of one sequence, step by step: `current()`, then `push(spikes)`, and so on.

    Args:
        kernel: Weights by delay, (delay, target, source), without a gradient; index 0 is a delay of one step.
        steps: Number of steps of the sequence.
    """

    def __init__(self, kernel: Tensor, *, steps: int) -> None:
        self.kernel = kernel[: max(steps - 1, 1)]
        delays = len(self.kernel)
        self.near = NEAR if delays > 1 else 1
        self.largest = self.near
        while self.largest < min(delays, steps) * 2 // 3:
            self.largest *= 2
        # rows are (delay, source), the latest spikes first
        self.direct = self.kernel[: self.near - 1].mT.reshape(-1, self.kernel.shape[1])
        self.blocks: dict[int, Block] = {}
        self.spikes: list[Tensor] = []
        self.currents: list[tuple[int, tuple[Tensor, ...]]] = []

    def current(self) -> Tensor | None:
        """Return the current of the next step, (batch, target); None before the first spikes."""
        step = len(self.spikes)
        parts = [rows[step - start] for start, rows in self.currents]
        inside = min(step % self.near, len(self.kernel))
        if inside:
            recent = torch.cat(self.spikes[step - inside :][::-1], dim=1)
            parts.append(recent @ self.direct[: recent.shape[1]])
        return sum(parts[1:], parts[0]) if parts else None

    def push(self, spikes: Tensor) -> None:
        """Take the spikes of a step, after its current was asked for.

        Args:
            spikes: Spikes of the step, (batch, source).
        """
        self.spikes.append(spikes)
        step = len(self.spikes)
        if step % self.near == 0:
            self.currents = [(start, rows) for start, rows in self.currents if start + len(rows) > step]
            block = self.block_behind(step)
            known = torch.stack(self.spikes[max(0, step - block.before) :])
            self.currents.append((step, block.current(known).unbind()))

    def _size(self, step: int) -> int:
        """Return the length of the largest dyadic block that ends before this step."""
        size = self.near
        while size < self.largest and step % (2 * size) == 0:
            size *= 2
        return size

    def block_behind(self, step: int) -> Block:
        """Return the block that leads over the boundary before a step.

        Args:
            step: The step, a multiple of `near`.
        """
        size = self._size(step)
        if size not in self.blocks:
            before = len(self.kernel) if size == self.largest else size
            self.blocks[size] = Block(self.kernel, before=before, behind=size)
        return self.blocks[size]


class OnlineFilter:
    """Filtered channels of one sequence, step by step: `current()`, then `push(values)`, and so on.

    Args:
        window: Weight of every delay, (delay, channel), without a gradient; index 0 is a delay of one step.
    """

    def __init__(self, window: Tensor) -> None:
        # index 0 becomes the same step, as in `filtered`
        self.window = torch.cat([torch.zeros_like(window[:1]), window])
        self.values: list[Tensor] = []
        self.later: tuple[Tensor, ...] = ()

    def current(self) -> Tensor | None:
        """Return the filtered channels of the next step, (batch, channel); None before the first values."""
        step = len(self.values)
        inside = step % NEAR
        total = self.later[inside] if self.later else None
        for delay in range(1, min(inside + 1, len(self.window))):
            value = self.values[step - delay]
            total = value * self.window[delay] if total is None else torch.addcmul(total, value, self.window[delay])
        return total

    def push(self, values: Tensor) -> None:
        """Take the values of a step, after its filtered channels were asked for.

        Args:
            values: Values of the step, (batch, channel).
        """
        self.values.append(values)
        if len(self.values) % NEAR == 0:
            recent = self.values[max(0, len(self.values) - len(self.window) + 1) :]
            self.later = filtered.after(torch.stack(recent), self.window, steps=NEAR).unbind()
