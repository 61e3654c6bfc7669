"""The content of files that are packed as .gz, .xz or .zip.

A small archive can hold gigabytes of zeros. Unpacking stops at 50 bytes per byte of the archive and 64 MB, and at 64 GB
in any case; the environment variable SNNSIM_READ_LIMIT=10 raises both tenfold.
"""

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from snnsim.untrusted import limit_factor

PACKED = (".gz", ".zip", ".xz")
_CHUNK = 2**20
_LZMA_MEMORY = 2**30


def is_packed(path: Path) -> bool:
    """Return whether the name of a file has the suffix of an archive.

    Args:
        path: Path of the file, which need not exist.
    """
    return path.suffix in PACKED


def require_file(path: Path) -> None:
    """Check that a path leads to a file: to no folder, pipe or device.

    Args:
        path: Path of the file; a link to a file counts as one.

    Raises:
        FileNotFoundError: If there is nothing.
        IsADirectoryError: If it is a folder.
        OSError: If it is a pipe or a device.
    """
    if path.is_file():
        return
    if path.is_dir():
        raise IsADirectoryError(f"{path}: data must be a file; this is a folder; name the file in it")
    if path.exists():
        raise OSError(f"{path}: data must be a file; this is a pipe, a socket or a device; name a file on a disk")
    raise FileNotFoundError(f"{path}: there is no such file; `snnsim data list` says how to get data")


def unpacked(path: Path) -> bytes:
    """Return the unpacked bytes of a .gz, .xz or .zip file; a .zip must hold one file.

    Args:
        path: Path of the packed file; its suffix tells the format.

    Raises:
        OSError: If the path leads to no file.
        ValueError: If the file is damaged, or its content is larger than the limit.
    """
    require_file(path)
    readers: dict[str, Callable[[Path], Iterator[bytes]]] = {".zip": _zip, ".gz": _gzip, ".xz": _xz}
    limit = min(50 * path.stat().st_size + 2**26, 2**36) * limit_factor()
    content, size = io.BytesIO(), 0
    try:
        for piece in readers[path.suffix](path):
            size += len(piece)
            if size > limit:
                break
            content.write(piece)
    except _Several as error:
        raise ValueError(f"{path}: {error}") from error
    except DAMAGED as error:
        raise ValueError(
            f"{path}: a {path.suffix} file must unpack whole; this one is damaged or cut off ({error}); get it again"
        ) from error
    if size > limit:
        raise ValueError(
            f"{path}: the archive unpacks to more than {limit / 1e6:,.0f} MB, too much for one of "
            f"{path.stat().st_size / 1e6:,.1f} MB; unpack it yourself, or raise the limit by SNNSIM_READ_LIMIT=10"
        )
    return content.getvalue()


class _Several(Exception):
    """An archive with other than one file."""


DAMAGED = (
    *(EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, MemoryError),
    # zipfile and numpy raise these at invalid headers: methods and flags, names, offsets, shapes
    *(RuntimeError, ValueError, TypeError, OverflowError, LookupError, AttributeError, SyntaxError, struct.error),
)
"""Exceptions of the standard library and NumPy at invalid bytes of an archive."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _pieces(file: _Readable) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _gzip(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        yield from _pieces(file)


def _xz(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        remaining = file.read(_CHUNK)
        # a file may have several streams, one after the other, with zeros between them
        while remaining:
            unpacker = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
            while not unpacker.eof:
                packed = b""
                if unpacker.needs_input:
                    packed, remaining = remaining or file.read(_CHUNK), b""
                    if not packed:
                        raise EOFError("the stream has no end")
                yield unpacker.decompress(packed, _CHUNK)
            remaining = unpacker.unused_data.lstrip(b"\0") or file.read(_CHUNK).lstrip(b"\0")


def _zip(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            held = ", ".join(map(repr, names[:10])) or "none"
            raise _Several(f"the archive must hold one file; it holds [{held}]; unpack it first")
        with archive.open(names[0]) as file:
            yield from _pieces(file)
