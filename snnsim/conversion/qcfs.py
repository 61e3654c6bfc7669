"""A clipped ReLU with L levels, which an integrate-and-fire neuron computes exactly in L steps.

    a = λ clip(⌊z L / λ + 1/2⌋ / L, 0, 1)         the gradient passes the floor as if it were the identity

Shapes   z, a of any shape · λ (1,), trained
Units    z, a, λ in units of the layer's activation
Source   T. Bu, W. Fang, J. Ding, P. Dai, Z. Yu & T. Huang 2022, Optimal ANN-SNN Conversion for High-accuracy and
         Ultra-low-latency Spiking Neural Networks (ICLR): quantization-clip-floor-shift
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from snnsim import validation

LEAST = 1e-3
"""A trained step stays above this."""


class QCFS(nn.Module):
    """Quantization-clip-floor-shift activation with one trained step for the layer.

    Args:
        levels: Number of levels L above 0.
        step: Largest activation λ at the start.
    """

    def __init__(self, levels: int, step: float = 8.0) -> None:
        super().__init__()
        self.levels = validation.integer(levels, who="QCFS", name="levels", at_least=1, at_most=2**20)
        self.step = nn.Parameter(torch.tensor([validation.positive(step, who="QCFS", name="step")]))

    def bound(self) -> Tensor:
        """Return λ as the activation computes with it, (1,)."""
        return self.step.clamp(min=LEAST)

    def forward(self, values: Tensor) -> Tensor:
        """Return the activation.

        Args:
            values: Pre-activations, of any shape.
        """
        bound = self.bound().to(values.dtype)
        level: Tensor = cast(Any, _Floor.apply)(values * self.levels / bound + 0.5)
        return bound * (level / self.levels).clamp(0, 1)

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return f"levels={self.levels}"


class _Floor(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004
        return values.floor()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004
        return grad
