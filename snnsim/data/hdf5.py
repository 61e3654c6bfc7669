"""The arrays of an SHD-format file, read by libhdf5: first in a process of its own, which damaged files may take along.

libhdf5 crashes on some damaged files and never returns from others. So a file whose bytes have not been read before is
read once by a second process (this file, run as a script; about half a second), within a limit of time and memory. Only
if that comes back with all arrays does this process read them. What has been read is remembered by the digest of its
bytes, in this process and in the cache folder.

Limits, each times the environment variable SNNSIM_READ_LIMIT (1 by default, 10 for ten times as much):
    time      15 s and 1 s for every 2 MB
    memory    1 GiB and 16 bytes per byte of the file
    sizes     a data set may claim 100 bytes per byte of the file, and 16 MB

Source   format: Cramer, Stradmann, Schemmel & Zenke 2022, IEEE TNNLS 33:2744
"""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim.untrusted import RAISE_LIMITS, limit_factor

SCHEMA = (
    "a file of the SHD format has spikes/times and spikes/units (one row of seconds and of channels per "
    "recording), labels, extra/speaker and extra/keys"
)
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_VERSION = 1
_STARTED = "reading"
_good: set[str] = set()


def arrays(path: Path, image: bytes | None, kept: Path) -> dict[str, Any]:
    """Return the arrays of an SHD-format file as they are in it.

    Args:
        path: The file; it is named in errors.
        image: Its bytes where they had to be unpacked; None reads the file itself.
        kept: Folder that remembers which files have been read.

    Returns:
        times, units (event,), times_count, units_count (recording,), labels; speaker, keys, or None where they are not
        there; and attributes, a dict.

    Raises:
        ValueError: If it is no HDF5 file, is damaged, or lacks a data set.
    """
    start, size, digest = _digest(path, image)
    if start is not None:
        raise ValueError(f"{path}: data must be an HDF5 file; this one starts with {start!r}; {SCHEMA}")
    mark = kept / f"{digest}-{_VERSION}"
    if digest not in _good and not mark.is_file():
        _try_elsewhere(path, image, size)
        remember(digest, mark)
    try:
        return parsed(image if image is not None else path, size)
    except _Wrong as error:
        raise ValueError(f"{path}: {error}") from error


def remember(digest: str, mark: Path | None = None) -> None:
    """Remember that bytes of this SHA-256 digest need no second process."""
    _good.add(digest)
    try:
        if mark is not None:
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
    except OSError:
        # a cache that cannot be written costs half a second per process
        pass


def _digest(path: Path, image: bytes | None) -> tuple[bytes | None, int, str]:
    """Return the first bytes of what is no HDF5 file, else None, and the size and the digest of the content."""
    with io.BytesIO(image) if image is not None else path.open("rb") as file:
        size, first, place = file.seek(0, io.SEEK_END), b"", 0
        while place < size:
            # users' own bytes may stand in front, 512 or a power of two times as many
            file.seek(place)
            found = file.read(len(_SIGNATURE))
            first, place = (found if place == 0 else first), 2 * place or 512
            if found == _SIGNATURE:
                file.seek(0)
                return None, size, hashlib.file_digest(file, "sha256").hexdigest()
    return first, size, ""


def _try_elsewhere(path: Path, image: bytes | None, size: int) -> None:
    """Read the file in another process, and raise a ValueError unless that comes back with all arrays."""
    if not sys.executable:
        return
    seconds = (15 + size / 2e6) * limit_factor()
    command = [sys.executable, "-P", __file__, "-" if image is not None else str(path.resolve())]
    place = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if image is None else {"input": image}
    try:
        done = subprocess.run(command, capture_output=True, env=place, timeout=seconds, check=False, **given)
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"{path}: an HDF5 file must be whole; this one is damaged (libhdf5 does not come to an end of it within "
            f"{seconds:.0f} s); get it again; {RAISE_LIMITS}"
        ) from error
    except OSError:
        # no second process can be had here
        return
    started, _, said = done.stdout.decode(errors="replace").partition("\n")
    if started != _STARTED:
        return
    verdict = json.loads(said) if done.returncode == 0 and said else f"libhdf5 ends the process: {done.returncode}"
    if isinstance(verdict, list):
        raise ValueError(f"{path}: {verdict[0]}")
    if verdict is not None:
        raise ValueError(
            f"{path}: an HDF5 file must be whole; this one is damaged or cut off ({verdict}); get it again"
        )


