"""Many recordings encoded at the same time, and a second call goes on where a killed one stopped."""

import hashlib
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snnsim import files
from snnsim.data.archives import DAMAGED
from snnsim.data.recordings import Recordings

CHUNK = 20
"""Recordings that are kept together; a killed call loses at most this many per worker."""

Spikes = tuple[np.ndarray, np.ndarray]
"""Times, float16 seconds, and units, uint16, of one recording."""


def encode_all(
    encode: Callable[[int], Spikes],
    count: int,
    *,
    kept: Path,
    workers: int | None = None,
    progress: bool = True,
    title: str = "encoding",
) -> list[Spikes]:
    """Return `encode(0)` to `encode(count - 1)`, in this order.

    `encode` must be a pure function of the number. Finished chunks are kept in the folder `kept`, whose
    name must stand for everything else that the result depends on; `forget` removes them. The workers
    (one per processor, if not given) are threads: the inner ear leaves Python while it works.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"encode_all: there must be at least one worker; got {workers}; leave it out for all")
    chunks = [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    spikes: list[Spikes] = []
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        tqdm(total=count, desc=title, unit=" recordings", disable=not progress) as bar,
    ):
        for done in pool.map(lambda chunk: _encoded(encode, chunk, kept), chunks):
            spikes += done
            bar.update(len(done))
    return spikes


def _encoded(encode: Callable[[int], Spikes], chunk: range, kept: Path) -> list[Spikes]:
    path = kept / f"chunk-{chunk.start}.npz"
    found = _kept(path, len(chunk))
    if found is not None:
        return found
    spikes = [encode(number) for number in chunk]
    time, unit = (np.concatenate(part) for part in zip(*spikes, strict=True))
    ends = np.cumsum([len(part) for part, _ in spikes])
    # another process at the same work, which is done, may remove the folder meanwhile
    with suppress(FileNotFoundError), files.written_whole(path) as partial:
        np.savez(partial, time=time, unit=unit, ends=ends, digest=_digest(time, unit, ends))
    return spikes


def _kept(path: Path, count: int) -> list[Spikes] | None:
    """Return a chunk of so many recordings, None where it is not there or damaged."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as saved:
            time, unit, ends = saved["time"], saved["unit"], saved["ends"]
            # chunks of before there were digests are as good as their checksums
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
    whole = hashlib.sha256(b"".join(array.tobytes() for array in arrays))
    return np.frombuffer(whole.digest(), np.uint8)


def forget(kept: Path) -> None:
    """Remove the chunks kept in the folder, and the folder itself when nothing else is in it."""
    for path in kept.glob("chunk-*.npz"):
        path.unlink(missing_ok=True)
    # another process may be at the same work and still write here
    with suppress(OSError):
        kept.rmdir()


def recordings(spikes: Sequence[Spikes], label: np.ndarray, speaker: np.ndarray, classes: Sequence[str]) -> Recordings:
    """Return encoded spikes with their labels and speakers as recordings on the ear's 700 channels."""
    time, unit = (np.concatenate(part) for part in zip(*spikes, strict=True))
    return Recordings(
        time_ms=time.astype(np.float32) * 1000,
        unit=unit,
        offset=np.cumsum([0, *(len(part) for part, _ in spikes)]),
        label=np.asarray(label, np.int64),
        speaker=np.asarray(speaker, np.int64),
        classes=tuple(classes),
    )
