"""Random recordings, and the spikes of each as a list."""

import numpy as np
from hypothesis import strategies as st

from snnsim import ragged
from snnsim.data.recordings import Recordings

CLASSES = ("a", "b", "c")


def random_recordings(seed: int, counts, *, units: int = 700, end_ms: float = 900.0, label=None) -> Recordings:
    """Return recordings with uniform spike times and units.

    Args:
        seed: Seed of times and units.
        counts: Number of spikes of each recording.
        units: Number of units.
        end_ms: End of the range of times.
        label: Class of each recording; None lets the classes take turns.
    """
    rng = np.random.default_rng(seed)
    counts = np.asarray(counts, int)
    times = [np.sort(rng.uniform(0, end_ms, count)) for count in counts]
    return Recordings(
        # whole microseconds, as float32 holds them
        time_ms=np.concatenate([np.zeros(0), *times]).round(3).astype(np.float32),
        unit=rng.integers(0, units, counts.sum()).astype(np.uint16),
        offset=ragged.indptr(counts),
        label=np.arange(len(counts)) % 3 if label is None else np.asarray(label, int),
        speaker=np.full(len(counts), -1),
        classes=CLASSES,
        units=units,
    )


def spikes(recordings: Recordings) -> list[list[tuple[float, int]]]:
    """Return (time, unit) of all spikes of each recording.

    Args:
        recordings: Recordings of any number of spikes.
    """
    rows = [recordings.events(number) for number in range(len(recordings))]
    return [list(zip(time.tolist(), unit.tolist(), strict=True)) for time, unit in rows]


def any_recordings():
    """Return a strategy of recordings, some of them without spikes, some with several in a step and a channel."""
    counts = st.lists(st.integers(0, 40), min_size=1, max_size=9)
    return st.builds(random_recordings, st.integers(0, 2**31), counts, end_ms=st.sampled_from([15.0, 900.0]))
