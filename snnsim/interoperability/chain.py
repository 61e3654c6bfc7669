"""A trained `torch.nn.Sequential` of another library as a Program: a chain of layers, delays and neurons.

    module → nodes of a graph of NIR and neurons → Program      export/nir follows all paths between neurons

    u[t] = β v[t−1] + gain I[t]            a library that fires at u > θ has the next larger number of its type as θ
    reset of a library ≠ reset of a Program:  a synapse of each neuron to itself, with delay 1 and weight c

Names    c correction of the reset (neuron,) · factor of a spike, which scales the weights behind the neurons
Differs  dropout is left out and batch normalization has its running statistics, as in evaluation
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from snnsim.export.nir.graph import FlatGraph, Node
from snnsim.export.nir.import_graph import assembled
from snnsim.export.nir.linear import matrix
from snnsim.export.nir.neurons import Neurons
from snnsim.interoperability import layers
from snnsim.interoperability.layers import Conversion, qualified_name
from snnsim.program import Edge, Program
from snnsim.validation import instance, integer, real, require, shown

_INPUT, _OUTPUT = "input", "output"
_FACTOR = " factor"


class Converted(NamedTuple):
    """Neurons of a library in the terms of a Program; numbers or arrays that fit the shape of their input."""

    decay: Any
    threshold: Any
    model: str = "lif_hard"
    """Model of a Program; "readout" for neurons that do not fire."""
    gain: Any = 1.0
    correction: Any = 0.0
    """Weight of a synapse of each neuron to itself, with a delay of 1."""
    current: Any = None
    """Share of a synaptic current that a step keeps; None for neurons without a current."""
    factor: Any = 1.0
    """Size of a spike."""
    below_twice: bool = False
    """Whether the neurons are those of a Program only while u ≤ 2 θ."""


Reader = Callable[[Any], Converted]
"""Returns the neurons of a module, or raises a ValueError that says what a Program cannot be equal to."""


@dataclass(eq=False)
class Chain:
    """The chain of modules so far."""

    library: str
    shape: tuple[int, ...]
    """Shape of the output of the last module."""
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    ends: tuple[str, ...] = (_INPUT,)
    """Nodes whose sum is the output of the last module."""
    neurons: dict[str, Neurons] = field(default_factory=dict)
    converted: dict[str, Converted] = field(default_factory=dict)

    def add(self, name: str, node: Node, *, sources: tuple[str, ...] | None = None) -> None:
        """Add a node behind the last ones.

        Args:
            name: Its name.
            node: The node.
            sources: Nodes whose sum is its input; None for the last ones.
        """
        self.edges += [(source, name) for source in (self.ends if sources is None else sources)]
        self.nodes[name] = node
        self.ends = (name,)

    def add_layer(self, name: str, conversion: Conversion) -> None:
        """Add a linear layer.

        Args:
            name: Its name.
            conversion: Node of a layer without a memory.
        """
        self.shape = matrix(conversion.kind, conversion.numbers, self.shape)[2]
        self.add(name, Node(conversion.kind, conversion.numbers))

    def add_delays(self, name: str, response: np.ndarray) -> None:
        """Add delays: a branch for each step that has a response.

        Args:
            name: Name of the delays.
            response: Response to an impulse, (step, value).
        """
        sources, branches = self.ends, []
        for step in np.flatnonzero(response.any(1)):
            delayed, scaled = f"{name} delay {step}", f"{name} weight {step}"
            self.add(delayed, Node("Delay", {"delay": np.array(float(step))}), sources=sources)
            self.add(scaled, Node("Scale", {"scale": response[step].reshape(self.shape)}), sources=(delayed,))
            branches.append(scaled)
        self.ends = tuple(branches)

    def add_neurons(self, name: str, converted: Converted) -> None:
        """Add neurons.

        Args:
            name: Name of their population.
            converted: The neurons.
        """
        decay, gain, threshold = (
            _per_neuron(value, self.shape) for value in (converted.decay, converted.gain, converted.threshold)
        )
        zeros, fires = np.zeros(len(decay)), converted.model != "readout"
        current = None if converted.current is None else _per_neuron(converted.current, self.shape)
        model = converted.model if fires else ""
        self.neurons[name] = Neurons(self.shape, fires, decay, gain, zeros, threshold, zeros, current, model)
        self.converted[name] = converted
        self.add(name, Node("LIF", {}))
        if np.any(np.asarray(converted.factor) != 1.0):
            factor = _per_neuron(converted.factor, self.shape).reshape(self.shape)
            self.add(f"{name}{_FACTOR}", Node("Scale", {"scale": factor}))

    def program(self, channels: tuple[int, ...], time_step_ms: float) -> Program:
        """Return the Program of the chain.

        Args:
            channels: Shape of the input.
            time_step_ms: Length of a step.

        Raises:
            ValueError: If the chain has no neurons, or they would have other spikes.
        """
        require(bool(self.neurons), f"from_{self.library}: the network must have neurons, and there are none")
        nodes = {_INPUT: Node("Input", {"shape": np.array(channels)}), **self.nodes, _OUTPUT: Node("Output", {})}
        # spikes of a Program have the size 1, also those of a last layer with another factor
        ends = [end.removesuffix(_FACTOR) for end in self.ends]
        edges = [*self.edges, *((end, _OUTPUT) for end in ends)]
        built = assembled(FlatGraph(nodes, edges, {}), self.neurons, step=1.0, origin=self.library)
        built = replace(built, time_step_ms=time_step_ms, edges=(*built.edges, *self._corrections()))
        for name, converted in self.converted.items():
            if converted.below_twice:
                _check_below_twice(built, name)
        notes = [f"a step is {time_step_ms:g} ms", "the network is in evaluation mode"]
        return built.came_from(notes=notes)

    def _corrections(self) -> Iterator[Edge]:
        for name, converted in self.converted.items():
            weight = _per_neuron(converted.correction, self.neurons[name].shape)
            number = np.flatnonzero(weight)
            if not len(number):
                continue
            rows = [(number, number, np.ones(len(number), np.int64), weight[number])]
            current = self.neurons[name].current
            if current is not None:
                # the current keeps a share of the correction, which a second synapse takes away
                rows.append((number, number, np.full(len(number), 2), -(current * weight)[number]))
            columns = [np.concatenate(column) for column in zip(*rows, strict=True)]
            yield Edge.of(name, name, (columns[0], columns[1], columns[2], columns[3]), sources=len(weight))


def convert(
    model: Any, readers: Mapping[str, Reader], *, library: str, input_shape: tuple[int, ...] | None, time_step_ms: float
) -> Program:
    """Return the Program of a `torch.nn.Sequential`.

    Args:
        model: The network.
        readers: Readers of its neurons, by qualified name of their class, such as "snntorch.Leaky".
        library: Name of the library.
        input_shape: Shape of the input of a step of one recording; None for that of a first linear layer.
        time_step_ms: Length of a step.

    Raises:
        TypeError: If the model is no Sequential.
        ValueError: If a module has no counterpart of equal spikes; the message names all of them.
    """
    who = f"from_{library}"
    instance(model, nn.Sequential, who=who, name="the model")
    step = real(time_step_ms, who=who, name="time_step_ms", above=0)
    modules = list(_modules(model))
    channels = _input_shape(modules, input_shape, who)
    chain = Chain(library, channels)
    errors: list[str] = []
    for name, module in layers.folded(modules, errors):
        try:
            _add(chain, name, module, readers)
        except ValueError as error:
            errors.append(f"{name}: {error}")
    if errors:
        lines = "\n  ".join(errors)
        raise ValueError(f"{who}: {len(errors)} modules have no counterpart with equal spikes:\n  {lines}")
    return chain.program(channels, step)


def _add(chain: Chain, name: str, module: Any, readers: Mapping[str, Reader]) -> None:
    kind = qualified_name(module)
    if isinstance(module, Conversion):
        chain.add_layer(name, module)
    elif kind in readers:
        chain.add_neurons(name, readers[kind](module))
    elif kind in layers.DELAYS:
        chain.add_delays(name, layers.DELAYS[kind](module, chain.shape))
    else:
        known = ", ".join(sorted({*readers, *layers.DELAYS, *layers.NAMES}))
        raise ValueError(f"its class is {kind}, and the known ones are {known}")


def _modules(model: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules in order, those of inner Sequentials included, by names that are unique."""
    for key, module in model.named_children():
        if type(module).__name__ == "Sequential" and isinstance(module, nn.Sequential):
            yield from _modules(module, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key} {type(module).__name__}", module


