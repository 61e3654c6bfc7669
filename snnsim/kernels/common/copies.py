"""Copies of rows in compiled loops: target[i] = source[i].

An assignment `target[:] = source` compiles the text of NumPy's error about shapes too, into every function that calls
the one with the assignment.

Shapes   source (number,) or longer, target (number,)
"""

import numpy as np

from snnsim.kernels.common.jit import subroutine


@subroutine(cache=True)
def copy_row(source: np.ndarray, target: np.ndarray) -> None:
    """Copy numbers.

    Args:
        source: The numbers; those behind the length of the result are left out.
        target: The result.
    """
    for i in range(target.size):
        target[i] = source[i]
