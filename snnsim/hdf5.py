"""HDF5 files of unknown origin, read by a separate process within limits of time and memory.

libhdf5 loops without end on some damaged files, and crashes its process on others. `opened` therefore lets the process
`snnsim/hdf5_child.py` read a file, and returns a tree of plain numbers and texts. The process starts once, takes a few
milliseconds for a small file, and ends after a minute without a file.
"""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

from snnsim import untrusted
from snnsim.validation import require

SCRIPT = Path(__file__).with_name("hdf5_child.py")
START_SECONDS = 120.0
_SECONDS, _BYTES_A_SECOND = 10.0, 5e6
Described = dict[str, Any]
"""An object of a file, as hdf5_child.py describes it."""


class Tree:
    """A group of a file. A missing object and an object of another type are ValueErrors that name it.

    Args:
        content: All objects of the file, and the bytes of their numbers.
        index: Index of the group among the objects.
        name: Path of the group in the file.
    """

    def __init__(self, content: tuple[list[Described], bytes], index: int, name: str = "") -> None:
        self._content, self._index, self.name = content, index, name

    def __contains__(self, path: str) -> bool:
        return self._find(path) is not None

    def __iter__(self) -> Iterator[str]:
        yield from self._items()

    def kind(self, path: str) -> str:
        """Return the kind of the object at a path: `group`, `numbers`, `text`, or `wrong`.

        Args:
            path: Path of the object in this group, such as "weights/delay".
        """
        described = self._described(path)
        return next(kind for key, kind in _KINDS.items() if key in described)

    def group(self, path: str) -> "Tree":
        """Return the group at a path.

        Args:
            path: Path of the group, from this one.
        """
        self._of(path, "items", "a group")
        return Tree(self._content, self._find(path) or 0, self._full(path))

    def groups(self) -> Iterator[tuple[str, "Tree"]]:
        """Yield the names and the groups of this group, in order; all of its objects must be groups."""
        yield from ((name, self.group(name)) for name in self)

    def numbers(self, path: str, *, axes: int | None = None) -> np.ndarray:
        """Return the numbers at a path.

        Args:
            path: Path from this group.
            axes: Number of axes that the array must have; None allows any.

        Raises:
            ValueError: If the object is missing, is of another kind, or has another number of axes.
        """
        return self._numbers(self._of(path, "dtype", "numbers"), self._full(path), axes)

    def text(self, path: str) -> str:
        """Return the text at a path.

        Args:
            path: Path of a single text, from this group.
        """
        return self._text(self._of(path, "text", "a text"), self._full(path))

    def texts(self, path: str, *, axes: int) -> np.ndarray:
        """Return the texts at a path, as an array of objects.

        Args:
            path: Path from this group.
            axes: Number of axes that the array must have.

        Raises:
            ValueError: If the object is missing, is of another kind, or has another number of axes.
        """
        described = self._of(path, "text", "texts")
        texts = np.array([*described["text"], None], object)[:-1].reshape(described["shape"])
        require(texts.ndim == axes, f"{self._full(path)} must be texts of {axes} axes, not {texts.ndim}")
        return texts

    def value(self, path: str) -> Any:
        """Return the numbers or the text at a path, or a dictionary of the values in a group.

        Args:
            path: Path of the object, from this group.
        """
        kind = self.kind(path)
        if kind == "group":
            group = self.group(path)
            return {name: group.value(name) for name in group}
        return self.text(path) if kind == "text" else self.numbers(path)

    def attribute(self, name: str, path: str = "") -> Any:
        """Return an attribute of an object: a text, or numbers.

        Args:
            name: Name of the attribute.
            path: Path of the object from this group; the group itself by default.

        Raises:
            ValueError: If the attribute is missing, or cannot be read.
        """
        attrs = (self._described(path) if path else self._content[0][self._index]).get("attrs", {})
        full = f"the attribute {name!r} of {self._full(path) or 'the file'}"
        if name not in attrs:
            raise ValueError(attrs.get("", {}).get("wrong", f"there is no {full.removeprefix('the ')}"))
        described = attrs[name]
        if "wrong" in described:
            raise ValueError(f"{full} cannot be read: {described['wrong']}")
        return self._text(described, full) if "text" in described else self._numbers(described, full, None)

    def _items(self) -> dict[str, int]:
        items: dict[str, int] = self._content[0][self._index].get("items", {})
        return items

    def _find(self, path: str) -> int | None:
        index = self._index
        for name in path.split("/"):
            items = self._content[0][index].get("items", {})
            if name not in items:
                return None
            index = items[name]
        return index

    def _described(self, path: str) -> Described:
        index = self._find(path)
        if index is None:
            raise ValueError(f"there is no {self._full(path)}")
        return self._content[0][index]

    def _of(self, path: str, key: str, kind: str) -> Described:
        described = self._described(path)
        if key in described:
            return described
        if "wrong" in described:
            raise ValueError(f"{self._full(path)} cannot be read: {described['wrong']}")
        raise ValueError(f"{self._full(path)} must be {kind}, not {self.kind(path)}")

    def _numbers(self, described: Described, full: str, axes: int | None) -> np.ndarray:
        dtype, shape = np.dtype(described["dtype"]), tuple(described["shape"])
        if axes is not None and len(shape) != axes:
            raise ValueError(f"{full} must be numbers of {axes} axes, not of shape {shape}")
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(self._content[1], dtype, count, described["at"] if count else 0).reshape(shape)
        # a copy in the byte order of this machine, and aligned
        return array.astype(dtype.newbyteorder("="))

    def _text(self, described: Described, full: str) -> str:
        if len(described["text"]) != 1:
            raise ValueError(f"{full} must be one text, not {len(described['text'])}")
        return str(described["text"][0])

    def _full(self, path: str) -> str:
        return "/".join(part for part in (self.name, path) if part)


