"""Recurrent connections that know their way through a compiled loop over steps, forward and backward.

`FilteredConnection` has axonal or dendritic delays (cpu_filtered_loop.py). `KernelConnection` has any kernel: blocks of
steps by Fourier transforms as in online.py, the nearest steps by cpu_near_loop.py.

Shapes   as in loop_types.py
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from snnsim.kernels.common.threads import thread_count
from snnsim.kernels.delay.gemm_microkernel import PANEL
from snnsim.kernels.neuron.two_state_types import Arrays, StepOptions
from snnsim.kernels.recurrent import cpu_filtered_loop, cpu_near_loop
from snnsim.kernels.recurrent.loop_types import BackArrays, Delivery, LoopArrays
from snnsim.kernels.recurrent.online import OnlineConvolution

_TILE_BYTES = 640 * 1024
"""Size of the values of the last steps of a few lanes, which share the second cache with the weights."""
_TILE = 16
"""Most lanes that are computed together."""


class BackOptions(NamedTuple):
    """The choices of a backward pass through a connection."""

    step: StepOptions
    learned: bool
    """Whether the gradients of the coefficients are computed."""
    through: bool
    """Whether errors pass through the loop."""


class Connection(Protocol):
    """A recurrent connection that computes the loop."""

    def forward(self, arrays: LoopArrays, neuron: Arrays, hard: bool) -> None:
        """Set spikes and the last state, and add the recurrent currents to the others.

        Args:
            arrays: The arrays of the pass.
            neuron: The coefficients of the neurons.
            hard: Whether the reset is hard.
        """

    def backward(self, arrays: BackArrays, neuron: Arrays, sums: Arrays, options: BackOptions) -> None:
        """Set the gradients of the currents and the first state, and add those of the coefficients.

        Args:
            arrays: The arrays of the pass.
            neuron: The coefficients of the neurons.
            sums: Gradients of the coefficients, to be added to.
            options: The choices of the pass.
        """


class FilteredConnection:
    """A connection with axonal or dendritic delays.

    Args:
        windows: The window of every tap, (delay, channel), without a gradient; index 0 is a delay of one step.
        weight: The weights, (target, source, tap), without a gradient.
        axonal: Whether the windows are those of the sources; otherwise those of the targets.
    """

    def __init__(self, windows: list[Tensor], weight: Tensor, *, axonal: bool) -> None:
        self.window, self.axonal = _wide(torch.stack(windows)), axonal
        # by tap, source and target
        self.weight = weight.permute(2, 1, 0)

    def forward(self, arrays: LoopArrays, neuron: Arrays, hard: bool) -> None:
        """Set spikes and the last state, and add the recurrent currents to the others.

        Args:
            arrays: The arrays of the pass.
            neuron: The coefficients of the neurons.
            hard: Whether the reset is hard.
        """
        lanes = arrays.v.size // neuron.beta.size
        cpu_filtered_loop.forward(arrays, neuron, hard, self._delivery(self.weight, self.axonal, lanes))

    def backward(self, arrays: BackArrays, neuron: Arrays, sums: Arrays, options: BackOptions) -> None:
        """Set the gradients of the currents and the first state, and add those of the coefficients.

        Args:
            arrays: The arrays of the pass.
            neuron: The coefficients of the neurons.
            sums: Gradients of the coefficients, to be added to.
            options: The choices of the pass.
        """
        lanes = arrays.dv.size // neuron.beta.size
        delivery = self._delivery(self.weight.mT, not self.axonal, lanes)
        cpu_filtered_loop.backward(arrays, neuron, sums, options.step, delivery, options.learned, options.through)

    def _delivery(self, weight: Tensor, filters_first: bool, lanes: int) -> Delivery:
        _, delays, width = self.window.shape
        rows = _wide(torch.nn.functional.pad(weight, (0, 0, 0, width - weight.shape[1])))
        window = self.window.numpy()
        return Delivery(
            window, _panels(rows), rows.numpy(), filters_first, _tile(lanes, delays * width * window.itemsize)
        )


class KernelConnection:
    """A connection with any kernel over delays.

    Args:
        kernel: The kernel (delay, target, source), without a gradient; index 0 is a delay of one step.
        steps: The number of steps of the sequence.
    """

    def __init__(self, kernel: Tensor, *, steps: int) -> None:
        self.online = OnlineConvolution(kernel, steps=steps)

    def forward(self, arrays: LoopArrays, neuron: Arrays, hard: bool) -> None:
        """Set spikes and the last state, and add the recurrent currents to the others.

        Args:
            arrays: The arrays of the pass.
            neuron: The coefficients of the neurons.
            hard: Whether the reset is hard.
        """
        total, spikes, mask = (self._lanes(array, neuron) for array in (arrays.total, arrays.spikes, arrays.mask))
        kernel, near = self._near(total.shape[1]), self.online.near
        for start in range(0, len(total), near):
            if start:
                block = self.online.block_behind(start)
                known = spikes[max(0, start - block.before) : start]
                end = min(start + block.behind, len(total))
                far = block.through(known, steps=end - start, start=0, result_start=len(known), transposed=False)
                total[start:end].addcmul_(far, mask)
            cpu_near_loop.forward(arrays, neuron, hard, kernel, start, min(start + near, len(total)))

    def backward(self, arrays: BackArrays, neuron: Arrays, sums: Arrays, options: BackOptions) -> None:
        """Set the gradients of the currents and the first state, and add those of the coefficients.

        Args:
            arrays: The arrays of the pass.
            neuron: The coefficients of the neurons.
            sums: Gradients of the coefficients, to be added to.
            options: The choices of the pass.
        """
        grad, error, mask = (self._lanes(array, neuron) for array in (arrays.spikes, arrays.error, arrays.mask))
        kernel, near, steps = self._near(error.shape[1]), self.online.near, len(error)
        for start in range((steps - 1) // near * near, -1, -near):
            cpu_near_loop.backward(
                arrays,
                neuron,
                sums,
                options.step,
                kernel,
                options.learned,
                options.through,
                start,
                min(start + near, steps),
            )
            if start and options.through:
                block = self.online.block_behind(start)
                count, behind = min(block.before, start), error[start : start + block.behind] * mask
                grad[start - count : start] += block.through(
                    behind, steps=count, start=count, result_start=0, transposed=True
                )

    def _near(self, lanes: int) -> cpu_near_loop.NearKernel:
        # one delay at least, of which a block of one step uses none
        kernel = self.online.kernel[: max(1, self.online.near - 1)]
        return cpu_near_loop.NearKernel(kernel.mT.contiguous().numpy(), self._stacked(kernel), _tile(lanes, 1))

    def _stacked(self, kernel: Tensor) -> np.ndarray:
        """Return the matrices from targets to sources, one delay below the other, in panels."""
        wide = _wide(kernel)
        margin = wide.shape[2] - kernel.shape[1]
        stacked = torch.nn.functional.pad(wide, (0, 0, 0, margin)).reshape(1, -1, wide.shape[2])
        panels: np.ndarray = _panels(stacked)[0]
        return panels

    @staticmethod
    def _lanes(array: np.ndarray, neuron: Arrays) -> Tensor:
        """Return (..., batch, neuron) of columns."""
        return torch.from_numpy(array.reshape(*array.shape[:-1], -1, neuron.beta.size))


def _wide(rows: Tensor) -> Tensor:
    """Return rows (..., channel) with a margin of 0 up to whole panels."""
    return torch.nn.functional.pad(rows, (0, -rows.shape[-1] % PANEL)).contiguous()


def _panels(matrices: Tensor) -> np.ndarray:
    """Return matrices (tap, term, column) in panels, (tap, panel · term · lane)."""
    panels = matrices.view(*matrices.shape[:2], -1, PANEL).transpose(1, 2).contiguous()
    array: np.ndarray = panels.flatten(1).numpy()
    return array


def _tile(lanes: int, size: int) -> int:
    """Return the number of lanes that are computed together: alike for all threads, of so many bytes each."""
    threads, most = thread_count(), max(1, min(_TILE, _TILE_BYTES // size))
    tiles = -(-lanes // most)
    tiles = -(-tiles // threads) * threads
    return max(1, -(-lanes // tiles))
