"""The result of a run: spikes, membranes and scores by population and recording."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.program import INPUT, Program, Readout
from snnsim.simulation import decisions
from snnsim.validation import index, lookup, shown


@dataclass(frozen=True, eq=False)
class Result:
    """Counts of every recording, and the spikes and membranes that a Probe records."""

    program: Program
    length: np.ndarray
    """Steps that each recording ran."""
    node_counts: np.ndarray
    """int64 (recording, channel + neuron), spikes of every input channel and neuron."""
    fan_out: np.ndarray
    """int64 (channel + neuron,), the number of synapses of each source."""
    input_events: np.ndarray
    """int64 (recording, channel), pairs of a step and a channel with events: a pair is delivered once for any count."""
    traced: dict[str, np.ndarray]
    """Neurons of each population whose membrane was recorded."""
    traces: np.ndarray
    """Membranes (step of all recordings, chosen neuron), in units of the Program."""
    spike_step: np.ndarray
    """int32 (spike,), in the order of recordings and steps."""
    spike_neuron: np.ndarray
    """int32 (spike,), among the neurons of all populations."""
    spike_offset: np.ndarray
    """int64 (recording + 1,), the first spike of each recording; empty if spikes were not recorded."""
    extra_steps: int = 0
    """The last steps of `length`, which ran after each recording; a piece of a stream has none."""

    def __len__(self) -> int:
        return len(self.length)

    def counts(self, population: str) -> np.ndarray:
        """Return the number of spikes of each neuron of a population, or of each channel of INPUT.

        Args:
            population: Name of the population, or INPUT.

        Returns:
            int64 (recording, neuron).
        """
        begin, end = self._range(population)
        return self.node_counts[:, begin:end]

    def spikes(self, population: str, recording: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return the step and the neuron of each spike of a population, in the order of time.

        Args:
            population: Name of the population.
            recording: Index of the recording; -1 is the last.

        Raises:
            TypeError: If the index is no integer.
            ValueError: If no spikes were recorded, or the population or the recording is unknown.
        """
        if len(self.spike_offset) == 0:
            raise ValueError("Result: no spikes were recorded; ask for them with Probe(spikes=True)")
        recording = self._recording(recording)
        begin, end = self._range(population)
        spikes = slice(self.spike_offset[recording], self.spike_offset[recording + 1])
        neuron = self.spike_neuron[spikes] - (begin - self.program.channels)
        mask = (neuron >= 0) & (neuron < end - begin)
        return self.spike_step[spikes][mask], neuron[mask]

    def membrane(self, population: str, recording: int = 0) -> np.ndarray:
        """Return membranes before the reset, in units of the trained network.

        Args:
            population: Name of the population.
            recording: Index of the recording; -1 is the last.

        Returns:
            float64 (time, chosen neuron).

        Raises:
            TypeError: If the index is no integer.
            ValueError: If no membrane of the population was recorded, or the recording is unknown.
        """
        if population not in self.traced:
            known = ", ".join(map(repr, self.traced)) or "none"
            raise ValueError(
                f"Result: no membrane of {population!r} was recorded (recorded: {known}); ask for it with "
                "Probe(membranes={...})"
            )
        recording = self._recording(recording)
        neurons = self.traced[population]
        names = list(self.traced)
        column = sum(len(self.traced[name]) for name in names[: names.index(population)])
        row = int(self.length[:recording].sum())
        trace = self.traces[row : row + self.length[recording], column : column + len(neurons)]
        membrane: np.ndarray = trace * self.program.population(population).scale[neurons]
        return membrane

    def output(self, recording: int = 0, *, readout: str | None = None) -> np.ndarray:
        """Return the membrane of a readout (time, class), in units of the trained network.

        Args:
            recording: Index of the recording; -1 is the last.
            readout: Name of the readout; None where the Program has one.

        Raises:
            ValueError: If the Program has no such readout, or its membrane was not recorded.
        """
        return self.membrane(self._readout(readout).population, recording)

    def scores(
        self, decide: Callable[[np.ndarray], np.ndarray] | None = None, *, readout: str | None = None
    ) -> np.ndarray:
        """Return one score per class (recording, class).

        Args:
            decide: From the output (time, class) of a recording to its scores (class,); None for the decision of the
                readout.
            readout: Name of the readout; None where the Program has one.

        Raises:
            TypeError: If `decide` is no function.
            ValueError: If there is no such readout, no decision, no membrane of the readout, or a recording without
                steps.
        """
        if not (decide is None or callable(decide)):
            raise TypeError(f"Result: decide must be a function of the output (time, class), not {shown(decide)}")
        chosen = self._readout(readout)
        if decide is None and chosen.decision is None:
            raise ValueError(
                f"Result: the readout {chosen.population!r} has no decision; name one in freeze, such as "
                "decision='max_membrane', or give a function of its output (time, class) to scores"
            )
        if len(self) and self.length.min() == 0:
            raise ValueError(f"Result: recording {int(self.length.argmin())} has no steps to decide by")
        rows: list[np.ndarray] = []
        for recording in range(len(self)):
            output = self.membrane(chosen.population, recording)
            rows.append(decide(output) if decide is not None else decisions.scores(str(chosen.decision), output))
        return np.array(rows) if rows else np.zeros((0, self.program.population(chosen.population).size))

    def predictions(self, *, readout: str | None = None) -> Any:
        """Return the predictions of the task of a readout.

        Args:
            readout: Name of the readout; None where the Program has one.

        Returns:
            The class with the largest score of each recording (recording,), or its numbers (recording, target). Of
            tasks of steps, a list with the classes (time,) or numbers (time, target) of each recording, without the
            extra steps.
        """
        chosen = self._readout(readout)
        if not chosen.per_step:
            scores = self.scores(readout=readout)
            return scores.argmax(-1) if chosen.of_classes else scores
        outputs = (self.membrane(chosen.population, recording) for recording in range(len(self)))
        steps = [output[: len(output) - self.extra_steps] for output in outputs]
        return [output.argmax(-1) for output in steps] if chosen.of_classes else steps

    def _readout(self, name: str | None) -> Readout:
        """Return a readout of the Program.

        Raises:
            ValueError: If there is no such readout, or one of several must be chosen.
        """
        readouts = {readout.population: readout for readout in self.program.readouts}
        if not readouts:
            raise ValueError("Result: the program has no readout, so it has no output")
        if name is None and len(readouts) > 1:
            names = ", ".join(map(repr, readouts))
            raise ValueError(f"Result: the program has several readouts; choose one: readout= one of {names}")
        return lookup(readouts, next(iter(readouts)) if name is None else name, "Result: readout")

    def synaptic_events(self) -> np.ndarray:
        """Return the number of additions at targets of synapses (recording,), the work of the engine.

        Spikes of a channel in one step are delivered together.
        """
        delivered = self.node_counts.copy()
        delivered[:, : self.program.channels] = self.input_events
        events: np.ndarray = delivered @ self.fan_out
        return events

    def synaptic_operations(self) -> np.ndarray:
        """Return the number of spikes that reach a synapse (recording,), the work of a chip."""
        operations: np.ndarray = self.node_counts @ self.fan_out
        return operations

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
