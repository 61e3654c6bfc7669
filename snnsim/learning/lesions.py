"""What a trained network depends on: units that are removed, and parameters with noise.

    lesion         all weights from a unit are 0
    perturbation   p + ε |p| ξ / |ξ|        ξ standard normal; with `positive`, |ξ| of each number

    relative accuracy = (accuracy − chance) / (accuracy of the intact network − chance)

Any network and any measurement can be used: tensors are changed within a `with` block, and restored at its end.

Shapes   tensors of any shape · one axis counts the units
Source   Khajehabdollahi et al. 2024 (ICLR), arXiv 2309.12927
Differs  there, a lesion leaves the unit's recurrent output
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from snnsim.validation import index, real


@contextmanager
def lesioned(outgoing: Sequence[tuple[Tensor, int]], unit: int) -> Iterator[None]:
    """Set the weights from a unit to 0 within a `with` block.

    Args:
        outgoing: Weights of the connections from the units, each with the axis that counts the units.
        unit: Number of the unit.

    Raises:
        ValueError: If there is no such unit.
    """
    units = [index(unit, weight.shape[axis], who="lesioned", name="unit") for weight, axis in outgoing]
    with torch.no_grad():
        parts = [weight.select(axis, one) for (weight, axis), one in zip(outgoing, units, strict=True)]
        before = [part.clone() for part in parts]
        for part in parts:
            part.zero_()
    try:
        yield
    finally:
        with torch.no_grad():
            for part, values in zip(parts, before, strict=True):
                part.copy_(values)


@contextmanager
def perturbed(parameter: Tensor, size: float, generator: torch.Generator, *, positive: bool = False) -> Iterator[None]:
    """Add noise to a parameter within a `with` block.

    Args:
        parameter: The parameter, of any shape.
        size: Norm ε of the noise, in units of that of the parameter.
        generator: Generator of the noise.
        positive: Whether the noise only increases the numbers.

    Raises:
        ValueError: If the size is negative.
    """
    size = real(size, who="perturbed", name="size", at_least=0.0)
    before = parameter.detach().clone()
    noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    noise = noise.abs() if positive else noise
    with torch.no_grad():
        parameter.add_(noise * (size * before.norm() / noise.norm()))
    try:
        yield
    finally:
        with torch.no_grad():
            parameter.copy_(before)


def lesions(
    accuracy: Callable[[], float], outgoing: Sequence[tuple[Tensor, int]], units: Sequence[int]
) -> dict[int, float]:
    """Return the accuracy without each of several units, one at a time.

    Args:
        accuracy: Measurement of the network, which returns a number.
        outgoing: Weights of the connections from the units, each with the axis that counts the units.
        units: Numbers of the units.
    """
    result = {}
    for unit in units:
        with lesioned(outgoing, unit):
            result[int(unit)] = accuracy()
    return result


def relative_accuracy(accuracy: float, intact: float, chance: float = 0.5) -> float:
    """Return the share of the intact network's accuracy above chance.

    Args:
        accuracy: Accuracy of the changed network.
        intact: Accuracy of the intact network.
        chance: Chance level.

    Raises:
        ValueError: If the intact network is not above chance.
    """
    if not intact > chance:
        raise ValueError(
            f"relative_accuracy: the intact network must be above the chance level {chance}, not at {intact}; "
            "train it further"
        )
    return (accuracy - chance) / (intact - chance)
