"""Running a Program on events: whole recordings or a stream, on any number of cores, spike for spike."""

from snnsim.simulation.energy import CHIPS, Chip, energy
from snnsim.simulation.events import Events
from snnsim.simulation.recording import Record
from snnsim.simulation.result import Result
from snnsim.simulation.simulator import ENGINES, PRECISIONS, Simulator, simulate
from snnsim.simulation.state import State

__all__ = [
    "CHIPS",
    "ENGINES",
    "PRECISIONS",
    "Chip",
    "Events",
    "Record",
    "Result",
    "Simulator",
    "State",
    "energy",
    "simulate",
]
