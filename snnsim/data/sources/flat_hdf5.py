"""Named arrays of an HDF5 file, which a process of its own has read to the end before (data/hdf5.py says why).

Arrays lie at the top of the file, as data sets or as attributes. Data sets of numbers are read in pieces.
"""

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim.data import hdf5

SCHEMA = "a file of events or frames has its arrays at the top: times, channels, offsets, labels, or frames, labels"
_PIECE = 2**24
"""Bytes that are read at a time."""


def top_level(file: h5py.File, size: int) -> dict[str, h5py.Dataset]:
    """Return the data sets at the top of a file, by name.

    Args:
        file: The open file.
        size: Bytes of the file.

    Raises:
        hdf5.Wrong: If one is a link to another file, lies elsewhere, or is too large.
    """
    datasets = {}
    for name in file:
        if isinstance(file.get(name, getlink=True), h5py.ExternalLink):
            raise hdf5.Wrong(f"{name} is a link to another file, which is not followed; copy the data")
        item = file[name]
        if isinstance(item, h5py.Dataset):
            hdf5.require_inside(item, name, size)
            datasets[str(name)] = item
    return datasets


def parsed(source: Path | bytes, size: int) -> None:
    """Read all data sets at the top of a file, in pieces.

    Args:
        source: The file, or its content.
        size: Bytes of the file.
    """
    with h5py.File(source if isinstance(source, Path) else h5py.h5f.open_file_image(source), "r") as file:
        for name in file.attrs:
            _ = file.attrs[name]
        for dataset in top_level(file, size).values():
            for start, stop in _pieces(dataset):
                _ = dataset[start:stop] if dataset.ndim else dataset[()]


def _pieces(dataset: h5py.Dataset) -> list[tuple[int, int]]:
    rows = dataset.shape[0] if dataset.ndim else 1
    bytes_of_a_row = max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64)))
    step = max(1, _PIECE // bytes_of_a_row)
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]


def values(item: Any) -> np.ndarray:
    """Return the value of an attribute or data set, with texts as `str`.

    Args:
        item: What h5py returns: numbers, bytes, texts, or arrays of them.
    """
    array = np.asarray(item)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "O":
        texts = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in array.ravel()]
        array = np.array(texts, dtype=str).reshape(array.shape)
    return array


if __name__ == "__main__":
    hdf5.run_script(sys.argv[1], parsed)
