"""Matrix products and convolutions of float32 with factors of bfloat16 and sums of float32, on the CPU.

    C = bf16(A) bf16(B)         bf16 rounds to 8 bits of mantissa; products and sums are those of float32

Processors with AMX compute them several times faster than products of float32. Where a processor has no instructions
for them, the products are those of float32. Spikes and other small integers are exact in bfloat16.

Source   https://docs.pytorch.org/docs/stable/backends.html, torch.backends.mkldnn
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_SHORT = "bf16"


@contextmanager
def short_products() -> Iterator[None]:
    """Round the factors of all float32 products of the process to bfloat16, within a `with` block."""
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
