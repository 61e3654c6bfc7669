"""Layers of torch and of libraries above it, without a memory, as linear nodes of NIR; and delays as responses.

    batch normalization   y = (x − mean) γ / √(variance + ε) + β      folded into the layer in front of it
    delay                 y[t] = Σ_k h[k] x[t − k]                    h by the module's own answer to an impulse

Shapes   values of a step are those of one recording, without a batch axis; h (step, value)
Source   classes are known by the name of their library and their own name, so that no library is imported
"""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

OF_PICTURES = (nn.Conv1d, nn.Conv2d, nn.AvgPool2d, nn.Flatten)
"""Layers whose input has several axes."""
_MOST_STEPS = 2**16


class Conversion(NamedTuple):
    """A linear node of NIR."""

    kind: str
    numbers: dict[str, Any]


def qualified_name(module: Any) -> str:
    """Return the name of a module's library and class, such as "torch.Linear".

    Args:
        module: A module, or any object.
    """
    return f"{type(module).__module__.split('.')[0]}.{type(module).__name__}"


def array(value: Any) -> np.ndarray:
    """Return a number, tensor or array as an array, in its own type.

    Args:
        value: The number, tensor or array.
    """
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def folded(modules: list[tuple[str, nn.Module]], errors: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield a Conversion for each layer, with the batch normalization behind it, and all other modules as they are.

    Args:
        modules: The modules of a chain with their names.
        errors: Receives a line for each module that cannot be converted.
    """
    pending: tuple[str, Any] | None = None
    for name, module in modules:
        kind = qualified_name(module)
        if kind in IDENTITIES:
            continue
        try:
            if kind in NORMALIZATIONS:
                pending = _normalized(pending, module)
                continue
            if pending is not None:
                yield pending
            pending = name, LAYERS[kind](module) if kind in LAYERS else module
        except ValueError as error:
            errors.append(f"{name}: {error}")
            pending = None
    if pending is not None:
        yield pending


def _normalized(pending: tuple[str, Any] | None, module: Any) -> tuple[str, Conversion]:
    """Return a layer with the batch normalization behind it.

    Raises:
        ValueError: If there is no such layer, or the normalization has no statistics.
    """
    name, layer = pending or ("", None)
    if not isinstance(layer, Conversion) or layer.kind not in ("Affine", "Conv1d", "Conv2d"):
        raise ValueError("it must come right behind a linear layer or a convolution")
    if module.running_mean is None or module.running_var is None:
        raise ValueError("it must have running statistics, or its output depends on the batch")
    mean, variance = (array(values).astype(np.float64) for values in (module.running_mean, module.running_var))
    gamma = np.ones_like(mean) if module.weight is None else array(module.weight).astype(np.float64)
    beta = np.zeros_like(mean) if module.bias is None else array(module.bias).astype(np.float64)
    scale = gamma / np.sqrt(variance + module.eps)
    weight = layer.numbers["weight"] * scale.reshape(-1, *[1] * (layer.numbers["weight"].ndim - 1))
    bias = (layer.numbers["bias"] - mean) * scale + beta
    return name, Conversion(layer.kind, layer.numbers | {"weight": weight, "bias": bias})


def _linear(module: Any) -> Conversion:
    return Conversion("Affine", {"weight": array(module.weight).astype(np.float64), "bias": _bias(module)})


def _bias(module: Any) -> np.ndarray:
    return np.zeros(len(module.weight)) if module.bias is None else array(module.bias).astype(np.float64)


def _conv(kind: str) -> Callable[[Any], Conversion]:
    def convert(module: Any) -> Conversion:
        if module.padding_mode != "zeros":
            raise ValueError(f"its padding_mode must be 'zeros', not {module.padding_mode!r}")
        settings = {name: _setting(getattr(module, name)) for name in ("stride", "padding", "dilation", "groups")}
        weight = array(module.weight).astype(np.float64)
        return Conversion(kind, {"weight": weight, "bias": _bias(module), **settings})

    return convert


def _setting(value: Any) -> Any:
    return value if isinstance(value, str) else np.asarray(value)


def _pool(module: Any) -> Conversion:
    if module.ceil_mode or not module.count_include_pad or module.divisor_override is not None:
        raise ValueError("it must average over all of its kernel: no ceil_mode, count_include_pad=True, no divisor")
    sides = {name: np.broadcast_to(_setting(getattr(module, name)), (2,)) for name in ("kernel_size", "stride")}
    return Conversion("AvgPool2d", {**sides, "padding": np.broadcast_to(_setting(module.padding), (2,))})


def _flatten(module: Any) -> Conversion:
    if module.start_dim < 1 or module.end_dim == 0:
        raise ValueError(f"it must keep the batch axis: start_dim 1 or more, not {module.start_dim}")
    end = module.end_dim if module.end_dim < 0 else module.end_dim - 1
    return Conversion("Flatten", {"start_dim": module.start_dim - 1, "end_dim": end})


def _impulse_response(module: Any, shape: tuple[int, ...], *, steps: int) -> np.ndarray:
    """Return the answer of a module to an impulse in the first step, float64 (step, value).

    Raises:
        ValueError: If there is none.
    """
    impulse = torch.zeros(steps, 1, *shape)
    impulse[0] = 1
    fresh = copy.deepcopy(module).eval()
    for reset in ("reset", "reset_delay"):
        getattr(fresh, reset, lambda: None)()
    in_steps = fresh.step_mode in ("m", True)
    with torch.no_grad():
        answer = fresh(impulse) if in_steps else torch.stack([fresh(now) for now in impulse])
    response = array(answer).astype(np.float64).reshape(steps, math.prod(shape))
    if not response.any():
        raise ValueError(f"an impulse must come out of it within {steps} steps, and none does")
    return response


def _delay_of_snntorch(module: Any, shape: tuple[int, ...]) -> np.ndarray:
    return _impulse_response(module, shape, steps=min(math.ceil(float(module.max_delay)) + 2, _MOST_STEPS))


def _delay_of_spikingjelly(module: Any, shape: tuple[int, ...]) -> np.ndarray:
    return _impulse_response(module, shape, steps=min(int(module.delay_steps) + 1, _MOST_STEPS))


DELAYS: dict[str, Callable[[Any, tuple[int, ...]], np.ndarray]] = {
    "snntorch.SynapticDelay": _delay_of_snntorch,
    "spikingjelly.Delay": _delay_of_spikingjelly,
}
"""Classes of delays per channel, with the function that returns their response."""
_CONVERSIONS: dict[str, Callable[[Any], Conversion]] = {
    "Linear": _linear,
    "Conv1d": _conv("Conv1d"),
    "Conv2d": _conv("Conv2d"),
    "AvgPool2d": _pool,
    "Flatten": _flatten,
}
LAYERS = {f"{library}.{name}": each for name, each in _CONVERSIONS.items() for library in ("torch", "spikingjelly")}
"""Classes of linear layers, with the function that converts them."""
NORMALIZATIONS = {f"{library}.BatchNorm{axes}d" for library in ("torch", "spikingjelly") for axes in (1, 2)}
IDENTITIES = {"torch.Identity"} | {
    f"{library}.Dropout{axes}" for library in ("torch", "spikingjelly") for axes in ("", "1d", "2d")
}
"""Classes that change nothing in evaluation."""
NAMES = {*LAYERS, *NORMALIZATIONS, *IDENTITIES}
"""Classes of all layers that are no neurons and no delays."""
