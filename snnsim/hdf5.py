"""HDF5 files from others: all that is in them, read by a process of its own within bounds of time and memory.

libhdf5 loops for ever on some damaged files, and dies on others, with the process that it is in. So `opened` has
`snnsim/hdf5_child.py` read a file, and gives back a tree of plain numbers and texts. The process starts once, takes
some milliseconds for a small file, and ends after a minute without a file.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnsim import untrusted

SCRIPT = Path(__file__).with_name("hdf5_child.py")
START_SECONDS = 120.0
_SECONDS, _BYTES_A_SECOND = 10.0, 5e6
Told = dict[str, Any]


class Tree:
    """A group of a file; what it lacks, or what is of another type, is a ValueError that names it."""

    def __init__(self, known: tuple[list[Told], bytes], number: int, name: str = "") -> None:
        self._known, self._number, self.name = known, number, name

    def __contains__(self, path: str) -> bool:
        return self._found(path) is not None

    def __iter__(self) -> Iterator[str]:
        yield from self._items()

    def kind(self, path: str) -> str:
        """Return what is at a path: `group`, `numbers`, `text`, or `wrong`."""
        told = self._told(path)
        return next(kind for key, kind in _KINDS.items() if key in told)

    def group(self, path: str) -> "Tree":
        """Return the group at a path."""
        self._of(path, "items", "a group")
        return Tree(self._known, self._found(path) or 0, self._full(path))

    def groups(self) -> Iterator[tuple[str, "Tree"]]:
        """Yield all names in the group, in order, with the groups that they must be."""
        yield from ((name, self.group(name)) for name in self)

    def numbers(self, path: str, *, axes: int | None = None) -> np.ndarray:
        """Return the numbers at a path; `axes` is how many axes they must have."""
        return self._numbers(self._of(path, "dtype", "numbers"), self._full(path), axes)

    def text(self, path: str) -> str:
        """Return the text at a path."""
        return self._text(self._of(path, "text", "a text"), self._full(path))

    def texts(self, path: str, *, axes: int) -> np.ndarray:
        """Return the texts at a path, an array of so many axes."""
        told = self._of(path, "text", "texts")
        found = np.array([*told["text"], None], object)[:-1].reshape(told["shape"])
        _require(found.ndim == axes, f"{self._full(path)} must be texts of {axes} axes, not {found.ndim}")
        return found

    def value(self, path: str) -> Any:
        """Return the numbers or the text at a path, or a table of them where it is a group."""
        kind = self.kind(path)
        if kind == "group":
            inside = self.group(path)
            return {name: inside.value(name) for name in inside}
        return self.text(path) if kind == "text" else self.numbers(path)

    def attribute(self, name: str, path: str = "") -> Any:
        """Return an attribute of what is at a path: a text, or numbers."""
        attrs = (self._told(path) if path else self._known[0][self._number]).get("attrs", {})
        full = f"the attribute {name!r} of {self._full(path) or 'the file'}"
        if name not in attrs:
            raise ValueError(attrs.get("", {}).get("wrong", f"there is no {full.removeprefix('the ')}"))
        told = attrs[name]
        if "wrong" in told:
            raise ValueError(f"{full} cannot be read: {told['wrong']}")
        return self._text(told, full) if "text" in told else self._numbers(told, full, None)

    def _items(self) -> dict[str, int]:
        found: dict[str, int] = self._known[0][self._number].get("items", {})
        return found

    def _found(self, path: str) -> int | None:
        number = self._number
        for name in path.split("/"):
            items = self._known[0][number].get("items", {})
            if name not in items:
                return None
            number = items[name]
        return number

    def _told(self, path: str) -> Told:
        number = self._found(path)
        if number is None:
            raise ValueError(f"there is no {self._full(path)}")
        return self._known[0][number]

    def _of(self, path: str, key: str, what: str) -> Told:
        told = self._told(path)
        if key in told:
            return told
        if "wrong" in told:
            raise ValueError(f"{self._full(path)} cannot be read: {told['wrong']}")
        raise ValueError(f"{self._full(path)} must be {what}, not {self.kind(path)}")

    def _numbers(self, told: Told, full: str, axes: int | None) -> np.ndarray:
        dtype, shape = np.dtype(told["dtype"]), tuple(told["shape"])
        if axes is not None and len(shape) != axes:
            raise ValueError(f"{full} must be numbers of {axes} axes, not of shape {shape}")
        count = int(np.prod(shape, dtype=np.int64))
        found = np.frombuffer(self._known[1], dtype, count, told["at"] if count else 0).reshape(shape)
        # in the order of bytes of this machine, and aligned
        return found.astype(dtype.newbyteorder("="))

    def _text(self, told: Told, full: str) -> str:
        if len(told["text"]) != 1:
            raise ValueError(f"{full} must be one text, not {len(told['text'])}")
        return str(told["text"][0])

    def _full(self, path: str) -> str:
        return "/".join(part for part in (self.name, path) if part)


_KINDS: Mapping[str, str] = {"items": "group", "dtype": "numbers", "text": "text", "wrong": "wrong"}


def opened(path: Path) -> Tree:
    """Return all that an HDF5 file holds.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is no file, no HDF5, damaged, or takes more time or memory than a file of its size may.
    """
    size, room = untrusted.regular(path), untrusted.room(path)
    asked = json.dumps({"path": os.fspath(Path(path).absolute()), "room": room})
    with _LOCK:
        told, content = _asked(asked, _SECONDS + size / _BYTES_A_SECOND)
    if "error" in told:
        raise ValueError(f"it cannot be read as HDF5: {told['error']}")
    return Tree((told["objects"], content), 0)


class _Child:
    """The process that reads."""

    def __init__(self) -> None:
        self.owner, self.late = os.getpid(), False
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        if self.received(START_SECONDS, lambda out: out.readline()) != b"ready\n":
            self.stop()
            raise OSError("the process that reads HDF5 files did not start; look at the installation of h5py")

    def received(self, seconds: float, read: Any) -> Any:
        """Return what `read` makes of the process's output, or None where that takes too long, and stop it then."""
        found: list[Any] = []

        def work() -> None:
            with contextlib.suppress(OSError, ValueError):
                found.append(read(self.process.stdout))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self.late = True
            self.process.kill()
            thread.join()
            return None
        return found[0] if found else None

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        with contextlib.suppress(OSError):
            self.process.communicate()


