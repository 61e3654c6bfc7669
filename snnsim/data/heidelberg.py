"""Read and write the file format of the Heidelberg spiking data sets (SHD, SSC).

    spikes/times    variable-length float16, seconds, ascending; float32 and float64 as well
    spikes/units    variable-length uint16, below 700 unless the file's attribute `units` says otherwise
    labels          uint16, index into extra/keys
    extra/speaker   uint16, number of the speaker; missing in SSC; 65535 where unknown (-1 in wider types)
    extra/keys      names of the classes, bytes
    targets/NAME/   targets besides the labels, see targets.py: values, names, and of steps offset and step_ms
    extra/meta_info one entry per speaker under each name (gender, age, body_height)
    attributes      units, the number of channels · time_unit, 's', 'ms' or 'us', where times are not plainly seconds

Times are written in the narrowest type from which `read` gets the same milliseconds: float16 for SHD and the data sets
that snnsim generates, float32, or float64. (Times that need float64 may be read with another last bit.) `read` returns
float64 where a float64 file has times that float32 does not hold, else float32; both have the same steps (counting.py).

Source   Cramer, Stradmann, Schemmel & Zenke 2022, IEEE TNNLS 33:2744
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim import files, ragged
from snnsim.data import archives, columns, hdf5
from snnsim.data.recordings import Recordings, narrowed, validate
from snnsim.data.registry import DATASETS
from snnsim.data.registry import SPLITS as SPLITS
from snnsim.data.targets import Target
from snnsim.data.time_units import IN_MS
from snnsim.validation import require, shown

LONGEST_S = 100.0
"""Longer recordings need the attribute time_unit: without it, milliseconds are more likely than seconds."""
_UNKNOWN_SPEAKER = np.iinfo(np.uint16).max


def find(folder: Path, name: str) -> dict[str, Path]:
    """Return the file of every split of a data set.

    The files are called {name}_{train,valid,test}.h5, unpacked (preferred) or packed as .gz, .zip or .xz. If there is
    no such file, but exactly one other data set with a _train file, that data set is taken: the presets work on any
    data of this format.

    Args:
        folder: Folder of the files; its subfolders SHD and SSC are searched, too.
        name: Name of the data set.

    Raises:
        FileNotFoundError: If there is no file.
    """
    folder = Path(folder)
    folders = [each for each in (folder, folder / "SHD", folder / "SSC") if each.is_dir()]
    others = _others(folders, name)
    for candidate in (name, *others) if len(others) == 1 else (name,):
        paths = {split: path for split in SPLITS if (path := _first(folders, f"{candidate}_{split}.h5"))}
        if paths:
            return paths
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else "nothing: there is no such folder"
    advice = DATASETS[name].instructions if name in DATASETS else "`snnsim data list` says how to get data"
    raise FileNotFoundError(
        f"{folder}: a data set has {name}_train.h5, {name}_valid.h5 or {name}_test.h5, or the same with "
        f"{', '.join(archives.PACKED)}, here or in SHD/ or SSC/; the folder holds {names}; to get it: {advice}"
    )


def _others(folders: list[Path], name: str) -> list[str]:
    """Return the names of the other data sets with a training file in these folders."""
    training_files = (path.name for folder in folders for path in folder.glob("[!.]*_train.h5*"))
    return sorted({file.partition("_train.h5")[0] for file in training_files} - {name})


def _first(folders: list[Path], file: str) -> Path | None:
    candidates = (folder / f"{file}{suffix}" for suffix in ("", *archives.PACKED) for folder in folders)
    return next((path for path in candidates if path.is_file()), None)


def write(path: Path, recordings: Recordings, *, speaker_info: Mapping[str, Sequence[Any]] | None = None) -> None:
    """Write recordings as one HDF5 file of the SHD format; the same recordings give the same bytes.

    Args:
        path: The file to write.
        recordings: Any recordings; types are wider than those of SHD where necessary.
        speaker_info: One value per speaker under each name, such as {"age": [30, 31]}.

    Raises:
        TypeError: If the name of a class is no text.
        ValueError: If the recordings are wrong, or a target has a name with a slash.
    """
    validate(recordings, str(path))
    columns.units(recordings.units, Path(path))
    for name in recordings.classes:
        if not isinstance(name, str):
            raise TypeError(f"{path}: the names of classes must be text, not {shown(name)}")
    for name in recordings.targets:
        # in HDF5, a slash leads into a group, and a dot is the group itself
        if "/" in name or name in ("", "."):
            raise ValueError(
                f"{path}: the name of a target must have no slash, and not be empty or a dot; got {name!r}; rename it"
            )
    image = _image(recordings, speaker_info or {})
    # libhdf5 crashes on a full disk, so Python writes the bytes
    with files.written_whole(Path(path)) as partial:
        partial.write_bytes(image)
    hdf5.remember(hashlib.sha256(image).hexdigest())


def _image(recordings: Recordings, speaker_info: Mapping[str, Sequence[Any]]) -> bytes:
    """Return the bytes of a file."""
    rows, unit, label, speaker = (
        np.asarray(getattr(recordings, name)) for name in ("offset", "unit", "label", "speaker")
    )
    rows, seconds = rows[1:-1], _seconds(np.asarray(recordings.time_ms))
    with h5py.File("recordings.h5", "w", driver="core", backing_store=False) as file:
        file.attrs["units"] = recordings.units
        if seconds.max() > LONGEST_S:
            file.attrs["time_unit"] = "s"
        _write_rows(file, "spikes/times", np.split(seconds, rows))
        channel = np.uint16 if recordings.units <= 2**16 else np.min_scalar_type(recordings.units - 1)
        _write_rows(file, "spikes/units", np.split(unit.astype(channel), rows))
        # -1 stands for no class where there are targets instead
        widest = np.uint16 if label.min() >= 0 else np.int64
        file["labels"] = label.astype(np.result_type(widest, np.min_scalar_type(int(label.max()))))
        narrow = speaker.max() < _UNKNOWN_SPEAKER
        unknown, kind = (_UNKNOWN_SPEAKER, np.uint16) if narrow else (-1, np.int64)
        file["extra/speaker"] = np.where(speaker >= 0, speaker, unknown).astype(kind)
        file["extra/keys"] = np.array(
            [name.encode() for name in recordings.classes], "S" if recordings.classes else "S1"
        )
        for name, target in recordings.targets.items():
            _write_target(file, name, target)
        info = file.create_group("extra/meta_info")
        for name, values in speaker_info.items():
            array = np.asarray(values)
            info[name] = np.char.encode(array) if array.dtype.kind == "U" else array
        file.flush()
        image: bytes = file.id.get_file_image()
        return image


def _write_target(file: h5py.File, name: str, target: Target) -> None:
    group = file.create_group(f"targets/{name}")
    group["values"], group["names"] = target.values, np.array([each.encode() for each in target.names])
    if target.offset is not None:
        group["offset"], group["step_ms"] = target.offset, np.float64(target.step_ms)


def _seconds(time_ms: np.ndarray) -> np.ndarray:
    """Return seconds in the narrowest type that keeps every time."""
    exact = time_ms.astype(np.float64)
    for kind in (np.float16, np.float32):
        # beyond the largest float16 is infinity, which is another time
        with np.errstate(over="ignore"):
            seconds = (exact / 1000).astype(kind)
        if np.array_equal(_milliseconds(seconds, "s"), time_ms):
            return seconds
    return exact / 1000


def _milliseconds(time: np.ndarray, unit: str) -> np.ndarray:
    """Return times of a file in ms: float64 if the file has float64 times that float32 does not hold, else float32."""
    # a later check refuses NaN and infinity, with the number of the recording
    with np.errstate(over="ignore", invalid="ignore"):
        if time.dtype == np.float16 and unit == "s":
            # 11 bits times 1000 are exact
            return time.astype(np.float32) * np.float32(1000)
        exact = time.astype(np.float64) * IN_MS[unit][0] / IN_MS[unit][1]
        single = exact.astype(np.float32)
        fits = time.dtype == np.float32 or np.all(np.abs(single - exact) <= 2.0**-51 * np.abs(exact))
    return single if fits else exact


def _write_rows(file: h5py.File, name: str, rows: list[np.ndarray]) -> None:
    kind = h5py.vlen_dtype(rows[0].dtype)
    boxes = np.empty(len(rows), kind)
    for index, row in enumerate(rows):
        boxes[index] = row
    dataset = file.create_dataset(name, (len(rows),), kind)
    # the indexed form takes rows of equal length for a table and fails
    dataset.id.write(h5py.h5s.ALL, h5py.h5s.ALL, boxes)


def read(path: Path) -> Recordings:
    """Return the recordings of an SHD-format file: .h5, or packed as .h5.gz, .h5.zip or .h5.xz.

    Args:
        path: Path of the file.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is damaged or has wrong values; the message names the file and the field.
    """
    recordings = read_unchecked(path)
    validate(recordings, str(path))
    return recordings


def read_unchecked(path: Path) -> Recordings:
    """Return the recordings of an SHD-format file without checks, so that wrong ones can be repaired.

    Args:
        path: Path of the file, packed or not.
    """
    path = Path(path)
    archives.require_file(path)
    image = archives.unpacked(path) if archives.is_packed(path) else None
    return _recordings(hdf5.arrays(path, image, files.cache_folder() / "read"), path)


def _recordings(content: dict[str, Any], path: Path) -> Recordings:
    count, unit_count = content["times_count"], content["units_count"]
    names = columns.class_names(content["keys"], path)
    label = columns.labels(content["labels"], names, path)
    if not np.array_equal(count, unit_count) or len(label) != len(count):
        raise ValueError(
            f"{path}: spikes/times, spikes/units and labels must have one row per recording, and a unit for "
            f"every time; got {len(count)}, {len(unit_count)} and {len(label)} rows with {len(content['times'])} times "
            f"and {len(content['units'])} units; write the file again"
        )
    attributes = content["attributes"]
    offset = ragged.indptr(count)
    return Recordings(
        time_ms=_milliseconds(content["times"], _time_unit(content["times"], attributes, offset, path)),
        # a negative or larger number must not wrap around into a valid channel
        unit=narrowed(content["units"]),
        offset=offset,
        label=label,
        speaker=columns.speakers(content["speaker"], len(label), path),
        classes=columns.numbered(label, path) if names is None else names,
        units=columns.units(attributes.get("units", Recordings.units), path),
        targets={name: columns.target(parts, name, path) for name, parts in content["targets"].items()},
    )


def _time_unit(time: np.ndarray, attributes: Mapping[str, Any], offset: np.ndarray, path: Path) -> str:
    """Return the unit of the times of a file: seconds, unless its attribute time_unit names another.

    Raises:
        ValueError: If the unit is unknown, or seconds are unlikely.
    """
    if "time_unit" in attributes:
        unit = attributes["time_unit"]
        unit = unit.decode(errors="replace") if isinstance(unit, bytes) else unit
        require(
            isinstance(unit, str) and unit in IN_MS,
            f"{path}: the attribute time_unit must be one of {', '.join(IN_MS)}, not {shown(unit)}; correct it",
        )
        return unit
    latest = int(np.argmax(time)) if len(time) else 0
    if len(time) and LONGEST_S < time[latest] < np.inf:
        number = np.searchsorted(offset, latest, side="right") - 1
        raise ValueError(
            f"{path}: spikes/times must be seconds; recording {number} would last {time[latest]:,.0f} s, so they may "
            "be milliseconds or microseconds; name their unit, 's', 'ms' or 'us', and they are converted: "
            "h5py.File(path, 'a').attrs['time_unit'] = 'ms'"
        )
    return "s"
