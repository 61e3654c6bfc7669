"""The neurons of a config, with their initial parameters."""

from collections.abc import Callable
from typing import Any, cast

from torch import nn

from snnsim.config import Config
from snnsim.nn import LIF, Conv, DelayedConv, LevyBaxter, MetaNeuron, SecondOrder
from snnsim.nn.meta import Recovery
from snnsim.nn.protocols import Neuron
from snnsim.surrogate import Surrogate
from snnsim.units import to_steps


def build(config: Config, features: int, synapse: nn.Module) -> Neuron[Any]:
    """Return the neurons of a layer.

    Args:
        config: The config of the run.
        features: Number of neurons, or of channels of a convolution.
        synapse: The synapses in front of the neurons.
    """
    net = config.network
    common = {"threshold": net.threshold, "surrogate": Surrogate(net.surrogate, net.surrogate_alpha)}
    return _BUILD[net.neuron](config, common, features, synapse)


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
