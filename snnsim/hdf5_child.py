"""A process that reads HDF5 files for `snnsim.hdf5`, one after another. Its only imports are h5py and NumPy.

    from the parent, a line of JSON     path, room (bytes that the content may take)
    to the parent                       a line of JSON: `error`, or `objects` and `size`; then the numbers, `size` bytes

    an object    {"items": {name: index}, "attrs"}       a group; the first of the objects is the file
                 {"dtype", "shape", "at", "attrs"}       numbers, from byte `at` on
                 {"text": [...], "shape", "attrs"}       text
                 {"wrong": "..."}                        an unreadable object and the reason; an error at its first use

libhdf5 is not made for files of unknown origin: at damaged files it may loop without end, exhaust the memory, or crash.
The parent limits the time of this process; the process limits its own memory. A crash ends this process only.
"""

import json
import math
import os
import select
import sys
from typing import Any, BinaryIO

import h5py
import numpy as np

IDLE_SECONDS = 60.0
DEEPEST = 64
_OWN_BYTES = 2**29
DAMAGE = (
    OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError, AttributeError, IndexError, ArithmeticError,
    SystemError,
)  # fmt: skip
"""Errors that h5py raises at damaged files. Any other error ends this process, which the parent reports as damage."""
Described = dict[str, Any]


class Reader:
    """A walk over all objects of a file that visits each object once.

    Args:
        room: Bytes that the content may take.
        links: Number of links that the file may have.
    """

    def __init__(self, room: int, links: int) -> None:
        self.left, self.links = room, links
        self.room = room
        self.objects: list[Described] = []
        self.parts: list[np.ndarray] = []
        self.size = 0
        self.seen: dict[int, int] = {}
        """Index of an object by its address in the file."""

    def read(self, file: h5py.File) -> None:
        """Collect the content of a file.

        Args:
            file: The file, open for reading; the objects and their numbers are added to the reader's lists.

        Raises:
            ValueError: If the file has more links than its size allows.
        """
        stack = [(file, "/", 0)]
        self.seen[h5py.h5o.get_info(file.id).addr] = self._new({"items": {}, "attrs": self._attrs(file)})
        while stack:
            group, path, depth = stack.pop()
            items = self.objects[self.seen[h5py.h5o.get_info(group.id).addr]]["items"]
            for name in group:
                self.links -= 1
                if self.links < 0:
                    raise ValueError("it has more links than its size allows")
                index, inner = self._link(group, name, depth)
                items[name] = index
                if inner is not None:
                    stack.append((inner, f"{path}{name}/", depth + 1))

    def _link(self, group: h5py.Group, name: str, depth: int) -> tuple[int, h5py.Group | None]:
        """Return the index of the object that a link leads to, and the object if it is a group of the first visit."""
        try:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                return self._wrong("it is a link to another file, which is not followed"), None
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if isinstance(item, h5py.Dataset):
                if address not in self.seen:
                    self.seen[address] = self._new(self._dataset(item))
                return self.seen[address], None
            if not isinstance(item, h5py.Group):
                return self._wrong("it is neither a group nor a data set"), None
            if address in self.seen:
                return self._wrong("it is a second link to a group, which may have one"), None
            if depth >= DEEPEST:
                return self._wrong(f"it lies deeper than {DEEPEST} groups"), None
            self.seen[address] = self._new({"items": {}, "attrs": self._attrs(item)})
            return self.seen[address], item
        except DAMAGE as error:
            return self._wrong(_reason(error)), None

    def _new(self, described: Described) -> int:
        self.objects.append(described)
        return len(self.objects) - 1

    def _wrong(self, reason: str) -> int:
        return self._new({"wrong": reason})

    def _dataset(self, data: h5py.Dataset) -> Described:
        try:
            properties = data.id.get_create_plist()
            if data.is_virtual or properties.get_external_count():
                return {"wrong": "its numbers lie in other files, which are not read"}
            self._check(data.shape, data.dtype, "it claims")
            if data.chunks is not None:
                self._check(data.chunks, data.dtype, "a chunk of it claims", counted=False)
            return self._value(data[()], data.dtype) | {"attrs": self._attrs(data)}
        except DAMAGE as error:
            return {"wrong": _reason(error)}

    def _attrs(self, owner: h5py.Group | h5py.Dataset) -> Described:
        attributes = {}
        try:
            for name in owner.attrs:
                attributes[name] = self._attribute(owner, name)
        except DAMAGE as error:
            return {"": {"wrong": _reason(error)}}
        return attributes

    def _attribute(self, owner: h5py.Group | h5py.Dataset, name: str) -> Described:
        try:
            declared = owner.attrs.get_id(name)
            self._check(declared.shape, declared.dtype, "it claims")
            return self._value(owner.attrs[name], declared.dtype)
        except DAMAGE as error:
            return {"wrong": _reason(error)}

    def _check(self, shape: tuple[int, ...] | None, dtype: np.dtype[Any], claim: str, *, counted: bool = True) -> None:
        """Compare a declared size with the room that is left, before libhdf5 allocates memory for it.

        Raises:
            ValueError: If the object has no shape, or takes more than the room.
        """
        if shape is None:
            raise ValueError("it is empty, without a shape")
        size = math.prod(map(int, shape)) * dtype.itemsize
        if size > self.left:
            raise ValueError(
                f"{claim} {size:,} bytes, and this file may take {self.room:,} in all; if the file is good, raise the "
                "limits by SNNSIM_READ_LIMIT=10"
            )
        self.left -= size if counted else 0

    def _value(self, value: Any, dtype: np.dtype[Any]) -> Described:
        if h5py.check_string_dtype(dtype) is not None:
            rows = np.asarray(value, object)
            texts = [item.decode() if isinstance(item, bytes) else str(item) for item in rows.ravel()]
            self.left -= sum(map(len, texts))
            return {"text": texts, "shape": rows.shape}
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            return {"wrong": f"its type is {array.dtype}, and must be numbers or text"}
        array = np.ascontiguousarray(array).reshape(array.shape)
        described = {"dtype": array.dtype.str, "shape": array.shape, "at": self.size}
        self.parts.append(array)
        self.size += array.nbytes
        return described


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _limit_memory(room: int) -> None:
    """Let this process take four times the room of a file, and no more, where the system can limit it."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = used + 4 * room + _OWN_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
    except (ImportError, OSError, ValueError):
        pass


def answer(request: dict[str, Any], out: BinaryIO) -> None:
    """Read a file and write its content.

    Args:
        request: path and room of the file.
        out: Stream of the answer.
    """
    _limit_memory(request["room"])
    reader = Reader(request["room"], max(10_000, os.stat(request["path"]).st_size // 8))
    try:
        with h5py.File(request["path"], "r") as file:
            reader.read(file)
        header, parts = json.dumps({"objects": reader.objects, "size": reader.size}), reader.parts
    except DAMAGE as error:
        header, parts = json.dumps({"error": _reason(error)}), []
    out.write(header.encode() + b"\n")
    for part in parts:
        out.write(part.reshape(-1).view(np.uint8).data if part.size else b"")
    out.flush()


def main() -> None:
    """Answer requests until the parent ends, or has sent none for a minute."""
    out = sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    while True:
        if os.name == "posix" and not select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
            return
        line = sys.stdin.buffer.readline()
        if not line:
            return
        answer(json.loads(line), out)


if __name__ == "__main__":
    main()
