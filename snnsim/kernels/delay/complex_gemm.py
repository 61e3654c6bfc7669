"""Products of spectra, frequency by frequency, each complex product as three real ones; compiled for the CPU.

    A B         P = Ar Br, Q = Ai Bi, R = (Ar + Ai) (Br + Bi)        re = P − Q    im = R − P − Q
    A B*        P = Ar Br, Q = Ai Bi, R = (Ar + Ai) (Br − Bi)        re = P + Q    im = R − P + Q

Shapes   spectra (2 frequency, index), real parts and then imaginary parts · index = row · columns + column,
         but for B in panels: (panel · rows + row) · PANEL + lane
Source   Gauss; Knuth, The Art of Computer Programming 2, §4.6.4
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.common.jobs import for_each
from snnsim.kernels.common.threads import parallel
from snnsim.kernels.delay.gemm_microkernel import PANEL, Matrix, product


class ProductShape(NamedTuple):
    """The sizes of a matrix product."""

    rows: int
    """Of A and C."""
    terms: int
    """Columns of A, rows of B."""
    columns: int
    """Of B and C."""


@parallel()
def multiply(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, shape: ProductShape, conjugate: bool, transposed: bool, added: bool,
    threads: int,
) -> None:  # fmt: skip
    """Set C[f] to A[f] B[f] for all frequencies.

    Args:
        a: The spectra of A.
        b: The spectra of B, in panels.
        c: The spectra of C, (2 frequency, row · columns + column or more).
        shape: The sizes of the product.
        conjugate: Whether B is replaced by its complex conjugate.
        transposed: Whether A is stored as its transpose.
        added: Whether the product is added to C.
        threads: The number of threads, each of which computes every `threads`-th frequency.
    """
    for_each(_thread_multiply, threads, (a, b, c, shape, conjugate, transposed, added, threads))


@subroutine(cache=True, error_model="numpy")
def _thread_multiply(
    thread: int, a: np.ndarray, b: np.ndarray, c: np.ndarray, shape: ProductShape, conjugate: bool, transposed: bool,
    added: bool, threads: int,
) -> None:  # fmt: skip
    """Set every `threads`-th frequency of C."""
    rows, terms, columns, kind = shape.rows, shape.terms, shape.columns, c.dtype.type
    half, sign, size = len(c) // 2, kind(-1) if conjugate else kind(1), terms * PANEL
    row_stride, column_stride = (1, rows) if transposed else (terms, 1)
    sum_a, sum_b = np.empty(rows * terms, c.dtype), np.empty(size, c.dtype)
    parts = np.empty((3, rows * PANEL), c.dtype)
    for f in range(thread, half, threads):
        re_a, im_a = a[f, : rows * terms], a[half + f, : rows * terms]
        _add(re_a, im_a, kind(1), sum_a)
        for first in range(0, columns, PANEL):
            index = first * terms
            re_b, im_b = b[f, index : index + size], b[half + f, index : index + size]
            _add(re_b, im_b, sign, sum_b)
            product(rows, terms, Matrix(re_a, row_stride, column_stride), re_b, parts[0])
            product(rows, terms, Matrix(im_a, row_stride, column_stride), im_b, parts[1])
            product(rows, terms, Matrix(sum_a, row_stride, column_stride), sum_b, parts[2])
            width = min(PANEL, columns - first)
            for row in range(rows):
                index = row * columns + first
                re_c, im_c = c[f, index : index + width], c[half + f, index : index + width]
                _combine(parts, row * PANEL, sign, added, re_c, im_c)


@subroutine(cache=True)
def _add(re: np.ndarray, im: np.ndarray, sign: float, total: np.ndarray) -> None:
    for i in range(total.size):
        total[i] = re[i] + sign * im[i]


@subroutine(cache=True)
def _combine(parts: np.ndarray, start: int, sign: float, added: bool, re: np.ndarray, im: np.ndarray) -> None:
    """Set a row of C, or add to it, from the three real products."""
    end = start + PANEL
    p, q, r = parts[0, start:end], parts[1, start:end], parts[2, start:end]
    if added:
        for w in range(re.size):
            re[w] += p[w] - sign * q[w]
            im[w] += r[w] - p[w] - sign * q[w]
    else:
        for w in range(re.size):
            re[w], im[w] = p[w] - sign * q[w], r[w] - p[w] - sign * q[w]