_KINDS: Mapping[str, str] = {"items": "group", "dtype": "numbers", "text": "text", "wrong": "wrong"}


def opened(path: Path) -> Tree:
    """Return the content of an HDF5 file.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the path is no regular file, or the file is no HDF5, is damaged, or takes more time or memory
            than a file of its size may.
    """
    size, room = untrusted.regular(path), untrusted.room(path)
    request = json.dumps({"path": os.fspath(Path(path).absolute()), "room": room})
    with _LOCK:
        header, content = _exchange(request, (_SECONDS + size / _BYTES_A_SECOND) * untrusted.limit_factor())
    if "error" in header:
        raise ValueError(f"it cannot be read as HDF5: {header['error']}")
    return Tree((header["objects"], content), 0)


Received = TypeVar("Received")


class _Child:
    """The process that reads."""

    def __init__(self) -> None:
        self.owner, self.timed_out = os.getpid(), False
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

    def received(self, seconds: float, read: Callable[[IO[bytes]], Received]) -> Received | None:
        """Return the result of `read` on the process's output, or stop the process and return None at a timeout."""
        results: list[Received] = []

        def work() -> None:
            with contextlib.suppress(OSError, ValueError):
                results.append(read(self.process.stdout))  # type: ignore[arg-type]

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self.timed_out = True
            self.process.kill()
            thread.join()
            return None
        return results[0] if results else None

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        with contextlib.suppress(OSError):
            self.process.communicate()


_LOCK = threading.Lock()
_CHILDREN: list[_Child] = []


def _exchange(request: str, seconds: float) -> tuple[Described, bytes]:
    """Send a request to the process, and return the header and the bytes of its answer."""
    for last in (False, True):
        child = _running()
        with contextlib.suppress(OSError):
            child.process.stdin.write(request.encode() + b"\n")  # type: ignore[union-attr]
            child.process.stdin.flush()  # type: ignore[union-attr]
        answer = child.received(seconds, _answer)
        if answer is not None:
            return answer
        child.process.wait()
        _end()
        # an idle process may have ended just before the request; a new one then gets it
        if child.process.returncode != 0 or last:
            break
    reason = f"libhdf5 did not come to an end within {seconds:.0f} s" if child.timed_out else "libhdf5 dies of it"
    return {"error": reason}, b""


def _answer(out: IO[bytes]) -> tuple[Described, bytes] | None:
    line = out.readline()
    if not line.endswith(b"\n"):
        return None
    header = json.loads(line)
    size = header.get("size", 0)
    content = out.read(size) if size else b""
    return (header, content) if len(content) == size else None


def _running() -> _Child:
    for child in _CHILDREN:
        if child.owner == os.getpid() and child.process.poll() is None:
            return child
    _end()
    _CHILDREN.append(_Child())
    return _CHILDREN[0]


def _end() -> None:
    """End the process, unless this process is a fork of the one that started it."""
    for child in _CHILDREN:
        if child.owner == os.getpid():
            child.stop()
    _CHILDREN.clear()


atexit.register(_end)
