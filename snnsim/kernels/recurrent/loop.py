"""A layer with a recurrent connection over a whole sequence, compiled for the CPU, with gradients.

    I[t] = x[t] + mask · r[t]        s[t] = neuron(I[t])        r[t] = Σ_{d=1}^{D} kernel[d − 1] s[t − d]
    e[t] = ∂L/∂I[t]                  the gradient of s[t] also gets Σ_d kernel[d − 1]ᵀ mask · e[t + d]

The neurons are those with two state variables; LIF is one of them. Two connections know their way through the loop:
`FilteredConnection` has axonal or dendritic delays (cpu_filtered_loop.py), `KernelConnection` any kernel: blocks of
steps by Fourier transforms as in online.py, the nearest steps by cpu_near_loop.py.

The function has no gradient of the connection's parameters: gradient.py attaches it to the currents.

Shapes   x, I, s, e (time, batch, neuron) · mask, v, w (batch, neuron) · coefficients (neuron,)
Differs  the backward pass saves I alone, one number per neuron and step; u and w are computed again
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnsim.kernels.common import gates
from snnsim.kernels.common.buffers import empty
from snnsim.kernels.common.threads import thread_count, torch_threads
from snnsim.kernels.delay.gemm_microkernel import PANEL
from snnsim.kernels.neuron.functions import Reset
from snnsim.kernels.neuron.surrogate_slopes import CODES
from snnsim.kernels.neuron.two_state_types import Arrays, Coefficients, StepOptions, Trajectory
from snnsim.kernels.recurrent import cpu_filtered_loop, cpu_near_loop
from snnsim.kernels.recurrent.cpu_loop_steps import retrace
from snnsim.kernels.recurrent.loop_types import BackArrays, Delivery, LoopArrays, Looped
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
        """Set spikes and the last state, and add the recurrent currents to the others."""

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
        """Set spikes and the last state, and add the recurrent currents to the others."""
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
        """Set spikes and the last state, and add the recurrent currents to the others."""
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


class _Choices(NamedTuple):
    """Everything but tensors that gradients pass through."""

    connection: Connection
    reset: Reset
    temporal: bool
    through: bool


def run(
    current: Tensor, v: Tensor, w: Tensor, neuron: Coefficients[Tensor], connection: Connection, *, reset: Reset,
    mask: Tensor | None, temporal: bool = True, through: bool = True,
) -> Looped:  # fmt: skip
    """Return the spikes of a layer with a recurrent connection, and its last state.

    Args:
        current: The currents without the recurrent ones, (time, batch, neuron), float32 or float64, on the CPU.
        v: The voltage before the first step, (batch, neuron).
        w: The second variable before the first step, (batch, neuron).
        neuron: The coefficients of the neurons, (neuron,) each.
        connection: The recurrent connection, in the type of the current.
        reset: The effect of a spike on the voltage.
        mask: Factors of the recurrent current, (batch, neuron), or None.
        temporal: Whether gradients pass from step to step through the state of the neurons.
        through: Whether gradients pass through the loop.

    Raises:
        ValueError: If the state does not stay finite.
    """
    mask = torch.ones_like(v) if mask is None else mask
    choices = _Choices(connection, reset, temporal, through)
    looped = Looped(*_Loop.apply(choices, mask, current, v, w, *neuron))  # type: ignore[no-untyped-call]
    gates.ended(looped.v, who="neurons")
    gates.ended(looped.w, who="neurons")
    return looped


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, choices: _Choices, mask: Tensor, current: Tensor, v: Tensor, w: Tensor, *coefficients: Tensor
    ) -> tuple[Tensor, ...]:
        total, spikes = empty(current, *current.shape), empty(current, *current.shape)
        total.copy_(current.detach())
        last = v.detach().clone(), w.detach().clone()
        with torch_threads():
            arrays = LoopArrays(_rows(total), _flat(mask), _flat(last[0]), _flat(last[1]), _rows(spikes))
            choices.connection.forward(arrays, _arrays(coefficients), choices.reset.hard)
        ctx.save_for_backward(total, mask, v, w, *coefficients)
        ctx.choices = choices
        ctx.set_materialize_grads(False)
        return spikes, *last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        total, mask, v, w, *coefficients = ctx.saved_tensors
        choices, needed = ctx.choices, ctx.needs_input_grad
        learned, neuron = any(needed[5:]), _arrays(coefficients)
        grad, error = empty(total, *total.shape), empty(total, *total.shape)
        path = Trajectory(_rows(empty(total, *total.shape)), _rows(empty(total, *total.shape)))
        grad.zero_() if grads[0] is None else grad.copy_(grads[0])
        ends = ((v, grads[1]), (w, grads[2])) if choices.temporal else ((v, None), (w, None))
        dv, dw = (torch.zeros_like(part) if one is None else torch.zeros_like(part).copy_(one) for part, one in ends)
        du, sums = torch.zeros_like(v), np.zeros((len(coefficients), v.numel() if learned else 0))
        reset = choices.reset
        step = StepOptions(
            reset.hard, CODES[reset.surrogate.name], reset.surrogate.sharpness, reset.detached, choices.temporal
        )
        with torch_threads():
            retrace(_rows(total), neuron, reset.hard, _flat(v), _flat(w), path)
            arrays = BackArrays(
                _rows(total), *path, _flat(mask), _rows(grad), _rows(error), _flat(dv), _flat(dw), _flat(du)
            )  # fmt: skip
            choices.connection.backward(
                arrays, neuron, Coefficients(*sums), BackOptions(step, learned, choices.through)
            )
        if learned:
            # the first step decays the voltage before it
            sums[0] += _flat(du * v)
        totals = torch.from_numpy(sums.reshape(len(sums), -1, v.shape[-1]).sum(1)).to(v.dtype)
        each = (one if need else None for one, need in zip(totals, needed[5:], strict=True))
        return None, None, error, dv, dw, *each


def _arrays(coefficients: Any) -> Arrays:
    return Coefficients(*map(_flat, coefficients))


def _flat(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().reshape(-1).numpy()
    return array


def _rows(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().view(len(tensor), -1).numpy()
    return array
