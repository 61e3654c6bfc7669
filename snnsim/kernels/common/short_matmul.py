"""Matrix products of float32 tensors, computed from tensors of bfloat16, forward and backward.

    C = float32(bf16(bf16(A) bf16(B)))

Sums are of float32, and each result is rounded to bfloat16, as those of torch.autocast are. Tensors stay float32, so
that neurons and kernels are those of float32. Processors with AVX512-BF16 multiply twice as fast in this form; torch
has no products for them that keep the sums.

Source   https://docs.pytorch.org/docs/stable/notes/extending.html, TorchDispatchMode
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_FEWEST = 2**20
"""Multiplications of a product below which copies of its factors take longer than they save."""


class ShortMatmul(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within its `with` block, large matrix products of float32 of this thread have factors and results of bfloat16."""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation of torch."""
        # linear layers and their gradients arrive as these three; other forms, such as out=..., stay in float32
        if not kwargs:
            if func in (torch.ops.aten.mm.default, torch.ops.aten.bmm.default) and _is_large(*args):
                return _product(func, *args)
            if func is torch.ops.aten.addmm.default and len(args) == 3 and _is_large(*args[1:]):
                return args[0] + _product(torch.ops.aten.mm.default, *args[1:])
        return func(*args, **(kwargs or {}))


def _is_large(a: Tensor, b: Tensor) -> bool:
    floats = a.dtype == b.dtype == torch.float32 and a.device.type == "cpu"
    return floats and a.numel() * b.shape[-1] >= _FEWEST


def _product(multiply: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    return multiply(a.bfloat16(), b.bfloat16()).float()
