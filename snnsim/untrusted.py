"""Files of unknown origin, read within limits, or refused by an error that names the file and its defect.

    room of a file  =  factor · max(256 MiB, 64 · size of the file)      bytes of the unpacked content

The factor is the environment variable SNNSIM_READ_LIMIT, 1 by default. A file that claims more than its room is refused
before it is unpacked. Only the parts that a caller asks for are unpacked.
"""

import json
import math
import os
import re
import stat
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

VARIABLE = "SNNSIM_READ_LIMIT"
RAISE_LIMITS = f"if the file is good, raise the limits by {VARIABLE}=10"
LEAST_ROOM = 2**28
_OLD_VARIABLE = "SNNSIM_FILE_LIMIT"
_SHARE = 64
_MOST_TEXT = 2**31
_DEEPEST = 64
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
_DAMAGE = (
    OSError, EOFError, RuntimeError, NotImplementedError, ValueError, OverflowError, IndexError, KeyError, TypeError,
    SyntaxError, tokenize.TokenError, RecursionError, struct.error, zipfile.BadZipFile, zlib.error, MemoryError,
)  # fmt: skip
"""Errors that zipfile, zlib and NumPy raise at damaged archives."""


def regular(path: Path) -> int:
    """Return the size of a regular file in bytes; symbolic links are followed.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the path is a folder, a pipe or a device, which has no end.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(f"there is no file {path}") from error
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "a device")
        raise ValueError(f"{path} is {kind}, and must be a file")
    return status.st_size


def limit_factor() -> float:
    """Return the factor that the user puts on all limits of reading files: the variable SNNSIM_READ_LIMIT, or 1.

    Raises:
        ValueError: If the variable is no positive number.
    """
    text = os.environ.get(VARIABLE, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < math.inf:
        raise ValueError(f"{VARIABLE}: the factor must be a number above 0, such as 10, not {text!r}")
    return factor


def room(path: Path) -> int:
    """Return the number of bytes that the unpacked content of a file may take.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the path is no regular file, or a variable for the limit has a wrong value.
    """
    size = regular(path)
    return _limit(max(LEAST_ROOM, _SHARE * size))


def inside(folder: Path, name: Any) -> Path:
    """Return the path of a file that is named in another file of the same folder.

    Args:
        folder: The folder.
        name: The name, as it was read from the other file.

    Raises:
        ValueError: If the name is no text, or leads out of the folder.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"the name of a file must be text, not {name!r}")
    path = Path(folder, name)
    if not path.resolve().is_relative_to(Path(folder).resolve()):
        raise ValueError(f"the file {name!r} must lie in the folder {folder}, and does not")
    return path


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the path is no regular file, or the file is too large or no text.
    """
    size = regular(path)
    if size > _limit(_MOST_TEXT):
        raise ValueError(f"{path}: it has {size:,} bytes, too many for a text; {RAISE_LIMITS}")
    try:
        return Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: it must be text in UTF-8, and is not from byte {error.start} on") from error
    except (OSError, MemoryError) as error:
        raise ValueError(f"{path}: it cannot be read: {error}") from error


def parse_object(text: str | bytes, *, where: str) -> dict[str, Any]:
    """Return an object of JSON, whose values may have any type.

    Args:
        text: The JSON text.
        where: Name of the text, for the message.

    Raises:
        ValueError: If the text is no object of JSON, or is nested too deeply.
    """
    try:
        # older programs may have NaN in their provenance
        result = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{where}: it must be JSON: {error}") from error
    if not isinstance(result, dict):
        raise ValueError(f"{where}: it must be an object of JSON, not a {type(result).__name__}")
    level: list[Any] = [result]
    depth = 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise ValueError(f"{where}: it must not be nested more than {_DEEPEST} times")
        values = [each for part in level for each in (part.values() if isinstance(part, dict) else part)]
        level = [each for each in values if isinstance(each, dict | list)]
    return result


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: As `read_text` and `parse_object` raise it.
    """
    return parse_object(read_text(path), where=Path(path).name)


class Arrays:
    """The arrays of an open file in NumPy's format npz. An array is read and checked at its first access.

    Args:
        packed: The open archive.
        room: Bytes that all arrays together may take.
    """

    def __init__(self, packed: zipfile.ZipFile, room: int) -> None:
        self._packed, self._left, self._room = packed, room, room

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._packed.NameToInfo

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array of numbers.

        Args:
            name: Name of the array.

        Raises:
            ValueError: If the file has no array of this name, or the array is damaged, too large, or of another type.
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
                f"it claims {part.file_size:,} bytes, and this file may take {self._room:,} in all; {RAISE_LIMITS}"
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
            # one byte more than the array has: zipfile compares the checksum at the end of a part
            content = bytearray(file.read(size + 1))
            if len(content) != size:
                raise ValueError(f"its shape {shape} needs {size:,} bytes, and the part has another size")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if turned else "C")

    def json(self, name: str) -> dict[str, Any]:
        """Return the object of JSON in an array of bytes.

        Args:
            name: Name of the array.

        Raises:
            ValueError: As `self[name]` and `parse_object` raise it.
        """
        return parse_object(self[name].tobytes(), where=name)


@contextmanager
def arrays(path: Path) -> Iterator[Arrays]:
    """Open a file in NumPy's format npz.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the path is no regular file, or the file is no archive.
    """
    size = room(path)
    try:
        packed = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise ValueError(f"it is no archive: {error}") from error
    with packed:
        yield Arrays(packed, size)


def refuse(path: Path, defect: str, error: Exception) -> NoReturn:
    """Raise an error that names a file that could not be read.

    Args:
        path: The file.
        defect: Continuation of "PATH is damaged, or", such as "was not written by `snnsim export`".
        error: The error of the reader.

    Raises:
        FileNotFoundError: If the error of the reader is one.
        ValueError: With the message of any other error.
    """
    if isinstance(error, FileNotFoundError):
        raise error
    raise ValueError(f"{path} is damaged, or {defect}: {error}") from error


def _limit(size: int) -> int:
    """Return a limit in bytes, multiplied by the user's factor, or as the older variable states it.

    Raises:
        ValueError: If a variable has a wrong value.
    """
    text = os.environ.get(_OLD_VARIABLE, "").strip()
    if not text:
        return int(size * limit_factor())
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,3})?)\s*([KMGT]?)I?B?", text.upper())
    if match is None:
        raise ValueError(f"{_OLD_VARIABLE}: the value must be a number of bytes, or one such as 64GB, not {text!r}")
    warnings.warn(f"{_OLD_VARIABLE} is replaced by {VARIABLE}, a factor", DeprecationWarning, stacklevel=3)
    return int(float(match[1]) * _UNITS[match[2]])
