"""The arrays of an SHD-format file, read by libhdf5 after a process of its own has read them without a crash.

libhdf5 crashes on some damaged files and never returns from others. A file with new bytes is therefore first read by a
second process (this file, run as a script; about half a second), within a limit of time and memory. This process reads
the arrays only if the second process has read all of them. Files that were read are remembered by the digest of their
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnsim.untrusted import RAISE_LIMITS, limit_factor

SCHEMA = (
    "a file of the SHD format has spikes/times and spikes/units (one row of seconds and of channels per "
    "recording), labels, extra/speaker and extra/keys"
)
MOST_TARGETS = 100
"""The most targets of a file."""
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_VERSION = 1
_STARTED = "reading"
_good: set[str] = set()


def arrays(path: Path, image: bytes | None, marks: Path) -> dict[str, Any]:
    """Return the arrays of an SHD-format file without any conversion.

    Args:
        path: The file, also for messages.
        image: The bytes of the file if they were unpacked; None reads the file itself.
        marks: Folder of the marks of files that were read.

    Returns:
        times, units (event,), times_count, units_count (recording,), labels; speaker, keys, or None where the file has
        none; attributes, a dict; and targets, a dict of the arrays of each target by name.

    Raises:
        ValueError: If it is no HDF5 file, is damaged, or lacks a data set.
    """
    size = tried(path, image, marks, script=__file__, schema=SCHEMA)
    try:
        return parsed(image if image is not None else path, size)
    except Wrong as error:
        raise ValueError(f"{path}: {error}") from error


def tried(path: Path, image: bytes | None, marks: Path, *, script: str, schema: str) -> int:
    """Let a second process read a file whose bytes are new, and return the size of its content.

    Args:
        path: The file, also for messages.
        image: The bytes of the file if they were unpacked; None reads the file itself.
        marks: Folder of the marks of files that were read.
        script: The file that the second process runs; it ends with `run_script`.
        schema: Content of a file of this kind, for messages.

    Raises:
        ValueError: If the file is no HDF5 file, or the second process does not read it to its end.
    """
    start, size, digest = _digest(path, image)
    if start is not None:
        raise ValueError(f"{path}: data must be an HDF5 file; this one starts with {start!r}; {schema}")
    key = digest if script == __file__ else f"{digest}-{Path(script).stem}"
    if key not in _good and not (marks / f"{key}-{_VERSION}").is_file():
        _try_elsewhere(path, image, size, script)
        remember(key, marks / f"{key}-{_VERSION}")
    return size


def remember(digest: str, mark: Path | None = None) -> None:
    """Remember that the second process need not read bytes again.

    Args:
        digest: SHA-256 of the bytes, as a hexadecimal text.
        mark: Empty file in the cache folder that reminds later processes; None reminds this process alone.
    """
    _good.add(digest)
    try:
        if mark is not None:
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
    except OSError:
        # a cache that cannot be written costs half a second per process
        pass


def _digest(path: Path, image: bytes | None) -> tuple[bytes | None, int, str]:
    """Return the first bytes of a file that is no HDF5 file, else None, and the size and the digest of the content."""
    with io.BytesIO(image) if image is not None else path.open("rb") as file:
        size, first, position = file.seek(0, io.SEEK_END), b"", 0
        while position < size:
            # a user block may precede the signature, of 512 bytes or a power of two times as many
            file.seek(position)
            read = file.read(len(_SIGNATURE))
            first, position = (read if position == 0 else first), 2 * position or 512
            if read == _SIGNATURE:
                file.seek(0)
                return None, size, hashlib.file_digest(file, "sha256").hexdigest()
    return first, size, ""


def _try_elsewhere(path: Path, image: bytes | None, size: int, script: str) -> None:
    """Read the file in another process.

    Raises:
        ValueError: If that process does not read all arrays.
    """
    if not sys.executable:
        return
    seconds = (15 + size / 2e6) * limit_factor()
    command = [sys.executable, "-P", script, "-" if image is not None else str(path.resolve())]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if image is None else {"input": image}
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=seconds, check=False, **source)
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"{path}: an HDF5 file must be whole; this one is damaged (libhdf5 does not come to an end of it within "
            f"{seconds:.0f} s); get it again; {RAISE_LIMITS}"
        ) from error
    except OSError:
        # this system starts no second process
        return
    started, _, output = done.stdout.decode(errors="replace").partition("\n")
    if started != _STARTED:
        return
    verdict = json.loads(output) if done.returncode == 0 and output else f"libhdf5 ends the process: {done.returncode}"
    if isinstance(verdict, list):
        raise ValueError(f"{path}: {verdict[0]}")
    if verdict is not None:
        raise ValueError(
            f"{path}: an HDF5 file must be whole; this one is damaged or cut off ({verdict}); get it again"
        )


class Wrong(ValueError):
    """An undamaged file that is not of the expected format."""


def parsed(source: Path | bytes, size: int) -> dict[str, Any]:
    """Return the arrays of a file by name: times, units, labels, speaker, keys and attributes.

    Args:
        source: Path of an HDF5 file, or the bytes of one.
        size: Number of bytes of the file, which bounds the sizes that its data sets may claim.
    """
    file = h5py.File(source if isinstance(source, Path) else h5py.h5f.open_file_image(source), "r")
    with file:
        stated = "time_unit" in file.attrs
        content: dict[str, Any] = {
            "attributes": {name: file.attrs[name] for name in ("units", "time_unit") if name in file.attrs}
        }
        content["times"], content["times_count"] = _rows(file, "spikes/times", "fiu" if stated else "f", size)
        content["units"], content["units_count"] = _rows(file, "spikes/units", "iu", size)
        content["labels"] = _dataset(file, "labels", size)[()]
        for name in ("speaker", "keys"):
            exists = f"extra/{name}" in file
            content[name] = _dataset(file, f"extra/{name}", size)[()] if exists else None
        content["targets"] = {name: _target(file, f"targets/{name}", size) for name in _names(file, "targets")}
    return content


def _names(file: h5py.File, path: str) -> list[str]:
    """Return the names of the groups in a group, none where there is no such group.

    Raises:
        Wrong: If it is no group, or has more names than MOST_TARGETS.
    """
    if path not in file:
        return []
    group = file[path]
    if not isinstance(group, h5py.Group) or len(group) > MOST_TARGETS:
        raise Wrong(f"{path} must be a group of at most {MOST_TARGETS} groups")
    return list(group)


def _target(file: h5py.File, path: str, size: int) -> dict[str, np.ndarray]:
    names = ["values", "names", *(name for name in ("offset", "step_ms") if f"{path}/{name}" in file)]
    return {name: _dataset(file, f"{path}/{name}", size)[()] for name in names}


def _dataset(file: h5py.File, name: str, size: int) -> h5py.Dataset:
    dataset = file.get(name)
    if dataset is None:
        names: list[str] = []
        # visit stops at the first value that is not None
        file.visit(lambda each: names.append(each) if len(names) < 20 else names)
        raise Wrong(f"the data set {name} is missing; the file holds {names}; {SCHEMA}")
    if not isinstance(dataset, h5py.Dataset):
        raise Wrong(f"{name} must be a data set; it is a {type(dataset).__name__.lower()}; {SCHEMA}")
    require_inside(dataset, name, size)
    return dataset


def require_inside(dataset: h5py.Dataset, name: str, size: int) -> None:
    """Check that a data set lies in its file, and is not too large for it.

    Args:
        dataset: The data set.
        name: Its name, for messages.
        size: Bytes of the file.

    Raises:
        Wrong: If it does not, or is.
    """
    if dataset.external:
        raise Wrong(f"{name} must lie in the file itself, not in {dataset.external[0][0]!r}; copy it")
    claimed, limit = dataset.size * dataset.dtype.itemsize, (100 * size + 2**24) * limit_factor()
    if claimed > limit:
        raise Wrong(
            f"{name} claims {dataset.shape} numbers, {claimed / 1e6:,.0f} MB in a file of {size / 1e6:,.1f} MB; the "
            f"limit is {limit / 1e6:,.0f} MB; {RAISE_LIMITS}"
        )


def _rows(file: h5py.File, name: str, kinds: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows of a variable-length data set end to end, and the length of each row.

    Raises:
        Wrong: If the data set is of another type.
    """
    dataset = _dataset(file, name, size)
    kind = h5py.check_vlen_dtype(dataset.dtype)
    if dataset.ndim != 1 or kind is None or kind.kind not in kinds:
        expected = "floating-point seconds" if name.endswith("times") else "integer channel numbers"
        advice = "" if "i" in kinds else "; integers need the file's attribute time_unit, 's', 'ms' or 'us'"
        raise Wrong(
            f"{name} must be rows of {expected}, one per recording; it is {dataset.dtype} of shape "
            f"{dataset.shape}{advice}; {SCHEMA}"
        )
    rows = dataset[:]
    count = np.fromiter(map(len, rows), np.int64, len(rows))
    return np.concatenate([*rows, np.empty(0, kind)]), count


def _limit_memory(size: int) -> None:
    """Limit the additional memory of this process, where the system can."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = int((2**30 + 16 * size) * limit_factor()) + pages * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return


def run_script(name: str, parse: Callable[[Path | bytes, int], object]) -> None:
    """Read a file, or the standard input, and print a JSON verdict: null, [our message], or the message of libhdf5.

    Args:
        name: Path of the file, or "-".
        parse: Function that reads a file, or its content, of a size in bytes.
    """
    source = sys.stdin.buffer.read() if name == "-" else Path(name)
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    _limit_memory(size)
    sys.stdout.write(f"{_STARTED}\n")
    sys.stdout.flush()
    verdict: Any = None
    try:
        parse(source, size)
    except Wrong as error:
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
    run_script(sys.argv[1], parsed)
