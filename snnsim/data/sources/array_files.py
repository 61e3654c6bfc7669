"""Named arrays of a file of NumPy (.npz) or HDF5 (.h5, .hdf5), read in pieces.

Memory does not grow with the file. A file is of unknown origin: nothing in it is run (no pickles), and an array that
claims more than the room of the file (untrusted.py) is refused before it is read.
"""

import math
import zipfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from snnsim import files, untrusted
from snnsim.data import archives
from snnsim.data.sources import flat_hdf5

SUFFIXES = (".npz", ".h5", ".hdf5")
_MOST_TEXTS = 2**24
"""Bytes of the largest array of texts."""


class ArrayFile(ABC):
    """An open file of named arrays."""

    path: Path
    duplicates: tuple[str, ...] = ()
    """Names that the file has more than once."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Return the names of the arrays."""

    @abstractmethod
    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array.

        Args:
            name: Name of the array, one of `names`.
        """

    @abstractmethod
    def dtype(self, name: str) -> np.dtype[Any]:
        """Return the type of an array; of kind U for texts.

        Args:
            name: Name of the array, one of `names`.
        """

    @abstractmethod
    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        """Return rows of an array; consecutive calls are fastest with ascending rows.

        Args:
            name: Name of the array.
            start: The first row.
            stop: The row behind the last one.
        """

    def all(self, name: str) -> np.ndarray:
        """Return an array as a whole.

        Args:
            name: Name of the array.

        Raises:
            ValueError: If the array is too large for its file.
        """
        size, room = math.prod(self.shape(name)) * self.dtype(name).itemsize, untrusted.room(self.path)
        if size > room:
            raise ValueError(
                f"{self.path}: {name} claims {size:,} bytes, and may take {room:,}; {untrusted.RAISE_LIMITS}"
            )
        return self.rows(name, 0, self.shape(name)[0]) if self.shape(name) else self.rows(name, 0, 1).reshape(())

    def __contains__(self, name: str) -> bool:
        return name in self.names()


@contextmanager
def opened(path: Path) -> Iterator[ArrayFile]:
    """Open a file of named arrays.

    Args:
        path: The file, .npz, .h5 or .hdf5.

    Raises:
        OSError: If there is no such file.
        ValueError: If the file is of another kind, or damaged.
    """
    path = Path(path)
    archives.require_file(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: a file of arrays must end with {', '.join(SUFFIXES)}; rename it, or convert it")
    if path.suffix != ".npz":
        size = hdf5_size(path)
        with h5py.File(path, "r") as file:
            yield _Hdf5(path, file, size)
        return
    try:
        archive = zipfile.ZipFile(path)
    except archives.DAMAGED as error:
        raise ValueError(f"{path}: it is no .npz file, or damaged or cut off ({error}); write it again") from error
    with archive:
        yield _Npz(path, archive)


def hdf5_size(path: Path) -> int:
    """Return the size of an HDF5 file after a second process has read it.

    Args:
        path: The file.
    """
    from snnsim.data import hdf5

    marks = files.cache_folder() / "read"
    return hdf5.tried(path, None, marks, script=flat_hdf5.__file__, schema=flat_hdf5.SCHEMA)


class _Hdf5(ArrayFile):
    def __init__(self, path: Path, file: h5py.File, size: int) -> None:
        self.path, self._file = path, file
        self._datasets = flat_hdf5.top_level(file, size)

    def names(self) -> tuple[str, ...]:
        return (*self._datasets, *(name for name in self._file.attrs if name not in self._datasets))

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._item(name).shape)

    def dtype(self, name: str) -> np.dtype[Any]:
        dtype = np.dtype(self._item(name).dtype)
        return np.dtype("U1") if dtype.kind in "SO" else dtype

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        item = self._item(name)
        array = flat_hdf5.values(item[start:stop] if item.ndim else item[()])
        return array if item.ndim else array.reshape(1)

    def _item(self, name: str) -> Any:
        return self._datasets[name] if name in self._datasets else np.asarray(flat_hdf5.values(self._file.attrs[name]))


@dataclass
class _Member:
    """An array of an archive, and the stream from which its rows are read."""

    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    turned: bool
    """Whether the array is in Fortran's order."""
    stream: IO[bytes] | None = None
    position: int = 0
    """Next row of the stream."""
    cached: dict[str, np.ndarray] = field(default_factory=dict)


