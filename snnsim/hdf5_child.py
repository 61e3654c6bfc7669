"""A process that reads HDF5 files for `snnsim.hdf5`, one after another; it needs h5py and NumPy alone.

    from the parent, a line of JSON     path, room (bytes that what is read may take), start (bytes that a file may be)
    to the parent                       a line of JSON: `error`, or `objects` and `size`; then the numbers, `size` bytes

    an object    {"items": {name: number}, "attrs"}      a group; the first of the objects is the file
                 {"dtype", "shape", "at", "attrs"}       numbers, from this byte on
                 {"text": [...], "shape", "attrs"}       text
                 {"wrong": "..."}                        what cannot be read, and why; an error where it is wanted

libhdf5 is not made for files of others: damaged ones let it loop for ever, take memory without end, or kill the
process. The parent sets the time, this process its own memory; and where it dies nothing else does.
"""

import json
import math
import os
import select
import sys

import h5py
import numpy as np

IDLE_SECONDS = 60.0
DEEPEST = 64
_OWN_BYTES = 2**29
DAMAGE = (
    OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError, AttributeError, IndexError, ArithmeticError,
    SystemError,
)  # fmt: skip
"""What h5py raises at damaged files; anything else ends this process, which the parent takes for damage too."""


class Reader:
    """Walks over all objects of a file, each once."""

    def __init__(self, room, links):
        self.left, self.links = room, links
        self.room = room
        self.objects, self.parts, self.size = [], [], 0
        self.seen = {}

    def read(self, file):
        """Collect all that the file holds."""
        todo = [(file, "/", 0)]
        self.seen[h5py.h5o.get_info(file.id).addr] = self._new({"items": {}, "attrs": self._attrs(file)})
        while todo:
            group, path, depth = todo.pop()
            items = self.objects[self.seen[h5py.h5o.get_info(group.id).addr]]["items"]
            for name in group:
                self.links -= 1
                if self.links < 0:
                    raise ValueError("it has more links than its size allows")
                number, inner = self._link(group, name, depth)
                items[name] = number
                if inner is not None:
                    todo.append((inner, f"{path}{name}/", depth + 1))

    def _link(self, group, name, depth):
        """Return the number of what a link leads to, and the group if it is one that was not seen."""
        try:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                return self._wrong("it is a link to another file, which is not followed"), None
            found = group[name]
            address = h5py.h5o.get_info(found.id).addr
            if isinstance(found, h5py.Dataset):
                if address not in self.seen:
                    self.seen[address] = self._new(self._dataset(found))
                return self.seen[address], None
            if not isinstance(found, h5py.Group):
                return self._wrong("it is neither a group nor a data set"), None
            if address in self.seen:
                return self._wrong("it is a second link to a group, which may have one"), None
            if depth >= DEEPEST:
                return self._wrong(f"it lies deeper than {DEEPEST} groups"), None
            self.seen[address] = self._new({"items": {}, "attrs": self._attrs(found)})
            return self.seen[address], found
        except DAMAGE as error:
            return self._wrong(_said(error)), None

    def _new(self, made):
        self.objects.append(made)
        return len(self.objects) - 1

    def _wrong(self, why):
        return self._new({"wrong": why})

    def _dataset(self, data):
        try:
            kind = data.id.get_create_plist()
            if data.is_virtual or kind.get_external_count():
                return {"wrong": "its numbers lie in other files, which are not read"}
            self._check(data.shape, data.dtype, "it claims")
            if data.chunks is not None:
                self._check(data.chunks, data.dtype, "a chunk of it claims", kept=False)
            return self._value(data[()], data.dtype) | {"attrs": self._attrs(data)}
        except DAMAGE as error:
            return {"wrong": _said(error)}

    def _attrs(self, owner):
        found = {}
        try:
            for name in owner.attrs:
                found[name] = self._attribute(owner, name)
        except DAMAGE as error:
            return {"": {"wrong": _said(error)}}
        return found

    def _attribute(self, owner, name):
        try:
            known = owner.attrs.get_id(name)
            self._check(known.shape, known.dtype, "it claims")
            return self._value(owner.attrs[name], known.dtype)
        except DAMAGE as error:
            return {"wrong": _said(error)}

    def _check(self, shape, dtype, what, *, kept=True):
        if shape is None:
            raise ValueError("it is empty, without a shape")
        size = math.prod(map(int, shape)) * dtype.itemsize
        if size > self.left:
            raise ValueError(
                f"{what} {size:,} bytes, and this file may take {self.room:,} in all; set SNNSIM_FILE_LIMIT to allow "
                "more"
            )
        self.left -= size if kept else 0

    def _value(self, value, dtype):
        if h5py.check_string_dtype(dtype) is not None:
            rows = np.asarray(value, object)
            texts = [each.decode() if isinstance(each, bytes) else str(each) for each in rows.ravel()]
            self.left -= sum(map(len, texts))
            return {"text": texts, "shape": rows.shape}
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            return {"wrong": f"its type is {array.dtype}, and must be numbers or text"}
        array = np.ascontiguousarray(array).reshape(array.shape)
        told = {"dtype": array.dtype.str, "shape": array.shape, "at": self.size}
        self.parts.append(array)
        self.size += array.nbytes
        return told


def _said(error):
    return f"{type(error).__name__}: {error}"[:300]


def _bounded(room):
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = used + 4 * room + _OWN_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
    except (ImportError, OSError, ValueError):
        pass


def answer(asked, out):
    """Read a file, and write what it holds."""
    _bounded(asked["room"])
    reader = Reader(asked["room"], max(10_000, os.stat(asked["path"]).st_size // 8))
    try:
        with h5py.File(asked["path"], "r") as file:
            reader.read(file)
        told, parts = json.dumps({"objects": reader.objects, "size": reader.size}), reader.parts
    except DAMAGE as error:
        told, parts = json.dumps({"error": _said(error)}), []
    out.write(told.encode() + b"\n")
    for part in parts:
        out.write(part.reshape(-1).view(np.uint8).data if part.size else b"")
    out.flush()


def main():
    """Answer until the parent is gone, or has asked nothing for a minute."""
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
