"""Downloads and event transforms of tonic, which is GPL-3 and imported only for a download.

t = floor(1000 · time in ms)       microseconds of float16 seconds, as in tonic.datasets.SHD
t = floor(1000 · time in ms + ½)   microseconds of all other times, which may lie on a grid of steps
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from snnsim import ragged
from snnsim.data import heidelberg, registry
from snnsim.data.recordings import Recordings, narrowed, validate

EVENT = np.dtype([("t", np.int64), ("x", np.int64), ("p", np.int64)])
"""An event of SHD in tonic: microseconds, channel, and polarity, which is always 1."""


def download(name: str, folder: Path) -> dict[str, Path]:
    """Download SHD or SSC with tonic, unless the files exist.

    Args:
        name: "shd" or "ssc".
        folder: Folder of the files.

    Returns:
        The file of every split.

    Raises:
        ValueError: If the data set is another one.
        ImportError: If tonic is not installed.
        OSError: If the download fails.
    """
    if name not in ("shd", "ssc"):
        raise ValueError(
            f"download: the data set must be shd or ssc; got {name!r}; the others are made, not downloaded"
        )
    try:
        from tonic.datasets import SHD, SSC
    except ImportError as error:
        raise ImportError(
            "download: tonic must be installed; it is not; run `pip install snnsim[tonic]`, or download the "
            f"files by hand: {registry.DATASETS[name].url}"
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
            f"download: {name} must be complete in {folder}; it is not ({error}); try again, or download "
            f"the files by hand: {registry.DATASETS[name].url}"
        ) from error
    return heidelberg.find(folder, name)


def as_tonic(recordings: Recordings, index: int) -> np.ndarray:
    """Return one recording as a structured array (t, x, p), the input of tonic's transforms.

    Args:
        recordings: Recordings with times in ms.
        index: Number of the recording, from 0; -1 is the last one.
    """
    time_ms, unit = recordings.events(index)
    events = np.empty(len(unit), EVENT)
    time = time_ms.astype(np.float64)
    with np.errstate(over="ignore"):
        coarse = np.array_equal((time / 1000).astype(np.float16).astype(np.float64) * 1000, time)
    events["t"], events["x"], events["p"] = time * 1000 + (0 if coarse else 0.5), unit, 1
    return events


def transformed(recordings: Recordings, transform: Callable[[np.ndarray], np.ndarray]) -> Recordings:
    """Return the recordings after an event transform of tonic, sorted, with times before 0 moved to 0.

    Random transforms of tonic draw from NumPy's global generator; seed that generator to repeat the draws.

    Args:
        recordings: Any recordings.
        transform: Function from the events of a recording to its new events.
    """
    rows = [_sorted(transform(as_tonic(recordings, index))) for index in range(len(recordings))]
    joined = np.concatenate(rows)
    result = replace(
        recordings,
        time_ms=joined["t"] / 1000,
        unit=joined["x"],
        offset=ragged.indptr([len(row) for row in rows]),
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
    events = np.empty(len(rows), EVENT)
    events["t"], events["x"], events["p"] = np.maximum(rows["t"], 0), rows["x"], 1
    return events[np.argsort(events["t"], kind="stable")]
