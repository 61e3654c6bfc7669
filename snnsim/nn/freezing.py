"""From a trained network in torch to a Program.

    w' = w γ / √(variance + ε)      b = β − γ mean / √(variance + ε)      the batch norm of evaluation, folded
    d  = round(delay), half to even                                       the delays of evaluation

Convolutions become single connections, see nn/connections.py; what a channel has, each of its neurons has.

Chance   meta-neurons become noisy populations; without noise and reset value they are LIF, and so is their population
Units    everything is computed in float64 from the parameters as they are stored
Names    γ, β scale and shift of the batch norm; its shift b is added in every step, with spikes or without
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from snnsim.kernels.common import gates
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.connections import Connections, connections
from snnsim.nn.lif import LIF
from snnsim.nn.meta import MetaNeuron
from snnsim.nn.network import SpikingNetwork
from snnsim.nn.readout import LeakyReadout
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.validation import shown

READOUT = "readout"


def freeze(
    network: SpikingNetwork,
    *,
    time_step_ms: float,
    classes: Sequence[str] = (),
    decision: str | None = None,
    provenance: dict[str, Any] | None = None,
) -> Program:
    """Return what the network computes in evaluation mode; the network is left as it is.

    Args:
        network: The trained network.
        time_step_ms: Length of a step in ms.
        classes: Names of the classes.
        decision: Name of what decides about a class.
        provenance: What the program is to say of where it comes from.

    Raises:
        TypeError: If it is no SpikingNetwork, or a part of it has no place in a Program.
        ValueError: If a parameter is NaN or infinite, or a population breaks a rule of Program.
    """
    if not isinstance(network, SpikingNetwork):
        raise TypeError(f"freeze: the network must be a SpikingNetwork, not {shown(network)}")
    gates.parameters(network, who="freeze")
    exact = copy.deepcopy(network).cpu().double().eval()
    populations, edges, source = [], [], INPUT
    for number, layer in enumerate(exact.layers, start=1):
        name = f"hidden {number}"
        found = _connections(layer.synapse, name)
        scale, bias = (_of_each(part, found.targets) for part in _folded(layer.norm, name))
        populations.append(_neurons(name, layer.neuron, bias))
        edges.append(_edge(source, name, found, scale))
        source = name
    found = _connections(exact.synapse, READOUT)
    populations.append(_neurons(READOUT, exact.readout, np.zeros(found.targets)))
    edges.append(_edge(source, READOUT, found, np.ones(found.targets)))
    return Program(
        channels=_connections(next(iter(exact.synapses())), INPUT).sources,
        populations=tuple(populations),
        edges=tuple(edges),
        time_step_ms=time_step_ms,
        readout=READOUT,
        decision=decision,
        classes=tuple(classes),
        extra_steps=exact.extra_steps,
        provenance=provenance or {},
    )


def _connections(synapse: nn.Module, name: str) -> Connections:
    found = connections(synapse)
    if found is None:
        raise TypeError(
            f"freeze: the synapse of {name!r} must be a DelayedLinear, a SparseLinear, a Conv or a DelayedConv, not a "
            f"{type(synapse).__name__}"
        )
    return found


def _of_each(values: np.ndarray, size: int) -> np.ndarray:
    """Return one value for each neuron: the channels of a field lie side by side, pixel after pixel."""
    return np.tile(values, size // len(values))


def _folded(norm: nn.Module | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return what the weights of each channel are multiplied with, and its bias."""
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


def _neurons(name: str, neuron: nn.Module, bias: np.ndarray) -> Population:
    parts: tuple[Any, ...] = ()
    if isinstance(neuron, LIF):
        model, threshold = "lif_hard" if neuron.reset.hard else "lif_soft", neuron.level()
    elif isinstance(neuron, LeakyReadout):
        model, threshold = "readout", torch.ones(1)
    elif isinstance(neuron, MetaNeuron) and neuron.recovery is None and neuron.estimator != "expectation":
        model, threshold = "noisy_hard" if neuron.reset.hard else "noisy_soft", neuron.threshold()
        parts = neuron.width(), neuron.reset_value()
    else:
        raise TypeError(
            f"freeze: the neurons of {name!r} must be LIF, LeakyReadout, or MetaNeuron that sends spikes and has no "
            f"recovery, not {type(neuron).__name__}; a Program has no other model yet"
        )
    decay, threshold, *parts = (
        _of_each(part.detach().numpy(), len(bias)) for part in (neuron.decay(), threshold, *parts)
    )
    if parts and not any(part.any() for part in parts):
        model, parts = model.replace("noisy", "lif"), []
    return Population(name, model, decay, threshold, bias, np.ones(len(bias)), *parts)


def _edge(source: str, target: str, found: Connections, scale: np.ndarray) -> Edge:
    synapses = found.pre, found.post, found.delay, found.weight * scale[found.post]
    return Edge.of(source, target, synapses, sources=found.sources)
