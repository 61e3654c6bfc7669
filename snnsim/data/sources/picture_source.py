"""Pictures as a source: their splits, and their coding."""

import re
import warnings
from pathlib import Path

from snnsim.data.coding.kinds import Latency
from snnsim.data.coding.pictures import PictureCoder
from snnsim.data.registry import SPLITS
from snnsim.data.sources import array_files, picture_files
from snnsim.data.sources.findings import Findings
from snnsim.data.sources.parts import ALL, of_files
from snnsim.data.sources.picture_files import Pictures
from snnsim.data.sources.source import CodedSource, Settings

_IMAGES = re.compile(r"(?P<prefix>.*?)images[-.](?P<kind>idx[34])-ubyte(?P<packed>\.gz|\.xz|\.zip)?$")
_PACKED = (".gz", ".xz", ".zip")
_WORDS = {"train": ("train",), "valid": ("valid", "val"), "test": ("test", "t10k")}
"""Words in the names of files of a split."""


class PictureSource(CodedSource):
    """Pictures with a coding.

    Args:
        path: The file or folder.
        pictures: The pictures.
        settings: Time step, coding and seed.
    """

    def __init__(self, path: Path, pictures: Pictures, settings: Settings) -> None:
        coder = PictureCoder(
            pictures.gray, pictures.brightest, settings.coding or Latency(), settings.seed, settings.time_step_ms
        )
        super().__init__(path, pictures.annotations, coder, settings)
        self.white = pictures.brightest
        self._field = coder.field

    @property
    def field(self) -> tuple[int, int, int]:
        """Rows, columns, and colors or polarities of the channels."""
        return self._field


def splits_of_names(names: list[str]) -> dict[str, list[str]]:
    """Return the names that stand for each split, of names such as train-images-idx3-ubyte.

    Args:
        names: Names of files.
    """
    result = {}
    for split, words in _WORDS.items():
        fitting = [name for name in names if any(word in re.split(r"[^a-z0-9]+", name.lower()) for word in words)]
        if fitting:
            result[split] = fitting
    return result


def parts(path: Path, name: str = "") -> dict[str, Path]:  # noqa: ARG001
    """Return the files or folders of pictures of each split, or of "all" where there is one.

    Args:
        path: An IDX file of pictures, a file of arrays, or a folder of IDX files, of classes, or of splits of classes.
        name: Not used, as pictures have no name.

    Raises:
        FileNotFoundError: If there are no pictures, or none to train on.
        ValueError: If a split has several files.
    """
    if path.is_file():
        return {"all": path}
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: there is no such file or folder; name one with --data-path")
    images = sorted(each.name for each in path.iterdir() if _IMAGES.fullmatch(each.name) and each.is_file())
    if images:
        return _idx_parts(path, images)
    folders = {split: path / split for split in SPLITS if (path / split).is_dir()}
    if "train" in folders and any(picture_files.classes_of(each) for each in folders.values()):
        return folders
    if splits_of_names([each.name for each in path.iterdir() if _is_array_file(each)]):
        return of_files(path, array_files.SUFFIXES)
    if picture_files.classes_of(path):
        return {"all": path}
    raise FileNotFoundError(
        f"{path}: a folder of pictures has train-images-idx3-ubyte(.gz) and its labels, CLASS/FILE.png, "
        "train/CLASS/FILE.png, or train.npz; it has none of them"
    )


def _idx_parts(path: Path, images: list[str]) -> dict[str, Path]:
    """Return the IDX file of pictures of each split, or of "all"; a file may lie beside its packed form.

    Raises:
        FileNotFoundError: If there are none to train on.
        ValueError: If a split has several files.
    """
    named = splits_of_names(images) or {ALL: images}
    for split, names in named.items():
        first = min(names, key=len)
        others = [name for name in names if name not in (first, *(first + packed for packed in _PACKED))]
        if others:
            raise ValueError(
                f"{path}: the pictures of {split} must be one IDX file; there are {', '.join([first, *others])}; use a "
                "folder for each"
            )
    if "train" not in named and ALL not in named:
        raise FileNotFoundError(
            f"{path}: a folder of IDX files has train-images-idx3-ubyte(.gz); it has {', '.join(images)}; add the "
            "training pictures, or name a file"
        )
    return {split: path / min(names, key=len) for split, names in named.items()}


def _is_array_file(path: Path) -> bool:
    return path.suffix in array_files.SUFFIXES and not path.name.startswith(".")


def source(path: Path, settings: Settings) -> PictureSource:
    """Return the pictures of a file, or of a folder of classes, with their coding.

    Args:
        path: The file or folder, one of `parts`.
        settings: Time step, coding and seed.
    """
    findings = Findings(path)
    pictures = _pictures(path, findings, settings.white)
    findings.require()
    assert pictures is not None  # noqa: S101 - a file without errors
    for warning in findings.warnings:
        warnings.warn(f"{path}: {warning}", stacklevel=2)
    return PictureSource(path, pictures, settings)


def _pictures(path: Path, findings: Findings, white: int | None) -> Pictures | None:
    if path.is_dir():
        return picture_files.of_folder(path, _classes(path))
    if path.suffix in array_files.SUFFIXES:
        with array_files.opened(path) as file:
            if "images" not in file:
                findings.error("images", f"must be in the file; it has {', '.join(file.names())}", "add the array")
                return None
            return picture_files.of_arrays(file, findings, white=white)
    return picture_files.of_idx(*idx_files(path))


def idx_files(path: Path) -> tuple[Path, Path]:
    """Return an IDX file of pictures, and the file of its labels beside it.

    Args:
        path: The file of the pictures.

    Raises:
        ValueError: If its name is that of no such file.
    """
    match = _IMAGES.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path}: pictures are PREFIX-images-idx3-ubyte(.gz), .npz, .h5, or folders of PNG files")
    return path, _labels_of(path, match["prefix"])


def _labels_of(path: Path, prefix: str) -> Path:
    """Return the file of the labels beside a file of pictures.

    Raises:
        FileNotFoundError: If there is none.
    """
    names = [f"{prefix}labels{mark}idx1-ubyte{packed}" for mark in "-." for packed in ("", *_PACKED)]
    labels = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
    if labels is None:
        raise FileNotFoundError(f"{path}: the labels must lie beside it as {names[0]}(.gz); there is no such file")
    return labels


def _classes(folder: Path) -> list[str]:
    """Return the classes of a folder, and of the folders of other splits beside it."""
    folders = [folder.parent / split for split in SPLITS] if folder.name in SPLITS else [folder]
    return sorted({name for each in folders if each.is_dir() for name in picture_files.classes_of(each)})


def check(path: Path) -> Findings:
    """Return what is in a file or folder of pictures, and everything that is wrong with it.

    Args:
        path: A file, or a folder of IDX files, of classes, or of splits of classes.
    """
    findings, white = Findings(path), None
    for split, part in parts(path).items():
        try:
            pictures = _pictures(part, findings, white)
        except ValueError as error:
            findings.errors.append(str(error))
            continue
        if pictures is not None:
            shape, classes = pictures.gray.shape, pictures.annotations.classes
            facts = f"{shape[0]:,} pictures of {shape[1]} x {shape[2]} x {shape[3]}, {len(classes)} classes"
            findings.facts.append((split, facts))
            # the first part is that of the training
            white = white or pictures.brightest
    return findings
