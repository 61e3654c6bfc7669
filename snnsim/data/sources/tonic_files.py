"""Data sets of tonic by name, such as tonic:NMNIST, as files of arrays in the cache folder.

tonic is GPL-3: it is imported only here and in tonic_bridge.py, when a data set is read for the first time. A folder
that a user names is read as it is; only `snnsim data make`, and a training without a folder, download.

Splits are those of the class in tonic: its argument `train` or `split`; a class without them has one file.
"""

import hashlib
import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from snnsim import files
from snnsim.data.cameras.events import CameraEvents
from snnsim.data.cameras.writer import EventWriter, written
from snnsim.data.registry import SPLITS, TONIC
from snnsim.data.sources.parts import ALL

_VERSION = 1
"""A number that is raised when the same data set gives other files."""
_GROUPS = ("users", "speaker", "speakers", "subjects")
"""Attributes of data sets with one number or name per recording, by which splits are made."""


def converted_folder(path: Path, name: str) -> Path:
    """Return the folder of the converted files of a data set.

    Args:
        path: Folder that tonic keeps the data in.
        name: Name of the data set, with tonic: in front.
    """
    digest = hashlib.sha256(repr((_VERSION, str(Path(path).absolute()), name)).encode()).hexdigest()[:12]
    return files.cache_folder() / "tonic" / f"{name.removeprefix(TONIC)}-{digest}"


def present(path: Path, name: str) -> dict[str, Path]:
    """Return the converted files of a data set; none before the first conversion.

    Args:
        path: Folder that tonic keeps the data in.
        name: Name of the data set, with tonic: in front.
    """
    folder = converted_folder(path, name)
    if not (folder / "complete").is_file():
        return {}
    return {split: folder / f"{split}.h5" for split in (*SPLITS, ALL) if (folder / f"{split}.h5").is_file()}


def parts(path: Path, name: str, *, download: bool = False) -> dict[str, Path]:
    """Return the converted files of a data set, and convert them if they are missing.

    Args:
        path: Folder that tonic keeps the data in.
        name: Name of the data set, with tonic: in front.
        download: Whether tonic may download into the folder; it always may into the cache folder.

    Raises:
        ImportError: If tonic is not installed.
        FileNotFoundError: If the data are not there.
        ValueError: If tonic has no such data set, or its recordings have no classes.
    """
    known = present(path, name)
    if known:
        return known
    dataset = _class(name)
    if not (download or Path(path).is_relative_to(files.cache_folder())):
        dataset = _without_download(dataset, Path(path), name)
    folder = converted_folder(path, name)
    result = {}
    for split, opened in _opened(dataset, Path(path)):
        result[split] = folder / f"{split}.h5"
        _convert(opened, result[split], f"{name} {split}")
    with files.written_whole(folder / "complete") as partial:
        partial.write_text(name, encoding="utf-8")
    return result


def _class(name: str) -> type:
    """Return a class of tonic.

    Raises:
        ImportError: If tonic is not installed.
        ValueError: If tonic has no such data set.
    """
    try:
        import tonic
        from tonic import datasets
    except ImportError as error:
        raise ImportError(f"{name}: tonic must be installed; it is not; run `pip install snnsim[tonic]`") from error
    classes = {
        key: value
        for key, value in vars(datasets).items()
        if isinstance(value, type) and issubclass(value, tonic.Dataset)
    }
    short = name.removeprefix(TONIC)
    if short not in classes:
        raise ValueError(f"data.name: tonic has no data set {short}; it has {', '.join(sorted(classes))}")
    return classes[short]


def _without_download(dataset: Any, path: Path, name: str) -> type:
    """Return a class that reads what is in a folder, and downloads nothing.

    Raises:
        FileNotFoundError: If the folder has no data of this class.
    """
    own = path / dataset.__name__
    if not own.is_dir() or not any(own.iterdir()):
        raise FileNotFoundError(
            f"{path}: {name} lies in {own}; there is nothing; run `snnsim data make {name} --data-path {path}`, which "
            "downloads it with tonic, or name the folder above it"
        )

    def _check_exists(_: Any) -> bool:
        return True

    return type(dataset.__name__, (dataset,), {"_check_exists": _check_exists})


