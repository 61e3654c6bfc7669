"""Temporal sparsity: coded activations whose changes over time are events, around a user's own network."""

from snnsim.delta.coding import Coding, DeltaActivation, TemporalDelta, quantize
from snnsim.delta.examine import Report, Taken
from snnsim.delta.freeze import encode, freeze
from snnsim.delta.layer import DeltaLayer, differences
from snnsim.delta.sigma_delta import SigmaDelta
from snnsim.delta.sparsify import Sparsified, sparsify
from snnsim.delta.trace import LayerCount, Trace

__all__ = [
    "Coding",
    "DeltaActivation",
    "DeltaLayer",
    "LayerCount",
    "Report",
    "SigmaDelta",
    "Sparsified",
    "Taken",
    "TemporalDelta",
    "Trace",
    "differences",
    "encode",
    "freeze",
    "quantize",
    "sparsify",
]
