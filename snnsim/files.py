"""Files are written whole or not at all, and the user's cache has one place."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from snnsim import identity

_A_DAY = 86400.0


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it replaces `path` when the block ends without an error.

    A reader sees the old file or the new one, never a part; after an error the old file is still there
    and the temporary one is gone. Where `path` is a symbolic link, the file it points to is replaced.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file to write")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is a device or a pipe, which no file can replace; name a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    # the name says whose it is, for those who find it after a kill
    prefix = f".{path.name}.{identity.tag()}."
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".partial" + path.suffix)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes private files; give the result the rights that any other new file would get
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; its files are in `path` when the block ends without an error.

    Of a folder that is there already, files of the same names are replaced, and all others stay.
    """
    path = Path(path)
    if path.is_file():
        raise NotADirectoryError(f"{path} is a file; name a folder to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=".partial") as name:
        partial = Path(name)
        yield partial
        for file in sorted(file for file in partial.rglob("*") if file.is_file()):
            goal = path / file.relative_to(partial)
            goal.parent.mkdir(parents=True, exist_ok=True)
            file.replace(goal)


def remove_abandoned(folder: Path) -> list[Path]:
    """Remove the temporary files in a folder whose writers were killed, and return them.

    Those of a writer that runs, or of one on another machine within the last day, stay.
    """
    removed = []
    for path in Path(folder).rglob(".*.partial*"):
        tag = path.name.partition(".partial")[0].split(".")[-2:-1]
        ended = identity.tagged_has_ended(tag[0]) if tag else None
        with contextlib.suppress(OSError):
            if path.is_file() and (ended or (ended is None and time.time() - path.stat().st_mtime > _A_DAY)):
                path.unlink()
                removed.append(path)
    return removed


def cache_folder() -> Path:
    """Return where made and binned data are kept: `$SNNSIM_CACHE`, or the system's cache folder."""
    chosen = os.environ.get("SNNSIM_CACHE")
    return at_home(chosen) if chosen else Path(platformdirs.user_cache_dir("snnsim"))


def at_home(path: str | Path) -> Path:
    """Return a path that a user gave, with the user's home folder for a `~` at its beginning, if that is known."""
    return Path(os.path.expanduser(path))
