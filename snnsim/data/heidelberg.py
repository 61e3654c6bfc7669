"""Read and write the file format of the Heidelberg spiking data sets (SHD, SSC).

    spikes/times    variable-length float16, seconds, ascending
    spikes/units    variable-length uint16, below 700 unless the file's attribute `units` says otherwise
    labels          uint16, index into extra/keys
    extra/speaker   uint16, who spoke; missing in SSC; 65535 where unknown
    extra/keys      names of the classes, bytes
    extra/meta_info one entry per speaker under each name (gender, age, body_height)

Source   Cramer, Stradmann, Schemmel & Zenke 2022, IEEE TNNLS 33:2744
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from snnsim import files
from snnsim.data import archives, events
from snnsim.data.catalogue import SOURCES
from snnsim.data.events import Recordings

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_UNKNOWN_SPEAKER = np.iinfo(np.uint16).max
_SCHEMA = (
    "a file of the SHD format has spikes/times and spikes/units (one row of seconds and of channels per "
    "recording), labels, extra/speaker and extra/keys"
)

SPLITS = ("train", "valid", "test")


def find(folder: Path, name: str) -> dict[str, Path]:
    """Return the file of every split of a data set that lies in `folder`, or in its subfolder SHD or SSC.

    The files are called {name}_{train,valid,test}.h5, unpacked (preferred) or packed as .gz, .zip or .xz.
    Where there is none of that name but one other data set with a _train file, that one is taken: the
    presets work on any data of this format.
    """
    folder = Path(folder)
    places = [place for place in (folder, folder / "SHD", folder / "SSC") if place.is_dir()]
    others = _others(places, name)
    for wanted in (name, *others) if len(others) == 1 else (name,):
        found = {split: path for split in SPLITS if (path := _first(places, f"{wanted}_{split}.h5"))}
        if found:
            return found
    held = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else "nothing: there is no such folder"
    advice = SOURCES[name].how if name in SOURCES else "`snnsim data list` says how to get data"
    raise FileNotFoundError(
        f"{folder}: a data set has {name}_train.h5, {name}_valid.h5 or {name}_test.h5, or the same with "
        f"{', '.join(archives.PACKED)}, here or in SHD/ or SSC/; the folder holds {held}; to get it: {advice}"
    )


def _others(places: list[Path], name: str) -> list[str]:
    """Return the names of the data sets in these folders that have a training file, but `name`."""
    files_here = (path.name for place in places for path in place.glob("[!.]*_train.h5*"))
    return sorted({file.partition("_train.h5")[0] for file in files_here} - {name})


def _first(places: list[Path], file: str) -> Path | None:
    candidates = (place / f"{file}{packed}" for packed in ("", *archives.PACKED) for place in places)
    return next((path for path in candidates if path.is_file()), None)


def write(path: Path, recordings: Recordings, *, speaker_info: Mapping[str, Sequence] | None = None) -> None:
    """Write recordings as one HDF5 file of the SHD format; the same recordings give the same bytes."""
    events.validate(recordings, str(path))
    rows = recordings.offset[1:-1]
    seconds = (recordings.time_ms / 1000).astype(np.float16)
    known = recordings.speaker >= 0
    with files.written_whole(Path(path)) as partial, h5py.File(partial, "w") as file:
        file.attrs["units"] = recordings.units
        _write_rows(file, "spikes/times", np.split(seconds, rows))
        _write_rows(file, "spikes/units", np.split(recordings.unit.astype(np.uint16), rows))
        file["labels"] = recordings.label.astype(np.uint16)
        file["extra/speaker"] = np.where(known, recordings.speaker, _UNKNOWN_SPEAKER).astype(np.uint16)
        file["extra/keys"] = np.array([name.encode() for name in recordings.classes])
        about = file.create_group("extra/meta_info")
        for name, values in (speaker_info or {}).items():
            array = np.asarray(values)
            about[name] = np.char.encode(array) if array.dtype.kind == "U" else array


def _write_rows(file: h5py.File, name: str, rows: list[np.ndarray]) -> None:
    kind = h5py.vlen_dtype(rows[0].dtype)
    boxes = np.empty(len(rows), kind)
    for index, row in enumerate(rows):
        boxes[index] = row
    made = file.create_dataset(name, (len(rows),), kind)
    # the indexed form takes rows of equal length for a table and fails
    made.id.write(h5py.h5s.ALL, h5py.h5s.ALL, boxes)


def read(path: Path) -> Recordings:
    """Return the recordings of an SHD-format file: .h5, or packed as .h5.gz, .h5.zip or .h5.xz."""
    recordings = read_unchecked(path)
    events.validate(recordings, str(path))
    return recordings


def read_unchecked(path: Path) -> Recordings:
    """Return the recordings of an SHD-format file as they are, so that wrong ones can be repaired."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; `snnsim data list` says how to get data")
    image = archives.unpacked(path) if archives.is_packed(path) else None
    try:
        with _opened(path, image) as file:
            return _parsed(file, path)
    except OSError as error:
        raise _unreadable(path, image) from error


