"""What is checked about tensors before compiled code gets them, as that code trusts its arguments.

Each function names who was called, what must hold and what came. Shapes and types cost microseconds; one pass over
spikes costs a part in hundreds of what a synapse does with them. A voltage that was once NaN or infinite never becomes
finite again, so that the last one tells of all currents before it.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from snnsim.validation import shown

_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


# torch's compiler cannot branch on what is in a tensor
@torch._disable_dynamo
def lengths(given: Any, *, who: str, name: str, batch: int, longest: int | None = None) -> Tensor:
    """Return lengths in steps, int64 (batch,).

    Args:
        given: A tensor (batch,) of integers, or one length for all: an int, or a tensor without axes.
        who: Name of the function or class that was called, for the message.
        name: Name of the argument, for the message.
        batch: How many recordings there are.
        longest: The most steps that one may have; None for no bound.

    Raises:
        TypeError: If they are no integers.
        ValueError: If there are fewer or more than recordings, or one is below 0 or above the bound.
    """
    must = f"{who}: {name} must be integers, a tensor of shape ({batch},) or one for all"
    found = given
    if isinstance(given, int) and not isinstance(given, bool):
        # torch has no larger ones
        found = torch.tensor(max(-1, min(given, 2**62)))
    if not isinstance(found, Tensor) or found.dtype not in _WHOLE:
        raise TypeError(f"{must}, not {shown(given)}")
    if found.ndim > 1 or (found.ndim == 1 and len(found) != batch):
        raise ValueError(f"{must}; there are {batch} recordings, and {name} is {shown(given)}")
    least, most = (int(end) for end in found.aminmax()) if found.numel() else (0, 0)
    if least < 0 or (longest is not None and most > longest):
        bound = "0 or more" if longest is None else f"from 0 to the {longest} steps of the frames"
        raise ValueError(f"{who}: {name} must be {bound}, not {least if least < 0 else most}")
    return found.long().expand(batch).contiguous()


@torch._disable_dynamo
def spikes(given: Any, *, who: str, like: Tensor, width: int | None = None, name: str = "spikes") -> Tensor:
    """Return spikes in the type of the parameters that they meet; bools and integers are converted.

    Args:
        given: A tensor (time, ..., source).
        who: Name of the function or class that was called, for the message.
        like: A parameter; its type is that of the spikes.
        width: How many sources there are; None if another checks that.
        name: Name of the argument, for the message.

    Raises:
        TypeError: If it is no tensor, or of another type of floating numbers.
        ValueError: If it has another shape, or holds NaN or infinity.
    """
    must = f"{who}: {name} must be (time, ..., {'source' if width is None else width})"
    if not isinstance(given, Tensor):
        raise TypeError(f"{must}, a torch tensor, not {shown(given)}; torch.as_tensor makes one of an array or a list")
    dense(given, who=who, name=name)
    if given.ndim < 2 or (width is not None and given.shape[-1] != width):
        raise ValueError(f"{must}, not {tuple(given.shape)}")
    found = given if given.is_floating_point() or given.is_complex() else given.to(like.dtype)
    if found.dtype != like.dtype and not torch.is_autocast_enabled(found.device.type):
        raise TypeError(
            f"{who}: {name} must be of the parameters' type {like.dtype}, not {given.dtype}; convert one of them, by "
            f"{name}.to({like.dtype}) or network.to({given.dtype})"
        )
    if given.is_inference() or getattr(given, "_finite_in", None) != given._version:
        finite(found, who=who, name=name)
    return known(found)


@torch._disable_dynamo
def known(values: Tensor) -> Tensor:
    """Return values after noting that they are finite, so that nobody looks again until they are changed."""
    if not values.is_inference():
        # torch counts every change in place
        values._finite_in = values._version
    return values


@torch._disable_dynamo
def finite(values: Tensor, *, who: str, name: str) -> None:
    """Raise a ValueError if there is NaN or infinity in a tensor; one pass over it."""
    # a sum of finite numbers may be too large for its type, so it only raises the suspicion
    if not bool(values.detach().sum().isfinite()) and not bool(values.isfinite().all()):
        raise ValueError(f"{who}: {name} must be finite, but NaN or infinity is among them")


@torch._disable_dynamo
def ended(last: Tensor, *, who: str) -> None:
    """Raise a ValueError if the voltage after a sequence or a step is not finite."""
    if not bool(last.detach().isfinite().all()):
        raise ValueError(
            f"{who}: the voltage must be finite, but is NaN or infinite afterwards; look for NaN or infinity "
            "in the currents (spikes, weights, normalization), the decay and the state that was given"
        )


def dense(given: Tensor, *, who: str, name: str) -> None:
    """Raise a TypeError if a tensor stores its numbers sparsely."""
    if given.layout != torch.strided:
        raise TypeError(f"{who}: {name} must be a dense tensor, not one of layout {given.layout}; use .to_dense()")


def current(given: Any, *, who: str) -> Tensor:
    """Return currents (time, ..., neuron) if they are a tensor of floating numbers with time and neurons."""
    if not isinstance(given, Tensor) or not given.is_floating_point():
        raise TypeError(f"{who}: the current must be a torch tensor of floating numbers, not {shown(given)}")
    dense(given, who=who, name="the current")
    if given.ndim < 2:
        raise ValueError(f"{who}: the current must be (time, ..., neuron), not {tuple(given.shape)}")
    return given


def state(given: Any, shape: Iterable[int], *, who: str, like: Tensor) -> Tensor:
    """Return a state in the shape and type of its neurons; one that can be broadcast to it is.

    Raises:
        TypeError: If it is no tensor of floating numbers.
        ValueError: If it is of other neurons or another batch.
    """
    shape = tuple(shape)
    if not isinstance(given, Tensor) or not given.is_floating_point():
        raise TypeError(f"{who}: the state must be a torch tensor of floating numbers, not {shown(given)}")
    dense(given, who=who, name="the state")
    ends = shape[len(shape) - given.ndim :] if given.ndim <= len(shape) else None
    if ends is None or any(one not in (1, other) for one, other in zip(given.shape, ends, strict=True)):
        raise ValueError(
            f"{who}: the state must match the shape {shape} of the neurons, not {tuple(given.shape)}; it goes on in "
            "the batch that it came from"
        )
    finite(given, who=who, name="the state")
    return given.to(like.dtype).expand(shape)


def each_neuron(part: Tensor, like: Tensor, *, who: str, name: str) -> Tensor:
    """Return a number of the layer, or one for each neuron, for each neuron of a current, in its type."""
    width = like.shape[-1]
    if part.ndim != 1 or len(part) not in (1, width):
        raise ValueError(
            f"{who}: the {name} must be one number for the layer, or one for each of the {width} neurons that the "
            f"current has, not {tuple(part.shape)}"
        )
    return part.to(like.dtype).expand(width).contiguous()


@torch._disable_dynamo
@torch.no_grad()
def window(delay: Tensor, sigma: Any, *, who: str) -> None:
    """Raise an error unless delays and the widths of their windows are finite, and the widths positive.

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


def shaped(*, who: str, optional: Iterable[str] = (), **given: tuple[Tensor | None, tuple[int, ...]]) -> None:
    """Raise a TypeError or ValueError unless all are tensors of their shapes; those that are optional may be None."""
    for name, (tensor, shape) in given.items():
        if tensor is None and name in optional:
            continue
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{who}: {name} must be a torch tensor, not {shown(tensor)}")
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{who}: {name} must be of shape {shape}, not {tuple(tensor.shape)}")


@torch.no_grad()
def parameters(module: nn.Module, *, who: str) -> None:
    """Raise a ValueError that names a parameter or buffer which holds NaN or infinity.

    Args:
        module: A network, or any other module.
        who: Name of the function or class that was called, for the message.
    """
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if value.is_floating_point() and not bool(value.isfinite().all()):
            wrong = int((~value.isfinite()).sum())
            raise ValueError(
                f"{who}: every parameter must be finite, but {wrong} of {value.numel()} numbers of {name!r} are NaN or "
                "infinite; a smaller learning rate, or a surrogate that is less sharp, usually helps"
            )
