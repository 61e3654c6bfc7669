"""A listener: sound → 24 kHz → inner ear → grid → simulator → decision, for pieces of any length.

A listener holds no state of streams: `feed` returns what a piece adds, and the state after it.

Shapes   samples (sample,) · scores (class,) · spikes of a layer: step, neuron (spike,)
Units    steps of the Program
Exact    the spikes and the decision of a stream are those of the complete recording at once (`Listener.at_once`)
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from snnsim.data import binning
from snnsim.data.speech import cochlea, parallel_encoding, streaming
from snnsim.data.speech.cochlea import CHANNELS, Level
from snnsim.data.speech.streaming import Ear, EarState, Resampler
from snnsim.listening.live_grid import LiveGrid
from snnsim.program import Program
from snnsim.simulation import Events, Probe, Result, Simulator, State, decisions


class Heard(NamedTuple):
    """What a piece of sound adds."""

    begin: int
    """First step of the piece in the recording."""
    steps: int
    events: Events
    """Input of these steps, counted from 0."""
    result: Result | None
    """Spikes and membranes of these steps; None if no step became complete."""
    scores: np.ndarray
    """Scores of the recording so far (class,)."""


@dataclass(frozen=True, eq=False)
class ListenerState:
    """State of a stream between two pieces."""

    resampler: Resampler
    ear: EarState
    grid: LiveGrid
    simulation: State
    output: np.ndarray
    """Membranes of the readout so far (step, class)."""


class Listener:
    """A Program with an inner ear in front.

    Args:
        program: A Program of one readout of classes, on channels of the inner-ear model.
        rate: Samples per second of the sound.
        level: Mean and loudness of the sound at 24 kHz.
        seed: Seed of the inner-ear model.
        cells_per_place: Bushy cells of a place of the inner-ear model.
        segment: Samples of a segment of the basilar membrane; a longer one is faster, and has a longer latency.

    Raises:
        ValueError: If the Program has other channels or another task.
    """

    def __init__(
        self,
        program: Program,
        rate: int,
        level: Level,
        *,
        seed: int = 0,
        cells_per_place: int = 5,
        segment: int = streaming.SEGMENT,
    ) -> None:
        if program.channels > CHANNELS or CHANNELS % program.channels:
            raise ValueError(
                f"listen: the number of channels must divide the {CHANNELS} of the inner-ear model; the program has "
                f"{program.channels}; take one of speech, such as that of `snnsim train digits`"
            )
        if program.task != "class" or len(program.readouts) != 1 or program.decision is None:
            raise ValueError("listen: the program must have one readout, whose task is the class of a recording")
        if not rate > 0 or rate % 1:
            raise ValueError(f"listen: the rate must be a positive integer number of samples per second, not {rate}")
        self.program, self.rate, self.decision = program, int(rate), str(program.decision)
        self.ear = Ear(level, seed, cells_per_place, segment)
        self.simulator = Simulator(program, threads=1)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; numbers where the Program has none."""
        size = self.program.population(str(self.program.readout)).size
        return self.program.classes or tuple(map(str, range(size)))

    def start(self) -> ListenerState:
        """Return the state at the start of a recording."""
        grid = LiveGrid(self.program.time_step_ms, self.program.channels)
        output = np.zeros((0, len(self.classes)))
        return ListenerState(Resampler(self.rate), self.ear.start(), grid, self.simulator.start(), output)

    def feed(self, samples: np.ndarray, state: ListenerState) -> tuple[Heard, ListenerState]:
        """Return what further samples add, and the state after them.

        Args:
            samples: Next samples (sample,).
            state: State before them; it is not changed.
        """
        sound, resampler = state.resampler.feed(samples)
        spikes, ear = self.ear.feed(sound, state.ear)
        events, grid = state.grid.feed(spikes)
        return self._simulated(events, replace(state, resampler=resampler, ear=ear, grid=grid), state.grid.begin)

    def finish(self, state: ListenerState) -> Heard:
        """Return what the end of the recording adds, with the extra steps of the Program: its scores are the last ones.

        Args:
            state: State after all samples.
        """
        sound, _ = state.resampler.feed(np.zeros(0), last=True)
        spikes, ear = self.ear.feed(sound, state.ear)
        parts = spikes, self.ear.finish(ear)
        step, unit = (np.concatenate([getattr(part, name) for part in parts]) for name in ("step", "unit"))
        events, _ = state.grid.feed(streaming.Spikes(step, unit, parts[-1].end), last=True)
        events = replace(events, length=events.length + self.program.extra_steps)
        heard, _ = self._simulated(events, state, state.grid.begin)
        return heard

    def _simulated(self, events: Events, state: ListenerState, begin: int) -> tuple[Heard, ListenerState]:
        steps, result = int(events.length[0]), None
        if steps:
            result, simulation = self.simulator.feed(events, state.simulation, Probe(spikes=True, membranes=None))
            output = np.concatenate([state.output, result.output()])
            state = replace(state, simulation=simulation, output=output)
        scores = decisions.scores(self.decision, state.output) if len(state.output) else np.zeros(len(self.classes))
        return Heard(begin, steps, events, result, scores), state

    def at_once(self, samples: np.ndarray) -> tuple[Events, Result]:
        """Return the events and the result of a complete recording at once, by the functions of training data.

        Args:
            samples: All samples (sample,). The level is that of the recording, as in training data.
        """
        ear, program = self.ear, self.program
        spikes = cochlea.encode(samples, self.rate, ear.seed, cells_per_place=ear.cells_per_place, segment=ear.segment)
        recording = parallel_encoding.recordings([spikes], np.zeros(1), np.zeros(1), self.classes)
        binned = binning.bin_events(recording, time_step_ms=program.time_step_ms, channels=program.channels)
        step, channel = np.divmod(binned.cell, np.uint32(binned.channels))
        events = Events(step, channel, binned.count, binned.offset, binned.length)
        return events, self.simulator.run(events, Probe(spikes=True))
