"""Products of spectra, frequency by frequency, each complex product as three real ones; compiled for the CPU.

    A B         P = Ar Br, Q = Ai Bi, R = (Ar + Ai) (Br + Bi)        re = P − Q    im = R − P − Q
    A B*        P = Ar Br, Q = Ai Bi, R = (Ar + Ai) (Br − Bi)        re = P + Q    im = R − P + Q

Shapes   spectra (2 frequency, place), real parts and then imaginary ones · place = row · columns + column,
         but for B in panels: (panel · rows + row) · PANEL + lane
Source   Gauss; Knuth, The Art of Computer Programming 2, §4.6.4
"""

import numpy as np
from numba import njit, prange

from snnsim.kernels.common.threads import parallel
from snnsim.kernels.delay.gemm_microkernel import PANEL, product


@parallel()
def multiply(a, b, c, shape, conjugate, turned, added, threads):  # noqa: PLR0913
    """Set C[f] (lines, columns) to A[f] B[f], of B its conjugate and of A its transpose if asked for.

    `shape` is (lines, terms, columns); B lies in panels. The product may also be `added` to what is there.
    """
    (lines, terms, columns), kind = shape, c.dtype.type
    half, sign, size = len(c) // 2, kind(-1) if conjugate else kind(1), terms * PANEL
    row_a, column_a = (1, lines) if turned else (terms, 1)
    for thread in prange(threads):
        sum_a, sum_b = np.empty(lines * terms, c.dtype), np.empty(size, c.dtype)
        parts = np.empty((3, lines * PANEL), c.dtype)
        for f in range(thread, half, threads):
            re_a, im_a = a[f, : lines * terms], a[half + f, : lines * terms]
            _add(re_a, im_a, kind(1), sum_a)
            for first in range(0, columns, PANEL):
                place = first * terms
                re_b, im_b = b[f, place : place + size], b[half + f, place : place + size]
                _add(re_b, im_b, sign, sum_b)
                product(lines, terms, re_a, row_a, column_a, re_b, parts[0])
                product(lines, terms, im_a, row_a, column_a, im_b, parts[1])
                product(lines, terms, sum_a, row_a, column_a, sum_b, parts[2])
                width = min(PANEL, columns - first)
                for row in range(lines):
                    place = row * columns + first
                    re_c, im_c = c[f, place : place + width], c[half + f, place : place + width]
                    _combine(parts, row * PANEL, sign, added, re_c, im_c)


@njit(cache=True)
def _add(re, im, sign, total):
    for i in range(total.size):
        total[i] = re[i] + sign * im[i]


@njit(cache=True)
def _combine(parts, start, sign, added, re, im):
    end = start + PANEL
    p, q, r = parts[0, start:end], parts[1, start:end], parts[2, start:end]
    if added:
        for w in range(re.size):
            re[w] += p[w] - sign * q[w]
            im[w] += r[w] - p[w] - sign * q[w]
    else:
        for w in range(re.size):
            re[w], im[w] = p[w] - sign * q[w], r[w] - p[w] - sign * q[w]
