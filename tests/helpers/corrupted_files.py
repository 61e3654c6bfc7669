"""What the fuzzers of readers share: files are changed in their bytes, in the fields of their JSON, in what HDF5 holds.

A changed file must be read or refused within seconds. What is accepted is simulated, and must run.
"""

import io
import json
import signal
from contextlib import contextmanager

import h5py
import numpy as np

from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.simulation import Events, simulate

SECONDS = 60
FIXED = FixedPoint(word_bits=24, decay_bits=12, weight_shift=6, weight_bits=8, delay_bits=5)
NASTY = [
    None, True, False, 0, 1, -1, 2**15, 2**31 - 1, 2**31, 2**62, 2**63, 2**64, 10**30, -(2**63), 1e8, 0.5, -0.5, 1e300,
    -1e300, float("nan"), float("inf"), "", "a", "input", "clock", "0", "1e999", "../../etc/passwd", "/dev/zero", "\0",
    "\ud800", "x" * 5000, "$BASE_DIR", "${configdir}", [], [[]], [1], ["a"], [["a", "b"]], {}, {"a": 1}, {"0": []},
]  # fmt: skip
_ARRAYS = [np.nan, np.inf, -np.inf, 1e300, -1, 0, 2**31, 2**40, 1e-300, 0.5]


def network(rng, *, integers=False, simple=False):
    """Return a small network.

    Args:
        rng: Source of biases, weights and delays.
        integers: Whether the numbers are integers.
        simple: Whether the network is a chain of single synapses without biases.
    """
    sizes = {INPUT: 4, "a": 3, "b": 2}
    parts = []
    for name, rule in (("a", "lif_hard"), ("b", "readout")):
        size = sizes[name]
        bias = np.zeros(size) if simple else rng.integers(-2, 3, size) / 8
        part = Population(name, rule, np.full(size, 0.5), np.ones(size), bias, np.ones(size))
        if integers:
            decay, limit = np.full(size, 1024), np.full(size, 65 * 64 + 1)
            part = Population(name, rule, decay, limit, (bias * 64).astype(int), np.full(size, 0.25))
        parts.append(part)
    edges = []
    for source, target in (
        ((INPUT, "a"), ("a", "b")) if simple else ((INPUT, "a"), ("a", "b"), ("a", "a"), (INPUT, "b"))
    ):
        pre, post = (part.ravel() for part in np.indices((sizes[source], sizes[target])))
        delay = rng.integers(1, 4, len(pre))
        weight = 2 * rng.integers(-20, 40, len(pre)) if integers else rng.integers(-4, 9, len(pre)) / 8
        edges.append(Edge.of(source, target, (pre, post, delay, weight), sources=sizes[source]))
    return Program(
        channels=4, populations=tuple(parts), edges=tuple(edges), time_step_ms=1.0, readout="b",
        decision="mean_membrane", classes=("x", "y"), extra_steps=3, fixed=FIXED if integers else None,
    )  # fmt: skip


def run(program):
    """Simulate a Program that was accepted, unless it runs on for longer than a test may.

    Args:
        program: Program of a changed file.
    """
    if program.extra_steps > 1000:
        return
    rng = np.random.default_rng(0)
    steps, channels = np.arange(12), rng.integers(0, program.channels, 12)
    with np.errstate(all="ignore"):
        simulate(program, Events.single(steps, channels, steps=14))


