"""Freezing: from a trained network in torch to a Program.

    w' = w γ / √(variance + ε)      b = β − γ mean / √(variance + ε)      the batch norm of evaluation, folded
    d  = round(delay), half to even                                       the delays of evaluation

Convolutions stay kernels that all positions share; each neuron gets the numbers of its channel. Meta-neurons
become noisy populations; without noise and reset value they are LIF, and so is their population.

Units    everything is computed in float64 from the stored parameters
Names    γ, β scale and shift of the batch norm; its shift b is added in every step, with spikes or without
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snnsim.kernels.common import gates
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.connections import Connections, Kernel, connections
from snnsim.nn.lif import LIF
from snnsim.nn.meta import MetaNeuron
from snnsim.nn.network import SpikingNetwork
from snnsim.nn.readout import LeakyReadout
from snnsim.nn.skip import Skip
from snnsim.nn.two_state import TwoStateNeuron
from snnsim.program import INPUT, MODELS, ConvEdge, Edge, Population, Program, Readout
from snnsim.program.models import SECOND
from snnsim.validation import known, shown

READOUT = "readout"


def freeze(
    network: SpikingNetwork,
    *,
    time_step_ms: float,
    classes: Sequence[str] | Mapping[str, Sequence[str]] = (),
    decision: str | Mapping[str, str | None] | None = None,
    task: str | Mapping[str, str] = "class",
    provenance: dict[str, Any] | None = None,
) -> Program:
    """Return the Program of a network in evaluation mode; the network is not changed.

    Args:
        network: The trained network.
        time_step_ms: Length of a step in ms.
        classes: Names of the classes; of a network with several heads, names by head.
        decision: Name of the decision; of a network with several heads, one for all or one by head.
        task: Task of the readout, one of `choices.TASKS`; of a network with several heads, one for all or one by head.
        provenance: Origin of the program, which it carries.

    Raises:
        TypeError: If the network is no SpikingNetwork, or a Program cannot hold one of its parts.
        ValueError: If a parameter is NaN or infinite, a population breaks a rule of Program, or classes or decisions do
            not fit the heads.
    """
    if not isinstance(network, SpikingNetwork):
        raise TypeError(f"freeze: the network must be a SpikingNetwork, not {shown(network)}")
    gates.parameters(network, who="freeze")
    exact = copy.deepcopy(network).cpu().double().eval()
    populations, edges, source = [], [], INPUT
    for number, layer in enumerate(exact.layers, start=1):
        name = f"hidden {number}"
        synapses = _connections(layer.synapse, name)
        scale, bias = (_per_neuron(values, synapses.targets) for values in _folded(layer.norm, name))
        populations.append(population(name, layer.neuron, bias))
        edges.append(synapses.edge(source, name, scale))
        if layer.recurrent is not None:
            loop = _connections(layer.recurrent.synapse, name)
            # a recurrent spike arrives in the next step at the earliest
            edges.append(loop._replace(delay=loop.delay + 1).edge(name, name, np.ones(loop.targets)))
        source = name
    heads = exact.readouts()
    last = {head.key for head in heads}
    edges += [_skip(skip, exact) for skip in exact.skips if skip.target not in last]
    names = _names(exact)
    for head in heads:
        name = names[head.key]
        synapses = _connections(head.synapse, name)
        populations.append(population(name, head.readout, np.zeros(synapses.targets)))
        edges.append(synapses.edge(names[head.source], name, np.ones(synapses.targets)))
    edges += [_skip(skip, exact) for skip in exact.skips if skip.target in last]
    first, *further = _readouts([names[head.key] for head in heads], classes, decision, task)
    return Program(
        channels=_connections(next(iter(exact.synapses())), INPUT).sources,
        populations=tuple(populations),
        edges=tuple(edges),
        time_step_ms=time_step_ms,
        readout=first.population,
        decision=first.decision,
        classes=first.classes,
        further_readouts=tuple(further),
        task=first.task,
        extra_steps=exact.extra_steps,
        provenance=provenance or {},
    )


def _skip(skip: Skip, network: SpikingNetwork) -> Edge | ConvEdge:
    """Return the edge of a skip connection, with the normalization of its target folded into it."""
    names = _names(network)
    target = names[skip.target]
    synapses, scale = _connections(skip.synapse, target), np.ones(skip.synapse.targets)
    if skip.is_feedback:
        # its spikes arrive in the next step at the earliest, behind the normalization
        synapses = synapses._replace(delay=synapses.delay + 1)
    elif isinstance(skip.target, int) and skip.target <= len(network.layers):
        scale = _per_neuron(_folded(network.layers[skip.target - 1].norm, target)[0], synapses.targets)
    return synapses.edge(names[skip.source], target, scale)


def _names(network: SpikingNetwork) -> dict[int | str, str]:
    """Return the names of the input and all populations, by the numbers and targets of skip connections."""
    names: dict[int | str, str] = {0: INPUT}
    names |= {number: f"hidden {number}" for number in range(1, len(network.layers) + 1)}
    return names | {head.key: head.name or READOUT for head in network.readouts()}


def _readouts(
    names: list[str],
    classes: Sequence[str] | Mapping[str, Sequence[str]],
    decision: str | Mapping[str, str | None] | None,
    task: str | Mapping[str, str],
) -> list[Readout]:
    """Return the readouts of a Program, with the classes and the decision of each.

    Raises:
        ValueError: If there are classes for several heads at once, or for an unknown one.
    """
    by_head = dict.fromkeys(names, classes) if not isinstance(classes, Mapping) else classes
    decisions = dict.fromkeys(names, decision) if not isinstance(decision, Mapping) else decision
    tasks = dict.fromkeys(names, task) if not isinstance(task, Mapping) else task
    if len(names) > 1 and not isinstance(classes, Mapping) and len(classes):
        raise ValueError(
            f"freeze: classes must be names by head, such as {{{names[0]!r}: [...]}}, as there are several"
        )
    for noun, table in (("classes", by_head), ("decision", decisions), ("task", tasks)):
        for name in table:
            known(name, names, f"freeze: {noun}: head")
    return [
        Readout(name, decisions.get(name), tuple(by_head.get(name, ())), tasks.get(name, "class")) for name in names
    ]


def _connections(synapse: nn.Module, name: str) -> Connections | Kernel:
    """Return the connections of a synapse.

    Raises:
        TypeError: If the synapse is none of snnsim.nn.
    """
    synapses = connections(synapse)
    if synapses is None:
        raise TypeError(
            f"freeze: the synapse of {name!r} must be a DelayedLinear, a SparseLinear, a Conv or a DelayedConv, not a "
            f"{type(synapse).__name__}"
        )
    return synapses


def _per_neuron(values: np.ndarray, size: int) -> np.ndarray:
    """Return one value for each neuron, from one for each channel: the channels of a pixel lie side by side."""
    return np.tile(values, size // len(values))


def _folded(norm: nn.Module | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor of each channel's weights and its bias, (channel,), of the folded normalization.

    Raises:
        TypeError: If the normalization has no running statistics.
    """
    if norm is None:
        return np.ones(1), np.zeros(1)
    if not isinstance(norm, BatchNorm) or norm.running_mean is None or norm.running_var is None:
        raise TypeError(
            f"freeze: the normalization of {name!r} must be a BatchNorm that keeps its statistics, so that it can be "
            f"folded into the weights, not {norm}"
        )
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.detach()
    bias = -norm.running_mean * scale
    if norm.bias is not None:
        bias = bias + norm.bias.detach()
    return scale.numpy(), bias.numpy()


