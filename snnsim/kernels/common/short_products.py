"""Matrix products and convolutions of float32 with factors of bfloat16 and sums of float32, on the CPU.

    C = bf16(A) bf16(B)         bf16 rounds to 8 bits of mantissa; products and sums are those of float32

Processors with AMX compute them several times faster than products of float32. On others the setting changes nothing;
those with AVX512-BF16 have matrix products whose results are rounded too (short_matmul.py). Spikes and other small
integers are exact in bfloat16.

Source   https://docs.pytorch.org/docs/stable/backends.html, torch.backends.mkldnn
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch

from snnsim.kernels.common.short_matmul import ShortMatmul

_SHORT = "bf16"


def short_products() -> AbstractContextManager[None]:
    """Round the factors of large float32 products to bfloat16, within a `with` block.

    With AMX, these are all products of the process, with sums of float32; with AVX512-BF16, the matrix products of this
    thread, whose results are rounded, too. Where a processor multiplies in float32 alone, the block has no effect.
    """
    if keeps_sums():
        return _rounded()
    return ShortMatmul() if multiplies_short() else nullcontext()  # type: ignore[no-untyped-call]


def multiplies_short() -> bool:
    """Return whether this processor has fast products of bfloat16 in one of both forms."""
    return keeps_sums() or torch.cpu._is_avx512_bf16_supported()


@cache
def keeps_sums() -> bool:
    """Return whether this processor has products with sums of float32: one is computed, as torch does not know."""
    factor = torch.full((64, 64), 1 + 2.0**-12)
    with _rounded():
        product = factor @ torch.eye(64)
    return not torch.equal(product, factor)


@contextmanager
def _rounded() -> Iterator[None]:
    settings = _settings()
    before = [one.fp32_precision for one in settings]
    try:
        for one in settings:
            one.fp32_precision = _SHORT
        yield
    finally:
        for one, value in zip(settings, before, strict=True):
            one.fp32_precision = value


def products_are_short() -> bool:
    """Return whether factors of float32 are rounded to bfloat16, and sums are not."""
    return all(one.fp32_precision == _SHORT for one in _settings())


def _settings() -> tuple[Any, Any]:
    backend: Any = torch.backends.mkldnn
    return backend.matmul, backend.conv
