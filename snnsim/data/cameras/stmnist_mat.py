"""The `.mat` files of ST-MNIST: a matrix `spiketrain` with a row for each of 100 taxels, and the times in its last row.

    spiketrain[i, n] = 1 or −1      an on or off event of taxel i at the time spiketrain[100, n]
    row = i mod 10 · column = ⌊i / 10⌋

Units    time in s
Source   See, Lim, Yao, Tan, Qian, Jiang, Chang, Ng, Tee 2020, ST-MNIST, arXiv 2005.04319
Differs  which side of the sensor is up does not matter for training, and is not said in the files
"""

from pathlib import Path

import numpy as np

from snnsim.data.cameras.events import CameraEvents, CameraFile, Options

_SIDE = 10
_MOST_BYTES = 2**28


def read(path: Path, options: Options) -> CameraFile:  # noqa: ARG001
    """Return the events of a file.

    Args:
        path: The file.
        options: Not used, as the file says everything of itself.

    Raises:
        ValueError: If the file is damaged, or has another matrix.
    """
    # the import takes a tenth of a second
    from scipy.io import loadmat

    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path}: a recording of ST-MNIST has less than {_MOST_BYTES:,} bytes; this is another file")
    try:
        matrix = np.asarray(loadmat(path, variable_names=["spiketrain"])["spiketrain"])
    except KeyError as error:
        raise ValueError(f"{path}: it must have a matrix spiketrain; it has none; it is no file of ST-MNIST") from error
    except Exception as error:
        raise ValueError(f"{path}: it is no .mat file of version 5 to 7, or damaged ({error}); get it again") from error
    if matrix.ndim != 2 or len(matrix) != _SIDE**2 + 1 or matrix.dtype.kind not in "biuf":
        raise ValueError(f"{path}: spiketrain must be numbers of shape (101, event); got {matrix.dtype} {matrix.shape}")
    taxel, event = np.nonzero(matrix[:-1])
    order = np.argsort(matrix[-1, event], kind="stable")
    taxel, event = taxel[order], event[order]
    time = matrix[-1, event].astype(np.float64)
    if not np.isfinite(time).all() or np.abs(time).max(initial=0) > 1e6:
        raise ValueError(f"{path}: the times in the last row must be finite seconds; they are not; it is damaged")
    polarity = (matrix[taxel, event] > 0).astype(np.int64)
    microseconds = np.floor(time * 1e6 + 0.5).astype(np.int64)
    events = CameraEvents(microseconds, taxel % _SIDE, taxel // _SIDE, polarity)
    return CameraFile(iter([events]), (_SIDE, _SIDE, 2))
