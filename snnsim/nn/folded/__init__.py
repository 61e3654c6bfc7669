"""Neurons between torch's own modules: convolutional and residual stacks over sequences with time in the batch."""

from snnsim.nn.folded.activation import SpikingActivation
from snnsim.nn.folded.sequences import (
    DirectEncoding,
    Folded,
    FoldedDropout,
    Residual,
    TimeMean,
    folded,
    set_steps,
    unfolded,
)

__all__ = [
    "DirectEncoding",
    "Folded",
    "FoldedDropout",
    "Residual",
    "SpikingActivation",
    "TimeMean",
    "folded",
    "set_steps",
    "unfolded",
]
