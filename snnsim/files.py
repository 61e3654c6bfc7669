"""Atomic writes of files and folders, and the folder of the user's cache.

A file is written under a temporary name in the same folder, and renamed when it is complete. The files of an existing
folder are renamed one after the other, while a marker file is in the folder; `folder_read_whole` refuses a folder in
which a writer was stopped. A temporary name contains `.partial` and the tag of the writing process. The next writer of
the same path removes the temporary files of killed writers.
"""

import contextlib
import json
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
"""Age in seconds at which a temporary file counts as abandoned if the state of its writer is unknown."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; the file replaces `path` when the block ends without an error.

    A reader sees the complete old file or the complete new file. After an error the old file is unchanged, and the
    temporary file is removed. A symbolic link stays a link: the file that it leads to is replaced.

    Args:
        path: The file to write; missing folders above it are made.

    Raises:
        IsADirectoryError: If `path` is a folder.
        OSError: If `path` is a device, a pipe or a circular link, or cannot be written.
    """
    path = _followed(Path(path))
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file to write")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is a device or a pipe, which a file cannot replace; name a file to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(path.parent, path.name)
    suffix = _PARTIAL + os.fsdecode(os.fsencode(path.suffix)[:20])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{_prefix(path.name)}{identity.tag()}.", suffix=suffix)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        _synced(partial)
        # mkstemp makes private files; the result gets the permissions of any other new file
        partial.chmod(0o666 & ~_mask())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def hdf5_written_whole(path: Path) -> Iterator[Any]:
    """Yield an open h5py.File; the file replaces `path` when the block ends without an error.

    The file is built in memory and written as bytes, because closing a file that libhdf5 could not write, for instance
    on a full disk, may crash the process.

    Args:
        path: The file to write.

    Raises:
        OSError: If the file cannot be written; the old file is then unchanged.
    """
    import h5py

    # refuses a wrong path before the work; HDF5 in memory needs a name
    with written_whole(path) as partial:
        with h5py.File(partial.name, "w", driver="core", backing_store=False) as file:
            yield file
            file.flush()
            image = file.id.get_file_image()
        partial.write_bytes(image)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary folder; its files are in `path` when the block ends without an error.

    Files of an existing folder with the same names are replaced; all other files stay. Symbolic links stay links. A
    writer that is stopped before it replaces files leaves the folder unchanged. A writer that is stopped while it
    replaces files leaves a folder that `folder_read_whole` refuses until the folder is written again.

    Args:
        path: The folder to write; missing folders above it are made.

    Raises:
        NotADirectoryError: If `path` is a file.
    """
    path = _followed(Path(path))
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"{path} is a file; name a folder to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    # inside of an existing folder, which may be the root of a file system or the only writable folder
    parent = path if path.is_dir() else path.parent
    _remove_left(parent, path.name)
    prefix = f"{_prefix(path.name)}{identity.tag()}."
    partial = Path(tempfile.mkdtemp(dir=parent, prefix=prefix, suffix=_PARTIAL))
    try:
        yield partial
        files = sorted(file for file in partial.rglob("*") if file.is_file())
        for file in files:
            _synced(file)
        partial.chmod(0o777 & ~_mask())
        if path.exists() or not _renamed(partial, path):
            _replace_files(partial, files, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_json(path: Path, content: object) -> None:
    """Write an object as indented JSON, atomically.

    Args:
        path: The file to write.
        content: Dictionaries, lists, numbers and texts.
    """
    with written_whole(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@contextmanager
def folder_read_whole(path: Path) -> Iterator[None]:
    """Keep `folder_written_whole` from replacing the files of a folder while the block reads them.

    Args:
        path: The folder to read.

    Raises:
        ValueError: If a writer was stopped while it replaced files, so that the folder mixes old and new files.
    """
    with _locked(Path(path), shared=True):
        if (Path(path) / UNFINISHED).exists():
            raise ValueError(
                f"{path} mixes old and new files: a second export was stopped before it had replaced all files; "
                "export again"
            )
        yield


def cache_folder() -> Path:
    """Return the folder of generated and binned data: `$SNNSIM_CACHE`, or the system's cache folder."""
    chosen = os.environ.get("SNNSIM_CACHE")
    return at_home(chosen) if chosen else Path(platformdirs.user_cache_dir("snnsim"))


def at_home(path: str | Path) -> Path:
    """Return a path of the user as an absolute or relative path without a leading `~`.

    Args:
        path: Path as the user wrote it; a leading `~` or `~name` becomes the home folder.
    """
    return Path(os.path.expanduser(path))


def _followed(path: Path) -> Path:
    """Return the target of a symbolic link; any other path is returned unchanged.

    Raises:
        OSError: If the link leads to itself.
    """
    if not path.is_symlink():
        return path
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise OSError(f"{path} is a symbolic link that leads to itself; remove it, or name another file") from error


def _renamed(folder: Path, path: Path) -> bool:
    """Rename a folder, and return whether that worked: another process may have made `path` at the same time."""
    try:
        folder.rename(path)
    except OSError:
        return False
    return True


def _replace_files(partial: Path, files: list[Path], path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    with _locked(path, shared=False):
        marker = path / UNFINISHED
        marker.touch()
        _synced(path)
        for file in files:
            target = path / file.relative_to(partial)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                file.replace(_followed(target))
            except OSError:
                # a link in the folder leads to another file system, to which files cannot be renamed
                with written_whole(target) as copy:
                    shutil.copyfile(file, copy)
        _synced(path)
        marker.unlink()


def remove_abandoned(folder: Path) -> list[Path]:
    """Remove the temporary files of killed writers below a folder, and return their paths.

    Temporary files of a running writer stay. If the writer belongs to another machine, its state is unknown, and the
    file stays for a day.

    Args:
        folder: The folder to search, with all folders below it.
    """
    left = [path for path in Path(folder).rglob(f".*{_PARTIAL}*") if path.is_file() and _is_abandoned(path)]
    for path in left:
        with contextlib.suppress(OSError):
            path.unlink()
    return left


def _remove_left(folder: Path, name: str) -> None:
    """Remove the temporary files that killed writers of this name have left behind."""
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
    # cut, so that the temporary name is no longer than a file system allows
    return f".{os.fsdecode(os.fsencode(name)[:180])}."


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _synced(path: Path) -> None:
    """Wait until a file, or the directory entries of a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        # some file systems cannot synchronize folders
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
        # on a file system without locks, the block runs without one
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
