"""Splits of a user's data: from their files, from the file itself, or held out by group or class.

Validation recordings never come from a test file. A set without a test split has none, unless `test_share` holds one
out of a single file.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from snnsim.data import splits
from snnsim.data.grid_recordings import GridRecordings
from snnsim.data.registry import SPLITS, SourceKind
from snnsim.data.sources.parts import ALL
from snnsim.data.sources.source import Settings, Source


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How recordings are held out."""

    valid: float = 0.2
    test: float = 0.0
    by_class: bool = False
    """Whether groups are ignored."""
    seed: int = 0


@dataclass(frozen=True)
class Loaded:
    """One split of a user's data."""

    binned: GridRecordings
    """All recordings of the file of the split."""
    indices: np.ndarray
    """Those of the split, int64 (index,)."""
    source: Source


def opened(kind: SourceKind, path: Path, settings: Settings) -> Source:
    """Return a source; the last few stay in memory while their files are unchanged.

    Args:
        kind: Kind of the data.
        path: The file or folder.
        settings: How recordings become frames.
    """
    return _opened(kind.name, path, settings, _state(path))


def _state(path: Path) -> str:
    """Return a digest of the names, times and sizes of all files that a source is read from."""
    if path.is_dir():
        # the classes are those of all splits
        folders = [path.parent / split for split in SPLITS] if path.name in SPLITS else [path]
        read = [file for folder in folders for file in folder.rglob("*")]
    else:
        # the labels of IDX pictures lie beside them
        read = [path, *path.parent.glob("*labels?idx1-ubyte*")]
    status = [(str(file), file.stat()) for file in sorted(read) if file.is_file()]
    stated = [(name, each.st_mtime_ns, each.st_size) for name, each in status]
    return hashlib.sha256(repr(stated).encode()).hexdigest()


@lru_cache(maxsize=3)
def _opened(name: str, path: Path, settings: Settings, _: str) -> Source:
    from snnsim.data.registry import SOURCES

    return SOURCES[name].open(path, settings)


def load(
    kind: SourceKind, files: Mapping[str, Path], names: tuple[str, ...], settings: Settings, shares: Shares
) -> dict[str, Loaded]:
    """Return splits of a user's data, reading no test file unless it is asked for.

    Args:
        kind: Kind of the data.
        files: File or folder of each split, or of ALL.
        names: Wanted splits.
        settings: How recordings become frames.
        shares: How recordings are held out.

    Raises:
        ValueError: If there is no such split, or the splits do not fit each other.
    """
    training = opened(kind, files[ALL if ALL in files else "train"], settings)
    indices = _indices(training, files, shares)
    grid = training.gridded()
    if settings.channels not in (0, grid.channels):
        raise ValueError(
            f"{training.path}: data.channels must be {grid.channels}, the number of channels of the coding, not "
            f"{settings.channels}; set data.channels=0, which takes it from the data"
        )
    result: dict[str, Loaded] = {}
    for name in names:
        if name in indices:
            result[name] = Loaded(grid, indices[name], training)
        elif name in files:
            result[name] = _other(opened(kind, files[name], replace(settings, white=training.white)), training)
        else:
            raise ValueError(
                f"{training.path}: the data have no {name} split; choose another split, give the {name} recordings a "
                f"file of their own, or hold them out: data.{name}_share=0.2"
            )
        if not len(result[name].indices):
            raise ValueError(f"{training.path}: the {name} split must have a recording; it has none; add recordings")
    return result


def _indices(training: Source, files: Mapping[str, Path], shares: Shares) -> dict[str, np.ndarray]:
    """Return the recordings of each split that are in the training file.

    Raises:
        ValueError: If a test split is to be held out of data with a test file.
    """
    own, everything = training.annotations, np.arange(len(training))
    result = {"train": everything}
    if ALL in files and own.split is not None:
        held = {name: np.flatnonzero(own.split == number) for number, name in enumerate(SPLITS)}
        result = {name: index for name, index in held.items() if len(index) or name == "train"}
    if shares.test and ("test" in files or "test" in result):
        raise ValueError(f"{training.path}: the data have a test split; leave data.test_share at 0")
    if shares.test:
        _hold_out(result, "test", training, shares.test, shares)
    if "valid" not in files and "valid" not in result:
        _hold_out(result, "valid", training, shares.valid, shares)
    return result


def _hold_out(result: dict[str, np.ndarray], name: str, training: Source, share: float, shares: Shares) -> None:
    own, index = training.annotations, result["train"]
    group, stratum = own.group[index], own.stratum()[index]
    split = splits.by_group(group, stratum, share=share, seed=shares.seed, by_class=shares.by_class)
    result["train"], result[name] = index[split.train], index[split.valid]


def _other(source: Source, training: Source) -> Loaded:
    """Return the recordings of a file of another split, with the classes of the training file.

    Raises:
        ValueError: If the file has other channels or classes than the training file.
    """
    own, classes = source.annotations, training.annotations.classes
    same = own.classes == classes if own.named else len(own.classes) <= len(classes)
    if not same or source.units != training.units:
        raise ValueError(
            f"{source.path}: it must have the channels and classes of {training.path}; got {source.units} channels and "
            f"classes {own.classes[:10]} beside {training.units} and {classes[:10]}; write both alike"
        )
    grid = source.gridded()
    if own.recording_classes:
        grid = replace(grid, classes=classes)
    named = {
        name: replace(target, names=classes) if target.of_classes else target for name, target in grid.targets.items()
    }
    return Loaded(replace(grid, targets=named), np.arange(len(grid)), source)
