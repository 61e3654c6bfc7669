"""Recording: the spikes and membranes that a run records, and the arrays that kernels write them into."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from snnsim.kernels.simulate.types import Recorder
from snnsim.program import Program
from snnsim.validation import indices, shown


@dataclass(frozen=True)
class Probe:
    """The spikes and membranes to record, besides counts of spikes."""

    spikes: bool = False
    """Whether to record steps and neurons of all spikes. A run then computes recordings twice: to count their spikes,
    and to record them."""
    membranes: Mapping[str, Sequence[int] | None] | None = None
    """Neurons by population: indices, -1 for the last one, or None for all neurons; by default all readouts."""

    def __post_init__(self) -> None:
        if not isinstance(self.spikes, bool | np.bool_):
            raise TypeError(f"Probe: spikes must be True or False, not {shown(self.spikes)}")
        if not (self.membranes is None or isinstance(self.membranes, Mapping)):
            raise TypeError(
                f"Probe: membranes must be neurons by population, such as {{'out': None}}, not {shown(self.membranes)}"
            )


@dataclass(frozen=True, eq=False)
class Recorded:
    """The arrays that a run writes."""

    counts: np.ndarray
    """int64 (recording, channel + neuron), spikes of each channel and neuron."""
    traced: dict[str, np.ndarray]
    """Neurons of each population whose membrane is recorded."""
    chosen: tuple[np.ndarray, np.ndarray]
    """These neurons among all neurons (chosen,), and the first of each population (population + 1,)."""
    trace: np.ndarray
    """Membranes (step of all recordings, chosen)."""
    row: np.ndarray
    """int64 (recording + 1,), the first row of `trace` of each recording."""
    spike_step: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    spike_neuron: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    spike_offset: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """int64 (recording + 1,), the first spike of each recording; empty if spikes are not recorded."""

    @classmethod
    def of(cls, program: Program, length: np.ndarray, traced: dict[str, np.ndarray]) -> "Recorded":
        """Return arrays for counts and membranes.

        Args:
            program: The Program.
            length: Steps of each recording (recording,).
            traced: Neurons of each population whose membrane is recorded.
        """
        row = np.concatenate([[0], np.cumsum(length)])
        chosen = _chosen(program, traced)
        kind = np.float64 if program.fixed is None else np.int64
        trace = np.zeros((int(row[-1]), len(chosen[0])), kind)
        return cls(np.zeros((len(length), program.channels + program.size), np.int64), traced, chosen, trace, row)

    def without_traces(self) -> "Recorded":
        """Return arrays for counts alone."""
        none = np.zeros(0, np.int64), np.zeros_like(self.chosen[1])
        return Recorded(np.zeros_like(self.counts), {}, none, self.trace[:, :0], self.row)

    def with_spikes(self, spikes: np.ndarray) -> "Recorded":
        """Return the same arrays, and arrays for spikes.

        Args:
            spikes: Number of spikes of each recording (recording,).
        """
        offset = np.concatenate([[0], np.cumsum(spikes)])
        step, neuron = np.zeros(offset[-1], np.int32), np.zeros(offset[-1], np.int32)
        return replace(self, spike_step=step, spike_neuron=neuron, spike_offset=offset)

    def recorder(self) -> Recorder:
        """Return the arrays of the kernels."""
        spike_range = np.zeros((len(self.counts), 2), np.int64)
        if len(self.spike_offset):
            spike_range[:, 0], spike_range[:, 1] = self.spike_offset[:-1], self.spike_offset[1:]
        return Recorder(
            self.counts, *self.chosen, self.trace, self.row, self.spike_step, self.spike_neuron, spike_range
        )


def traced(program: Program, probe: Probe) -> dict[str, np.ndarray]:
    """Return the neurons of each population whose membrane is recorded, in the order of the populations.

    Args:
        program: The Program.
        probe: The spikes and membranes to record.

    Raises:
        ValueError: If the probe names an unknown population or neuron.
    """
    chosen = probe.membranes
    if chosen is None:
        chosen = {readout.population: None for readout in program.readouts}
    for name in chosen:
        # raises the error on an unknown name
        program.population(name)
    return {
        population.name: _neurons(population.name, population.size, chosen[population.name])
        for population in program.populations
        if population.name in chosen
    }


def _neurons(name: str, size: int, chosen: Sequence[int] | None) -> np.ndarray:
    return np.arange(size) if chosen is None else indices(chosen, size, who="Probe", name=f"neurons of {name!r}")


def _chosen(program: Program, traced: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the chosen neurons of all populations, and the first of each population among them."""
    neurons, start = [np.zeros(0, np.int64)], 0
    for population in program.populations:
        neurons.append(traced.get(population.name, np.zeros(0, np.int64)) + start)
        start += population.size
    return np.concatenate(neurons), np.cumsum([0, *map(len, neurons[1:])])
