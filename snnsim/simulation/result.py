"""What a run gave, by population and recording."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snnsim.program import INPUT, Program
from snnsim.simulation import decisions
from snnsim.validation import index, shown


@dataclass(frozen=True, eq=False)
class Result:
    """Counts of every recording, and the spikes and membranes that were asked for."""

    program: Program
    length: np.ndarray
    """Steps that each recording ran."""
    node_counts: np.ndarray
    """int64 (recording, channel + neuron), spikes of every input channel and neuron."""
    fan_out: np.ndarray
    """int64 (channel + neuron,), the synapses that a spike of each reaches."""
    input_events: np.ndarray
    """int64 (recording, channel), (step, channel) pairs with a spike: each is delivered once, whatever its count."""
    traced: dict[str, np.ndarray]
    """Neurons of each population whose membrane was recorded."""
    traces: np.ndarray
    """(step of all recordings, chosen neuron)."""
    spike_step: np.ndarray
    spike_neuron: np.ndarray
    spike_offset: np.ndarray
    """Where the spikes of each recording start, if they were recorded."""

    def __len__(self) -> int:
        return len(self.length)

    def counts(self, population: str) -> np.ndarray:
        """Return the spikes of each neuron (recording, neuron) of a population, or of the input's channels."""
        begin, end = self._range(population)
        return self.node_counts[:, begin:end]

    def spikes(self, population: str, recording: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps and the neurons of a population's spikes, in the order of time; -1 is the last recording."""
        if len(self.spike_offset) == 0:
            raise ValueError("Result: no spikes were recorded; ask for them with Record(spikes=True)")
        recording = self._recording(recording)
        begin, end = self._range(population)
        part = slice(self.spike_offset[recording], self.spike_offset[recording + 1])
        neuron = self.spike_neuron[part] - (begin - self.program.channels)
        kept = (neuron >= 0) & (neuron < end - begin)
        return self.spike_step[part][kept], neuron[kept]

    def membrane(self, population: str, recording: int = 0) -> np.ndarray:
        """Return the membranes (time, chosen neuron) before the reset, in the units of the trained network."""
        if population not in self.traced:
            known = ", ".join(map(repr, self.traced)) or "none"
            raise ValueError(
                f"Result: no membrane of {population!r} was recorded (recorded: {known}); ask for it with "
                "Record(membranes={...})"
            )
        recording = self._recording(recording)
        before = 0
        for name, neurons in self.traced.items():
            if name == population:
                break
            before += len(neurons)
        neurons = self.traced[population]
        row = int(self.length[:recording].sum())
        part = self.traces[row : row + self.length[recording], before : before + len(neurons)]
        return part * self.program.population(population).scale[neurons]

    def output(self, recording: int = 0) -> np.ndarray:
        """Return the membrane of the readout (time, class)."""
        if self.program.readout is None:
            raise ValueError("Result: the program has no readout, so it has no output")
        return self.membrane(self.program.readout, recording)

    def scores(self, decide: Callable[[np.ndarray], np.ndarray] | None = None) -> np.ndarray:
        """Return one score per class (recording, class), by the Program's decision or another one."""
        name = self.program.decision
        if not (decide is None or callable(decide)):
            raise TypeError(f"Result: decide must be a function of the output (time, class), not {shown(decide)}")
        if decide is None and name is None:
            raise ValueError("Result: the program has no decision; give one, such as decisions.SCORES['max_membrane']")
        if len(self) and self.length.min() == 0:
            raise ValueError(f"Result: recording {int(self.length.argmin())} has no steps to decide by")
        rows: list[np.ndarray] = []
        for recording in range(len(self)):
            output = self.output(recording)
            rows.append(decide(output) if decide is not None else decisions.scores(str(name), output))
        return np.array(rows) if rows else np.zeros((0, self.program.population(str(self.program.readout)).size))

    def predictions(self) -> np.ndarray:
        """Return the class of each recording."""
        return self.scores().argmax(-1)

    def synaptic_events(self) -> np.ndarray:
        """Return how often something was added at a synapse's target (recording,): the work of the engine.

        Spikes of a channel that share a step are delivered together.
        """
        delivered = self.node_counts.copy()
        delivered[:, : self.program.channels] = self.input_events
        return delivered @ self.fan_out

    def synaptic_operations(self) -> np.ndarray:
        """Return how many spikes reached a synapse (recording,): what a chip does, which delivers every spike."""
        return self.node_counts @ self.fan_out

    def _recording(self, recording: int) -> int:
        return index(recording, len(self), who="Result", name="recording")

    def _range(self, population: str) -> tuple[int, int]:
        if population == INPUT:
            return 0, self.program.channels
        begin = self.program.channels
        for other in self.program.populations:
            if other.name == population:
                break
            begin += other.size
        return begin, begin + self.program.population(population).size
