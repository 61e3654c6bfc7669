"""A folder that one process trains in: a file says who, from before the first checkpoint until the last picture.

The file is made by a link, which either makes it or finds it there, on a disk that machines share too. The kernel's
lock on it (flock) goes with the process that holds it, and is asked where numbers of processes say nothing: in
another container of the same machine. The file of a process that was killed is taken away by the next one, under that
lock, so that of two who find it only one does.
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
    """The folder is another process's."""


@contextmanager
def held(folder: Path, *, say: Callable[[str], object]) -> Iterator[None]:
    """Hold a folder, which is made if it is not there, until the block ends; a folder without files is then removed.

    Args:
        folder: The folder of a run.
        say: What is told in a sentence if the lock of a process that was killed is taken away.

    Raises:
        Held: If another process holds it, or if that cannot be told; the message names the process.
        OSError: If the folder cannot be written to.
    """
    handle = _taken(Path(folder), say)
    lock = Path(folder) / NAME
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            # another file was put there by somebody who removed ours
            if os.path.samestat(os.fstat(handle), lock.stat()):
                lock.unlink()
        os.close(handle)
        with contextlib.suppress(OSError):
            lock.parent.rmdir()


def new_folder(parent: Path, name: str) -> Path:
    """Make a folder of this name, or of name-2, name-3, ..., that nobody else has made, and return it."""
    folder, number = parent / name, 1
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            folder = parent / f"{name}-{number}"
        else:
            return folder


def _taken(folder: Path, say: Callable[[str], object]) -> int:
    """Return the open file of a lock that was made; its descriptor keeps the kernel's lock."""
    lock = folder / NAME
    for _ in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = _made(lock)
        except FileNotFoundError:
            # whoever had the folder before has just removed it
            continue
        except OSError as error:
            raise OSError(f"the folder of a run must be writable; {folder} is not ({error.strerror})") from error
        if handle is not None:
            return handle
        if _removed(lock):
            say(f"{folder}: the process that held it has ended without a word; its lock is taken away")
        time.sleep(_PAUSE_S)
    raise Held(f"run folder {folder}: the lock {lock} could not be taken; other processes take it again and again")


def _made(lock: Path) -> int | None:
    """Return the open file of a new lock, or None if there is one already."""
    partial = lock.with_name(f".{lock.name}.{identity.tag()}.{uuid.uuid4().hex[:8]}.partial.json")
    handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write(handle, locked=_flock(handle))
        try:
            os.link(partial, lock)
        except FileExistsError:
            # over NFS an answer may be lost and the request repeated: what counts is that there are two names
            if os.fstat(handle).st_nlink == 2 and os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
            os.close(handle)
            return None
        except OSError as error:
            os.close(handle)
            if error.errno not in _NO_LINKS:
                raise
            return _made_without_links(lock)
        return handle
    finally:
        partial.unlink(missing_ok=True)


def _made_without_links(lock: Path) -> int | None:
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return None
    _write(handle, locked=_flock(handle))
    return handle


def _write(handle: int, *, locked: bool) -> None:
    about = {
        **asdict(identity.mine()),
        "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "command": sys.argv,
        "flock": locked,
    }
    os.write(handle, (json.dumps(about, indent=2) + "\n").encode())
    os.fsync(handle)


def _removed(lock: Path) -> bool:
    """Take away the lock of a process that has ended; return False if it is gone already, raise if it is held."""
    try:
        handle = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Held(f"run folder {lock.parent} is held by somebody; {lock} cannot be read ({error.strerror})") from error
    try:
        about = _read(handle)
        ended = identity.has_ended(_holder(about)) if about else None
        if ended is False:
            raise Held(_described(lock, about, sure=True))
        alone = _flock(handle)
        if ended is None and not (alone and about and _same_kernel(about)):
            raise Held(_described(lock, about, sure=False))
        if not alone:
            # another one is about to take it away, unless this disk has no such locks
            if not about.get("flock"):
                raise Held(_described(lock, about, sure=False))
            return False
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), lock.stat()):
                lock.unlink()
                return True
        return False
    finally:
        os.close(handle)


def _same_kernel(about: dict[str, Any]) -> bool:
    return bool(about["flock"]) and bool(about["boot"]) and about["boot"] == identity.mine().boot


def _read(handle: int) -> dict[str, Any]:
    """Return what a lock says, nothing if it is damaged."""
    for _ in range(_TRIES):
        try:
            found = json.loads(os.pread(handle, 1 << 20, 0))
            _holder(found)
            bool(found["flock"]), str(found["since"]), " ".join(map(str, found["command"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            # without links a lock is there a moment before it says whose it is
            time.sleep(_PAUSE_S)
        else:
            return dict(found)
    return {}


def _holder(about: dict[str, Any]) -> identity.Identity:
    texts = (str(about[name]) for name in ("host", "machine", "boot", "namespace"))
    return identity.Identity(*texts, pid=int(about["pid"]), started=str(about["started"]))


def _described(lock: Path, about: dict[str, Any], *, sure: bool) -> str:
    who = "a process that its lock does not name"
    if about:
        command = " ".join(map(str, about["command"]))
        who = f"process {about['pid']} on {about['host']} since {about['since']} ({command})"
    todo = "wait until it has ended, or choose another folder"
    if not sure:
        todo = f"{todo}. If you know that it has ended, remove the file {lock} and start again"
    return f"run folder {lock.parent} is held by {who}; {todo}"


def _flock(handle: int) -> bool:
    """Return whether the kernel's lock was taken at once."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