class _Npz(ArrayFile):
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        names = Counter(name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy"))
        self.duplicates = tuple(name for name, count in names.items() if count > 1)
        self._names, self._members = tuple(names), {}  # type: tuple[str, ...], dict[str, _Member]

    def names(self) -> tuple[str, ...]:
        return self._names

    def shape(self, name: str) -> tuple[int, ...]:
        return self._member(name).shape

    def dtype(self, name: str) -> np.dtype[Any]:
        return self._member(name).dtype

    def rows(self, name: str, start: int, stop: int) -> np.ndarray:
        member = self._member(name)
        try:
            if not member.turned or len(member.shape) < 2:
                return self._streamed(member, start, stop)
            # the rows of an array in Fortran's order are no contiguous bytes
            if name not in member.cached:
                size = math.prod(member.shape)
                flat = self._streamed(_flat(member, size), 0, size)
                member.cached[name] = flat.reshape(member.shape, order="F")
            return member.cached[name][start:stop]
        except archives.DAMAGED as error:
            raise ValueError(f"{self.path}: {name} is damaged or cut off ({error}); write the file again") from error

    def _streamed(self, member: _Member, start: int, stop: int) -> np.ndarray:
        row = member.dtype.itemsize * math.prod(member.shape[1:])
        if member.stream is None or start < member.position:
            member.stream, member.position = self._archive.open(member.info), 0
            _header(member.stream)
        while member.position < start:
            step = min(start - member.position, max(1, 2**20 // max(row, 1)))
            if len(member.stream.read(step * row)) != step * row:
                raise EOFError("the array is shorter than its shape")
            member.position += step
        content = member.stream.read((stop - start) * row)
        if len(content) != (stop - start) * row:
            raise EOFError("the array is shorter than its shape")
        member.position = stop
        array = np.frombuffer(content, member.dtype).reshape((stop - start, *member.shape[1:]))
        return flat_hdf5.values(array) if member.dtype.kind == "S" else array

    def _member(self, name: str) -> _Member:
        if name not in self._members:
            try:
                self._members[name] = self._read_header(name)
            except archives.DAMAGED as error:
                text = str(error).removeprefix(f"{self.path}: ")
                raise ValueError(f"{self.path}: {name} cannot be read: {text}") from error
        return self._members[name]

    def _read_header(self, name: str) -> _Member:
        info = self._archive.getinfo(f"{name}.npy")
        with self._archive.open(info) as stream:
            shape, turned, dtype = _header(stream)
        if dtype.kind not in "biufSU" or (dtype.kind in "biuf" and dtype.itemsize > 8) or dtype.itemsize < 1:
            raise ValueError(f"it must hold numbers or texts, not {dtype}; nothing that needs pickle is read")
        size = math.prod(shape) * dtype.itemsize
        if any(each < 0 for each in shape) or size > info.file_size:
            raise ValueError(f"its shape {shape} needs {size:,} bytes, and there are {info.file_size:,}")
        room = untrusted.room(self.path)
        if size > (room if dtype.kind in "biuf" else _MOST_TEXTS):
            raise ValueError(f"it claims {size:,} bytes, and may take {room:,}; {untrusted.RAISE_LIMITS}")
        return _Member(info, tuple(shape), dtype, turned)


def _flat(member: _Member, size: int) -> _Member:
    return _Member(member.info, (size,), member.dtype, turned=False)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
    reads: Any = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in reads:
        raise ValueError(f"version {version} of NumPy's format is unknown; save the file with numpy.savez")
    shape, turned, dtype = reads[version](stream)
    return shape, turned, dtype
