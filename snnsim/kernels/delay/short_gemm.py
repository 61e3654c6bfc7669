"""Products of spectra, frequency by frequency, with factors of bfloat16 and sums of float32.

    A B         re = Ar Br − Ai Bi    im = Ar Bi + Ai Br
    A B*        re = Ar Br + Ai Bi    im = Ai Br − Ar Bi

Four real products, as the sums of the form with three would be rounded to bfloat16.

Shapes   spectra (2 frequency, row · columns + column), real parts and then imaginary parts
"""

import torch
from torch import Tensor

from snnsim.kernels.delay.complex_gemm import ProductShape


def multiply_short(
    a: Tensor, b: Tensor, c: Tensor, shape: ProductShape, *, conjugate: bool, transposed: bool = False,
    added: bool = False,
) -> None:  # fmt: skip
    """Set C[f] to A[f] B[f] for all frequencies.

    Args:
        a: The spectra of A.
        b: The spectra of B.
        c: The spectra of C.
        shape: The sizes of the product.
        conjugate: Whether B is replaced by its complex conjugate.
        transposed: Whether A is stored as its transpose.
        added: Whether the product is added to C.
    """
    if transposed:
        re_a, im_a = a.view(-1, shape.terms, shape.rows).mT.chunk(2)
    else:
        re_a, im_a = a.view(-1, shape.rows, shape.terms).chunk(2)
    re_b, im_b = b.view(-1, shape.terms, shape.columns).chunk(2)
    re_c, im_c = c.view(-1, shape.rows, shape.columns).chunk(2)
    sign, before = -1 if conjugate else 1, float(added)
    torch.baddbmm(re_c, re_a, re_b, beta=before, out=re_c).baddbmm_(im_a, im_b, alpha=-sign)
    torch.baddbmm(im_c, im_a, re_b, beta=before, out=im_c).baddbmm_(re_a, im_b, alpha=sign)
