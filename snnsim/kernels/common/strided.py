"""Tensors of any strides, for which compiled code has one form: an array of another layout is another type to Numba.

    element (k, j, i)   memory[k · stride₀ + j · stride₁ + i · stride₂]

Shapes   tensor (delay, row, column)
"""

from typing import NamedTuple, Self

import numpy as np
from torch import Tensor

from snnsim.kernels.common.jit import subroutine


class Strided(NamedTuple):
    """The numbers of a tensor (delay, row, column), wherever they lie."""

    memory: np.ndarray
    """All numbers from the first to the last, (index,)."""
    delays: int
    rows: int
    columns: int
    delay_stride: int
    row_stride: int
    column_stride: int

    @classmethod
    def of(cls, tensor: Tensor) -> Self:
        """Return the numbers of a tensor, without a copy.

        Args:
            tensor: The tensor, (delay, row, column) on the CPU.
        """
        last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        memory = tensor.detach().as_strided((last + 1 if tensor.numel() else 0,), (1,)).numpy()
        return cls(memory, *tensor.shape, *tensor.stride())


@subroutine(cache=True)
def copy_strided_row(tensor: Strided, delay: int, row: int, target: np.ndarray) -> None:
    """Copy a row of a tensor.

    Args:
        tensor: The tensor.
        delay: The index of the delay.
        row: The index of the row.
        target: The result, (column,).
    """
    memory, first, stride = tensor.memory, delay * tensor.delay_stride + row * tensor.row_stride, tensor.column_stride
    if stride == 1:
        for i in range(target.size):
            target[i] = memory[first + i]
    else:
        for i in range(target.size):
            target[i] = memory[first + i * stride]
