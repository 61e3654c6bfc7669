"""The neurons of a config, with their initial parameters."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import torch
from torch import nn

from snnsim.config import Config
from snnsim.config.neurons import NEURONS, SpikingNeurons
from snnsim.nn import ALIF, LIF, AdLIF, Conv, CubaLIF, DelayedConv, LevyBaxter, MetaNeuron, SecondOrder, SiLIF
from snnsim.nn.meta import Recovery
from snnsim.nn.protocols import Neuron
from snnsim.surrogate import Surrogate
from snnsim.units import to_steps

MODELS: dict[str, Callable[..., Neuron[Any]]] = {"adlif": AdLIF, "silif": SiLIF, "alif": ALIF, "cuba_lif": CubaLIF}
"""The models of the kinds of neurons with a section of their own."""
_DRAWN = ("adlif", "silif", "alif")
"""Kinds with random initial parameters."""


def build(config: Config, features: int, synapse: nn.Module, generator: torch.Generator) -> Neuron[Any]:
    """Return the neurons of a layer.

    Args:
        config: The config of the run.
        features: Number of neurons, or of channels of a convolution.
        synapse: The synapses in front of the neurons.
        generator: Generator of initial parameters.
    """
    net = config.network
    if isinstance(net.neuron, SpikingNeurons):
        return _of_section(net.neuron, config.data.time_step_ms, features, generator)
    common = {"threshold": net.threshold, "surrogate": Surrogate(net.surrogate, net.surrogate_alpha)}
    return _BUILD[net.neuron](config, common, features, synapse)


def _of_section(section: SpikingNeurons, step: float, features: int, generator: torch.Generator) -> Neuron[Any]:
    """Return neurons whose model has the settings of the section, with times in steps."""
    kind = next(name for name, kind in NEURONS.items() if type(section) is kind)
    values: dict[str, Any] = {"features": features}
    for each in fields(section):
        value = getattr(section, each.name)
        if each.name in section.bounded:
            value = tuple(map(float, value))
        if each.name.endswith("_ms"):
            value = tuple(to_steps(time, step) for time in value) if isinstance(value, tuple) else to_steps(value, step)
        # a single number is fixed
        values[each.name.removesuffix("_ms")] = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    values["surrogate"] = Surrogate(values["surrogate"], values.pop("surrogate_alpha"))
    if values.pop("learn", "neuron") == "layer":
        values["features"] = None
    if kind in _DRAWN:
        values["generator"] = generator
    return MODELS[kind](**values)


def _lif(config: Config, common: dict[str, Any], features: int, _: nn.Module) -> Neuron[Any]:
    net = config.network
    return LIF(
        **common,
        tau=to_steps(net.tau_ms, config.data.time_step_ms),
        reset=net.reset,
        detach_reset=net.detach_reset,
        learn_decay=net.learn_decay,
        learn_threshold=net.learn_threshold,
        features=features,
    )


def _meta(config: Config, common: dict[str, Any], features: int, _: nn.Module) -> Neuron[Any]:
    net = config.network
    return MetaNeuron(
        **common,
        tau=to_steps(net.tau_ms, config.data.time_step_ms),
        width=net.noise,
        reset=net.reset,
        detach_reset=net.detach_reset,
        recovery=Recovery() if net.recovery else None,
        learn=net.learn_neuron,
        features=features,
    )


def _levy_baxter(config: Config, common: dict[str, Any], _: int, synapse: nn.Module) -> Neuron[Any]:
    net = config.network
    if isinstance(synapse, Conv | DelayedConv):
        sources = synapse.patches.field.size
    else:
        sources = cast(nn.Parameter, synapse.weight).shape[1]
    return LevyBaxter(**common, success=net.success, learn=net.learn_neuron, sources=sources)


def _second_order(config: Config, common: dict[str, Any], features: int, _: nn.Module) -> Neuron[Any]:
    net = config.network
    return SecondOrder(**common, detach_reset=net.detach_reset, learn=net.learn_neuron, features=features)


_BUILD: dict[str, Callable[..., Neuron[Any]]] = {
    "lif": _lif,
    "meta": _meta,
    "levy_baxter": _levy_baxter,
    "second_order": _second_order,
}
