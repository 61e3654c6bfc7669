"""Pictures of a user: IDX files as MNIST and Fashion-MNIST come, arrays, and folders of PNG files by class.

    IDX      PREFIX-images-idx3-ubyte and PREFIX-labels-idx1-ubyte, plain or as .gz; bytes 0 0 8 axes, then the size of
             each axis in 4 bytes from the highest on, then the gray levels
    arrays   images (picture, row, column) or (picture, row, column, color), uint8, uint16, or fractions from 0 to 1;
             labels, groups and splits as in annotations.py; white is 255 for uint8, and the brightest pixel of the
             training file for uint16
    folder   CLASS/FILE.png; all of one size

Source   IDX: LeCun, Cortes & Burges, the MNIST database
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim.data import archives
from snnsim.data.sources import annotations
from snnsim.data.sources.annotations import Annotations
from snnsim.data.sources.array_files import ArrayFile
from snnsim.data.sources.findings import Findings

MOST_PIXELS = 2**24
"""Pixels of the largest picture."""
_ADVICE = "correct the file"


@dataclass(frozen=True)
class Pictures:
    """Annotated pictures of one size."""

    gray: np.ndarray
    """uint8 or uint16 (picture, row, column, color)."""
    brightest: int
    """The gray level of white."""
    annotations: Annotations


def idx(path: Path) -> np.ndarray:
    """Return the array of an IDX file of bytes, plain or packed.

    Args:
        path: The file.

    Raises:
        ValueError: If it is no IDX file of bytes, or damaged or cut off.
    """
    archives.require_file(path)
    content = archives.unpacked(path) if archives.is_packed(path) else path.read_bytes()
    axes = content[3] if len(content) > 3 else 0
    start = 4 + 4 * axes
    if content[:3] != b"\0\0\x08" or not 1 <= axes <= 4 or len(content) < start:
        raise ValueError(f"{path}: an IDX file of bytes starts with 0 0 8 and 1 to 4 axes, not {list(content[:4])}")
    shape = struct.unpack(f">{axes}I", content[4:start])
    if math.prod(shape) != len(content) - start:
        raise ValueError(
            f"{path}: an IDX file of shape {shape} has {math.prod(shape):,} values; this one has "
            f"{len(content) - start:,}; it is damaged or cut off; get it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def of_idx(images: Path, labels: Path) -> Pictures:
    """Return the pictures of an IDX file, with the labels of another.

    Args:
        images: The file of the pictures.
        labels: The file of the labels.

    Raises:
        ValueError: If the files do not fit each other.
    """
    gray, label = idx(images), idx(labels)
    if gray.ndim not in (3, 4) or label.shape != gray.shape[:1] or 0 in gray.shape:
        raise ValueError(
            f"{images}: pictures (picture, row, column) must have a pixel or more, and one label each in "
            f"{labels.name}; got shape {gray.shape} and {label.shape} labels"
        )
    names = tuple(map(str, range(int(label.max()) + 1)))
    labeled = Annotations(label.astype(np.int64), np.full(len(label), -1), names)
    return Pictures(gray.reshape(*gray.shape[:3], -1), 255, labeled)


def of_arrays(
    file: ArrayFile, findings: Findings, *, images: str = "images", white: int | None = None
) -> Pictures | None:
    """Return the pictures of a file of arrays, or None with errors among the findings.

    Args:
        file: The open file.
        findings: Errors, warnings and facts are added to it.
        images: Name of the array of pictures.
        white: The gray level of white of uint16 and uint32; None for that of the brightest pixel.
    """
    for name in file.duplicates:
        findings.error(name, "must be one array; the file has it twice", "write the file again")
    shape, dtype = file.shape(images), file.dtype(images)
    if len(shape) not in (3, 4) or 0 in shape or dtype.kind not in "buf" or math.prod(shape[1:]) > MOST_PIXELS:
        must = "must be uint8, uint16, or fractions, (picture, row, column) or (picture, row, column, color)"
        findings.error(images, f"{must}; got {dtype} of shape {shape}", _ADVICE)
        return None
    gray, brightest = _gray(file.all(images), images, findings, white)
    labeled = annotations.read_in_ms(file, shape[0], findings)
    findings.facts.append((images, f"{shape[0]:,} pictures of {' x '.join(map(str, shape[1:]))}, white is {brightest}"))
    return None if labeled is None else Pictures(gray.reshape(*shape[:3], -1), brightest, labeled)


def _gray(values: np.ndarray, name: str, findings: Findings, white: int | None) -> tuple[np.ndarray, int]:
    if values.dtype == np.bool_:
        return values.astype(np.uint8), 1
    if values.dtype.kind == "u":
        if values.dtype.itemsize > 2:
            wide = values.reshape(len(values), -1).max(axis=1) > np.iinfo(np.uint16).max
            findings.entries(name, "must be below 65536", np.flatnonzero(wide), _ADVICE, noun="picture")
        narrow = values if values.dtype.itemsize <= 2 else values.astype(np.uint16)
        return (narrow, 255) if narrow.dtype == np.uint8 else _below_white(narrow, name, findings, white)
    rows = values.reshape(len(values), -1)
    wrong = ~((rows >= 0) & (rows <= 1)).all(axis=1)
    findings.entries(name, "must be from 0 to 1", np.flatnonzero(wrong), "divide them by white", noun="picture")
    # float16 ends at 65504, below white
    fractions = values.astype(np.float32) if values.dtype == np.float16 else values
    return (np.clip(np.nan_to_num(fractions), 0, 1) * 65535 + 0.5).astype(np.uint16), 65535


def _below_white(gray: np.ndarray, name: str, findings: Findings, white: int | None) -> tuple[np.ndarray, int]:
    """Return gray levels up to white, and white: that of the training file, or the brightest pixel."""
    brightest = max(int(gray.max()), 1)
    if white is None or brightest <= white:
        return gray, white or brightest
    findings.warnings.append(
        f"{name} may be of another scale: the brightest pixel is {brightest}, and white is {white}, as in the training "
        "file; brighter pixels are white"
    )
    return np.minimum(gray, white), white


def classes_of(folder: Path) -> list[str]:
    """Return the names of the folders with PNG files in a folder, sorted; hidden ones are left out.

    Args:
        folder: The folder above the folders of classes.
    """
    folders = [each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")]
    return sorted(each.name for each in folders if _png(each))


def _png(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".png" and not file.name.startswith("."))


def of_folder(folder: Path, classes: Sequence[str]) -> Pictures:
    """Return the PNG files of a folder with one folder for each class.

    Args:
        folder: The folder.
        classes: Names of the classes; those without a folder have no picture.

    Raises:
        ValueError: If a file cannot be read, or is of another size than the first.
    """
    files = [(path, label) for label, name in enumerate(classes) if (folder / name).is_dir()
             for path in _png(folder / name)]  # fmt: skip
    if not files:
        raise ValueError(f"{folder}: pictures lie in CLASS/FILE.png; there is none; name the folder above the classes")
    shapes = [_shape(path) for path, _ in files]
    colors = max(color for _, _, color in shapes)
    other = next((index for index, shape in enumerate(shapes) if shape[:2] != shapes[0][:2]), None)
    if other is not None:
        count = sum(shape[:2] != shapes[0][:2] for shape in shapes)
        raise ValueError(
            f"{folder}: all pictures must be of one size; {count:,} differ from {shapes[0][0]} x {shapes[0][1]}, first "
            f"{files[other][0]} of {shapes[other][0]} x {shapes[other][1]}; resize them"
        )
    gray = np.empty((len(files), *shapes[0][:2], colors), np.uint8)
    for index, (path, _) in enumerate(files):
        gray[index] = _pixels(path, colors)
    label = np.array([label for _, label in files], np.int64)
    return Pictures(gray, 255, Annotations.plain(label, tuple(classes)))


def _shape(path: Path) -> tuple[int, int, int]:
    """Return rows, columns and colors of a PNG file, from its header.

    Raises:
        ValueError: If it is no PNG file, or too large.
    """
    with path.open("rb") as file:
        head = file.read(26)
    if len(head) < 26 or head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        raise ValueError(f"{path}: it is no PNG file, or damaged; convert it, or leave it out")
    columns, rows, _, kind = struct.unpack(">IIBB", head[16:26])
    if not 0 < rows * columns <= MOST_PIXELS:
        raise ValueError(f"{path}: a picture must have 1 to {MOST_PIXELS:,} pixels, not {rows} x {columns}; shrink it")
    return rows, columns, 3 if kind in (2, 3, 6) else 1


def _pixels(path: Path, colors: int) -> np.ndarray:
    """Return the gray levels or colors of a PNG file, uint8 (row, column, color).

    Raises:
        ValueError: If the file is damaged.
    """
    # the import takes a tenth of a second
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode.startswith("I"):
                # 16 bits: Pillow would clip them
                return (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)[..., None]
            pixels = np.asarray(image.convert("L" if colors == 1 else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, OverflowError) as error:
        raise ValueError(f"{path}: a PNG file must be whole; this one is damaged ({error}); leave it out") from error
    return pixels.reshape(*pixels.shape[:2], colors)
