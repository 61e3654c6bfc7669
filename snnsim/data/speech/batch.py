"""Many recordings encoded at the same time, and a second call goes on where a killed one stopped."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snnsim import files
from snnsim.data.events import Recordings

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
    try:
        with np.load(path) as saved:
            ends = saved["ends"][:-1]
            return list(zip(np.split(saved["time"], ends), np.split(saved["unit"], ends), strict=True))
    except FileNotFoundError:
        spikes = [encode(number) for number in chunk]
    time, unit = (np.concatenate(part) for part in zip(*spikes, strict=True))
    with files.written_whole(path) as partial:
        np.savez(partial, time=time, unit=unit, ends=np.cumsum([len(part) for part, _ in spikes]))
    return spikes


def forget(kept: Path) -> None:
    """Remove the chunks kept in the folder, and the folder itself when nothing else is in it."""
    for path in kept.glob("chunk-*.npz"):
        path.unlink(missing_ok=True)
    # another process may be at the same work and still write here
    if kept.is_dir() and not any(kept.iterdir()):
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
