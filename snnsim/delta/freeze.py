"""From a sparsified network to a Program whose populations send graded messages, and from frames to its input.

    layer n      a = W q + b, y = ReLU(a)              q: what the coding of the layer has passed on
    population n is layer n with the coding of layer n + 1; the last one is a readout (model "sigma")
    delta        messages are differences of levels, so the weights of the next layer are multiplied with the step
    sigma_delta  messages are differences of values; the input counts in multiples of a unit

A network is a sequence of linear layers and two-dimensional convolutions with ReLU between them. Convolutions keep
their kernels.

Names    W weight · b bias
"""

import itertools
from typing import Any, NamedTuple, cast

import numpy as np
from torch import Tensor, nn

from snnsim.delta.coding import Coding, DeltaActivation
from snnsim.delta.examine import Taken
from snnsim.delta.sigma_delta import SigmaDelta
from snnsim.delta.sparsify import Sparsified
from snnsim.program import INPUT, ConvEdge, Edge, Field, Geometry, Population, Program
from snnsim.validation import require

TRANSPARENT = (nn.Flatten, nn.Dropout, nn.Dropout2d, nn.Identity)
"""Layers that change no value in evaluation."""


class _Stage(NamedTuple):
    name: str
    layer: nn.Linear | nn.Conv2d
    coding: Coding
    taken: Taken
    order: np.ndarray
    """Number of each source of the Program among the inputs of the layer as torch has them, (input,)."""

    def step(self) -> np.ndarray:
        """Return the step of the coding, of any axes that broadcast to those of an input."""
        return self.coding.step.detach().cpu().abs().double().numpy()

    def flat(self, values: np.ndarray) -> np.ndarray:
        """Return values of inputs in the order of the Program's sources, (input,).

        Args:
            values: Values that broadcast to the axes of an input.
        """
        return np.asarray(np.broadcast_to(values, self.taken.shape).reshape(-1)[self.order])


def freeze(
    network: Sparsified,
    *,
    time_step_ms: float,
    classes: tuple[str, ...] = (),
    decision: str | None = "mean_membrane",
    input_unit: float | None = None,
) -> Program:
    """Return the Program of a sparsified network.

    Args:
        network: The network, an nn.Sequential all of whose weighted layers are coded.
        time_step_ms: Time from a frame to the next.
        classes: Names of the classes.
        decision: From the outputs of all steps to a score per class, one of DECISIONS; None for none.
        input_unit: Unit of the input of sigma-delta neurons; None for a sixteenth of the threshold. Not used by
            DeltaActivation, whose unit is the step.

    Raises:
        ValueError: If the network has another layer, or the codings are of several types.
    """
    stages = _stages(network)
    model = _model(stages)
    names = [*(f"hidden{number}" for number in range(len(stages) - 1)), "out"]
    populations, edges = [], []
    unit = _unit(stages[0], input_unit)
    for number, ((source, target), stage) in enumerate(zip(itertools.pairwise([INPUT, *names]), stages, strict=True)):
        following = stages[number + 1] if number + 1 < len(stages) else None
        size = stage.taken.outputs
        scale = unit if source == INPUT else stage.step() if model == "delta" else np.ones(())
        edges.append(_edge(stage, source, target, scale))
        populations.append(
            Population(
                target, model if following else "sigma", np.ones(size), _thresholds(following, size),
                _biases(stage, size), np.ones(size),
            )
        )  # fmt: skip
    facts: dict[str, Any] = {"origin": "sparsified network", "coding": model}
    return Program(
        channels=int(np.prod(stages[0].taken.shape)),
        populations=tuple(populations),
        edges=tuple(edges),
        time_step_ms=time_step_ms,
        readout="out",
        decision=decision,
        classes=classes,
        provenance=facts,
    )


def encode(network: Sparsified, frames: Tensor, *, input_unit: float | None = None) -> np.ndarray:
    """Return the input of a frozen network: changes of the coded frames, which `Events.from_frames` takes.

    Args:
        network: The network that was frozen.
        frames: Frames (time, batch, axes of a frame).
        input_unit: As for `freeze`.

    Returns:
        int64 (time, recording, channel); pictures have their channels last, as Programs do.
    """
    stage = _stages(network)[0]
    unit = stage.flat(_unit(stage, input_unit))
    levels = np.rint(frames.detach().cpu().double().flatten(2).numpy()[..., stage.order] / unit)
    if isinstance(stage.coding, SigmaDelta):
        threshold, sent = stage.flat(stage.step()) / unit, np.zeros_like(levels[0])
        for step, level in enumerate(levels):
            levels[step] = sent = np.where(np.abs(level - sent) > threshold, level, sent)
    changes: np.ndarray = np.diff(levels, axis=0, prepend=np.zeros_like(levels[:1])).astype(np.int64)
    return changes


