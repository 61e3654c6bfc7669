"""Which layers of a network can get coded inputs, from one run of an example.

A layer is taken if it is linear in its input (LINEAR of fan_out.py), if the example reaches it in one of the forms that
sparsify.py names, and if its inputs are not spikes: zeros and ones alone are events already.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from snnsim.delta.fan_out import LINEAR, fan_out
from snnsim.validation import require, shown

Form = Literal["folded", "sequence", "stepwise"]


class Taken(NamedTuple):
    """A layer that gets coded inputs."""

    name: str
    form: Form
    shape: tuple[int, ...]
    """Axes of an input."""
    outputs: int
    """Number of outputs of one step."""
    scale: float
    """Root mean square of its inputs in the example."""
    fan_out: Tensor


@dataclass(frozen=True)
class Report:
    """The weighted layers of a network: those that get coded inputs, and the others with the reason."""

    taken: tuple[Taken, ...]
    refused: dict[str, str]
    """Reason by name of the layer."""

    def __str__(self) -> str:
        lines = [f"{each.name}: coded, {each.shape} inputs, {each.form}" for each in self.taken]
        lines += [f"{name}: not coded, {reason}" for name, reason in self.refused.items()]
        return "\n".join(lines)


class _Calls(NamedTuple):
    inputs: list[Any]
    outputs: list[Any]


class _Expected(NamedTuple):
    """What the network gets."""

    shape: tuple[int, ...]
    """Numbers of steps and items."""
    folded: bool


def check_frames(who: str, frames: Any) -> None:
    """Check that frames are a tensor of sequences.

    Args:
        who: Name of the caller, for the message.
        frames: The frames.

    Raises:
        ValueError: If they are not (time, batch, axes of a frame).
    """
    valid = isinstance(frames, Tensor) and frames.ndim >= 3 and 0 not in frames.shape
    require(valid, f"{who}: frames must be a tensor (time, batch, axes of a frame), not {shown(frames)}")


def called(model: nn.Module, frames: Tensor, *, folded: bool) -> Any:
    """Return the output of a network for sequences; a tensor of all frames has the axes of time and batch.

    Args:
        model: The network.
        frames: Sequences (time, batch, axes of a frame).
        folded: Whether the network gets (time · batch, axes of a frame).
    """
    if not folded:
        return model(frames)
    output = model(frames.flatten(0, 1))
    steps, batch = frames.shape[:2]
    frame_outputs = isinstance(output, Tensor) and output.ndim > 0 and len(output) == steps * batch
    return output.unflatten(0, (steps, batch)) if frame_outputs else output


@contextmanager
def hooked(hooks: Mapping[nn.Module, Callable[..., Any]]) -> Iterator[None]:
    """Let hooks change the arguments of modules as long as the context lasts.

    Args:
        hooks: Function of a module and its arguments, by module.
    """
    handles = [module.register_forward_pre_hook(hook) for module, hook in hooks.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def examined(
    model: nn.Module, example: Tensor, *, folded: bool, layers: Collection[str] | None
) -> tuple[list[Taken], dict[str, str]]:
    """Return the layers that can be taken in the order of their first call, and the reason for each other layer.

    Args:
        model: The network.
        example: Sequences (time, batch, axes of a frame).
        folded: Whether the network gets (time · batch, axes of a frame).
        layers: Names of the layers to take; None for all whose inputs are no spikes.
    """
    weighted = {name: module for name, module in model.named_modules() if _weighted(module)}
    calls = {name: _Calls([], []) for name in weighted}
    order: list[str] = []

    def note(name: str, arguments: tuple[Any, ...], output: Any) -> None:
        order.extend([] if name in order else [name])
        calls[name].inputs.append(arguments[0] if arguments else None)
        calls[name].outputs.append(output)

    handles = [
        module.register_forward_hook(lambda _, arguments, output, name=name: note(name, arguments, output))
        for name, module in weighted.items()
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        called(model, example, folded=folded)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    taken, refused = [], {}
    for name in [*order, *(name for name in weighted if name not in order)]:
        chosen = None if layers is None else name in layers
        expected = _Expected(tuple(example.shape[:2]), folded)
        result = _taken(name, weighted[name], calls[name], expected, chosen)
        if isinstance(result, Taken):
            taken.append(result)
        else:
            refused[name] = result
    return taken, refused


def _weighted(module: nn.Module) -> bool:
    """Return whether a module has a matrix of weights of its own."""
    return any(parameter.ndim >= 2 for parameter in module.parameters(recurse=False))


def _taken(name: str, module: nn.Module, calls: _Calls, expected: _Expected, chosen: bool | None) -> Taken | str:
    """Return a layer that gets coded inputs, or the reason why it cannot."""
    if not isinstance(module, LINEAR):
        return f"{type(module).__name__} is no layer that is linear in its input"
    if not calls.inputs:
        return "the example did not reach it"
    form = _form(calls, expected)
    if form is None:
        sizes = ", ".join(sorted({str(_size(each)) for each in calls.inputs}))
        steps, batch = expected.shape
        return f"{len(calls.inputs)} calls with inputs {sizes} are no sequence of {steps} steps and {batch} items"
    if chosen is False:
        return "it was not chosen"
    values = torch.stack([each.double() for each in calls.inputs])
    if chosen is None and bool(((values == 0) | (values == 1)).all()):
        return "its inputs are spikes or zeros, which are events already"
    lead = 2 if form == "sequence" else 1
    own = tuple(calls.inputs[0].shape[lead:])
    outputs = calls.outputs[0][(0,) * lead].numel()
    scale = float(values.square().mean().sqrt()) or 1.0
    return Taken(name, form, own, outputs, scale, fan_out(module, own))


def _form(calls: _Calls, expected: _Expected) -> Form | None:
    steps, batch = expected.shape
    if not all(isinstance(each, Tensor) for each in calls.inputs):
        return None
    first = tuple(calls.inputs[0].shape)
    if len(calls.inputs) == 1:
        forms: dict[Form, bool] = {
            "folded": first[:1] == (steps * batch,),
            "sequence": first[:2] == (steps, batch) and len(first) > 2,
        }
        # sequences of one item and frames of one channel may have the same shape
        order: tuple[Form, ...] = ("folded", "sequence") if expected.folded else ("sequence", "folded")
        first_form = next((form for form in order if forms[form]), None)
        if first_form is not None:
            return first_form
    stepwise = len(calls.inputs) == steps and all(tuple(each.shape) == first for each in calls.inputs)
    return "stepwise" if stepwise and first[:1] == (batch,) else None


def _size(value: Any) -> Any:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
