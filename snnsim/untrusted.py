"""Files from others: read within bounds, or refused by an error that names the file and what is wrong in it.

    room of a file  =  the larger of 256 MiB and 64 times its size      what its contents may take, unpacked

The variable SNNSIM_FILE_LIMIT, in bytes or such as 64GB, is the room of every file instead. A file that claims more
than its room is refused before anything is unpacked; parts that nobody asks for are never unpacked.
"""

import json
import math
import os
import re
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

VARIABLE = "SNNSIM_FILE_LIMIT"
LEAST_ROOM = 2**28
_SHARE = 64
_MOST_TEXT = 2**31
_DEEPEST = 64
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_DAMAGE = (
    OSError, EOFError, RuntimeError, NotImplementedError, ValueError, OverflowError, IndexError, KeyError, TypeError,
    SyntaxError, tokenize.TokenError, RecursionError, struct.error, zipfile.BadZipFile, zlib.error, MemoryError,
)  # fmt: skip
"""What zipfile, zlib and NumPy raise at damaged archives."""


def regular(path: Path) -> int:
    """Return the size of a file in bytes; symbolic links are followed.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is a folder, a pipe or a device, which has no end.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(f"there is no file {path}") from error
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "a device")
        raise ValueError(f"{path} is {kind}, and must be a file")
    return found.st_size


def room(path: Path) -> int:
    """Return how many bytes the contents of a file may take, unpacked.

    Raises:
        ValueError: If it is no file, or SNNSIM_FILE_LIMIT is no number of bytes.
    """
    size, allowed = regular(path), _allowed()
    return max(LEAST_ROOM, _SHARE * size) if allowed is None else allowed


def inside(folder: Path, name: Any) -> Path:
    """Return the path of a file that a folder's own files name.

    Raises:
        ValueError: If the name is none, or leads out of the folder.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"the name of a file must be text, not {name!r}")
    path = Path(folder, name)
    if not path.resolve().is_relative_to(Path(folder).resolve()):
        raise ValueError(f"the file {name!r} must lie in the folder {folder}, and does not")
    return path


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is no file, too large, or no text.
    """
    size, allowed = regular(path), _allowed()
    if size > (_MOST_TEXT if allowed is None else allowed):
        raise ValueError(f"{path}: it has {size:,} bytes, too many for a text; set {VARIABLE} to allow more")
    try:
        return Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: it must be text in UTF-8, and is not from byte {error.start} on") from error
    except (OSError, MemoryError) as error:
        raise ValueError(f"{path}: it cannot be read: {error}") from error


def parse_object(text: str | bytes, *, where: str) -> dict[str, Any]:
    """Return an object of JSON, whose values may have any type.

    Raises:
        ValueError: If the text is no object of JSON, or nested too deeply; `where` says in the message what it is.
    """
    try:
        # older programs may have NaN among the facts of where they came from
        found = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{where}: it must be JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where}: it must be an object of JSON, not a {type(found).__name__}")
    level: list[Any] = [found]
    depth = 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise ValueError(f"{where}: it must not be nested more than {_DEEPEST} times")
        values = [each for part in level for each in (part.values() if isinstance(part, dict) else part)]
        level = [each for each in values if isinstance(each, dict | list)]
    return found


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a file of JSON; raises ValueError as `read_text` and `parse_object` do."""
    return parse_object(read_text(path), where=Path(path).name)


class Arrays:
    """The arrays of an open file in NumPy's format npz; each is read, and checked, when it is asked for."""

    def __init__(self, packed: zipfile.ZipFile, size: int) -> None:
        self._packed, self._left, self._room = packed, size, size

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._packed.NameToInfo

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array of numbers.

        Raises:
            ValueError: If there is none of this name, if it is damaged, no numbers, or more than the file may take.
        """
        if name not in self:
            raise ValueError(f"it has no part {name!r}")
        try:
            return self._read(self._packed.getinfo(f"{name}.npy"))
        except _DAMAGE as error:
            raise ValueError(f"its part {name!r} is damaged: {error}") from error

    def _read(self, part: zipfile.ZipInfo) -> np.ndarray:
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"it is compressed by method {part.compress_type}, and must be by deflate or not at all")
        if part.file_size > self._left:
            raise ValueError(
                f"it claims {part.file_size:,} bytes, and this file may take {self._room:,} in all; set {VARIABLE} "
                "to allow more"
            )
        self._left -= part.file_size
        with self._packed.open(part) as file:
            version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
            reads: Any = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            if version not in reads:
                raise ValueError(f"it has version {version} of NumPy's format, and 1.0 and 2.0 are known")
            shape, turned, dtype = reads[version](file)
            size = math.prod(shape) * dtype.itemsize
            if dtype.kind not in "biuf" or dtype.itemsize > 8 or any(each < 0 for each in shape):
                raise ValueError(f"it must be numbers, not {dtype} of shape {shape}")
            if size > part.file_size:
                raise ValueError(f"its shape {shape} needs {size:,} bytes, and there are {part.file_size:,}")
            # at the end of a part its checksum is compared
            content = bytearray(file.read(size + 1))
            if len(content) != size:
                raise ValueError(f"its shape {shape} needs {size:,} bytes, and there are others")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if turned else "C")

    def json(self, name: str) -> dict[str, Any]:
        """Return the object of JSON in an array of bytes; raises ValueError as `self[name]` and `parse_object` do."""
        return parse_object(self[name].tobytes(), where=name)


@contextmanager
def arrays(path: Path) -> Iterator[Arrays]:
    """Open a file in NumPy's format npz.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is no file, or no archive.
    """
    size = room(path)
    try:
        packed = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise ValueError(f"it is no archive: {error}") from error
    with packed:
        yield Arrays(packed, size)


def refuse(path: Path, what: str, error: Exception) -> NoReturn:
    """Raise a ValueError that names the file and what it was to be; an error of the file system stays what it is."""
    if isinstance(error, FileNotFoundError):
        raise error
    raise ValueError(f"{path} is damaged, or {what}: {error}") from error


def _allowed() -> int | None:
    """Return the bytes of the variable, None without it."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,3})?)\s*([KMGT]?)I?B?", text.upper())
    if found is None:
        raise ValueError(f"{VARIABLE}: the value must be a number of bytes, or one such as 64GB, not {text!r}")
    return int(float(found[1]) * _UNITS[found[2]])
