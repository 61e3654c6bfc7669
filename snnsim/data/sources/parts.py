"""The files of the splits of a user's data set."""

from collections.abc import Callable, Sequence
from pathlib import Path

from snnsim.data.registry import SPLITS
from snnsim.data.sources import array_files
from snnsim.data.sources.findings import Findings

ALL = "all"
"""Name of the part that has all recordings, where splits have no files of their own."""


def of_arrays(path: Path, name: str) -> dict[str, Path]:  # noqa: ARG001
    """Return the files of arrays of the splits.

    Args:
        path: A file, or a folder with a file for each split.
        name: Not used, as the files have names of their own.
    """
    return of_files(path, array_files.SUFFIXES)


def checked(path: Path, check: Callable[[Path], Findings]) -> Findings:
    """Return what is in a file of arrays, or in the file of each split, and everything that is wrong.

    Args:
        path: A file, or a folder with a file for each split.
        check: Function that checks one file.
    """
    if not path.is_dir():
        return check(path)
    result = Findings(path)
    for split, file in of_arrays(path, "").items():
        one = check(file)
        result.facts += [(topic, f"{split}: {text}") for topic, text in one.facts]
        result.errors += [f"{split}: {text}" for text in one.errors]
        result.warnings += [f"{split}: {text}" for text in one.warnings]
    return result


def of_files(path: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Return the file of each split, or of ALL for one file.

    Args:
        path: A file; or a folder with train.SUFFIX, or NAME_train.SUFFIX, and the same for valid and test.
        suffixes: Suffixes of the files.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a split has several files.
    """
    if path.is_file():
        return {ALL: path}
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: there is no such file or folder; name one with --data-path")
    files = [each for each in sorted(path.iterdir()) if each.suffix in suffixes and not each.name.startswith(".")]
    result = {}
    for split in SPLITS:
        own = [each for each in files if each.stem == split or each.stem.endswith((f"_{split}", f"-{split}"))]
        if len(own) > 1:
            names = ", ".join(each.name for each in own)
            raise ValueError(f"{path}: the {split} split must be one file; there are {names}; use a folder for each")
        if own:
            result[split] = own[0]
    if not result and len(files) == 1:
        return {ALL: files[0]}
    if "train" not in result:
        names = ", ".join(each.name for each in files) or "none of them"
        raise FileNotFoundError(
            f"{path}: a folder of data has train{suffixes[0]}, and may have valid{suffixes[0]} and test{suffixes[0]}; "
            f"it has {names}; name a file, or rename the files"
        )
    return result
