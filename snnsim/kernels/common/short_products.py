"""Matrix products and convolutions of float32 with factors of bfloat16 and sums of float32, on the CPU.

    C = bf16(A) bf16(B)         bf16 rounds to 8 bits of mantissa; products and sums are those of float32

Processors with AMX compute them several times faster than products of float32. On others the setting changes nothing,
not even on those that torch says have bfloat16. Spikes and other small integers are exact in bfloat16.

Source   https://docs.pytorch.org/docs/stable/backends.html, torch.backends.mkldnn
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch

_SHORT = "bf16"


def short_products() -> AbstractContextManager[None]:
    """Round the factors of all float32 products of the process to bfloat16, within a `with` block.

    Where a processor multiplies in float32 alone, the block has no effect.
    """
    return _rounded() if multiplies_short() else nullcontext()


@cache
def multiplies_short() -> bool:
    """Return whether this processor has the products: one is computed, as torch does not know."""
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
    """Return whether factors of float32 are rounded to bfloat16."""
    return all(one.fp32_precision == _SHORT for one in _settings())


def _settings() -> tuple[Any, Any]:
    backend: Any = torch.backends.mkldnn
    return backend.matmul, backend.conv
