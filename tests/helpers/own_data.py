"""Small files of users: events, pictures and frames, with a class that a network can tell."""

import gzip
import struct
from pathlib import Path

import h5py
import numpy as np

from snnsim import ragged
from snnsim.config import Config, Data, Network, Training

CLASSES = ("down", "up", "still")


def event_arrays(count: int = 30, *, seed: int = 0, channels: int = 12) -> dict[str, np.ndarray]:
    """Return arrays of event recordings in µs, whose class is a third of the channels; six groups take turns."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 3
    sizes = rng.integers(5, 30, count)
    times = [np.sort(rng.integers(0, 90_000, size)) for size in sizes]
    third = channels // 3
    units = [rng.integers(0, third, size) + third * number for size, number in zip(sizes, label, strict=True)]
    return {
        "times": np.concatenate(times),
        "channels": np.concatenate(units),
        "offsets": ragged.indptr(sizes),
        "sensor": np.array([channels]),
        "time_unit": np.array("us"),
        "labels": label,
        "groups": np.arange(count) % 6,
        "classes": np.array(CLASSES),
    }


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write arrays as .npz, or as .h5 with the sensor and the unit as attributes, and return the path."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return path
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            array = np.asarray(values)
            if name in ("sensor", "time_unit"):
                file.attrs[name] = str(array) if array.dtype.kind == "U" else array
            else:
                file[name] = np.char.encode(array) if array.dtype.kind == "U" else array
    return path


def pictures(count: int = 24, *, side: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures uint8 (picture, row, column) with a bright row for each of three classes, and their labels."""
    rng = np.random.default_rng(seed)
    label = (np.arange(count) % 3).astype(np.uint8)
    gray = rng.integers(0, 40, (count, side, side)).astype(np.uint8)
    gray[np.arange(count), label * 2] = 255
    return gray, label


def write_idx(folder: Path, name: str, gray: np.ndarray, label: np.ndarray, *, packed: bool = False) -> None:
    """Write IDX files of pictures and labels, as those of MNIST."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, values in ((f"{name}-images-idx3-ubyte", gray), (f"{name}-labels-idx1-ubyte", label)):
        content = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()
        if packed:
            (folder / f"{kind}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / kind).write_bytes(content)


def config(name: str, path: Path, **values: object) -> Config:
    """Return a config with the data of a user and a tiny network."""
    base = Config(
        name=name,
        data=Data(name=name, path=str(path), channels=0),
        network=Network(hidden=(8,), max_delay_ms=30.0, extra_ms=0.0, dropout=0.0),
        training=Training(epochs=1, batch_size=8),
    )
    return base.with_values(values)
