"""Options of a compiled pass over the neurons of a layer; `Neuron.fused` takes them."""

from typing import NamedTuple

from torch import Tensor

from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron.autograd import Statistics


class Normalization(NamedTuple):
    """A batch normalization: y = weight (x − mean) / √(variance + ε) + bias, each (neuron,)."""

    weight: Tensor
    bias: Tensor
    statistics: Statistics


class NeuronOptions(NamedTuple):
    """Options of a compiled pass over the neurons, with the normalization before and the dropout behind them."""

    temporal: bool = True
    """Whether gradients pass through the state from step to step."""
    draws: Draws | None = None
    """Random counter of the first step; None for no randomness."""
    record: bool = False
    """Whether the membrane is recorded."""
    norm: Normalization | None = None
    valid: Tensor | None = None
    """Steps of each recording that count in the normalization, (batch,); the others get no current. None: all steps."""
    mask: Tensor | None = None
    """Dropout mask that multiplies the spikes, (batch, neuron)."""


DEFAULTS = NeuronOptions()
