"""Tonic's downloads and event transforms; tonic is GPL-3 and imported only inside the download.

t = floor(1000 · time in ms)       microseconds, as tonic.datasets.SHD yields them, of float16 seconds
t = floor(1000 · time in ms + ½)   of all others, which may lie on a grid of steps
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from snnsim.data import heidelberg, registry
from snnsim.data.recordings import Recordings, narrowed, validate

EVENT = np.dtype([("t", np.int64), ("x", np.int64), ("p", np.int64)])
"""An event of tonic's SHD: microseconds, channel, and the polarity, which is always 1."""


def download(name: str, folder: Path) -> dict[str, Path]:
    """Download SHD or SSC with tonic into `folder` unless it is there, and return the file of every split."""
    if name not in ("shd", "ssc"):
        raise ValueError(
            f"download: the data set must be shd or ssc; got {name!r}; the others are made, not downloaded"
        )
    try:
        from tonic.datasets import SHD, SSC
    except ImportError as error:
        raise ImportError(
            "download: tonic must be installed; it is not; run `pip install snnsim[tonic]`, or download the "
            f"files by hand: {registry.SOURCES[name].url}"
        ) from error
    try:
        if name == "shd":
            for train in (True, False):
                SHD(save_to=str(folder), train=train)
        else:
            for split in heidelberg.SPLITS:
                SSC(save_to=str(folder), split=split)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"download: {name} must come whole into {folder}; it did not ({error}); try again, or download "
            f"the files by hand: {registry.SOURCES[name].url}"
        ) from error
    return heidelberg.find(folder, name)


def as_tonic(recordings: Recordings, index: int) -> np.ndarray:
    """Return one recording as the structured array (t, x, p) that tonic's transforms take."""
    time_ms, unit = recordings.events(index)
    made = np.empty(len(unit), EVENT)
    time = time_ms.astype(np.float64)
    with np.errstate(over="ignore"):
        coarse = np.array_equal((time / 1000).astype(np.float16).astype(np.float64) * 1000, time)
    made["t"], made["x"], made["p"] = time * 1000 + (0 if coarse else 0.5), unit, 1
    return made


def transformed(recordings: Recordings, transform: Callable[[np.ndarray], np.ndarray]) -> Recordings:
    """Return the recordings after a tonic event transform of each, sorted, with times before 0 moved to 0.

    Tonic's random transforms draw from NumPy's global generator; whoever wants the same draws seeds that.
    """
    made = [_sorted(transform(as_tonic(recordings, index))) for index in range(len(recordings))]
    joined = np.concatenate(made)
    result = replace(
        recordings,
        time_ms=joined["t"] / 1000,
        unit=joined["x"],
        offset=np.concatenate([[0], np.cumsum([len(rows) for rows in made])]),
    )
    validate(result, "transformed")
    return replace(result, unit=narrowed(result.unit))


def _sorted(rows: np.ndarray) -> np.ndarray:
    names = getattr(getattr(rows, "dtype", None), "names", None) or ()
    if not {"t", "x"} <= set(names):
        raise TypeError(
            f"transformed: the transform must return events with t and x; it returned {type(rows).__name__} "
            f"with fields {names}; leave out ToFrame and the like"
        )
    made = np.empty(len(rows), EVENT)
    made["t"], made["x"], made["p"] = np.maximum(rows["t"], 0), rows["x"], 1
    return made[np.argsort(made["t"], kind="stable")]
