"""Trained networks of other libraries as Programs, with the very spikes of these libraries."""

from snnsim.interoperability.snntorch_neurons import from_snntorch
from snnsim.interoperability.spikingjelly_neurons import from_spikingjelly

__all__ = ["from_snntorch", "from_spikingjelly"]
