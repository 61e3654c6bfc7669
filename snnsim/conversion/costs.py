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

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from snnsim.conversion import graphs
from snnsim.conversion.qcfs import QCFS
from snnsim.nn.folded import SpikingActivation, TimeMean
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
        module, (before, *_) = self.fetch_attr(target), args
        value = module(before.value)
        amplitude = _amplitude(module)
        if amplitude is not None:
            spikes = (value / amplitude.to(value.dtype)).abs()
            self.costs.spikes[target] = self.costs.spikes.get(target, 0.0) + float(spikes.sum()) / self.pictures
            self.costs.neurons[target] = value[0].numel()
            return _Counted(value, spikes)
        if isinstance(module, graphs.LINEAR):
            self._add_linear(module, before)
            return _Counted(value)
        if before.spikes is None or isinstance(module, TimeMean):
            return _Counted(value)
        window = module.kernel_size if isinstance(module, nn.AvgPool1d | nn.AvgPool2d) else None
        return _Counted(value, _summed(module(before.spikes), before.spikes, window))

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
        if target is torch.cat:
            parts, spikes = args[0], [part.spikes for part in args[0] if part.spikes is not None]
            joined = torch.cat([part.value for part in parts], *args[1:], **kwargs)
            # currents beside spikes are real numbers for the next layer
            return _Counted(joined, torch.cat(spikes, *args[1:], **kwargs) if len(spikes) == len(parts) else None)
        counted = [part for part in args if isinstance(part, _Counted)]
        value = call(target, tuple(part.value if isinstance(part, _Counted) else part for part in args), kwargs)
        spikes = [part.spikes for part in counted if part.spikes is not None]
        if len(counted) == 1 and spikes:
            passed = call(target, tuple(part.spikes if isinstance(part, _Counted) else part for part in args), kwargs)
            window = (*args[1:], kwargs.get("kernel_size"))[0] if target is functional.avg_pool2d else None
            return _Counted(value, _summed(passed, spikes[0], window))
        if len(counted) > 1 and len(spikes) == len(counted):
            return _Counted(value, call(target, tuple(spikes), {}))
        # spikes that are added to currents are an operation each
        self.costs.operations += sum(float(part.sum()) for part in spikes) / self.pictures
        return _Counted(value)

    def _add_linear(self, module: Any, before: _Counted) -> None:
        shape = (1, *before.value.shape[1:])
        fan_out = _fan_out(module, before.value.new_zeros(shape))
        if before.spikes is None:
            self.costs.multiplications += float(fan_out.sum()) * len(before.value) / self.pictures
        else:
            self.costs.operations += float((before.spikes * fan_out).sum()) / self.pictures


def _summed(passed: Tensor, spikes: Tensor, window: Any) -> Tensor:
    """Return the spikes behind a module that passes them on: in place of the mean over a window, their sum.

    Args:
        passed: The spikes behind it, with means of windows.
        spikes: The spikes in front of it.
        window: Sides of the windows of an average pooling; None for windows that have all of a map together.
    """
    if window is None:
        # an upsampling repeats a spike: each copy has connections of its own
        return passed * max(1.0, spikes[0].numel() / passed[0].numel())
    sides = (window, window) if isinstance(window, int) and spikes.ndim == 4 else window
    return passed * math.prod(sides if isinstance(sides, tuple) else (sides,))


def _amplitude(module: nn.Module) -> Tensor | None:
    """Return the value of a spike of neurons, or of a binary activation; None for other modules."""
    if isinstance(module, SpikingActivation):
        return module.amplitude
    return module.bound() if isinstance(module, QCFS) and module.levels == 1 else None


def _fan_out(module: Any, like: Tensor) -> Tensor:
    """Return the number of connections that start at each element of an input (1, ...)."""
    if isinstance(module, nn.Linear):
        return torch.full_like(like, module.out_features)
    ones = copy.deepcopy(module)
    ones.bias = None
    nn.init.ones_(ones.weight)
    with torch.enable_grad():
        field = like.clone().requires_grad_()
        (fan_out,) = torch.autograd.grad(ones(field).sum(), field)
    return fan_out