def _opened(path: Path, image: bytes | None) -> h5py.File:
    if image is None:
        return h5py.File(path, "r")
    try:
        # HDF5 reads the bytes itself; a Python file object would be called back for every row
        return h5py.File(h5py.h5f.open_file_image(image))
    except ValueError as error:
        raise OSError(f"{path}: no HDF5 image") from error


def _unreadable(path: Path, image: bytes | None) -> ValueError:
    with path.open("rb") as file:
        start = (file.read(len(_SIGNATURE)) if image is None else image)[: len(_SIGNATURE)]
    if start == _SIGNATURE:
        return ValueError(f"{path}: an HDF5 file must be whole; this one is damaged or cut off; get it again")
    return ValueError(f"{path}: data must be an HDF5 file; this one starts with {start!r}; {_SCHEMA}")


def _parsed(file: h5py.File, path: Path) -> Recordings:
    time, count = _rows(file, "spikes/times", "f", path)
    unit, unit_count = _rows(file, "spikes/units", "iu", path)
    label = _dataset(file, "labels", path)[:].astype(np.int64)
    if not np.array_equal(count, unit_count) or len(label) != len(count):
        raise ValueError(
            f"{path}: spikes/times, spikes/units and labels must have one row per recording, and a unit for "
            f"every time; got {len(count)}, {len(unit_count)} and {len(label)} rows with {len(time)} times "
            f"and {len(unit)} units; write the file again"
        )
    units = int(file.attrs.get("units", Recordings.units))
    time = time.astype(np.float32)
    time *= 1000
    return Recordings(
        time_ms=time,
        # a negative or larger number must not wrap around into a valid channel
        unit=unit if unit.dtype == np.uint16 else _narrow(unit),
        offset=np.concatenate([[0], np.cumsum(count)]),
        label=label,
        speaker=_speakers(file, len(label)),
        classes=_class_names(file, label),
        units=units,
    )


def _narrow(unit: np.ndarray) -> np.ndarray:
    """Return `unit` as uint16 where all of it fits, and as it is where the check must see it."""
    limits = np.iinfo(np.uint16)
    fits = len(unit) == 0 or (unit.min() >= limits.min and unit.max() <= limits.max)
    return unit.astype(np.uint16) if fits else unit


def _dataset(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        here: list[str] = []
        file.visit(here.append)
        raise ValueError(f"{path}: the data set {name} is missing; the file holds {here}; {_SCHEMA}")
    return found


def _rows(file: h5py.File, name: str, kinds: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows of a variable-length data set end to end, and how long each is."""
    found = _dataset(file, name, path)
    kind = h5py.check_vlen_dtype(found.dtype)
    if found.ndim != 1 or kind is None or kind.kind not in kinds:
        expected = "floating-point seconds" if kinds == "f" else "whole channel numbers"
        raise ValueError(
            f"{path}: {name} must be rows of {expected}, one per recording; it is {found.dtype} of shape "
            f"{found.shape}; {_SCHEMA}"
        )
    rows = found[:]
    count = np.fromiter(map(len, rows), np.int64, len(rows))
    return np.concatenate([*rows, np.empty(0, kind)]), count


def _speakers(file: h5py.File, recordings: int) -> np.ndarray:
    if "extra/speaker" not in file:
        return np.full(recordings, -1)
    speaker = file["extra/speaker"][:].astype(np.int64)
    return np.where(speaker == _UNKNOWN_SPEAKER, -1, speaker)


def _class_names(file: h5py.File, label: np.ndarray) -> tuple[str, ...]:
    if "extra/keys" not in file:
        return tuple(str(number) for number in range(label.max(initial=-1) + 1))
    return tuple(key.decode() if isinstance(key, bytes) else str(key) for key in file["extra/keys"][:])
