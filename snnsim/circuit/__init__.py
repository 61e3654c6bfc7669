"""Large networks of one kind of neuron with exponential synapses, and the cortical microcircuit among them."""

from snnsim.circuit.layout import Lists, to_lists
from snnsim.circuit.network import Circuit, Spikes, at_start, build, connected, run
from snnsim.circuit.spec import Neuron, Spec

__all__ = ["Circuit", "Lists", "Neuron", "Spec", "Spikes", "at_start", "build", "connected", "run", "to_lists"]
