"""The grid of a stream: spikes of the inner-ear model become events of complete steps.

    step = floor(x + min(2 ε x, 1/4))    x = time / dt, time in float16 seconds, ε = 2^-23

The length of a recording is its last step with a spike, so that steps without a spike wait until a later spike comes,
and those at the end are left out.

Shapes   step, unit (spike,) · step, channel, count (event,)
Units    spikes in steps of 1 / 24,000 s, events in steps of dt
Differs  `data.binning` also has recordings whose times are rounded multiples of dt; spikes of the inner-ear model at
         24 kHz are none. For them, the events of a stream are those of `bin_events`
"""

from dataclasses import dataclass, field

import numpy as np

from snnsim.data.speech import streaming
from snnsim.data.speech.cochlea import CHANNELS
from snnsim.simulation import Events

_TOLERANCE = 2 * 2.0**-23


@dataclass(frozen=True, eq=False)
class LiveGrid:
    """Spikes of steps that are not complete; a value, as each piece returns the next one."""

    time_step_ms: float
    channels: int
    begin: int = 0
    """First step that was not given out."""
    step: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Steps of waiting spikes (spike,)."""
    unit: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint16))

    def feed(self, spikes: streaming.Spikes, *, last: bool = False) -> "tuple[Events, LiveGrid]":
        """Return the events of all steps that are complete, as one recording that begins at step `begin`.

        Args:
            spikes: Further spikes of the inner-ear model.
            last: Whether the recording ends with them.
        """
        step, unit = np.concatenate([self.step, spikes.step]), np.concatenate([self.unit, spikes.unit])
        # further spikes belong to the step of the first open time, or to later ones
        open_step = int(steps_of(np.array([spikes.end]), self.time_step_ms)[0])
        complete = np.ones(len(step), bool) if last else steps_of(step, self.time_step_ms) < open_step
        later = step[~complete], unit[~complete]
        # the order of a recording, so that currents are added in the order of its spikes
        order = np.lexsort((unit[complete], streaming.seconds(step[complete])))
        step, unit = steps_of(step[complete][order], self.time_step_ms), unit[complete][order]
        end = int(step.max(initial=self.begin - 1)) + 1
        # a recording has one step at least
        end = max(end, 1) if last else end
        cell = (step - self.begin) * self.channels + unit.astype(np.int64) // (CHANNELS // self.channels)
        cell, first, count = np.unique(cell, return_index=True, return_counts=True)
        order = np.argsort(first)
        of_piece, channel = np.divmod(cell[order], self.channels)
        events = Events(of_piece, channel, count[order], np.array([0, len(cell)]), np.array([end - self.begin]))
        return events, LiveGrid(self.time_step_ms, self.channels, end, *later)


def steps_of(step: np.ndarray, time_step_ms: float) -> np.ndarray:
    """Return the steps of the grid, int64 (spike,).

    Args:
        step: Steps of the inner-ear model (spike,), ascending or not.
        time_step_ms: Duration of a step of the grid.
    """
    milliseconds = (streaming.seconds(step).astype(np.float32) * 1000).astype(np.float64)
    x = milliseconds / time_step_ms
    steps: np.ndarray = np.floor(x + np.minimum(_TOLERANCE * x, 0.25)).astype(np.int64)
    return steps
