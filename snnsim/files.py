"""Files and folders are written whole or not at all, and the user's cache has one place.

A file is written beside its place under a name that ends in `.partial`, and takes its place when it is complete. Of a
folder that is there already, the files take their places one after the other, with a marker in the folder for as long
as that lasts: `folder_read_whole` refuses a folder in which a writer was stopped. The name of what is partial says
which process writes it; what a killed writer left is removed by the next one that writes to the same place.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from snnsim import identity

try:
    import fcntl
except ImportError:
    # Windows: nothing is locked there
    fcntl = None  # type: ignore[assignment]

UNFINISHED = ".snnsim-unfinished"
"""Name of the marker of a folder whose files are being replaced."""
_PARTIAL = ".partial"
_A_DAY = 86400.0
"""Seconds after which what is partial is taken for left behind if nobody can tell whether its writer runs."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it replaces `path` when the block ends without an error.

    A reader sees the old file or the new one, never a part; after an error the old file is still there
    and the temporary one is gone. A symbolic link stays one: the file that it leads to is replaced.

    Raises:
        IsADirectoryError: If `path` is a folder.
        OSError: If it is a device, a pipe or a link without end, or cannot be written.
    """
    path = _followed(Path(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file to write")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is a device or a pipe, which cannot be replaced by a whole file; name a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(path.parent, path.name)
    suffix = _PARTIAL + os.fsdecode(os.fsencode(path.suffix)[:20])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{_prefix(path.name)}{identity.tag()}.", suffix=suffix)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        _synced(partial)
        # mkstemp makes private files; give the result the rights that any other new file would get
        partial.chmod(0o666 & ~_mask())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def hdf5_written_whole(path: Path) -> Iterator[Any]:
    """Yield an open h5py.File to write into; it is at `path` when the block ends without an error.

    The file is built in memory and written as bytes: libhdf5 cannot end a file that it could not write, for instance
    on a full disk, without a danger to the process.

    Raises:
        OSError: If the file cannot be written; the one that was there before is still there.
    """
    import h5py

    # refuses a wrong place before the work, and HDF5 in memory needs a name
    with written_whole(path) as partial:
        with h5py.File(partial.name, "w", driver="core", backing_store=False) as file:
            yield file
            file.flush()
            image = file.id.get_file_image()
        partial.write_bytes(image)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary folder; its files are in `path` when the block ends without an error.

    Of a folder that is there already, files of the same names are replaced, and all others stay. Symbolic links stay
    links. A writer that is stopped before it begins to replace files leaves the folder as it was; one that is stopped
    while it does leaves a folder that `folder_read_whole` refuses, until it is written again.

    Raises:
        NotADirectoryError: If `path` is a file.
    """
    path = _followed(Path(path))
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file; name a folder to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    # inside of the folder if there is one: it may be the root of a file system, or all that may be written
    beside = path if path.is_dir() else path.parent
    _remove_left(beside, path.name)
    prefix = f"{_prefix(path.name)}{identity.tag()}."
    partial = Path(tempfile.mkdtemp(dir=beside, prefix=prefix, suffix=_PARTIAL))
    try:
        yield partial
        files = sorted(file for file in partial.rglob("*") if file.is_file())
        for file in files:
            _synced(file)
        partial.chmod(0o777 & ~_mask())
        try:
            if path.exists():
                raise FileExistsError
            partial.rename(path)
        except OSError:
            # it is there, or another process has just made it
            _replace_files(partial, files, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def folder_read_whole(path: Path) -> Iterator[None]:
    """Keep `folder_written_whole` from replacing files of a folder while the block reads them.

    Raises:
        ValueError: If a writer was stopped in the middle, so that some of the files are older than others.
    """
    with _locked(Path(path), shared=True):
        if (Path(path) / UNFINISHED).exists():
            raise ValueError(
                f"{path} is a mixture: what wrote it again was stopped before all of its files were replaced; "
                "export it again"
            )
        yield


def cache_folder() -> Path:
    """Return where made and binned data are kept: `$SNNSIM_CACHE`, or the system's cache folder."""
    chosen = os.environ.get("SNNSIM_CACHE")
    return at_home(chosen) if chosen else Path(platformdirs.user_cache_dir("snnsim"))


def at_home(path: str | Path) -> Path:
    """Return a path that a user gave, with the user's home folder for a `~` at its beginning, if that is known."""
    return Path(os.path.expanduser(path))


def _followed(path: Path) -> Path:
    """Return where a symbolic link leads to; a path that is none stays as it is."""
    if not path.is_symlink():
        return path
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise OSError(f"{path} is a symbolic link that leads to itself; remove it, or name another file") from error


def _replace_files(partial: Path, files: list[Path], path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    with _locked(path, shared=False):
        marker = path / UNFINISHED
        marker.touch()
        _synced(path)
        for file in files:
            goal = path / file.relative_to(partial)
            goal.parent.mkdir(parents=True, exist_ok=True)
            try:
                file.replace(_followed(goal))
            except OSError:
                # another file system, to which a link in the folder leads
                with written_whole(goal) as copy:
                    shutil.copyfile(file, copy)
        _synced(path)
        marker.unlink()


def remove_abandoned(folder: Path) -> list[Path]:
    """Remove the temporary files in a folder whose writers were killed, and return them.

    Those of a writer that runs, or of one on another machine within the last day, stay.
    """
    left = [path for path in Path(folder).rglob(f".*{_PARTIAL}*") if path.is_file() and _is_abandoned(path)]
    for path in left:
        with contextlib.suppress(OSError):
            path.unlink()
    return left


def _remove_left(folder: Path, name: str) -> None:
    """Remove what killed writers of this name have left behind."""
    for left in [each for each in folder.iterdir() if each.name.startswith(_prefix(name)) and _PARTIAL in each.name]:
        with contextlib.suppress(OSError):
            if not _is_abandoned(left):
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def _is_abandoned(path: Path) -> bool:
    tag = path.name.partition(_PARTIAL)[0].split(".")[-2:-1]
    ended = identity.tagged_has_ended(tag[0]) if tag else None
    try:
        return bool(ended) or (ended is None and time.time() - path.stat().st_mtime > _A_DAY)
    except OSError:
        return False


def _prefix(name: str) -> str:
    # the name of the temporary file may not be longer than a file system takes
    return f".{os.fsdecode(os.fsencode(name)[:180])}."


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _synced(path: Path) -> None:
    """Wait until a file, or the list of files of a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        # some file systems cannot do it for folders
        with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(path: Path, *, shared: bool) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        # file systems without locks are taken for free
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
