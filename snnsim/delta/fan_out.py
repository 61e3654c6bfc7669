"""Fan-out: the number of multiplications that one input of a layer takes part in, with strides, borders and groups.

    f[i] = ∂ (Σ_j y[j]) / ∂x[i] of the layer with all weights 1 and no bias

Shapes   f the axes of an input of the layer
"""

import copy

import torch
from torch import Tensor, nn

LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Types of layers that are linear in their input but for a bias, and whose fan-out is known."""


def fan_out(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """Return the fan-out of every input, float64 of the given shape, on the CPU.

    Args:
        layer: A layer of one of the types LINEAR.
        shape: Axes of one input, without time and batch, such as (channel, row, column).
    """
    ones = copy.deepcopy(layer).cpu().to(torch.float64)
    with torch.no_grad():
        for name, parameter in ones.named_parameters():
            parameter.fill_(0.0 if name == "bias" else 1.0)
    with torch.enable_grad():
        inputs = torch.zeros(1, *shape, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(ones(inputs).sum(), inputs)
    return gradient[0]


def without_bias(layer: nn.Module) -> nn.Module:
    """Return a layer of the same weights, not copied, without a bias.

    Args:
        layer: A layer of one of the types LINEAR.
    """
    plain = copy.copy(layer)
    plain._parameters = {name: None if name == "bias" else value for name, value in layer._parameters.items()}
    return plain
