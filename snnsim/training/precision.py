"""The precision of the products of a training step."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from snnsim.kernels.common.short_products import multiplies_short, short_products


def precision(device: torch.device, *, mixed: bool) -> AbstractContextManager[Any]:
    """Return the context of a training step.

    On the CPU the factors of large products are bfloat16, and, without AMX, their results are rounded to it; all
    tensors are float32. Other devices have torch's automatic mixed precision.

    Args:
        device: The device of the network.
        mixed: Whether large products are computed in bfloat16.
    """
    if not mixed:
        return nullcontext()
    return short_products() if device.type == "cpu" else torch.autocast(device.type, torch.bfloat16)


def precision_note(device: torch.device, *, mixed: bool) -> str:
    """Return a line on products that the processor does not have, or an empty text.

    Args:
        device: The device of the network.
        mixed: Whether large products are to be computed in bfloat16.
    """
    if not mixed or device.type != "cpu" or multiplies_short():
        return ""
    lacking = "this processor has no products of bfloat16 (AMX, AVX512-BF16)"
    return f"note: {lacking}; training.precision='bfloat16' trains in float32\n"
