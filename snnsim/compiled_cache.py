"""Cache of compiled code, for installations where neither the package nor the user's cache is writable.

Numba writes compiled code beside each file, or else into the user's cache. Where it can write to neither (in a
container of another user, on a read-only mount, on a full disk), it refuses to import a kernel. The first writable
folder of these is then the cache: `numba` in snnsim's own cache, or a private folder among the temporary files. Without
one, every process compiles again, and a warning says so.
"""

import os
import stat
import sys
import warnings

VARIABLE = "NUMBA_CACHE_DIR"
FOLDERS = (
    "analysis", "data", "data/augment", "data/coding", "data/speech", "data/synthetic", "kernels/circuit",
    "kernels/common", "kernels/delay", "kernels/neuron", "kernels/plasticity", "kernels/rate", "kernels/recurrent",
    "kernels/simulate",
)  # fmt: skip
"""Folders of the package with compiled functions; Numba writes into the __pycache__ of each."""


def choose() -> None:
    """Set the folder of Numba's cache, unless Numba itself has a writable one."""
    folder, package = os.environ.get(VARIABLE), os.path.dirname(__file__)
    beside = (os.path.join(package, name, "__pycache__") for name in FOLDERS)
    if (folder and can_write(folder)) or all(map(can_write, beside)):
        return
    # a late import, as this one takes longer than the rest of `import snnsim`
    import platformdirs

    if can_write(platformdirs.user_cache_dir("numba", appauthor=False)):
        return
    chosen = _in_own_cache() or _among_temporary_files()
    if chosen is None:
        _compile_without_cache()
        return
    os.environ[VARIABLE] = chosen
    if "numba" in sys.modules:
        # Numba has read its variables already
        sys.modules["numba"].config.CACHE_DIR = chosen


def can_write(folder: str) -> bool:
    """Return whether a file can be written in a folder; a missing folder is made.

    Args:
        folder: Path of the folder. A missing one is made and stays; the file of the test is removed.
    """
    probe = os.path.join(folder, f".snnsim-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        os.makedirs(folder, exist_ok=True)
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.unlink(probe)
    except OSError:
        return False
    return True


def _in_own_cache() -> str | None:
    from snnsim.files import cache_folder

    folder = str(cache_folder() / "numba")
    return folder if can_write(folder) else None


def _among_temporary_files() -> str | None:
    import tempfile

    user = os.getuid() if hasattr(os, "getuid") else "user"
    try:
        folder = os.path.join(tempfile.gettempdir(), f"snnsim-numba-{user}")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.lstat(folder)
    except OSError:
        return None
    # all users share the folder of temporary files, and Numba runs the code in its cache
    others = hasattr(os, "getuid") and (status.st_uid != user or bool(status.st_mode & 0o077))
    return folder if stat.S_ISDIR(status.st_mode) and not others and can_write(folder) else None


def _compile_without_cache() -> None:
    from numba.core.dispatcher import Dispatcher

    warnings.warn(
        "snnsim: no folder for compiled code can be written, so every process compiles it anew, which takes up to a "
        f"minute; set {VARIABLE} to a folder that can be written",
        stacklevel=3,
    )
    # Numba has no setting for this
    Dispatcher.enable_caching = lambda _: None  # type: ignore[method-assign, assignment]