class _Wrong(ValueError):
    """A file that is whole, but not as it must be."""


def parsed(source: Path | bytes, size: int) -> dict[str, Any]:
    """Return the arrays of a file of `size` bytes, or of the bytes of one."""
    file = h5py.File(source if isinstance(source, Path) else h5py.h5f.open_file_image(source), "r")
    with file:
        stated = "time_unit" in file.attrs
        found: dict[str, Any] = {
            "attributes": {name: file.attrs[name] for name in ("units", "time_unit") if name in file.attrs}
        }
        found["times"], found["times_count"] = _rows(file, "spikes/times", "fiu" if stated else "f", size)
        found["units"], found["units_count"] = _rows(file, "spikes/units", "iu", size)
        found["labels"] = _dataset(file, "labels", size)[()]
        for name in ("speaker", "keys"):
            there = f"extra/{name}" in file
            found[name] = _dataset(file, f"extra/{name}", size)[()] if there else None
    return found


def _dataset(file: h5py.File, name: str, size: int) -> h5py.Dataset:
    found = file.get(name)
    if found is None:
        here: list[str] = []
        file.visit(lambda each: here.append(each) if len(here) < 20 else here)
        raise _Wrong(f"the data set {name} is missing; the file holds {here}; {SCHEMA}")
    if not isinstance(found, h5py.Dataset):
        raise _Wrong(f"{name} must be a data set; it is a {type(found).__name__.lower()}; {SCHEMA}")
    if found.external:
        raise _Wrong(f"{name} must lie in the file itself, not in {found.external[0][0]!r}; copy it")
    claimed, most = found.size * found.dtype.itemsize, (100 * size + 2**24) * limit_factor()
    if claimed > most:
        raise _Wrong(
            f"{name} claims {found.shape} numbers, {claimed / 1e6:,.0f} MB in a file of {size / 1e6:,.1f} MB; the "
            f"limit is {most / 1e6:,.0f} MB; {RAISE_LIMITS}"
        )
    return found


def _rows(file: h5py.File, name: str, kinds: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows of a variable-length data set end to end, and how long each is."""
    found = _dataset(file, name, size)
    kind = h5py.check_vlen_dtype(found.dtype)
    if found.ndim != 1 or kind is None or kind.kind not in kinds:
        expected = "floating-point seconds" if name.endswith("times") else "whole channel numbers"
        advice = "" if "i" in kinds else "; whole numbers need the file's attribute time_unit, 's', 'ms' or 'us'"
        raise _Wrong(
            f"{name} must be rows of {expected}, one per recording; it is {found.dtype} of shape "
            f"{found.shape}{advice}; {SCHEMA}"
        )
    rows = found[:]
    count = np.fromiter(map(len, rows), np.int64, len(rows))
    return np.concatenate([*rows, np.empty(0, kind)]), count


def _limit_memory(size: int) -> None:
    """Let this process have so much more memory, where the system can say so."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = int((2**30 + 16 * size) * limit_factor()) + pages * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return


def _main(name: str) -> None:
    """Read a file, or the standard input, and print what is wrong: null, [what we say], or what libhdf5 says."""
    source = sys.stdin.buffer.read() if name == "-" else Path(name)
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    _limit_memory(size)
    sys.stdout.write(f"{_STARTED}\n")
    sys.stdout.flush()
    verdict: Any = None
    try:
        parsed(source, size)
    except _Wrong as error:
        verdict = [str(error)]
    except MemoryError:
        verdict = [
            f"reading needs more memory than a file of {size / 1e6:,.1f} MB should; it is damaged, or {RAISE_LIMITS}"
        ]
    except Exception as error:  # noqa: BLE001 - h5py raises almost every type on damaged files
        verdict = f"{type(error).__name__}: {' '.join(str(error).split())}"
    sys.stdout.write(json.dumps(verdict))
    sys.stdout.flush()
    # a damaged file may crash libhdf5 as it is closed
    os._exit(0)


if __name__ == "__main__":
    _main(sys.argv[1])
