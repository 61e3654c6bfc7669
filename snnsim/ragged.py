"""Rows of different lengths laid end to end, as in the CSR format: row n owns the elements indptr[n]:indptr[n + 1].

Shapes   lengths (row,) · indptr (row + 1,) · an index of rows or elements (index,)
Names    indptr as in scipy.sparse
"""

import numpy as np
from numpy.typing import ArrayLike


def indptr(lengths: ArrayLike) -> np.ndarray:
    """Return the start of every row, and the end of the last one.

    Args:
        lengths: Number of elements of each row, integers or bools (row,).

    Returns:
        int64 (row + 1,), from 0 to the number of elements.
    """
    lengths = np.asarray(lengths)
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def row_index(indptr: np.ndarray) -> np.ndarray:
    """Return the row of every element.

    Args:
        indptr: Start of every row, and the end of the last one (row + 1,).

    Returns:
        int64 (element,), ascending.
    """
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def descends(values: np.ndarray, indptr: np.ndarray) -> np.ndarray:
    """Return the elements that are smaller than their predecessor in the same row.

    Args:
        values: Values of all elements (element,).
        indptr: Start of every row, and the end of the last one (row + 1,).

    Returns:
        A mask, bool (element,).
    """
    mask = np.zeros(len(values), bool)
    np.less(values[1:], values[:-1], out=mask[1:])
    # the first element of a row has no predecessor
    mask[indptr[:-1][np.diff(indptr) > 0]] = False
    return mask


def select_rows(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the elements of selected rows, row after row.

    Args:
        indptr: Start of every row, and the end of the last one (row + 1,).
        rows: Selected rows (selected,), 0 or more; a row may come more than once.

    Returns:
        Index of every element of these rows, int64 (element,), and the indptr of the selection (selected + 1,).
    """
    lengths = np.diff(indptr)[rows]
    selected = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=selected[1:])
    # the element's position in its row, moved to where that row starts in the source
    return np.arange(selected[-1]) + np.repeat(indptr[rows] - selected[:-1], lengths), selected
