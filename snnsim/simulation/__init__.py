"""Simulation of a Program on events: recordings or streams, on any number of cores, with the same spikes."""

from snnsim import renamed
from snnsim.simulation.energy import CHIPS, Chip, energy
from snnsim.simulation.events import Events
from snnsim.simulation.recording import Probe
from snnsim.simulation.result import Result
from snnsim.simulation.simulator import ENGINES, PRECISIONS, Simulator, simulate
from snnsim.simulation.state import State

__all__ = [
    "CHIPS",
    "ENGINES",
    "PRECISIONS",
    "Chip",
    "Events",
    "Probe",
    "Result",
    "Simulator",
    "State",
    "energy",
    "simulate",
]

__getattr__ = renamed.attributes(__name__, {"Record": "Probe"})
