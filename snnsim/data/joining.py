"""Binned parts of a file as one."""

from dataclasses import replace

import numpy as np

from snnsim import ragged
from snnsim.data import targets
from snnsim.data.binning import Binned


def joined(parts: list[Binned]) -> Binned:
    """Return the recordings of all parts, one part after the other; the list is empty then, to save memory.

    Args:
        parts: One part or more, on the same grid.
    """
    sizes, dropped = [len(part.cell) for part in parts], sum(part.dropped for part in parts)
    cell, count = np.empty(sum(sizes), np.uint32), np.empty(sum(sizes), np.result_type(*(p.count for p in parts)))
    first, columns = parts[0], [(part.length, part.label, part.speaker) for part in parts]
    length, label, speaker = (np.concatenate(column) for column in zip(*columns, strict=True))
    offset = ragged.indptr(np.concatenate([np.diff(part.offset) for part in parts]))
    joint_targets = targets.joined([part.targets for part in parts], "joined")
    end = len(cell)
    while parts:
        part = parts.pop()
        cell[end - len(part.cell) : end], count[end - len(part.cell) : end] = part.cell, part.count
        end -= len(part.cell)
    return replace(
        first, cell=cell, count=count, offset=offset, length=length, label=label, speaker=speaker, dropped=dropped,
        targets=joint_targets,
    )  # fmt: skip
