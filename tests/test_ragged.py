"""Ragged rows against plain loops."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snnsim import ragged

lengths = st.lists(st.integers(0, 5), max_size=8)


@given(lengths)
def test_indptr_and_row_index_are_those_of_a_loop(lengths):
    indptr = ragged.indptr(lengths)
    assert indptr.dtype == np.int64
    assert indptr.tolist() == [sum(lengths[:row]) for row in range(len(lengths) + 1)]
    assert ragged.row_index(indptr).tolist() == [row for row, length in enumerate(lengths) for _ in range(length)]


@given(st.data(), lengths.filter(len))
def test_selected_rows_have_their_elements_in_order(data, lengths):
    indptr = ragged.indptr(lengths)
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=6))
    elements, selected = ragged.select_rows(indptr, np.array(rows, np.int64))
    assert elements.tolist() == [element for row in rows for element in range(indptr[row], indptr[row + 1])]
    assert selected.tolist() == ragged.indptr([lengths[row] for row in rows]).tolist()


@given(st.data(), lengths)
def test_descending_elements_are_those_of_a_loop(data, lengths):
    indptr = ragged.indptr(lengths)
    values = np.array(data.draw(st.lists(st.integers(0, 3), min_size=sum(lengths), max_size=sum(lengths))), np.int64)
    expected = [
        element > indptr[row] and values[element] < values[element - 1]
        for row, length in enumerate(lengths)
        for element in range(indptr[row], indptr[row] + length)
    ]
    assert ragged.descends(values, indptr).tolist() == expected


def test_a_mask_is_counted():
    assert ragged.indptr(np.array([True, False, True])).tolist() == [0, 1, 1, 2]
