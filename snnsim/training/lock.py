"""Lock of a run folder: a file names the training process, from before the first checkpoint until the last figure.

The file is made by a hard link, which is atomic also on a disk that several machines share. The kernel's lock on the
file (flock) ends with its process; it decides where process numbers mean nothing, as in another container of the same
machine. The next process removes the file of a killed process. It holds the flock meanwhile, so that only one of two
processes removes the file.
"""

import contextlib
import errno
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snnsim import identity

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

NAME = "lock.json"
_TRIES, _PAUSE_S = 40, 0.05
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


class Held(OSError):
    """Another process holds the folder."""


@contextmanager
def held(folder: Path, *, say: Callable[[str], object]) -> Iterator[None]:
    """Hold the lock of a folder until the block ends.

    A missing folder is made, and an empty folder is removed at the end.

    Args:
        folder: The folder of a run.
        say: Function that receives a sentence if the lock of a killed process is removed.

    Raises:
        Held: If another process holds the folder, or may hold it; the message names the process.
        OSError: If the folder cannot be written to.
    """
    handle = _acquired(Path(folder), say)
    lock = Path(folder) / NAME
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            # unless another process has removed the file and made its own
            if os.path.samestat(os.fstat(handle), lock.stat()):
                lock.unlink()
        os.close(handle)
        with contextlib.suppress(OSError):
            lock.parent.rmdir()


def new_folder(parent: Path, name: str) -> Path:
    """Make a new folder and return it.

    Args:
        parent: The folder above it.
        name: Name of the folder; if a folder of this name exists, name-2, name-3 and so on are tried.
    """
    folder, number = parent / name, 1
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            folder = parent / f"{name}-{number}"
        else:
            return folder


def _acquired(folder: Path, say: Callable[[str], object]) -> int:
    """Return the descriptor of a new lock file; it keeps the kernel's lock.

    Raises:
        OSError: If the folder cannot be written to.
        Held: If other processes keep taking the lock.
    """
    lock = folder / NAME
    for _ in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = _created(lock)
        except FileNotFoundError:
            # the previous holder has just removed the folder
            continue
        except OSError as error:
            raise OSError(f"the folder of a run must be writable; {folder} is not ({error.strerror})") from error
        if handle is not None:
            return handle
        if _removed(lock):
            say(f"{folder}: the process that held it was killed; its lock is removed")
        time.sleep(_PAUSE_S)
    raise Held(f"run folder {folder}: the lock {lock} could not be taken; other processes take it repeatedly")


def _created(lock: Path) -> int | None:
    """Return the descriptor of a new lock file, or None if the file exists.

    Raises:
        OSError: If the folder cannot be written to.
    """
    partial = lock.with_name(f".{lock.name}.{identity.tag()}.{uuid.uuid4().hex[:8]}.partial.json")
    handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write(handle, locked=_flock(handle))
        try:
            os.link(partial, lock)
        except FileExistsError:
            # over NFS a reply may be lost and the request repeated: a link count of 2 shows that the first one worked
            if os.fstat(handle).st_nlink == 2 and os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
            os.close(handle)
            return None
        except OSError as error:
            os.close(handle)
            if error.errno not in _NO_LINKS:
                raise
            return _created_without_links(lock)
        return handle
    finally:
        partial.unlink(missing_ok=True)


def _created_without_links(lock: Path) -> int | None:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return None
    _write(handle, locked=_flock(handle))
    return handle


def _write(handle: int, *, locked: bool) -> None:
    record = {
        **asdict(identity.mine()),
        "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "command": sys.argv,
        "flock": locked,
    }
    os.write(handle, (json.dumps(record, indent=2) + "\n").encode())
    os.fsync(handle)


def _removed(lock: Path) -> bool:
    """Remove the lock of a process that has ended, and return whether this process removed it.

    Raises:
        Held: If the process of the lock runs, or may run.
    """
    try:
        handle = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Held(
            f"run folder {lock.parent} is held by another user; {lock} cannot be read ({error.strerror})"
        ) from error
    try:
        record = _read(handle)
        ended = identity.has_ended(_holder(record)) if record else None
        if ended is False:
            raise Held(_described(lock, record, sure=True))
        alone = _flock(handle)
        if ended is None and not (alone and record and _same_kernel(record)):
            raise Held(_described(lock, record, sure=False))
        if not alone:
            # another process is removing the file, unless this disk has no kernel locks
            if not record.get("flock"):
                raise Held(_described(lock, record, sure=False))
            return False
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), lock.stat()):
                lock.unlink()
                return True
        return False
    finally:
        os.close(handle)


def _same_kernel(record: dict[str, Any]) -> bool:
    return bool(record["flock"]) and bool(record["boot"]) and record["boot"] == identity.mine().boot


def _read(handle: int) -> dict[str, Any]:
    """Return the record of a lock file; a damaged file gives an empty one."""
    for _ in range(_TRIES):
        try:
            record = json.loads(os.pread(handle, 1 << 20, 0))
            _holder(record)
            bool(record["flock"]), str(record["since"]), " ".join(map(str, record["command"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            # without hard links, the file is empty for a moment before its record is written
            time.sleep(_PAUSE_S)
        else:
            return dict(record)
    return {}


def _holder(record: dict[str, Any]) -> identity.Identity:
    host, machine, boot, namespace = (str(record[name]) for name in ("host", "machine", "boot", "namespace"))
    return identity.Identity(host, machine, boot, namespace, pid=int(record["pid"]), started=str(record["started"]))


def _described(lock: Path, record: dict[str, Any], *, sure: bool) -> str:
    holder = "an unknown process (its lock is damaged)"
    if record:
        command = " ".join(map(str, record["command"]))
        holder = f"process {record['pid']} on {record['host']} since {record['since']} ({command})"
    todo = "wait until it has ended, or choose another folder"
    if not sure:
        todo = f"{todo}. If you know that it has ended, remove the file {lock} and start again"
    return f"run folder {lock.parent} is held by {holder}; {todo}"


def _flock(handle: int) -> bool:
    """Return whether the kernel's lock was taken at once."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
