"""Recordings as backends take them: whole numbers of spikes, in one row for each step and channel."""

import numpy as np

from snnsim.program import Program
from snnsim.simulation import Events
from snnsim.validation import is_whole


def refuse_graded_input(program: Program, events: Events) -> None:
    """Check that counts are numbers of spikes, or of a Program with graded messages whole messages.

    Args:
        program: The Program that a backend runs.
        events: The recordings.

    Raises:
        ValueError: If one is not.
    """
    count = events.count
    if not (is_whole(count) and (program.graded or count.min(initial=0) >= 0)):
        wrong = count[(count != np.floor(count)) | (count < 0)]
        raise ValueError(
            f"verify: counts must be numbers of spikes, whole and at least 0, as backends take no graded input; got "
            f"{wrong[0]:g}; round the input, or run the program by snnsim alone"
        )


def joined_rows(events: Events) -> Events:
    """Return recordings with one row for each step and channel, ascending, and none for a count of 0.

    Args:
        events: Recordings with whole counts. Counts of one step and channel are added.
    """
    recording = np.repeat(np.arange(len(events)), np.diff(events.offset))
    order = np.lexsort((events.channel, events.step, recording))
    keys = np.stack([recording, events.step, events.channel])[:, order]
    first = np.ones(keys.shape[1], bool)
    first[1:] = (keys[:, 1:] != keys[:, :-1]).any(0)
    start = np.flatnonzero(first)
    count = np.add.reduceat(events.count[order].astype(np.int64), start) if len(start) else np.zeros(0, np.int64)
    recording, step, channel = keys[:, start[count != 0]]
    offset = np.cumsum([0, *np.bincount(recording, minlength=len(events))])
    return Events(step, channel, count[count != 0], offset, events.length)
