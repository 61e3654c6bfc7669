"""Conversion of a trained network of torch into a spiking one, without training.

    θ n / T = z̄ + (v₀ − v_T) / T        an integrate-and-fire neuron with soft reset, n spikes in T steps, mean input z̄

Where v_T ends in [0, θ), the count is ⌊(T z̄ + v₀) / θ⌋, and with v₀ = θ / 2 it is T z̄ / θ rounded: the network with
T-level activations is the spiking one, but for input that comes unevenly. `accumulate` takes that away as well: a layer
waits for all steps of the one before.

The picture is the input of every step (direct encoding), so all before the first neurons is computed once. A spike of a
layer counts θ for the next one. The output is the mean over time of the last layer, which has no neurons.

Shapes   pictures (picture, channel, row, column)
Source   B. Rueckauer et al. 2017; T. Bu et al. 2022; Y. Li et al. 2021; see thresholds.py
Differs  calibration is that paper's light form: thresholds and biases; initial potentials and weights stay
"""

from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, fx, nn

from snnsim import validation
from snnsim.conversion import graphs
from snnsim.conversion.folding import fold
from snnsim.conversion.neurons import NEURONS
from snnsim.conversion.thresholds import RULES, Rule
from snnsim.kernels.common import gates
from snnsim.nn.folded import DirectEncoding, FoldedDropout, SpikingActivation, TimeMean
from snnsim.nn.folded.sequences import checked_steps


@dataclass(frozen=True)
class Settings:
    """The choices of a conversion."""

    steps: int
    """Number of steps T."""
    thresholds: str = "percentile"
    """A name in RULES: percentile, qcfs or calibration."""
    percent: float = 90.0
    """The percentile."""
    neuron: str = "if"
    """A name in NEURONS: if, signed, burst or scaled_lif."""
    initial: float = 0.5
    """Voltage before the first step, in thresholds."""
    accumulate: bool = False
    """Whether each layer waits for all steps of the one before."""

    def __post_init__(self) -> None:
        checked_steps(self.steps, who="convert")
        validation.known(self.thresholds, RULES, "convert: thresholds")
        validation.known(self.neuron, NEURONS, "convert: neuron")
        validation.real(self.initial, who="convert", name="initial")


@dataclass(frozen=True)
class Conversion:
    """A converted network."""

    network: fx.GraphModule
    """From pictures (picture, channel, row, column) to the mean output (picture, class)."""
    settings: Settings
    thresholds: dict[str, float] = field(default_factory=dict)
    """Threshold of every layer of neurons, by the name of its module."""


def check(network: nn.Module) -> list[str]:
    """Return what cannot be converted: a line for each layer, by its name; none if all can.

    Args:
        network: A trained network of torch.
    """
    graph = graphs.trace(network, who="convert")
    lines = graphs.problems(graph)
    if not any(graphs.is_activation(graph, node) for node in graph.graph.nodes):
        lines.append("the network must have a ReLU or QCFS activation, which becomes neurons; it has none")
    return lines


@torch.no_grad()
def convert(network: nn.Module, pictures: Tensor, settings: Settings) -> Conversion:
    """Return the spiking network of a trained one, in evaluation mode; the trained one is not changed.

    Args:
        network: A trained torch.nn.Sequential, or a module that torch.fx can trace.
        pictures: Training pictures for thresholds, as the network takes them; about 512. Never test pictures.
        settings: Steps, thresholds, neurons and initial potential.

    Raises:
        ValueError: If a layer cannot be converted; the message names all of them. Also if there is no picture.
    """
    validation.require(
        len(pictures) > 0, "convert: pictures must be one or more, as thresholds come from them; got none"
    )
    problems = check(network)
    gates.parameters(network, who="convert")
    if problems:
        raise ValueError(f"convert: {len(problems)} of the layers cannot be converted. {'; '.join(problems)}")
    graph = graphs.trace(network, who="convert")
    fold(graph)
    original = graphs.trace(graph, who="convert")
    activations = _insert_neurons(graph, settings)
    # modules of dropout over time are new, and new modules begin in training mode
    graph.eval()
    for name, activation in activations.items():
        _set_on_first_call(graph, name, activation, settings)
    graph(pictures)
    if settings.thresholds == "calibration":
        _correct_biases(graph, original, pictures, activations)
    thresholds = {name: float(_neurons(graph, name).neuron.firing_threshold()) for name in activations}
    return Conversion(graph, settings, thresholds)


def _neurons(graph: fx.GraphModule, name: str) -> SpikingActivation:
    return cast(SpikingActivation, graph.get_submodule(name))


