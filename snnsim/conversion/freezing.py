"""Freezing of networks of torch modules with neurons between them: kernels stay kernels.

Every layer of neurons is a population, with an edge from each population whose spikes reach it through linear modules
alone; linear_maps.py composes these. A sum of currents, such as a residual in front of neurons, is a population with
several edges. The picture is the graded input of every step.

    neuron (y, x, c) of a map has the number (y · columns + x) · channels + c, and so has a pixel
    readout    u[t] = u[t − 1] + I[t]        T times the mean over time, at the last step

Units    everything is computed in float64 from the stored parameters
Differs  torch adds the products of a convolution in another order, in float32; the spikes of a Program are those of the
         network in float64, but for membranes within a rounding of the threshold
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, fx, nn

from snnsim.conversion import graphs
from snnsim.conversion.linear_maps import Shape, Value
from snnsim.kernels.common import gates
from snnsim.nn import LeakyReadout
from snnsim.nn.folded import DirectEncoding, FoldedDropout, SpikingActivation, TimeMean
from snnsim.nn.freezing import READOUT, population
from snnsim.program import INPUT, ConvEdge, Population, Program
from snnsim.simulation import Events
from snnsim.validation import require

_WHO = "freeze"
_PASSED = (nn.Identity, FoldedDropout, DirectEncoding, *graphs.DROPOUTS)


def freeze(
    network: nn.Module,
    shape: Shape,
    *,
    time_step_ms: float = 1.0,
    classes: Sequence[str] = (),
    provenance: dict[str, Any] | None = None,
) -> Program:
    """Return the Program of a network with SpikingActivations, in evaluation mode; the network is not changed.

    Args:
        network: A network that torch.fx can trace, such as the one of a conversion.
        shape: Channels, rows and columns of a picture.
        time_step_ms: Length of a step in ms.
        classes: Names of the classes.
        provenance: Origin of the program, which it carries.

    Raises:
        TypeError: If a Program cannot hold the neurons of a layer.
        ValueError: If a layer cannot be frozen; the message names it.
    """
    graph = graphs.trace(network, who=_WHO).cpu().double().eval()
    gates.parameters(graph, who=_WHO)
    with torch.no_grad():
        frozen = _Freezing(graph, shape)
        output = frozen.run()
    readout, decision = None, None
    if output.terms and not frozen.is_spikes(output):
        readout, decision = READOUT, "last_membrane" if output.is_mean else None
        frozen.add(READOUT, output, _readout(output))
    return Program(
        channels=int(np.prod(shape)),
        populations=tuple(frozen.populations),
        edges=tuple(frozen.edges),
        time_step_ms=time_step_ms,
        readout=readout,
        decision=decision,
        classes=tuple(classes),
        provenance=provenance or {},
    )


def _readout(output: Value) -> Population:
    """Return an integrator of a mean over time, or a memoryless readout of currents."""
    return population(READOUT, LeakyReadout(beta=1.0 if output.is_mean else 0.0).double(), _per_neuron(output))


def events(pictures: Tensor, steps: int) -> Events:
    """Return pictures as the input of a frozen network: the gray levels in every step.

    Args:
        pictures: The pictures (picture, channel, row, column).
        steps: Number of steps.
    """
    frame = pictures.detach().cpu().double().permute(0, 2, 3, 1).flatten(1).numpy()
    return Events.from_frames(np.repeat(frame[None], steps, axis=0))


def _per_neuron(value: Value) -> np.ndarray:
    return np.tile(value.offset, value.shape[1] * value.shape[2])


class _Freezing:
    """The populations and edges of a graph, node by node."""

    def __init__(self, graph: fx.GraphModule, shape: Shape) -> None:
        self.graph, self.shape = graph, shape
        self.populations: list[Population] = []
        self.edges: list[ConvEdge] = []

    def is_spikes(self, value: Value) -> bool:
        """Return whether a value is the spikes of the last population, with nothing behind them.

        Args:
            value: The output of a network.
        """
        (term, *others) = value.terms
        kernel = term.kernel[:, :, 0, 0]
        alone = not others and term.source != INPUT and not value.offset.any() and not value.is_mean
        plain = alone and term.kernel.shape[2:] == (1, 1) and len(kernel) == kernel.shape[1]
        return plain and not (kernel - np.diag(np.diag(kernel))).any()

    def run(self) -> Value:
        """Return the output, after all populations are there.

        Raises:
            ValueError: If a layer cannot be frozen.
        """
        values: dict[fx.Node, Any] = {}
        for node in self.graph.graph.nodes:
            if node.op == "placeholder":
                values[node] = Value.spikes(INPUT, self.shape)
            elif node.op == "output":
                return cast(Value, values[node.args[0]])
            else:
                arguments = fx.map_arg(node.args, values.__getitem__)
                values[node] = self._value(node, arguments)
        raise ValueError("freeze: the network must return a tensor")

    def add(self, name: str, value: Value, added: Population) -> None:
        """Add a population, and the edges that its currents come from.

        Args:
            name: Its name.
            value: Its currents.
            added: The population.
        """
        self.populations.append(added)
        self.edges += [term.edge(name, value.shape) for term in value.terms if term.kernel.any()]

    def _value(self, node: fx.Node, arguments: Any) -> Value:
        module, name = graphs.module_of(self.graph, node), graphs.name_of(node)
        if module is None:
            return _of_function(node, name, arguments)
        value: Value = arguments[0]
        if isinstance(module, SpikingActivation):
            return self._neurons(name.replace(".", " "), module, value)
        if isinstance(module, TimeMean):
            return replace(value, is_mean=True)
        if isinstance(module, _PASSED):
            return value
        for kinds, function in _LINEAR.items():
            if isinstance(module, kinds):
                return function(module, value, name)
        raise ValueError(
            f"freeze: {name}: a {type(module).__name__} cannot be frozen; it is no linear map and no layer of "
            "SpikingActivation; take average pooling, and batch normalization"
        )

    def _neurons(self, name: str, module: SpikingActivation, value: Value) -> Value:
        require(
            not module.accumulate,
            f"freeze: {name} waits for all steps (accumulate), which no population of a Program does; convert without",
        )
        require(not value.is_mean, f"freeze: {name} must get currents of single steps, not their mean")
        added = population(name, module.neuron, _per_neuron(value))
        if module.initial:
            require(
                added.model in ("lif_hard", "lif_soft"),
                f"freeze: {name} has an initial potential, which only LIF neurons have in a Program",
            )
            initial = module.initial * added.threshold
            added = replace(added, model=f"{added.model}_initial", initial=initial)
        self.add(name, value, added)
        return Value.spikes(name, value.shape, float(module.amplitude), flat=value.flat)


def _of_function(node: fx.Node, name: str, arguments: Any) -> Value:
    if graphs.is_sum(node):
        first, second = arguments
        return first.plus(second, who=name)  # type: ignore[no-any-return]
    if node.target is torch.cat and len(node.args) + len(node.kwargs) == 2:
        dimension = node.kwargs.get("dim", arguments[-1])
        require(dimension == 1, f"freeze: {name} must join channels, dim=1")
        joined, *others = arguments[0]
        for other in others:
            joined = joined.beside(other, who=name)
        return cast(Value, joined)
    if node.target in (torch.flatten, "flatten") and arguments[1:] == (1,):
        flat: Value = replace(arguments[0], flat=True)
        return flat
    kind = getattr(node.target, "__name__", str(node.target))
    raise ValueError(f"freeze: {name}: {kind} cannot be frozen; take a module, a sum, torch.cat or torch.flatten(x, 1)")


def _linear(module: nn.Linear, value: Value, name: str) -> Value:
    require(value.flat, f"freeze: {name} must get one axis of neurons; put a Flatten before it")
    kernel = _array(module.weight).reshape(module.out_features, *value.shape)
    offset = 0.0 if module.bias is None else _array(module.bias)
    return value.convolved(kernel, (1, 1), (0, 0), offset, who=name)


def _conv(module: nn.Conv2d, value: Value, name: str) -> Value:
    require(
        module.padding_mode == "zeros" and not isinstance(module.padding, str),
        f"freeze: {name} must be padded by a number of zeros, not by {module.padding!r} of {module.padding_mode!r}",
    )
    weight, groups = _array(module.weight), module.groups
    out, inputs, rows, columns = weight.shape
    down, right = module.dilation
    kernel = np.zeros((out, inputs * groups, (rows - 1) * down + 1, (columns - 1) * right + 1))
    for group in range(groups):
        mine = slice(group * out // groups, (group + 1) * out // groups)
        kernel[mine, group * inputs : (group + 1) * inputs, ::down, ::right] = weight[mine]
    offset = 0.0 if module.bias is None else _array(module.bias)
    return value.convolved(kernel, _pair(module.stride), _pair(module.padding), offset, who=name)


def _average(value: Value, size: tuple[int, int], stride: tuple[int, int], name: str) -> Value:
    kernel = np.eye(value.shape[0])[:, :, None, None] * np.full((1, 1, *size), 1 / (size[0] * size[1]))
    return value.convolved(kernel, stride, (0, 0), who=name)


def _pool(module: nn.AvgPool2d, value: Value, name: str) -> Value:
    plain = _pair(module.padding) == (0, 0) and not module.ceil_mode and module.divisor_override is None
    require(plain, f"freeze: {name} must have padding=0, ceil_mode=False and no divisor_override")
    return _average(value, _pair(module.kernel_size), _pair(module.stride), name)


def _adaptive_pool(module: nn.AdaptiveAvgPool2d, value: Value, name: str) -> Value:
    wanted = _pair(module.output_size)
    require(
        all(size and side % size == 0 for side, size in zip(value.shape[1:], wanted, strict=True)),
        f"freeze: {name} must divide {value.shape[1:]} evenly, which {wanted} does not",
    )
    size = value.shape[1] // wanted[0], value.shape[2] // wanted[1]
    return _average(value, size, size, name)


def _norm(module: Any, value: Value, name: str) -> Value:
    require(module.running_mean is not None, f"freeze: {name} must keep running statistics, to be folded")
    require(
        module.num_features == value.shape[0],
        f"freeze: {name} must normalize {value.shape[0]} channels, not {module.num_features} features of a flat map; "
        "put a BatchNorm2d in front of the Flatten, or neurons without a normalization",
    )
    scale = (module.running_var + module.eps).rsqrt() * (1 if module.weight is None else module.weight)
    offset = (0 if module.bias is None else module.bias) - module.running_mean * scale
    return value.scaled(_array(scale), _array(offset))


def _upsample(module: nn.Upsample, value: Value, name: str) -> Value:
    factor = module.scale_factor
    repeats = module.mode == "nearest" and factor is not None
    times = _pair(factor) if repeats else (0, 0)
    require(
        repeats and all(n == int(n) and n >= 1 for n in times),
        f"freeze: {name} must repeat pixels an integer number of times, mode='nearest' with scale_factor",
    )
    return value.upsampled((int(times[0]), int(times[1])), who=name)


def _flatten(module: nn.Flatten, value: Value, name: str) -> Value:
    require(module.start_dim == 1 and module.end_dim == -1, f"freeze: {name} must flatten all axes but the batch")
    return replace(value, flat=True)


_LINEAR: dict[tuple[type[nn.Module], ...], Callable[[Any, Value, str], Value]] = {
    (nn.Linear,): _linear,
    (nn.Conv2d,): _conv,
    (nn.AvgPool2d,): _pool,
    (nn.AdaptiveAvgPool2d,): _adaptive_pool,
    (nn.BatchNorm1d, nn.BatchNorm2d): _norm,
    (nn.Upsample,): _upsample,
    (nn.Flatten,): _flatten,
}


def _array(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.detach().numpy()
    return array


def _pair(value: Any) -> tuple[Any, Any]:
    return (value, value) if isinstance(value, int | float) else (value[0], value[1])
