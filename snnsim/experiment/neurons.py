"""The neurons of a config, with their initial parameters."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import torch
from torch import nn

from snnsim import plugins
from snnsim.config import Config
from snnsim.config.neurons import SpikingNeurons
from snnsim.nn import ALIF, LIF, AdLIF, Conv, CubaLIF, DelayedConv, LevyBaxter, MetaNeuron, SecondOrder, SiLIF
from snnsim.nn.meta import Recovery
from snnsim.nn.protocols import Neuron
from snnsim.surrogate import Surrogate
from snnsim.units import to_steps


def build(config: Config, features: int, synapse: nn.Module, generator: torch.Generator) -> Neuron[Any]:
    """Return the neurons of a layer.

    Args:
        config: The config of the run.
        features: Number of neurons, or of channels of a convolution.
        synapse: The synapses in front of the neurons.
        generator: Generator of initial parameters.
    """
    section = config.network.neuron
    return MODELS[section.kind](_settings(section, config.data.time_step_ms), features, synapse, generator)


def _settings(section: SpikingNeurons, step: float) -> dict[str, Any]:
    """Return the settings of a section by the keywords of its model, with times in steps."""
    values: dict[str, Any] = {}
    for each in fields(section):
        value = getattr(section, each.name)
        if each.name in section.bounded:
            value = tuple(map(float, value))
        if each.name.endswith("_ms"):
            value = tuple(to_steps(time, step) for time in value) if isinstance(value, tuple) else to_steps(value, step)
        # a single number is fixed
        values[each.name.removesuffix("_ms")] = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    del values["kind"]
    values["surrogate"] = Surrogate(values["surrogate"], values.pop("surrogate_alpha"))
    return values


def _adaptive(model: Callable[..., Neuron[Any]], values: dict[str, Any], features: int, draw: torch.Generator) -> Any:
    """Return adaptive neurons, whose initial parameters are random."""
    shared = values.pop("learn", "neuron") == "layer"
    return model(**values, features=None if shared else features, generator=draw)


def _meta(values: dict[str, Any], features: int) -> Neuron[Any]:
    recovery, width = values.pop("recovery"), values.pop("noise")
    return MetaNeuron(**values, width=width, recovery=Recovery() if recovery else None, features=features)


def _levy_baxter(values: dict[str, Any], synapse: nn.Module) -> Neuron[Any]:
    if isinstance(synapse, Conv | DelayedConv):
        sources = synapse.patches.field.size
    else:
        sources = cast(nn.Parameter, synapse.weight).shape[1]
    return LevyBaxter(**values, sources=sources)


Builder = Callable[[dict[str, Any], int, nn.Module, torch.Generator], Neuron[Any]]
_OWN: dict[str, Builder] = {
    "lif": lambda values, features, _, __: LIF(**values, features=features),
    "meta": lambda values, features, _, __: _meta(values, features),
    "levy_baxter": lambda values, _, synapse, __: _levy_baxter(values, synapse),
    "second_order": lambda values, features, _, __: SecondOrder(**values, features=features),
    "adlif": lambda values, features, _, draw: _adaptive(AdLIF, values, features, draw),
    "silif": lambda values, features, _, draw: _adaptive(SiLIF, values, features, draw),
    "alif": lambda values, features, _, draw: _adaptive(ALIF, values, features, draw),
    "cuba_lif": lambda values, features, _, __: CubaLIF(**values, features=features),
}
MODELS = plugins.Table(_OWN, plugins.NEURONS, plugins.KindPlugin, entry=lambda plugin: plugin.build)
"""Functions from the settings of a kind, the number of neurons, their synapses and a generator to the neurons."""