def _insert_neurons(graph: fx.GraphModule, settings: Settings) -> dict[str, nn.Module | None]:
    """Replace activations by neurons, encode before the first ones, and average at the end.

    Returns:
        The activation of each layer of neurons, by its name.
    """
    varying: set[fx.Node] = set()
    activations: dict[str, nn.Module | None] = {}
    for node in list(graph.graph.nodes):
        inputs = [part for part in node.all_input_nodes if part in varying]
        fires = graphs.is_activation(graph, node)
        if fires or inputs:
            varying.add(node)
            for constant in [part for part in node.all_input_nodes if part not in varying]:
                encoded = _call(graph, f"{constant.name}_steps", DirectEncoding(settings.steps), constant)
                node.replace_input_with(constant, encoded)
        if fires:
            part = SpikingActivation(
                NEURONS[settings.neuron](1.0), settings.steps, initial=settings.initial, accumulate=settings.accumulate
            )
            fired = _call(graph, f"neurons_{len(activations) + 1}", part, node.all_input_nodes[0])
            activations[str(fired.target)] = graphs.module_of(graph, node)
            varying.add(fired)
            node.replace_all_uses_with(fired)
            graph.graph.erase_node(node)
        module = graphs.module_of(graph, node) if not fires else None
        if isinstance(module, graphs.DROPOUTS) and inputs:
            graph.set_submodule(str(node.target), FoldedDropout(module.p, settings.steps))
        if node.op == "output":
            (last,) = node.all_input_nodes
            node.replace_input_with(last, _call(graph, "mean", TimeMean(settings.steps), last))
    graph.delete_all_unused_submodules()
    graph.recompile()
    return activations


def _call(graph: fx.GraphModule, name: str, module: nn.Module, before: fx.Node) -> fx.Node:
    """Add a call of a new module behind a node, whose name gets underscores where the network has one of it."""
    while hasattr(graph, name):
        name += "_"
    graph.add_submodule(name, module)
    with graph.graph.inserting_after(before):
        return graph.graph.call_module(name, (before,))


def _set_on_first_call(graph: fx.GraphModule, name: str, activation: nn.Module | None, settings: Settings) -> None:
    """Set threshold and amplitude of neurons from the currents of their first call, when the layers before spike."""
    rule: Rule = RULES[settings.thresholds](settings.percent)

    def hook(module: nn.Module, inputs: tuple[Tensor]) -> None:
        threshold = rule.threshold(inputs[0], activation, settings.steps, settings.initial)
        if not threshold > 0:
            raise ValueError(
                f"convert: {name} must have pre-activations above 0 for its threshold, not a {settings.thresholds} of "
                f"{threshold:g}; take a higher percentile, more pictures, or look at the layer: it may be silent"
            )
        part = cast(SpikingActivation, module)
        part.neuron = NEURONS[settings.neuron](threshold).to(inputs[0])
        part.amplitude = torch.tensor([threshold], dtype=inputs[0].dtype, device=inputs[0].device)
        handle.remove()

    handle = _neurons(graph, name).register_forward_pre_hook(hook)


def _correct_biases(
    graph: fx.GraphModule, original: fx.GraphModule, pictures: Tensor, activations: dict[str, nn.Module | None]
) -> None:
    """Move the biases before neurons, layer by layer, so that the mean of each channel is that of the original."""
    means = _channel_means(original, pictures, [n for n in original.graph.nodes if graphs.is_activation(original, n)])
    nodes = {node.target: node for node in graph.graph.nodes if node.target in activations}
    for name, goal in zip(activations, means, strict=True):
        before = nodes[name].all_input_nodes[0]
        before = before.all_input_nodes[0] if isinstance(graphs.module_of(graph, before), DirectEncoding) else before
        linear = graphs.module_of(graph, before)
        if not isinstance(linear, graphs.LINEAR):
            # a sum of paths has no bias of its own
            continue
        (mean,) = _channel_means(graph, pictures, [nodes[name]])
        bias = torch.zeros_like(goal) if linear.bias is None else linear.bias.detach()
        linear.bias = nn.Parameter(bias - (mean - goal))


def _channel_means(graph: fx.GraphModule, pictures: Tensor, nodes: list[fx.Node]) -> list[Tensor]:
    """Return the mean of each channel of the results of nodes, (channel,) each."""
    results: dict[fx.Node, Tensor] = {}

    class Reader(fx.Interpreter):
        def run_node(self, n: fx.Node) -> object:
            value = super().run_node(n)
            if n in nodes:
                results[n] = value.transpose(0, 1).flatten(1).mean(1)
            return value

    Reader(graph).run(pictures)
    return [results[node] for node in nodes]