def _stages(network: Sparsified) -> list[_Stage]:
    model = network.model
    require(
        isinstance(model, nn.Sequential),
        f"freeze: the network must be an nn.Sequential, not {type(model).__name__}; put its layers into one",
    )
    taken = {each.name: (each, coding) for each, coding in zip(network.report.taken, network.codings, strict=True)}
    stages: list[_Stage] = []
    activated, field = True, None
    # a module may stand in several places
    for name, layer in model.named_modules(remove_duplicate=False):
        if isinstance(layer, nn.Sequential):
            continue
        if isinstance(layer, nn.Linear | nn.Conv2d):
            require(name in taken, f"freeze: layer {name!r} must be coded; {network.report.refused.get(name, '')}")
            require(activated, f"freeze: there must be an nn.ReLU between {name!r} and the layer before it")
            each, coding = taken[name]
            require(
                isinstance(layer, nn.Conv2d) or len(each.shape) == 1,
                f"freeze: layer {name!r} must get one axis of inputs, not {each.shape}; put an nn.Flatten() before it",
            )
            stages.append(_Stage(name, layer, cast(Coding, coding), each, _order(each.shape, field)))
            activated, field = False, None if isinstance(layer, nn.Linear) else _targets(stages[-1])
        elif isinstance(layer, nn.ReLU):
            activated = True
        else:
            require(
                isinstance(layer, TRANSPARENT),
                f"freeze: layer {name!r} is a {type(layer).__name__}, which no Program of graded messages holds; use "
                "nn.Linear, nn.Conv2d with strides in place of pooling, and nn.ReLU",
            )
    require(not activated, "freeze: the last layer must be linear or a convolution, without an activation behind it")
    return stages


def _model(stages: list[_Stage]) -> str:
    kinds = {"sigma_delta" if isinstance(stage.coding, SigmaDelta) else "delta" for stage in stages}
    plain = all(isinstance(stage.coding.activation, nn.Identity) for stage in stages)
    known = all(isinstance(stage.coding, DeltaActivation | SigmaDelta) for stage in stages)
    residual = all(stage.coding.residual for stage in stages if isinstance(stage.coding, SigmaDelta))
    require(
        len(kinds) == 1 and plain and known and residual,
        "freeze: all codings must be DeltaActivation, or all SigmaDelta with residual, without activations of their "
        f"own; got {', '.join(str(stage.coding) for stage in stages)}",
    )
    return kinds.pop()


def _unit(stage: _Stage, input_unit: float | None) -> np.ndarray:
    if isinstance(stage.coding, DeltaActivation):
        return stage.step()
    return np.full((), float(stage.step().min()) / 16 if input_unit is None else input_unit)


def _order(shape: tuple[int, ...], field: tuple[int, int, int] | None) -> np.ndarray:
    """Return torch's number of each source of a Program, which has channels last where torch has them first.

    Args:
        shape: Axes of an input of the layer.
        field: Channels, rows and columns of the convolution before it; None for none.
    """
    pictures = shape if len(shape) == 3 else field
    numbers = np.arange(int(np.prod(shape)))
    if pictures is None:
        return numbers
    require(
        np.prod(pictures) == len(numbers),
        f"freeze: a convolution of {pictures} channels, rows and columns must lead to as many inputs, not {shape}",
    )
    return np.moveaxis(numbers.reshape(pictures), 0, -1).reshape(-1)


def _targets(stage: _Stage) -> tuple[int, int, int]:
    """Return channels, rows and columns of the outputs of a convolution."""
    field = _geometry(stage).target
    return field.channels, field.height, field.width


def _thresholds(following: _Stage | None, size: int) -> np.ndarray:
    return np.ones(size) if following is None else following.flat(following.step())


def _biases(stage: _Stage, size: int) -> np.ndarray:
    bias = stage.layer.bias
    values = np.zeros(1) if bias is None else bias.detach().cpu().double().numpy()
    # channels are last, so a bias of each channel repeats over positions
    return np.tile(values, size // len(values))


def _edge(stage: _Stage, source: str, target: str, scale: np.ndarray) -> Edge | ConvEdge:
    """Return the synapses of a layer, whose weights are multiplied with the unit of the messages."""
    layer = stage.layer
    weight = layer.weight.detach().cpu().double().numpy()
    if isinstance(layer, nn.Linear):
        return _dense(weight[:, stage.order] * stage.flat(scale), source, target)
    geometry, channels = _geometry(stage), stage.taken.shape[0]
    if scale.ndim < 3 or scale.shape[1:] == (1, 1):
        # the scale of each source channel of each group
        own = np.broadcast_to(scale.reshape(-1), (channels,)).reshape(layer.groups, -1)
        group = np.arange(layer.out_channels) // (layer.out_channels // layer.groups)
        scaled = weight * own[group][:, :, None, None]
        return ConvEdge.dense(source, target, scaled, geometry=geometry, groups=layer.groups)
    edge = ConvEdge.dense(source, target, weight, geometry=geometry, groups=layer.groups).unrolled()
    synapses = edge.pre(), edge.post, edge.delay, edge.weight * stage.flat(scale)[edge.pre()]
    return Edge.of(source, target, synapses, sources=len(edge.indptr) - 1)


def _dense(weight: np.ndarray, source: str, target: str) -> Edge:
    outputs, inputs = weight.shape
    pre, post = np.divmod(np.arange(inputs * outputs), outputs)
    return Edge.of(source, target, (pre, post, np.zeros(len(pre), int), weight[post, pre]), sources=inputs)


def _geometry(stage: _Stage) -> Geometry:
    layer, (channels, height, width) = stage.layer, stage.taken.shape
    if not isinstance(layer, nn.Conv2d) or isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise ValueError(f"freeze: layer {stage.name!r} must have a padding in numbers, of zeros")
    if tuple(layer.dilation) != (1, 1):
        raise ValueError(f"freeze: layer {stage.name!r} must have no dilation, not {layer.dilation}")
    (rows, columns), (down, across), (above, beside) = layer.kernel_size, layer.stride, layer.padding
    field = Field(height, width, channels)
    return Geometry.of(field, layer.out_channels, (rows, columns), stride=(down, across), padding=(above, beside))