_LOCK = threading.Lock()
_CHILDREN: list[_Child] = []


def _asked(asked: str, seconds: float) -> tuple[Told, bytes]:
    for last in (False, True):
        child = _running()
        with contextlib.suppress(OSError):
            child.process.stdin.write(asked.encode() + b"\n")  # type: ignore[union-attr]
            child.process.stdin.flush()  # type: ignore[union-attr]
        answer = child.received(seconds, _answer)
        if answer is not None:
            return answer  # type: ignore[no-any-return]
        child.process.wait()
        _end()
        # one that had nothing to do for long may have ended at this very moment
        if child.process.returncode != 0 or last:
            break
    why = f"libhdf5 did not come to an end within {seconds:.0f} s" if child.late else "libhdf5 dies of it"
    return {"error": why}, b""


def _answer(out: Any) -> tuple[Told, bytes] | None:
    line = out.readline()
    if not line.endswith(b"\n"):
        return None
    told = json.loads(line)
    size = told.get("size", 0)
    content = out.read(size) if size else b""
    return (told, content) if len(content) == size else None


def _running() -> _Child:
    for child in _CHILDREN:
        if child.owner == os.getpid() and child.process.poll() is None:
            return child
    _end()
    _CHILDREN.append(_Child())
    return _CHILDREN[0]


def _end() -> None:
    """End the process; that of a parent that was forked is the parent's."""
    for child in _CHILDREN:
        if child.owner == os.getpid():
            child.stop()
    _CHILDREN.clear()


def _require(ok: bool, message: str) -> None:
    if not ok:
        raise ValueError(message)


atexit.register(_end)
