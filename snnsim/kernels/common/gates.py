"""Checks of tensors in front of compiled code, which trusts its arguments.

Every error names the function that was called, the condition and the value. Checks of shapes and types cost
microseconds; one pass over spikes costs less than a hundredth of a synapse's work. A voltage that was once NaN or
infinite never becomes finite again, so a check of the last voltage covers all currents before it.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from snnsim.kernels.common.jit import Function
from snnsim.validation import shown

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def eager(function: Function) -> Function:
    """Return a function that torch.compile calls as it stands: its compiler cannot branch on the values of a tensor.

    Args:
        function: Function of tensors that branches on their values, such as a check.
    """
    # the public decorator would import torch's compiler at once
    excluded: Function = torch._disable_dynamo(function)  # type: ignore[attr-defined, assignment]
    return excluded


@eager
def lengths(value: Any, *, who: str, name: str, batch: int, longest: int | None = None) -> Tensor:
    """Return lengths in steps, int64 (batch,).

    Args:
        value: A tensor (batch,) of integers, or one length for all: an int, or a tensor without axes.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        batch: The number of recordings.
        longest: The largest length; None for no bound.

    Raises:
        TypeError: If the lengths are no integers.
        ValueError: If their number is not that of the recordings, or a length is below 0 or above the bound.
    """
    must = f"{who}: {name} must be integers, a tensor of shape ({batch},) or one for all"
    tensor = value
    if isinstance(value, int) and not isinstance(value, bool):
        # torch has no larger integers
        tensor = torch.tensor(max(-1, min(value, 2**62)))
    if not isinstance(tensor, Tensor) or tensor.dtype not in _INTEGERS:
        raise TypeError(f"{must}, not {shown(value)}")
    if tensor.ndim > 1 or (tensor.ndim == 1 and len(tensor) != batch):
        raise ValueError(f"{must}; there are {batch} recordings, and {name} is {shown(value)}")
    least, most = (int(end) for end in tensor.aminmax()) if tensor.numel() else (0, 0)
    if least < 0 or (longest is not None and most > longest):
        bound = "0 or more" if longest is None else f"from 0 to the {longest} steps of the frames"
        raise ValueError(f"{who}: {name} must be {bound}, not {least if least < 0 else most}")
    return tensor.long().expand(batch).contiguous()


@eager
def spikes(value: Any, *, who: str, like: Tensor, width: int | None = None, name: str = "spikes") -> Tensor:
    """Return spikes in the type of the parameters that they are multiplied with; bools and integers are converted.

    Args:
        value: A tensor (time, ..., source).
        who: Name of the function or class that was called, for the message.
        like: A parameter, whose type the spikes have.
        width: The number of sources; None if the caller checks the number.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If the value is no tensor, or of another type of floating numbers.
        ValueError: If it has another shape, or holds NaN or infinity.
    """
    must = f"{who}: {name} must be (time, ..., {'source' if width is None else width})"
    if not isinstance(value, Tensor):
        raise TypeError(f"{must}, a torch tensor, not {shown(value)}; torch.as_tensor makes one of an array or a list")
    dense(value, who=who, name=name)
    if value.ndim < 2 or (width is not None and value.shape[-1] != width):
        raise ValueError(f"{must}, not {tuple(value.shape)}")
    converted = value if value.is_floating_point() or value.is_complex() else value.to(like.dtype)
    if converted.dtype != like.dtype and not torch.is_autocast_enabled(converted.device.type):
        raise TypeError(
            f"{who}: {name} must be of the parameters' type {like.dtype}, not {value.dtype}; convert one of them, by "
            f"{name}.to({like.dtype}) or network.to({value.dtype})"
        )
    if value.is_inference() or getattr(value, "_finite_in", None) != value._version:
        finite(converted, who=who, name=name)
    return known(converted)


@eager
def known(values: Tensor) -> Tensor:
    """Return values after a mark that they are finite, so that no later check reads them until they change.

    Args:
        values: Tensor of finite numbers, of any shape; a change in place ends the mark.
    """
    if not values.is_inference():
        # torch counts every change in place
        cast(Any, values)._finite_in = values._version
    return values


@eager
def finite(values: Tensor, *, who: str, name: str) -> None:
    """Check that a tensor holds no NaN or infinity, in one pass over the tensor.

    Args:
        values: A tensor of any shape.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        ValueError: If a value is NaN or infinite.
    """
    # the sum of finite numbers may be too large for its type, so an infinite sum only calls for the second pass
    if not bool(values.detach().sum().isfinite()) and not bool(values.isfinite().all()):
        raise ValueError(f"{who}: {name} must be finite, but NaN or infinity is among them")


@eager
def ended(last: Tensor, *, who: str) -> None:
    """Check the voltage after a sequence or a step.

    Args:
        last: The voltage, of any shape.
        who: Name of the function or class that was called, for the message.

    Raises:
        ValueError: If the voltage is not finite.
    """
    if not bool(last.detach().isfinite().all()):
        raise ValueError(
            f"{who}: the voltage must be finite, but is NaN or infinite afterwards; look for NaN or infinity "
            "in the currents (spikes, weights, normalization), the decay and the state that was given"
        )


def dense(value: Tensor, *, who: str, name: str) -> None:
    """Check that a tensor is dense.

    Args:
        value: A tensor of any shape.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If the tensor stores its numbers sparsely.
    """
    if value.layout != torch.strided:
        raise TypeError(f"{who}: {name} must be a dense tensor, not one of layout {value.layout}; use .to_dense()")


def current(value: Any, *, who: str) -> Tensor:
    """Return currents (time, ..., neuron) after a check.

    Args:
        value: The currents.
        who: Name of the function or class that was called, for the message.

    Raises:
        TypeError: If the currents are no dense tensor of floating numbers.
        ValueError: If the axes of time and neurons are missing.
    """
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise TypeError(f"{who}: the current must be a torch tensor of floating numbers, not {shown(value)}")
    dense(value, who=who, name="the current")
    if value.ndim < 2:
        raise ValueError(f"{who}: the current must be (time, ..., neuron), not {tuple(value.shape)}")
    return value


def state(value: Any, shape: Iterable[int], *, who: str, like: Tensor) -> Tensor:
    """Return a state in the shape and type of its neurons, broadcast where possible and without gaps.

    Args:
        value: The state.
        shape: The shape of the neurons.
        who: Name of the function or class that was called, for the message.
        like: A tensor whose type the state has.

    Raises:
        TypeError: If the state is no dense tensor of floating numbers.
        ValueError: If the state has the shape of other neurons or of another batch, or is not finite.
    """
    shape = tuple(shape)
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise TypeError(f"{who}: the state must be a torch tensor of floating numbers, not {shown(value)}")
    dense(value, who=who, name="the state")
    ends = shape[len(shape) - value.ndim :] if value.ndim <= len(shape) else None
    if ends is None or any(one not in (1, other) for one, other in zip(value.shape, ends, strict=True)):
        raise ValueError(
            f"{who}: the state must match the shape {shape} of the neurons, not {tuple(value.shape)}; it goes on in "
            "the batch that it came from"
        )
    finite(value, who=who, name="the state")
    # results have the strides of the state, and compiled code writes them row by row
    return value.to(like.dtype).expand(shape).contiguous()


def each_neuron(parameter: Tensor, like: Tensor, *, who: str, name: str) -> Tensor:
    """Return a parameter (neuron,) in the type of a current.

    Args:
        parameter: One number for the layer (1,), or one for each neuron (neuron,).
        like: The current (..., neuron).
        who: Name of the function or class that was called, for the message.
        name: Name of the parameter, for the message.

    Raises:
        ValueError: If the parameter has another number of neurons than the current.
    """
    width = like.shape[-1]
    if parameter.ndim != 1 or len(parameter) not in (1, width):
        raise ValueError(
            f"{who}: the {name} must be one number for the layer, or one for each of the {width} neurons that the "
            f"current has, not {tuple(parameter.shape)}"
        )
    return parameter.to(like.dtype).expand(width).contiguous()


@eager
@torch.no_grad()
def window(delay: Tensor, sigma: Any, *, who: str) -> None:
    """Check delays and the widths of their windows.

    Args:
        delay: The delays in steps, of any shape.
        sigma: The widths in steps, of any shape.
        who: Name of the function or class that was called, for the message.

    Raises:
        TypeError: If the widths are no tensor.
        ValueError: If a delay or a width is NaN or infinite, or a width is not above 0.
    """
    finite(delay, who=who, name="delays")
    if not isinstance(sigma, Tensor):
        raise TypeError(f"{who}: sigma must be a torch tensor, not {shown(sigma)}")
    least, most = (float(end) for end in sigma.aminmax()) if sigma.numel() else (1.0, 1.0)
    if not 0 < least <= most < float("inf"):
        raise ValueError(
            f"{who}: sigma must be finite and above 0 steps, not from {least:g} to {most:g}; the module's constrain() "
            "brings learned widths back after each optimizer step"
        )


def shaped(*, who: str, optional: Iterable[str] = (), **tensors: tuple[Tensor | None, tuple[int, ...]]) -> None:
    """Check that arguments are tensors of their shapes.

    Args:
        who: Name of the function or class that was called, for the message.
        optional: Names of the arguments that may be None.
        **tensors: The tensor and its shape, by the name of the argument.

    Raises:
        TypeError: If an argument is no tensor.
        ValueError: If a tensor has another shape.
    """
    for name, (tensor, shape) in tensors.items():
        if tensor is None and name in optional:
            continue
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{who}: {name} must be a torch tensor, not {shown(tensor)}")
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{who}: {name} must be of shape {shape}, not {tuple(tensor.shape)}")


@torch.no_grad()
def parameters(module: nn.Module, *, who: str) -> None:
    """Check that all parameters and buffers of a module are finite.

    Args:
        module: A network, or any other module.
        who: Name of the function or class that was called, for the message.

    Raises:
        ValueError: If a parameter or buffer holds NaN or infinity; the message names it.
    """
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if value.is_floating_point() and not bool(value.isfinite().all()):
            wrong = int((~value.isfinite()).sum())
            raise ValueError(
                f"{who}: every parameter must be finite, but {wrong} of {value.numel()} numbers of {name!r} are NaN or "
                "infinite; a smaller learning rate, or a surrogate that is less sharp, usually helps"
            )
