"""Neurons: currents in, spikes or voltages out; the state goes in and comes out, and nothing remembers."""

from snnsim.neurons.levy_baxter import LevyBaxter
from snnsim.neurons.lif import LIF
from snnsim.neurons.meta import MetaNeuron
from snnsim.neurons.readout import LeakyReadout
from snnsim.neurons.second_order import SecondOrder

__all__ = ["LIF", "LeakyReadout", "LevyBaxter", "MetaNeuron", "SecondOrder"]
