"""Loops over jobs: every job once for any number of threads, errors of a job, and functions of compiled code alone."""

from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
import torch

from snnsim.kernels.common.copies import copy_row
from snnsim.kernels.common.jit import njit, subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.strided import Strided, copy_strided_row
from snnsim.kernels.common.threads import torch_threads

ROWS = 37


class Pair(NamedTuple):
    rows: Any
    flags: Any
    """A tuple of a flag and a factor."""


@subroutine()
def fill(job, pair, result, failing):
    if job == failing:
        raise ValueError("a job fails")
    shifted, factor = pair.flags
    for column in range(result.shape[1]):
        result[job, column] += factor * pair.rows[job, column] + (job if shifted else 0)


@njit(nogil=True)
def fill_all(pair, result, failing):
    for_each(fill, len(result), (pair, result, failing))


@pytest.fixture(params=[1, 2])
def _threads(request):
    if request.param > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("Numba has fewer threads")
    with torch_threads():  # restores the numbers of threads
        numba.set_num_threads(request.param)
        yield


@pytest.mark.usefixtures("_threads")
def test_every_job_is_computed_once():
    rows = np.random.default_rng(0).normal(size=(ROWS, 5))
    result = np.ones((ROWS, 5))
    fill_all(Pair(rows, (True, 3.0)), result, -1)
    np.testing.assert_array_equal(result, 1 + (3.0 * rows + np.arange(ROWS)[:, None]))
    fill_all(Pair(rows, (True, 3.0)), result[:0], -1)


@pytest.mark.usefixtures("_threads")
def test_an_error_of_a_job_is_raised():
    result = np.zeros((ROWS, 5))
    with pytest.raises(ValueError, match="a job fails"):
        fill_all(Pair(result.copy(), (True, 1.0)), result, 20)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_a_function_of_compiled_code_refuses_python():
    result = np.zeros((ROWS, 5))
    fill_all(Pair(result.copy(), (True, 1.0)), result, -1)
    with pytest.raises(TypeError, match="fill must be called by compiled code"):
        fill(0, Pair(result.copy(), (True, 1.0)), result, -1)


@njit()
def copy_all(tensor, result):
    for delay in range(result.shape[0]):
        for row in range(result.shape[1]):
            copy_strided_row(tensor, delay, row, result[delay, row])
    copy_row(result[0, 0], result[0, 1])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_rows_of_a_tensor_of_any_strides(order):
    tensor = torch.arange(2.0 * 3 * 4 * 5).view(6, 4, 5)[1:].permute(order)
    result = np.empty(tensor.shape, np.float32)
    copy_all(Strided.of(tensor), result)
    expected = tensor.numpy().copy()
    expected[0, 1] = expected[0, 0]
    np.testing.assert_array_equal(result, expected)
    spread = np.zeros((2, 3, 4), np.float32)
    copy_all(Strided.of(torch.ones(1, 1, 1).expand(2, 3, 4)), spread)
    assert (spread == 1).all()
