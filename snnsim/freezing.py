"""From a trained network in torch to a Program.

    w' = w γ / √(variance + ε)      b = β − γ mean / √(variance + ε)      the batch norm of evaluation, folded
    d  = round(delay), half to even                                       the delays of evaluation

Units    everything is computed in float64 from the parameters as they are stored
Names    γ, β scale and shift of the batch norm; its shift b is added in every step, with spikes or without
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snnsim.network import SpikingNetwork
from snnsim.neurons import LIF, LeakyReadout
from snnsim.normalisation import BatchNorm
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.synapses import DelayedLinear, SparseLinear

READOUT = "readout"


def freeze(
    network: SpikingNetwork,
    *,
    time_step_ms: float,
    classes: Sequence[str] = (),
    decision: str | None = None,
    provenance: dict[str, Any] | None = None,
) -> Program:
    """Return what the network computes in evaluation mode; the network is left as it is."""
    exact = copy.deepcopy(network).cpu().double().eval()
    populations, edges, source = [], [], INPUT
    for number, layer in enumerate(exact.layers, start=1):
        name = f"hidden {number}"
        size, scale, bias = _folded(layer.synapse, layer.norm, name)
        populations.append(_neurons(name, layer.neuron, size, bias))
        edges.append(_edge(source, name, layer.synapse, scale))
        source = name
    size, scale, bias = _folded(exact.synapse, None, READOUT)
    populations.append(_neurons(READOUT, exact.readout, size, bias))
    edges.append(_edge(source, READOUT, exact.synapse, scale))
    return Program(
        channels=_weight(next(iter(exact.synapses())), INPUT).shape[1],
        populations=tuple(populations),
        edges=tuple(edges),
        time_step_ms=time_step_ms,
        readout=READOUT,
        decision=decision,
        classes=tuple(classes),
        extra_steps=exact.extra_steps,
        provenance=provenance or {},
    )


def _weight(synapse: nn.Module, name: str) -> Tensor:
    """Return the weights (target, source, tap)."""
    if isinstance(synapse, DelayedLinear):
        return synapse.weight.detach()
    if isinstance(synapse, SparseLinear):
        return synapse.weight.detach()[..., None]
    raise TypeError(
        f"freeze: the synapse of {name!r} must be a DelayedLinear or a SparseLinear, not a {type(synapse).__name__}"
    )


def _folded(synapse: nn.Module, norm: nn.Module | None, name: str) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the number of neurons, the factor of their weights and their bias."""
    size = len(_weight(synapse, name))
    if norm is None:
        return size, np.ones(size), np.zeros(size)
    if not isinstance(norm, BatchNorm) or norm.running_mean is None or norm.running_var is None:
        raise TypeError(
            f"freeze: the normalisation of {name!r} must be a BatchNorm that keeps its statistics, so that it can be "
            f"folded into the weights, not {norm}"
        )
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.detach()
    bias = -norm.running_mean * scale
    if norm.bias is not None:
        bias = bias + norm.bias.detach()
    return size, scale.numpy(), bias.numpy()


def _neurons(name: str, neuron: nn.Module, size: int, bias: np.ndarray) -> Population:
    if isinstance(neuron, LIF):
        rule, threshold = "hard" if neuron.reset.hard else "soft", neuron.threshold.detach().numpy()
    elif isinstance(neuron, LeakyReadout):
        rule, threshold = "readout", np.ones(1)
    else:
        raise TypeError(
            f"freeze: the neurons of {name!r} must be LIF or LeakyReadout, not {type(neuron).__name__}; a Program has "
            "no other rule yet"
        )
    decay = neuron.decay().detach().numpy()
    return Population(
        name, rule, np.broadcast_to(decay, (size,)), np.broadcast_to(threshold, (size,)), bias, np.ones(size)
    )


def _edge(source: str, target: str, synapse: nn.Module, scale: np.ndarray) -> Edge:
    weight = _weight(synapse, target).numpy()
    delay = np.zeros(weight.shape)
    if isinstance(synapse, DelayedLinear):
        delay = synapse.delay.detach().round().numpy()
    # a weight of 0 carries nothing: connections that are left out have none
    post, pre, tap = np.nonzero(weight)
    values = weight[post, pre, tap] * scale[post]
    return Edge.of(source, target, (pre, post, delay[post, pre, tap], values), sources=weight.shape[1])
