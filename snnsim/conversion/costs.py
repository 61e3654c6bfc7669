"""Spikes, operations and their energy, counted layer by layer while a network of torch computes pictures.

    multiplications   products of a layer whose input is a real number: all of its connections, in every computed step
    operations        Σ over spikes: connections that start at the neuron, with strides, borders and groups as they are
    energy            multiplications · (3.7 + 0.9) pJ + operations · 0.9 pJ

A layer before the first neurons has the same result in every step and is computed once. Average pooling is no
operation: a spike in front of it reaches the neurons behind the next layer. Biases, leaks, resets and memory are not
counted.

Units    numbers of each picture · energy in nanojoules
Source   energies of 32-bit floats in 45 nm: M. Horowitz 2014 (ISSCC), pages 10 to 14: an addition 0.9 pJ, a
         multiplication 3.7 pJ
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from snnsim.conversion import graphs
from snnsim.conversion.qcfs import QCFS
from snnsim.nn.folded import DirectEncoding, Folded, SpikingActivation
from snnsim.simulation.energy import CHIPS, MULTIPLICATION_PJ


@dataclass
class Costs:
    """Means over pictures."""

    multiplications: float = 0.0
    operations: float = 0.0
    spikes: dict[str, float] = field(default_factory=dict)
    """Spikes of each layer of neurons, by its name; those of a burst and negative ones count one each."""
    neurons: dict[str, int] = field(default_factory=dict)
    """Neurons of each layer."""

    @property
    def spikes_per_neuron(self) -> float:
        """Spikes of a neuron, over all layers; 0 without neurons."""
        return sum(self.spikes.values()) / max(1, sum(self.neurons.values()))

    @property
    def energy_nj(self) -> float:
        """Energy of multiplications with their additions, and of operations, in nanojoules."""
        addition = CHIPS["accumulate"].picojoules
        return (self.multiplications * (MULTIPLICATION_PJ + addition) + self.operations * addition) / 1000


@torch.no_grad()
def count(network: nn.Module, pictures: Tensor) -> tuple[Tensor, Costs]:
    """Return the output of a network and its costs; a network without neurons has multiplications alone.

    Args:
        network: A network that torch.fx can trace, in evaluation mode.
        pictures: The pictures, as the network takes them.
    """
    graph = graphs.trace(network, who="count")
    counter = _Counter(graph, len(pictures))
    output = counter.run(pictures)
    return output.value, counter.costs


@dataclass
class _Counted:
    """The value of a node, and the spikes that it stands for; None for real numbers."""

    value: Tensor
    spikes: Tensor | None = None


class _Counter(fx.Interpreter):
    """Computes a graph with the spikes of every node beside its value."""

    def __init__(self, graph: fx.GraphModule, pictures: int) -> None:
        super().__init__(graph)
        self.costs, self.pictures = Costs(), pictures

    def placeholder(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Return the pictures.

        Args:
            target: Name of the input.
            args: Not used.
            kwargs: Not used.
        """
        return _Counted(super().placeholder(target, args, kwargs))

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002
        """Return the result of a module, and add its costs.

        Args:
            target: Name of the module.
            args: Its arguments.
            kwargs: Not used.
        """
        module, (given, *_) = self.fetch_attr(target), args
        value = module(given.value)
        amplitude = _amplitude(module)
        if amplitude is not None:
            spikes = (value / amplitude.to(value.dtype)).abs()
            self.costs.spikes[target] = self.costs.spikes.get(target, 0.0) + float(spikes.sum()) / self.pictures
            self.costs.neurons[target] = value[0].numel()
            return _Counted(value, spikes)
        if isinstance(module, graphs.LINEAR):
            self._add_linear(module, given)
            return _Counted(value)
        if given.spikes is None or (isinstance(module, Folded) and not isinstance(module, DirectEncoding)):
            return _Counted(value, given.spikes if value.shape == given.value.shape else None)
        return _Counted(value, self._passed(module, given.spikes, value))

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Return the result of a function, and add its costs.

        Args:
            target: The function.
            args: Its arguments.
            kwargs: Its keywords.
        """
        return self._called(super().call_function, target, args, kwargs)

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        """Return the result of a method, and add its costs.

        Args:
            target: Name of the method.
            args: Its arguments.
            kwargs: Its keywords.
        """
        return self._called(super().call_method, target, args, kwargs)

    def _called(self, call: Any, target: Any, args: Any, kwargs: Any) -> _Counted:
        counted: list[_Counted] = []
        value = call(target, _each(args, lambda part: counted.append(part) or part.value), kwargs)
        spikes = [part.spikes for part in counted if part.spikes is not None]
        if len(counted) == 1 and spikes:
            passed = call(target, _each(args, lambda part: part.spikes), kwargs)
            return _Counted(value, passed * (spikes[0].sum() / passed.sum().clamp(min=1e-30)))
        if len(counted) > 1 and len(spikes) == len(counted):
            return _Counted(value, torch.stack(torch.broadcast_tensors(*spikes)).sum(0))
        # spikes that are added to currents are an operation each
        self.costs.operations += sum(float(part.sum()) for part in spikes) / self.pictures
        return _Counted(value)

    def _passed(self, module: nn.Module, spikes: Tensor, value: Tensor) -> Tensor:
        """Return the spikes behind an average pooling, whose sum they keep but for pixels that it leaves out."""
        passed: Tensor = module(spikes)
        # an upsampling repeats a spike: each copy has connections of its own
        if passed.numel() >= spikes.numel():
            return passed
        ones = module(torch.ones_like(spikes[:1]).requires_grad_(False))
        window = spikes[0].numel() // value[0].numel()
        size = getattr(module, "kernel_size", None)
        if size is not None:
            sides = (size, size) if isinstance(size, int) and spikes.ndim == 4 else size
            window = int(torch.tensor(sides).prod())
        return passed * window / ones.clamp(min=1e-30) if bool((ones > 0).all()) else passed * window

    def _add_linear(self, module: Any, given: _Counted) -> None:
        shape = (1, *given.value.shape[1:])
        fan_out = _fan_out(module, torch.zeros(shape, dtype=given.value.dtype))
        if given.spikes is None:
            self.costs.multiplications += float(fan_out.sum()) * len(given.value) / self.pictures
        else:
            self.costs.operations += float((given.spikes * fan_out).sum()) / self.pictures


def _each(arguments: Any, function: Callable[[_Counted], Any]) -> Any:
    """Return arguments with a function's results in place of counted values, in lists too."""
    return fx.node.map_aggregate(arguments, lambda part: function(part) if isinstance(part, _Counted) else part)


def _amplitude(module: nn.Module) -> Tensor | None:
    """Return the value of a spike of neurons, or of a binary activation; None for other modules."""
    if isinstance(module, SpikingActivation):
        return module.amplitude
    return module.bound() if isinstance(module, QCFS) and module.levels == 1 else None


def _fan_out(module: Any, like: Tensor) -> Tensor:
    """Return the number of connections that start at each element of an input (1, ...)."""
    if isinstance(module, nn.Linear):
        return torch.full_like(like, module.out_features)
    ones = nn.utils.skip_init(
        type(module), module.in_channels, module.out_channels, module.kernel_size, module.stride, module.padding,
        module.dilation, module.groups, bias=False, padding_mode=module.padding_mode,
    ).to(like)  # fmt: skip
    nn.init.ones_(ones.weight)
    with torch.enable_grad():
        field = like.clone().requires_grad_()
        (fan_out,) = torch.autograd.grad(ones(field).sum(), field)
    return fan_out
