"""Running a Program on events: whole recordings or a stream, on any number of cores, spike for spike."""

import warnings
from typing import Any

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


def __getattr__(name: str) -> Any:
    if name == "Record":
        warnings.warn("snnsim.simulation.Record is now called Probe", DeprecationWarning, stacklevel=2)
        return Probe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