@contextmanager
def in_time():
    """Fail where a call takes longer than a reader may; what runs in another process has a limit of its own."""

    def late(*_):
        raise AssertionError(f"it took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def check(tally, read, case):
    """Read a changed file, and run what is accepted.

    Args:
        tally: Counts of accepted and refused files.
        read: Function without arguments that reads the file.
        case: Description of the change, for a failure.
    """
    with in_time():
        program = tally.call(read, case=case)
        if program is not None:
            run(program)


def changed_bytes(rng, content):
    """Return the bytes of a file with one to three changes.

    Args:
        rng: Source of the changes.
        content: The bytes of the file.
    """
    for _ in range(rng.integers(1, 4)):
        at, other = (int(each) for each in rng.integers(0, len(content) + 1, 2))
        size = int(rng.integers(1, 64))
        before, part, after = content[:at], content[at : at + size], content[at + size :]
        flipped = bytes([part[0] ^ (1 << int(rng.integers(8)))]) + part[1:] if part else b""
        copied = content[other : other + size]
        instead = [flipped, bytes(size), b"\xff" * size, rng.bytes(size), b"", part + part, copied]
        kind = rng.integers(len(instead) + 1)
        content = before if kind == len(instead) else before + instead[kind] + after
    return content


def changed_json(rng, value):
    """Return a value of JSON in which one value is another one, or is absent.

    Args:
        rng: Source of the change.
        value: The value, whose tables and lists are searched at any depth.
    """
    value = json.loads(json.dumps(value))
    entries = list(_entries(value))
    if not entries:
        return NASTY[rng.integers(len(NASTY))]
    holder, key = entries[rng.integers(len(entries))]
    kind = rng.integers(10)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.append(holder[key])
    elif kind == 2 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
        holder[key] = holder[key] + [1, -1, 0.5, 2**31, 1e8][rng.integers(5)]
    else:
        holder[key] = NASTY[rng.integers(len(NASTY))]
    return value


def _entries(value):
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _entries(value[key])


def changed_array(rng, array):
    """Return numbers with another shape, type or some other numbers.

    Args:
        rng: Source of the change.
        array: Numbers of any shape and type.
    """
    flat = np.array(array).reshape(-1)
    shapes = [flat[: rng.integers(flat.size + 1)], np.concatenate([flat, flat]), np.asarray(array)[None]]
    shapes += [np.broadcast_to(flat[:1], shape) for shape in ((0,), (1,), (10**4,), (3, 5)) if flat.size]
    other = flat.astype(np.float64) if flat.dtype.kind in "biuf" else flat
    if other.size and other.dtype.kind == "f":
        other[rng.integers(other.size)] = _ARRAYS[rng.integers(len(_ARRAYS))]
    same = np.full(np.shape(array), _ARRAYS[rng.integers(len(_ARRAYS))])
    kinds = [np.float16, np.float64, np.int8, np.uint64, bool, "S3"] if flat.dtype.kind in "biuf" else ["S1"]
    with np.errstate(all="ignore"):
        kind = np.asarray(array).astype(kinds[rng.integers(len(kinds))])
    arrays = [kind, np.array(rng.choice(_ARRAYS)), same, other.reshape(np.shape(array)), other.reshape(np.shape(array))]
    arrays.append(shapes[rng.integers(len(shapes))])
    return arrays[rng.integers(len(arrays))]


def changed_npz(rng, content):
    """Return a file in NumPy's format with another header, another part, or without one.

    Args:
        rng: Source of the change.
        content: The bytes of the file.
    """
    with np.load(io.BytesIO(content)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    name = list(arrays)[rng.integers(len(arrays))]
    if rng.random() < 0.6:
        header = changed_json(rng, json.loads(arrays["header"].tobytes()))
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    elif rng.random() < 0.2:
        del arrays[name]
    else:
        arrays[name] = changed_array(rng, arrays[name])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def changed_hdf5(rng, content):
    """Return an HDF5 file in which one attribute, data set or group is another one, or is absent.

    Args:
        rng: Source of the change.
        content: The bytes of the file.
    """
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        names = []
        file.visit(names.append)
        name = names[rng.integers(len(names))]
        item, kind = file[name], rng.integers(9)
        holder = item.parent
        short = name.rsplit("/", 1)[-1]
        owner = [item, file][rng.integers(2)]
        if kind < 3 and owner.attrs:
            key = list(owner.attrs)[rng.integers(len(owner.attrs))]
            value = owner.attrs[key]
            _changed_attribute(rng, owner, key, value)
        elif kind < 6 and isinstance(item, h5py.Dataset):
            value = item[()]
            del holder[short]
            holder[short] = _changed_value(rng, value)
        elif kind == 6:
            del holder[short]
        elif kind == 7:
            del holder[short]
            _linked(rng, file, holder, short, names)
        else:
            holder.move(short, short + "_")
    return buffer.getvalue()


def _changed_attribute(rng, owner, key, value):
    if isinstance(value, str) and value.startswith("{"):
        owner.attrs[key] = json.dumps(changed_json(rng, json.loads(value)))
    elif isinstance(value, str):
        owner.attrs[key] = ["", "x", 3, 0.5, [1, 2]][rng.integers(5)]
    else:
        # an attribute may not be large
        owner.attrs[key] = changed_array(rng, value).reshape(-1)[:1000]


def _changed_value(rng, value):
    if isinstance(value, bytes):
        if value.startswith(b"{"):
            return json.dumps(changed_json(rng, json.loads(value)))
        return ["", "LIF", "Conv2d", "NIRGraph", 3, 0.5, np.ones(3)][rng.integers(7)]
    if value.dtype == object:
        flat = value.reshape(-1).copy()
        flat[rng.integers(len(flat))] = [b"", b"nothing", b"input", b"output"][rng.integers(4)]
        return flat.reshape(value.shape) if rng.random() < 0.7 else np.ones(value.shape)
    return changed_array(rng, value)


def _linked(rng, file, holder, short, names):
    kind = rng.integers(6)
    if kind == 0:
        holder[short] = h5py.SoftLink("/nowhere")
    elif kind == 1:
        holder[short] = h5py.ExternalLink("/etc/passwd", "/")
    elif kind == 2:
        holder[short] = file["/"]
    elif kind == 3:
        holder.create_dataset(short, (10**12,), "f8", chunks=(1024,))
    elif kind == 4:
        holder.create_group(short)
    else:
        other = names[rng.integers(len(names))]
        if other in file:
            holder[short] = file[other]
