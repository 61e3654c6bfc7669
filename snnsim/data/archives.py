"""The bytes of a file that may be packed as .gz, .xz or .zip."""

import gzip
import lzma
import zipfile
import zlib
from pathlib import Path

PACKED = (".gz", ".zip", ".xz")


def is_packed(path: Path) -> bool:
    """Return whether the name of `path` says that it is packed."""
    return path.suffix in PACKED


def unpacked(path: Path) -> bytes:
    """Return the unpacked bytes of a .gz, .xz or .zip file; a .zip must hold one file."""
    try:
        if path.suffix == ".zip":
            return _only_member(path)
        return (gzip if path.suffix == ".gz" else lzma).decompress(path.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: a {path.suffix} file must unpack whole; this one is damaged or cut off ({error}); get it again"
        ) from error


def _only_member(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        if len(names) != 1:
            raise ValueError(f"{path}: the archive must hold one file; it holds {names or 'none'}; unpack it first")
        return archive.read(names[0])