def _opened(dataset: Any, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the splits of a class of tonic, and its data set of each.

    Raises:
        OSError: If a download fails, or files are missing.
    """
    arguments = inspect.signature(dataset.__init__).parameters
    try:
        if "split" in arguments:
            for split in SPLITS:
                # a class knows its own splits alone
                with suppress(AssertionError, ValueError, KeyError):
                    yield split, dataset(save_to=str(path), split=split)
        elif "train" in arguments:
            yield "train", dataset(save_to=str(path), train=True)
            yield "test", dataset(save_to=str(path), train=False)
        else:
            yield ALL, dataset(save_to=str(path))
    except (OSError, RuntimeError) as error:
        raise OSError(f"{dataset.__name__} must be complete in {path}; it is not ({error}); try again") from error


@dataclass(frozen=True)
class _Labels:
    classes: tuple[str, ...]
    numbers: np.ndarray


def _labels(dataset: Any, name: str) -> _Labels:
    """Return the classes of a data set, and that of each recording.

    Raises:
        ValueError: If recordings have no class.
    """
    targets = list(getattr(dataset, "targets", None) or [dataset[index][1] for index in range(len(dataset))])
    if not all(isinstance(target, str | int | np.integer) and not isinstance(target, bool) for target in targets):
        raise ValueError(
            f"{name}: every recording must have a class, an integer or a name; {type(targets[0]).__name__}"
        )
    names = tuple(map(_text, getattr(dataset, "classes", ())))
    if all(isinstance(target, str) for target in targets):
        known = names if set(targets) <= set(names) else tuple(sorted(set(targets)))
        return _Labels(known, np.array([known.index(target) for target in targets]))
    numbers = np.array([int(target) for target in targets])
    if not 0 <= numbers.min() <= numbers.max() < len(names):
        names = tuple(map(str, range(int(numbers.max()) + 1)))
    return _Labels(names, numbers)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _convert(dataset: Any, path: Path, title: str) -> None:
    """Write a split of a data set as a file of arrays, recording by recording.

    Raises:
        FileNotFoundError: If the split has no recording.
    """
    if not len(dataset):
        raise FileNotFoundError(f"{title}: there is no recording in the folder; get the data, or name another folder")
    labels, size = _labels(dataset, title), getattr(dataset, "sensor_size", None)
    groups = next((np.asarray(getattr(dataset, key)) for key in _GROUPS if hasattr(dataset, key)), None)
    if groups is None or len(groups) != len(dataset):
        groups = np.full(len(dataset), -1)
    group = np.unique(groups, return_inverse=True)[1] if groups.dtype.kind in "USO" else groups
    with written(path) as writer:
        for index in tqdm(range(len(dataset)), desc=title, unit=" recordings"):
            writer.append(_events(dataset[index][0], title, index, camera=size is None or size[1] > 1))
            writer.end(int(labels.numbers[index]), int(group[index]))
        writer.finish(_sensor(size, writer), labels.classes)


def _sensor(size: Any, writer: EventWriter) -> tuple[int, ...]:
    """Return rows, columns and polarities, of columns, rows and polarities; None is as small as the events allow."""
    if size is None:
        return tuple(map(int, writer.size))
    columns, rows, polarities = (int(each) for each in size)
    return rows, columns, polarities


def _events(events: np.ndarray, title: str, index: int, *, camera: bool) -> CameraEvents:
    """Return the events of a recording in the order of their times, in µs; a camera's from its first event on.

    Raises:
        ValueError: If the events lack a field.
    """
    names = events.dtype.names or ()
    if not {"t", "x"} <= set(names):
        raise ValueError(f"{title}: events must have fields t and x; recording {index} has {names}")
    order = np.argsort(events["t"], kind="stable")
    time = events["t"][order].astype(np.int64)
    zeros = np.zeros(len(time), np.int64)
    origin = time[0] if camera and len(time) else 0
    return CameraEvents(
        np.maximum(time - origin, 0),
        events["y"][order].astype(np.int64) if "y" in names else zeros,
        events["x"][order].astype(np.int64),
        events["p"][order].astype(np.int64) if "p" in names else zeros,
    )
