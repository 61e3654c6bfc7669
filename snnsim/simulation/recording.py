"""What a run writes down, and where to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from snnsim.kernels.simulate.types import Recorder
from snnsim.program import Program
from snnsim.validation import indices, shown


@dataclass(frozen=True)
class Probe:
    """What to write down besides counts."""

    spikes: bool = False
    """Steps and neurons of all spikes. Recordings are then run twice: to know how many, and to write them down."""
    membranes: Mapping[str, Sequence[int] | None] | None = None
    """Neurons by population, None for all of them, -1 for the last one; by default the readout's."""

    def __post_init__(self) -> None:
        if not isinstance(self.spikes, bool | np.bool_):
            raise TypeError(f"Record: spikes must be True or False, not {shown(self.spikes)}")
        if not (self.membranes is None or isinstance(self.membranes, Mapping)):
            raise TypeError(
                f"Record: membranes must be neurons by population, such as {{'out': None}}, not {shown(self.membranes)}"
            )


@dataclass(frozen=True, eq=False)
class Recorded:
    """Where a run writes to."""

    counts: np.ndarray
    traced: dict[str, np.ndarray]
    chosen: tuple[np.ndarray, np.ndarray]
    trace: np.ndarray
    row: np.ndarray
    spike_step: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    spike_neuron: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    spike_offset: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, program: Program, length: np.ndarray, traced: dict[str, np.ndarray]) -> "Recorded":
        """Return room for counts, and for the membranes of the neurons in `traced`."""
        row = np.concatenate([[0], np.cumsum(length)])
        chosen = _chosen(program, traced)
        kind = np.float64 if program.fixed is None else np.int64
        trace = np.zeros((int(row[-1]), len(chosen[0])), kind)
        return cls(np.zeros((len(length), program.channels + program.size), np.int64), traced, chosen, trace, row)

    def without_traces(self) -> "Recorded":
        """Return room for counts alone."""
        nothing = np.zeros(0, np.int64), np.zeros_like(self.chosen[1])
        return Recorded(np.zeros_like(self.counts), {}, nothing, self.trace[:, :0], self.row)

    def with_room(self, spikes: np.ndarray) -> "Recorded":
        """Return the same with room for so many spikes of each recording."""
        offset = np.concatenate([[0], np.cumsum(spikes)])
        room = (np.zeros(offset[-1], np.int32) for _ in range(2))
        return Recorded(self.counts, self.traced, self.chosen, self.trace, self.row, *room, offset)

    def arrays(self) -> Recorder:
        """Return the memory for results as the kernels take it."""
        recordings = len(self.counts)
        room = np.zeros((recordings, 2), np.int64)
        if len(self.spike_offset):
            room[:, 0], room[:, 1] = self.spike_offset[:-1], self.spike_offset[1:]
        return Recorder(self.counts, *self.chosen, self.trace, self.row, self.spike_step, self.spike_neuron, room)


def traced(program: Program, record: Probe) -> dict[str, np.ndarray]:
    """Return the neurons of each population whose membrane is recorded."""
    wanted = record.membranes
    if wanted is None:
        wanted = {} if program.readout is None else {program.readout: None}
    for name in wanted:
        program.population(name)
    return {
        part.name: _neurons(part.name, part.size, wanted[part.name])
        for part in program.populations
        if part.name in wanted
    }


def _neurons(name: str, size: int, chosen: Sequence[int] | None) -> np.ndarray:
    return np.arange(size) if chosen is None else indices(chosen, size, who="Record", name=f"neurons of {name!r}")


def _chosen(program: Program, traced: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen neurons of all populations, and where those of each population start."""
    parts, start = [np.zeros(0, np.int64)], 0
    for population in program.populations:
        parts.append(traced.get(population.name, np.zeros(0, np.int64)) + start)
        start += population.size
    return np.concatenate(parts), np.cumsum([0, *(len(part) for part in parts[1:])])
