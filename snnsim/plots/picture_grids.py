"""Pictures side by side in a grid, and the film of such grids.

Shapes   pictures (picture, channel, row, column) with one channel or three, values from 0 to 1
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from snnsim.files import written_whole
from snnsim.plots.style import check_suffix

SIDE_PIXELS = 720
"""Smallest side of the image of a grid; a pixel of a picture becomes a square of pixels."""
_GAP, _PALE = 1, 0.85


def grid(pictures: np.ndarray) -> np.ndarray:
    """Return the pictures in rows, nearly square, with gaps between them, uint8 (row, column, 3).

    Args:
        pictures: The pictures.

    Raises:
        ValueError: If the pictures are none, or have another shape.
    """
    if pictures.ndim != 4 or len(pictures) == 0 or pictures.shape[1] not in (1, 3):
        raise ValueError(
            f"grid: pictures must be (picture, channel, row, column), with 1 or 3 channels, not {pictures.shape}"
        )
    count, channels, rows, columns = pictures.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    page = np.full((down * (rows + _GAP) + _GAP, across * (columns + _GAP) + _GAP, channels), _PALE)
    for number, picture in enumerate(pictures):
        top, left = (
            _GAP + part * (size + _GAP) for part, size in zip(divmod(number, across), (rows, columns), strict=True)
        )
        page[top : top + rows, left : left + columns] = picture.transpose(1, 2, 0)
    levels: np.ndarray = (255 * page.clip(0, 1)).round().astype(np.uint8)
    return np.broadcast_to(levels, (*levels.shape[:2], 3))


def save(pictures: np.ndarray, path: Path) -> None:
    """Write a grid.

    Args:
        pictures: The pictures.
        path: The file, with the suffix .png.

    Raises:
        ValueError: If the suffix is another one.
    """
    check_suffix(path, [".png"], "picture grid")
    with written_whole(path) as partial:
        _image(pictures).save(partial, format="PNG")


def save_film(frames: Iterable[np.ndarray], path: Path, *, milliseconds: int = 80) -> None:
    """Write a film of grids, whose last frame stands for two seconds.

    Args:
        frames: The pictures of each frame.
        path: The file, with the suffix .gif.
        milliseconds: Duration of a frame.

    Raises:
        ValueError: If the suffix is another one, or there is no frame.
    """
    check_suffix(path, [".gif"], "film")
    images = [_image(each).convert("P", palette=Image.Palette.ADAPTIVE, colors=64) for each in frames]
    if not images:
        raise ValueError("film: there must be one frame at least")
    durations: Any = [milliseconds] * (len(images) - 1) + [2000]
    with written_whole(path) as partial:
        images[0].save(partial, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)


def _image(pictures: np.ndarray) -> Image.Image:
    page = grid(pictures)
    factor = max(1, round(SIDE_PIXELS / max(page.shape[:2])))
    return Image.fromarray(np.ascontiguousarray(page)).resize(
        (page.shape[1] * factor, page.shape[0] * factor), Image.Resampling.NEAREST
    )
