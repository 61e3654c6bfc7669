"""Neurons: currents in, spikes or voltages out; the state goes in and comes out, and nothing remembers."""

from snnsim.neurons.lif import LIF
from snnsim.neurons.meta import MetaNeuron
from snnsim.neurons.readout import LeakyReadout

__all__ = ["LIF", "LeakyReadout", "MetaNeuron"]
