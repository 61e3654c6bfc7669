"""Events as the kernels read them: counts of the type of a network's currents, in the order of sums.

Channels ascend within a step, which defines the order in which currents are added. In integers, a check of the largest
possible current of a step replaces saturation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.kernels.simulate.clock_driven import largest_count
from snnsim.kernels.simulate.types import EventArrays
from snnsim.simulation.events import Events
from snnsim.simulation.lowering import Network


@dataclass(frozen=True, eq=False)
class Counted:
    """Events with counts of the type of a network's currents."""

    step: np.ndarray
    channel: np.ndarray
    count: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    """Steps of each recording, its extra steps included (recording,)."""
    recording: np.ndarray
    """The recording of each event (event,)."""
    spikes: np.ndarray
    """Number of spikes of each event; a graded input counts as one spike (event,)."""

    @classmethod
    def of(cls, events: Events, length: np.ndarray, network: Network, *, waiting: int = 0) -> "Counted":
        """Return events for a network.

        Args:
            events: The events, with channels in any order within a step.
            length: Steps of each recording, its extra steps included (recording,).
            network: The network.
            waiting: In integers, the largest size of a current on its way beside which another current of the same
                synapses may arrive, as after a change of delays.

        Raises:
            ValueError: If a channel or a count is out of the range of the network.
        """
        channels, dtype = network.channels, network.numbers.current
        if len(events.channel) and not (events.channel.min() >= 0 and events.channel.max() < channels):
            raise ValueError(
                f"simulate: channels must be from 0 to {channels - 1}, not {events.channel.min()} to "
                f"{events.channel.max()}; bin the recordings to the program's {channels} channels"
            )
        channel, values = _ordered(events, channels)
        count = values.astype(dtype)
        if not np.array_equal(count, values):
            raise ValueError(f"simulate: a count is {values[count != values][0]}; counts must be {_range(dtype)}")
        if np.issubdtype(dtype, np.integer):
            _check_sums(events, channel, count, network, waiting)
        recording = np.repeat(np.arange(len(events)), np.diff(events.offset))
        return cls(events.step, channel, count, events.offset, length, recording, _spikes(values))

    def arrays(self) -> EventArrays:
        """Return the arrays of the kernels."""
        return EventArrays(self.step, self.channel, self.count, self.offset, self.length)

    def events_and_spikes(self, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of events and of spikes of each channel, both int64 (recording, channel).

        Args:
            channels: Number of channels.
        """
        shape = len(self.length), channels
        row = self.recording * channels + self.channel
        events = np.bincount(row, minlength=shape[0] * shape[1]).reshape(shape)
        spikes = np.bincount(row, self.spikes, minlength=shape[0] * shape[1]).reshape(shape)
        return events, spikes.astype(np.int64)


def _ordered(events: Events, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return channels and counts with ascending channels in each step; steps stay as they are."""
    begins = events.step[1:] != events.step[:-1]
    if not ((events.channel[1:] < events.channel[:-1]) & ~begins).any():
        return events.channel, events.count
    first = np.concatenate(([True], begins))
    first[events.offset[events.offset < len(first)]] = True
    # the number of a step, over all recordings, and the channel as one number; events of a step stand together
    position = np.argsort(np.cumsum(first) * channels + events.channel, kind="stable")
    return events.channel[position], events.count[position]


def _check_sums(events: Events, channel: np.ndarray, count: np.ndarray, network: Network, waiting: int) -> None:
    work = np.full(network.channels, -1), np.zeros(network.channels, np.int64)
    largest = largest_count(events.step, channel, count, events.offset, *work)
    total = waiting + network.fan_in * max(1, largest)
    if total > np.iinfo(network.numbers.current).max:
        raise ValueError(
            f"simulate: the largest sum of integer weights does not fit 32 bits, as it may be {total:,.0f}; use "
            "smaller counts, or quantize to fewer bits"
        )


def _range(dtype: Any) -> str:
    """Return the range of counts for a message."""
    if np.issubdtype(dtype, np.integer):
        return f"integers that fit {np.dtype(dtype)}"
    return f"numbers that {np.dtype(dtype)} holds exactly; use the precision float64"


def _spikes(count: np.ndarray) -> np.ndarray:
    if count.dtype.kind in "bu":
        return count
    return np.where((count >= 0) & (count == np.rint(count)), count, 1)
