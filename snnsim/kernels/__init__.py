"""Fast forms of what neurons and synapses define, each beside a plain reference."""

from snnsim.kernels.choice import plain

__all__ = ["plain"]