def population(name: str, neuron: object, bias: np.ndarray) -> Population:
    """Return the population of a neuron model.

    Args:
        name: Name of the population.
        neuron: Neuron model, in float64 on the CPU.
        bias: Bias of every neuron, (neuron,); parameters of fewer neurons are those of channels, side by side.

    Raises:
        TypeError: If a Program cannot hold the model.
    """
    if isinstance(neuron, TwoStateNeuron):
        return _two_state(name, neuron, bias)
    noise: list[Tensor] = []
    if isinstance(neuron, LIF):
        model, threshold = "lif_hard" if neuron.reset.hard else "lif_soft", neuron.firing_threshold()
    elif isinstance(neuron, LeakyReadout):
        model, threshold = "readout", torch.ones(1)
    elif isinstance(neuron, MetaNeuron) and neuron.recovery is None and neuron.estimator != "expectation":
        model, threshold = "noisy_hard" if neuron.reset.hard else "noisy_soft", neuron.firing_threshold()
        noise = [neuron.width(), neuron.reset_value()]
    else:
        raise TypeError(
            f"freeze: the neurons of {name!r} must be LIF, AdLIF, SiLIF, ALIF, CubaLIF, LeakyReadout, or "
            f"MetaNeuron that sends spikes and has no recovery, not {type(neuron).__name__}; a Program has no other "
            "model yet"
        )
    if not any(bool(part.any()) for part in noise):
        model, noise = model.replace("noisy", "lif"), []
    decay, level, *parts = (
        _per_neuron(values.detach().numpy(), len(bias)) for values in (neuron.decay(), threshold, *noise)
    )
    return Population(name, model, decay, level, bias, np.ones(len(bias)), *parts)


def _two_state(name: str, neuron: TwoStateNeuron, bias: np.ndarray) -> Population:
    """Return the population of neurons with two state variables."""
    model = f"{neuron.program_model}_{'hard' if neuron.reset.hard else 'soft'}"
    values = {part: value.detach().numpy() for part, value in neuron.coefficients()._asdict().items()}
    named = {"decay": values["beta"], "threshold": values["threshold"]}
    form = SECOND[MODELS[model].second or ""]
    named |= {parameter: values[part] for part, parameter in form.items() if isinstance(parameter, str)}
    arrays = {part: _per_neuron(value, len(bias)) for part, value in named.items()}
    return Population(name, model, **arrays, bias=bias, scale=np.ones(len(bias)))
