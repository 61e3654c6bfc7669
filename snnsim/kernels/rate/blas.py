"""Matrix products in compiled loops with torch's number of threads.

Numba's products are those of SciPy's BLAS, which counts its threads by itself.
"""

import functools
from typing import Any

import scipy.linalg.blas  # noqa: F401 - loads the BLAS whose threads are counted
import torch
from threadpoolctl import ThreadpoolController


@functools.cache
def _libraries() -> Any:
    return ThreadpoolController().select(user_api="blas")


class blas_threads:
    """A context in which the BLAS of NumPy and SciPy has torch's number of threads; its end restores both numbers."""

    def __enter__(self) -> None:
        threads = torch.get_num_threads()
        self.before = [(one, one.get_num_threads()) for one in _libraries().lib_controllers]
        for one, number in self.before:
            if number != threads:
                one.set_num_threads(threads)

    def __exit__(self, *_: object) -> None:
        threads = torch.get_num_threads()
        for one, number in self.before:
            if number != threads:
                one.set_num_threads(number)
