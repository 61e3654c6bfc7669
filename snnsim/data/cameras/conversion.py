"""Folders of event-camera files as files of arrays: one HDF5 file for each split.

    SOURCE/CLASS/FILE, or SOURCE/Train/CLASS/FILE and SOURCE/Test/CLASS/FILE as N-MNIST comes

Times are counted from the first event of a recording, in µs. A recording of up to 2²² events is sorted; a longer one is
read in pieces, and its times must ascend.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from snnsim.data import time_units
from snnsim.data.cameras import formats
from snnsim.data.cameras.events import CameraEvents, CameraFile, Options
from snnsim.data.cameras.writer import EventWriter, written

MOST_SORTED = 2**22
"""Events of the longest recording that is sorted."""
_NMNIST = (34, 34, 2)
_SPLITS = {"train": ("train", "training"), "valid": ("valid", "validation", "val"), "test": ("test", "testing")}
_SUBJECT = re.compile(r"(?:speaker|subject|user)[-_]?(\d+)", re.IGNORECASE)
_MOST_ROWS = 2**16


@dataclass(frozen=True)
class Converted:
    """Numbers of the files that `convert` wrote."""

    files: dict[str, Path]
    """The file of each split, or of "all"."""
    recordings: int
    events: int
    left_out: int
    """Recordings without an event."""
    sensor: tuple[int, ...]
    classes: tuple[str, ...]


def convert(
    source: Path,
    output: Path,
    *,
    options: Options,
    sensor: tuple[int, ...] | None = None,
    progress: bool = True,
) -> Converted:
    """Write event-camera files as files of arrays.

    Args:
        source: A folder of files by class, or a file, whose class is the name of its folder.
        output: The file to write; a folder if the source has splits.
        options: What the files may not say of themselves.
        sensor: Rows, columns and polarities; None takes them from the files.
        progress: Whether a progress bar is shown.

    Raises:
        FileNotFoundError: If there is no file.
        ValueError: If a file is damaged, an event lies outside of the sensor, or all recordings of a split are empty.
    """
    splits = _splits(Path(source))
    classes = tuple(sorted({path.parent.name for paths in splits.values() for path in paths}))
    single = list(splits) == ["all"]
    outputs = {split: Path(output) if single else Path(output) / f"{split}.h5" for split in splits}
    stated: set[tuple[int, ...]] = set()
    total = sum(map(len, splits.values()))
    with ExitStack() as stack:
        writers = {split: stack.enter_context(written(path)) for split, path in outputs.items()}
        with tqdm(total=total, desc="converting", unit=" recordings", disable=not progress) as bar:
            for split, paths in splits.items():
                for path in paths:
                    stated |= _append(path, options, writers[split], classes.index(path.parent.name))
                    bar.update()
        _require_recordings(writers, source)
        size = _sensor(sensor, stated, writers, source)
        for writer in writers.values():
            writer.finish(size, classes)
        recordings = sum(len(writer.labels) for writer in writers.values())
        events = sum(writer.offset[-1] for writer in writers.values())
    return Converted(outputs, recordings, events, total - recordings, size, classes)


def _splits(source: Path) -> dict[str, list[Path]]:
    """Return the files of each split, or of "all", sorted.

    Raises:
        FileNotFoundError: If there is no file.
    """
    if source.is_file():
        return {"all": [source]}
    if not source.is_dir():
        raise FileNotFoundError(f"{source}: there is no such file or folder")
    result = {}
    for split, names in _SPLITS.items():
        folder = next((each for each in sorted(source.iterdir()) if each.is_dir() and each.name.lower() in names), None)
        if folder is not None:
            result[split] = _files(folder)
    if "train" not in result:
        result = {"all": _files(source)}
    for split, paths in result.items():
        if not paths:
            which = "recordings" if split == "all" else f"recordings of the split {split}"
            raise FileNotFoundError(
                f"{source}: {which} must lie in CLASS/FILE with {', '.join(formats.SUFFIXES)}; there is none"
            )
    return result


def _files(folder: Path) -> list[Path]:
    paths = (path for path in folder.glob("*/*") if not path.name.startswith(".") and path.parent.name[0] != ".")
    return sorted(path for path in paths if path.suffix.lower() in formats.SUFFIXES)


def _append(path: Path, options: Options, writer: EventWriter, label: int) -> set[tuple[int, ...]]:
    """Append a recording to a file, and return the sensor that its file states."""
    camera = formats.read(path, options)
    for events in _ascending(path, camera):
        writer.append(events)
    subject = _SUBJECT.search(path.stem)
    writer.end(label, int(subject[1]) if subject else -1)
    return {camera.sensor} if camera.sensor is not None else set()


def _ascending(path: Path, camera: CameraFile) -> Iterator[CameraEvents]:
    """Yield the events of a recording with ascending times, in µs from its first event.

    Raises:
        ValueError: If the times of a long recording descend, or an address is out of range.
    """
    held: list[CameraEvents] = []
    origin: float | None = None
    last = 0
    for events in camera.pieces:
        if not len(events.time):
            continue
        held.append(events)
        if sum(len(each.time) for each in held) <= MOST_SORTED:
            continue
        origin = float(min(each.time.min() for each in held)) if origin is None else origin
        for each in held:
            piece = _microseconds(path, each, origin, camera.unit)
            if piece.time[0] < last or np.any(np.diff(piece.time) < 0):
                raise ValueError(
                    f"{path}: the times of a recording of more than {MOST_SORTED:,} events must ascend; they do not; "
                    "sort it"
                )
            last = int(piece.time[-1])
            yield piece
        held = []
    if held:
        joined = CameraEvents(*(np.concatenate(column) for column in zip(*held, strict=True)))
        origin = float(joined.time.min()) if origin is None else origin
        piece = _microseconds(path, joined, origin, camera.unit)
        order = np.argsort(piece.time, kind="stable")
        if piece.time[order[0]] < last:
            raise ValueError(f"{path}: the times of a long recording must ascend; they do not; sort it")
        yield CameraEvents(*(column[order] for column in piece))


def _microseconds(path: Path, events: CameraEvents, origin: float, unit: str) -> CameraEvents:
    factor, divisor = time_units.IN_MS[unit]
    time = (events.time - (int(origin) if events.time.dtype.kind == "i" else origin)) * (1000 * factor / divisor)
    for name, values in (("row", events.row), ("column", events.column), ("polarity", events.polarity)):
        if values.min() < 0 or values.max() >= _MOST_ROWS:
            raise ValueError(
                f"{path}: a {name} must lie in 0..{_MOST_ROWS - 1}; one is {values.min()}; correct the file"
            )
    return events._replace(time=np.floor(time + 0.5).astype(np.int64))


def _require_recordings(writers: dict[str, EventWriter], source: Path) -> None:
    """Raise an error if a file would have no recording.

    Raises:
        ValueError: If no recording of a split has an event.
    """
    for split, writer in writers.items():
        if not writer.labels:
            which = "a recording" if split == "all" else f"a recording of the split {split}"
            raise ValueError(f"{source}: {which} must have an event; none has; record again, or get the files again")


def _sensor(
    wanted: tuple[int, ...] | None, stated: set[tuple[int, ...]], writers: dict[str, EventWriter], source: Path
) -> tuple[int, ...]:
    """Return the sensor: as wanted, as all files state, that of N-MNIST, or as small as the events allow.

    Raises:
        ValueError: If an event lies outside of it, or the files state several.
    """
    largest = np.max([writer.size for writer in writers.values()], axis=0)
    smallest = int(largest[0]), int(largest[1]), max(int(largest[2]), 2)
    if wanted is None and len(stated) > 1:
        raise ValueError(f"{source}: all files must be of one sensor; they state {sorted(stated)}; name it: --sensor")
    fits_nmnist = all(each <= most for each, most in zip(smallest, _NMNIST, strict=True))
    default = _NMNIST if fits_nmnist and not stated and _only_bin(source) else smallest
    sensor = wanted or next(iter(stated), default)
    padded = (*sensor, 1)[:3]
    if any(size > limit for size, limit in zip(largest, padded, strict=True)):
        raise ValueError(
            f"{source}: all events must lie in the sensor of {' x '.join(map(str, sensor))}; they need "
            f"{' x '.join(map(str, largest))}; correct --sensor"
        )
    return sensor


def _only_bin(source: Path) -> bool:
    paths = [source] if source.is_file() else [path for split in _splits(source).values() for path in split]
    return all(path.suffix.lower() == ".bin" for path in paths)
