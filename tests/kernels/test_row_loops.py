"""Loops over rows against NumPy: vectors, columns that are left over, rows of a step, and results that replace rows."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from snnsim.kernels.common.jit import njit
from snnsim.kernels.common.row_loops import VECTOR, choose, row_loop


class Pair(NamedTuple):
    one: Any
    other: Any


class Rows(NamedTuple):
    pair: Any
    """A Pair."""
    total: Any


class Flags(NamedTuple):
    doubled: Any


class Results(NamedTuple):
    total: Any
    largest: Any


def body(rows, flags):
    one, other = rows.pair.one, rows.pair.other
    product = one * other - -one
    return choose(flags.doubled, product + product, product) + rows.total, choose(one >= other, one, 0.5)


loop = row_loop(body)


@njit()
def run(one, other, total, largest, doubled):
    for step in range(len(one)):
        loop(step, Rows(Pair(one, other), total), Flags(doubled), Results(total, largest))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("doubled", [True, False])
@pytest.mark.parametrize("columns", [1, VECTOR - 1, VECTOR, 3 * VECTOR + 5])
def test_columns_are_those_of_numpy(columns, doubled, dtype):
    rng = np.random.default_rng(columns)
    one, other = rng.normal(size=(3, 2 * columns)).astype(dtype), rng.normal(size=columns).astype(dtype)
    one[0, 1] = other[min(1, columns - 1)]
    part, total, largest = one[:, :columns], np.zeros(columns, dtype), np.zeros((3, columns), dtype)
    run(part, other, total, largest, doubled)
    expected = np.zeros(columns, dtype)
    for step in range(3):
        product = part[step] * other + part[step]
        expected = (product + product if doubled else product) + expected
    np.testing.assert_array_equal(total, expected)
    np.testing.assert_array_equal(largest, np.where(part >= other, part, dtype(0.5)))


exchange = row_loop(lambda rows, _: (rows.other, rows.one))


@njit()
def exchanged(one, other):
    exchange(0, Pair(one, other), Flags(False), Pair(one, other))


@pytest.mark.parametrize("columns", [1, VECTOR + 1])
def test_all_rows_are_read_before_results_are_written(columns):
    one, other = np.arange(columns, dtype=np.float64), -np.ones(columns)
    exchanged(one, other)
    np.testing.assert_array_equal(one, -np.ones(columns))
    np.testing.assert_array_equal(other, np.arange(columns))


@pytest.mark.parametrize("periods", [1, 3])
@pytest.mark.parametrize("period", [1, VECTOR, VECTOR + 5])
def test_rows_of_fewer_columns_repeat(period, periods):
    rng = np.random.default_rng(period)
    columns = period * periods
    one, other = rng.normal(size=(3, columns)), rng.normal(size=period)
    total, largest = np.zeros(columns), np.zeros((3, columns))
    run(one, other, total, largest, False)
    repeated = np.tile(other, periods)
    np.testing.assert_array_equal(largest, np.where(one >= repeated, one, 0.5))
    expected = np.zeros(columns)
    for row in one:
        expected = (row * repeated + row) + expected
    np.testing.assert_array_equal(total, expected)


sums = row_loop(lambda rows, _: (rows.one, rows.other + rows.one))


@njit()
def summed(values, result, totals):
    sums(0, Pair(values, totals), Flags(False), Pair(result, totals))


@pytest.mark.parametrize("period", [2, VECTOR])
def test_a_result_that_repeats_sums_over_the_periods_in_their_order(period):
    values = np.random.default_rng(0).normal(size=5 * period).astype(np.float32)
    result, totals = np.zeros_like(values), np.zeros(period, np.float32)
    summed(values, result, totals)
    expected = np.zeros(period, np.float32)
    for row in values.reshape(5, period):
        expected = expected + row
    np.testing.assert_array_equal(totals, expected)
    np.testing.assert_array_equal(result, values)
