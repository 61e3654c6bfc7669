"""Recordings on a grid as input of the simulator."""

import numpy as np

from snnsim import ragged
from snnsim.data.binning import Binned
from snnsim.data.coding.coded import CodedRecordings
from snnsim.data.grid_recordings import GridRecordings
from snnsim.experiment import build
from snnsim.simulation import Events


def to_events(binned: GridRecordings) -> Events:
    """Return recordings on a grid as events of a simulator.

    Args:
        binned: Recordings on a grid whose channels are the inputs of the program.
    """
    if not isinstance(binned, Binned):
        return _coded_events(binned)
    step, channel = np.divmod(binned.cell, np.uint32(binned.channels))
    return Events(step, channel, binned.count, binned.offset, binned.length)


def _coded_events(coded: CodedRecordings) -> Events:
    """Return coded recordings as events; whole numbers stay integers, which integer programs need."""
    parts = []
    for start in range(0, len(coded), build.EVALUATION_BATCH):
        number = np.arange(start, min(start + build.EVALUATION_BATCH, len(coded)))
        frames, length = coded.dense(number)
        integral = bool((frames == np.floor(frames)).all())
        parts.append(Events.from_frames(frames.astype(np.int32) if integral else frames, length))
    columns = [(each.step, each.channel, each.count, np.diff(each.offset), each.length) for each in parts]
    step, channel, count, events, length = (np.concatenate(column) for column in zip(*columns, strict=True))
    return Events(step, channel, count, ragged.indptr(events), length)