def _input_shape(modules: list[tuple[str, nn.Module]], shape: Any, who: str) -> tuple[int, ...]:
    if shape is not None:
        require(isinstance(shape, tuple | list) and len(shape) > 0, f"{who}: input_shape must be sizes, not {shape!r}")
        return tuple(integer(size, who=who, name="input_shape", at_least=1) for size in shape)
    require(bool(modules), f"{who}: the network must have neurons, and there are none")
    first = next((module for _, module in modules if isinstance(module, nn.Linear)), None)
    known = first is not None and not any(isinstance(module, layers.OF_PICTURES) for _, module in modules)
    require(known, f"{who}: input_shape must be the shape of a step, such as (2, 34, 34), where there are convolutions")
    return (first.in_features,) if first is not None else ()


def _per_neuron(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(layers.array(value), np.float64)
    try:
        return np.broadcast_to(values, shape).reshape(-1).copy()
    except ValueError:
        raise ValueError(f"its parameters {values.shape} must fit its input {shape}; got {shown(values)}") from None


def _check_below_twice(program: Program, name: str) -> None:
    """Refuse neurons that may exceed twice their threshold, for inputs of 0 and 1."""
    population = program.population(name)
    positive = program.fan_in_weight(name, lambda weight: np.maximum(weight, 0)) + np.maximum(population.bias, 0)
    if population.second_decay is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            positive = np.where(positive > 0, positive / (1 - population.second_decay), 0)
    excess = population.decay * population.threshold + positive > 2 * population.threshold
    require(
        not excess.any(),
        f"from_{program.provenance['imported']}: {name} must stay below twice its threshold, as reset_delay=False with "
        f"subtraction resets twice above it; weights of {int(excess.sum())} of {population.size} neurons allow more",
    )
