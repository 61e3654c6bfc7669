"""Parallel encoding of many recordings, which a second call continues after a call that was killed."""

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snnsim import files, ragged
from snnsim.data.archives import DAMAGED
from snnsim.data.recordings import Recordings

CHUNK = 20
"""Recordings of a file of partial work; a killed call loses at most this many per worker."""

Spikes = tuple[np.ndarray, np.ndarray]
"""Times, float16 seconds, and units, uint16, of one recording."""


def encode_all(
    encode: Callable[[int], Spikes],
    count: int,
    *,
    partial: Path,
    workers: int | None = None,
    progress: bool = True,
    title: str = "encoding",
) -> list[Spikes]:
    """Return `encode(0)` to `encode(count - 1)`, in this order.

    The workers are threads, as the inner-ear model is compiled and releases Python's lock.

    Args:
        encode: A pure function from the number of a recording to its spikes.
        count: Number of recordings.
        partial: Folder of finished chunks, whose name must depend on everything that the spikes depend on;
            `remove_partial` removes it.
        workers: Number of threads; None is one per processor.
        progress: Whether a progress bar is shown.
        title: Title of the progress bar.

    Raises:
        ValueError: If there is no worker.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"encode_all: there must be at least one worker; got {workers}; leave it out for all")
    chunks = [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    spikes: list[Spikes] = []
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        tqdm(total=count, desc=title, unit=" recordings", disable=not progress) as bar,
    ):
        for encoded in pool.map(lambda chunk: _encoded(encode, chunk, partial), chunks):
            spikes += encoded
            bar.update(len(encoded))
    return spikes


def _encoded(encode: Callable[[int], Spikes], chunk: range, partial: Path) -> list[Spikes]:
    path = partial / f"chunk-{chunk.start}.npz"
    saved = _saved(path, len(chunk))
    if saved is not None:
        return saved
    spikes = [encode(number) for number in chunk]
    time, unit = (np.concatenate(arrays) for arrays in zip(*spikes, strict=True))
    ends = np.cumsum([len(times) for times, _ in spikes])
    # another process with the same work may have finished and removed the folder in the meantime
    with suppress(FileNotFoundError), files.written_whole(path) as file:
        np.savez(file, time=time, unit=unit, ends=ends, digest=_digest(time, unit, ends))
    return spikes


def _saved(path: Path, count: int) -> list[Spikes] | None:
    """Return the recordings of a saved chunk, or None if the file is missing or damaged."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as saved:
            time, unit, ends = saved["time"], saved["unit"], saved["ends"]
            # chunks of older versions have no digest, but the checksums of their archive
            same = "digest" not in saved or np.array_equal(saved["digest"], _digest(time, unit, ends))
        fits = (time.dtype, unit.dtype) == (np.float16, np.uint16) and len(time) == len(unit) and len(ends) == count
        if same and fits and ends[-1] == len(time) and (np.diff(ends, prepend=0) >= 0).all():
            return list(zip(np.split(time, ends[:-1]), np.split(unit, ends[:-1]), strict=True))
    except FileNotFoundError:
        return None
    except DAMAGED:
        pass
    warnings.warn(f"{path}: the kept recordings are damaged and are encoded again", stacklevel=2)
    return None


def _digest(*arrays: np.ndarray) -> np.ndarray:
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays))
    return np.frombuffer(digest.digest(), np.uint8)


def remove_partial(partial: Path) -> None:
    """Remove the chunks in a folder of partial work, and the folder if it is then empty.

    Args:
        partial: Folder of partial work, which holds a file for each chunk that is done.
    """
    for path in partial.glob("chunk-*.npz"):
        path.unlink(missing_ok=True)
    # another process with the same work may still write into the folder
    with suppress(OSError):
        partial.rmdir()


def recordings(spikes: Sequence[Spikes], label: np.ndarray, speaker: np.ndarray, classes: Sequence[str]) -> Recordings:
    """Return encoded spikes as recordings on the 700 channels of the inner-ear model.

    Args:
        spikes: Times and units of each recording.
        label: Class of each recording (recording,).
        speaker: Number of the speaker of each recording (recording,).
        classes: Names of the classes.
    """
    time, unit = (np.concatenate(arrays) for arrays in zip(*spikes, strict=True))
    return Recordings(
        time_ms=time.astype(np.float32) * 1000,
        unit=unit,
        offset=ragged.indptr([len(times) for times, _ in spikes]),
        label=np.asarray(label, np.int64),
        speaker=np.asarray(speaker, np.int64),
        classes=tuple(classes),
    )
