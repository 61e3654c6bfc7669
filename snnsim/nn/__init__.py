"""Networks of PyTorch modules: synapses, neurons, normalization, layers, and freezing into a Program.

Synapses map spikes to currents, neurons map currents to spikes or voltages. Their state is an argument and a result;
no module keeps it between calls. A synapse or a neuron model of your own subclasses `Synapse` or `Neuron`.
"""

from snnsim.nn.adlif import AdLIF
from snnsim.nn.alif import ALIF
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.conv import Conv, DelayedConv
from snnsim.nn.cuba_lif import CubaLIF
from snnsim.nn.delayed_linear import DelayedLinear
from snnsim.nn.heads import Head
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.levy_baxter import LevyBaxter
from snnsim.nn.lif import LIF
from snnsim.nn.linear import SparseLinear
from snnsim.nn.logistic_conv import LogisticConv
from snnsim.nn.meta import MetaNeuron
from snnsim.nn.network import SpikingNetwork, constrain_after
from snnsim.nn.protocols import Neuron, Synapse
from snnsim.nn.readout import LeakyReadout
from snnsim.nn.recurrence import Recurrence
from snnsim.nn.scaled_lif import ScaledLIF
from snnsim.nn.second_order import SecondOrder
from snnsim.nn.silif import SiLIF
from snnsim.nn.skip import Skip
from snnsim.nn.two_state import TwoState
from snnsim.nn.unit_gain_lif import UnitGainLIF

__all__ = [
    "ALIF",
    "LIF",
    "AdLIF",
    "BatchNorm",
    "Conv",
    "CubaLIF",
    "DelayedConv",
    "DelayedLinear",
    "Head",
    "LeakyReadout",
    "LevyBaxter",
    "LogisticConv",
    "MetaNeuron",
    "Neuron",
    "Recurrence",
    "ScaledLIF",
    "SecondOrder",
    "SiLIF",
    "Skip",
    "SparseLinear",
    "SpikingLayer",
    "SpikingNetwork",
    "Synapse",
    "TwoState",
    "UnitGainLIF",
    "constrain_after",
]
