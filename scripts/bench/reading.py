"""Speed and peak memory of reading and binning event recordings, beside tonic's path on the same files.

    python scripts/bench/reading.py --recordings 2000

Random recordings of 4,000 events in 0.3 s on 34 x 34 x 2 channels are written in three layouts: the .bin files of
N-MNIST, a file of events of data/sources/event_files.py in HDF5 and in NPZ, and a file of the SHD format with 700
channels. Each candidate reads all recordings and bins them in steps of 10 ms in a process of its own, after a first
pass over a small copy of the files, which compiles and imports. Frames of tonic are dropped after each recording. The
candidates `kept` return the binned recordings, as a training needs them; the others drop them piece by piece. The last
candidate has four times as many recordings. Speed counts processor time, which other work on the machine changes less
than wall time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import write

from snnsim import peak_memory, ragged
from snnsim.bench import tables
from snnsim.data import binning, heidelberg
from snnsim.data.cameras import conversion, writer
from snnsim.data.cameras.events import CameraEvents, Options
from snnsim.data.recordings import Recordings
from snnsim.data.sources import array_files, event_files
from snnsim.data.sources.event_source import EventSource
from snnsim.data.sources.findings import Findings
from snnsim.data.sources.source import Settings

EVENTS, STEP_MS = 4000, 10.0
SMALL = 20
"""Recordings of the first pass."""


def make(folder: Path, recordings: int) -> None:
    """Write random recordings in all layouts.

    Args:
        folder: Folder of the files.
        recordings: Number of recordings.
    """
    rng = np.random.default_rng(0)
    shape = (recordings, EVENTS)
    time_us = np.sort(rng.integers(0, 300_000, shape), axis=1)
    row, column, polarity = rng.integers(0, 34, shape), rng.integers(0, 34, shape), rng.integers(0, 2, shape)
    parts = [column, row, polarity << 7 | time_us >> 16, time_us >> 8 & 255, time_us & 255]
    rows = np.stack(parts, axis=2).astype(np.uint8)
    for number in range(recordings):
        for split in ("Train", "Test") if number < 10 else ("Train",):
            path = folder / "NMNIST" / split / str(number % 10) / f"{number:06d}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(rows[number].tobytes())
    conversion.convert(folder / "NMNIST" / "Train", folder / "events.h5", options=Options(), progress=False)
    with array_files.opened(folder / "events.h5") as file:
        np.savez(folder / "events.npz", **{name: file.all(name) for name in file.names()})
    time_ms = (time_us.ravel() / 1e6).astype(np.float16).astype(np.float32) * 1000
    label = np.arange(recordings) % 10
    spikes = Recordings(time_ms, rng.integers(0, 700, recordings * EVENTS).astype(np.uint16),
                        ragged.indptr([EVENTS] * recordings), label, label, tuple("0123456789"))  # fmt: skip
    heidelberg.write(folder / "SHD" / "shd_train.h5", spikes)
    (folder / "SHD" / "shd_train.h5.zip").touch()


def enlarge(source: Path, folder: Path, times: int) -> None:
    """Write the recordings of a file of events several times into another one.

    Args:
        source: The file of events.
        folder: Folder of the files.
        times: Number of copies of each recording.
    """
    folder.mkdir()
    with array_files.opened(source) as file, writer.written(folder / "events.h5") as target:
        offset, columns = file.all("offsets"), [file.all(name) for name in ("times", "rows", "columns", "polarities")]
        for number in np.tile(np.arange(len(offset) - 1), times):
            own = slice(offset[number], offset[number + 1])
            target.append(CameraEvents(*(column[own] for column in columns)))
            target.end(int(number) % 10, -1)
        target.finish((34, 34, 2), tuple("0123456789"))


def _own(folder: Path, name: str) -> None:
    with array_files.opened(folder / name) as file:
        layout = event_files.layout(file, Findings(folder / name))
        for piece in event_files.pieces(file, layout):
            binning.bin_events(event_files.to_recordings(piece, layout), time_step_ms=STEP_MS, channels=layout.units)


def _own_kept(folder: Path) -> object:
    return EventSource(folder / "events.h5", Settings(time_step_ms=STEP_MS))._binned()


def _converted(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "events.h5"
        conversion.convert(folder / "NMNIST" / "Train", output, options=Options(), progress=False)
        _own(Path(scratch), "events.h5")


def _heidelberg(folder: Path) -> object:
    recordings = heidelberg.read(folder / "SHD" / "shd_train.h5")
    return binning.bin_events(recordings, time_step_ms=STEP_MS, channels=700)


def _tonic(folder: Path, name: str) -> None:
    import tonic

    dataset = getattr(tonic.datasets, name)
    if name == "NMNIST":
        dataset = type(name, (dataset,), {"_check_exists": lambda _: True})
    data = dataset(save_to=str(folder), train=True)
    frames = tonic.transforms.ToFrame(sensor_size=data.sensor_size, time_window=int(1000 * STEP_MS))
    for number in range(len(data)):
        frames(data[number][0])


CANDIDATES: dict[str, Callable[[Path], object]] = {
    ".bin files, tonic": lambda folder: _tonic(folder, "NMNIST"),
    ".bin files, converted and binned": _converted,
    "events.h5, binned": lambda folder: _own(folder, "events.h5"),
    "events.h5, binned and kept": _own_kept,
    "events.npz, binned": lambda folder: _own(folder, "events.npz"),
    "shd_train.h5, tonic": lambda folder: _tonic(folder, "SHD"),
    "shd_train.h5, binned and kept": _heidelberg,
    "events.h5 of four times the size, binned": lambda folder: _own(folder, "events.h5"),
}


def measure(name: str, small: Path, folder: Path) -> dict[str, float]:
    """Return processor time, wall time and peak memory of a candidate in this process.

    Args:
        name: Name of a candidate.
        small: Folder of the files of the first pass.
        folder: Folder of the files.
    """
    CANDIDATES[name](small)
    before = peak_memory.settled()
    peak_memory.start_anew()
    start, wall = time.process_time(), time.perf_counter()
    result = CANDIDATES[name](folder)
    seconds = time.process_time() - start, time.perf_counter() - wall
    size = sum(array.nbytes for array in vars(result).values() if isinstance(array, np.ndarray)) if result else 0
    return {"cpu_s": seconds[0], "wall_s": seconds[1], "peak": peak_memory.highest() - before, "kept": size}


def main() -> None:
    """Print the table, and write the samples.

    Raises:
        RuntimeError: If a process fails.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, default=Path("figures/bench-reading.json"))
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, small, folder = options.measure
        print(json.dumps(measure(name, Path(small), Path(folder))))
        return
    results: dict[str, list[dict[str, float]]] = {name: [] for name in CANDIDATES}
    with tempfile.TemporaryDirectory() as scratch:
        small, usual, large = (Path(scratch) / name for name in ("small", "usual", "large"))
        make(small, SMALL)
        make(usual, options.recordings)
        enlarge(usual / "events.h5", large, 4)
        for _ in range(options.repeats):
            for name in CANDIDATES:
                folder = large if "four times" in name else usual
                command = [sys.executable, __file__, "--measure", name, str(small), str(folder)]
                done = subprocess.run(command, check=False, capture_output=True, text=True)
                if done.returncode:
                    raise RuntimeError(f"{name}: {done.stderr[-2000:]}")
                results[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(shown(results, options.recordings))
    write(
        options.json,
        {"recordings": options.recordings, "events": EVENTS, "load": os.getloadavg(), "results": results},
        names=[],
        seed=0,
    )


def shown(results: dict[str, list[dict[str, float]]], recordings: int) -> str:
    """Return a table of the medians.

    Args:
        results: Samples of each candidate.
        recordings: Number of recordings.
    """
    rows = []
    for name, samples in results.items():
        events = recordings * EVENTS * (4 if "four times" in name else 1)
        cpu, peak, size = (float(np.median([each[key] for each in samples])) for key in ("cpu_s", "peak", "kept"))
        rows.append((name, f"{events / cpu / 1e6:.1f}", f"{peak / 2**20:.0f}", f"{size / 2**20:.0f}" if size else ""))
    return tables.table(("files", "million events a second", "peak MiB", "of them kept"), rows)


if __name__ == "__main__":
    main()
