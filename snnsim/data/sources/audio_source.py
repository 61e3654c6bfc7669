"""Audio files of a user by class: through the inner-ear model of SHD, or as log-mel frames.

The class of a file is the name of its folder. Splits are folders train/CLASS/FILE, valid/... and test/..., or the
lists validation_list.txt and testing_list.txt of Speech Commands, or held out by speaker (data/speech/audio_files.py
reads the speaker out of a file's name). Encoded files and frames are kept in the cache folder; a damaged file there is
generated again, with a warning.
"""

import hashlib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from snnsim import files, ragged
from snnsim.data import archives, cache, heidelberg
from snnsim.data.binning import Binned
from snnsim.data.coding.kinds import LogMel, Values
from snnsim.data.coding.signals import SignalCoder
from snnsim.data.recordings import Recordings
from snnsim.data.registry import SPLITS
from snnsim.data.sources import log_mel
from snnsim.data.sources.annotations import Annotations
from snnsim.data.sources.findings import Findings
from snnsim.data.sources.parts import ALL
from snnsim.data.sources.source import CodedSource, Settings, Source
from snnsim.data.speech import audio_files, cochlea

LISTS = {"valid": "validation_list.txt", "test": "testing_list.txt"}
"""Lists of the files of splits, as Speech Commands has them."""
_VERSION = 1
"""A number that is raised when the same file gives other spikes."""
_FRAMES_VERSION = 2
"""A number that is raised when the same file gives other log-mel frames."""


def parts(path: Path, name: str = "") -> dict[str, Path]:  # noqa: ARG001
    """Return the folder of each split, or of "all".

    Args:
        path: The folder.
        name: Not used, as audio has no name.

    Raises:
        FileNotFoundError: If there is no such folder, or none to train on.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: audio lies in a folder CLASS/FILE.wav; there is no such folder")
    folders = {split: path / split for split in SPLITS if _has_classes(path / split)}
    if folders and "train" not in folders:
        raise FileNotFoundError(
            f"{path}: beside {' and '.join(folders)}/CLASS/FILE.wav there must be train/CLASS/FILE.wav; there is none; "
            "move the training recordings into it, or name the folder of a split"
        )
    return folders or {ALL: path}


def _has_classes(folder: Path) -> bool:
    """Return whether a folder has audio files in folders; the folder of a class, such as train, has files alone."""
    return any(file.suffix.lower() in audio_files.SUFFIXES for file in folder.glob("*/**/*"))


def is_of_audio(path: Path) -> bool:
    """Return whether a folder has audio files in folders of classes.

    Args:
        path: The folder.
    """
    return any(file.suffix.lower() in audio_files.SUFFIXES for file in path.glob("*/*")) or any(
        file.suffix.lower() in audio_files.SUFFIXES for file in path.glob("train/*/*")
    )


def source(path: Path, settings: Settings) -> Source:
    """Return the audio files of a folder.

    Args:
        path: The folder, one of `parts`.
        settings: Grid, coding and seed.
    """
    paths = audio_files.audio_files([path])
    annotations = _annotations(path, paths)
    if isinstance(settings.coding, LogMel):
        return _mel_source(path, paths, annotations, settings)
    return InnerEarSource(path, paths, annotations, settings)


def _annotations(path: Path, paths: list[Path]) -> Annotations:
    label, classes = audio_files.labels(paths)
    if path.name in SPLITS:
        # a class may lack files in one of the splits
        every = [file for split in SPLITS if (path.parent / split).is_dir()
                 for file in audio_files.audio_files([path.parent / split])]  # fmt: skip
        names = audio_files.labels(every)[1]
        label, classes = np.array([names.index(classes[number]) for number in label]), names
    split = None
    lists = {name: listed for name, listed in LISTS.items() if (path / listed).is_file()}
    if lists:
        split = np.zeros(len(paths), np.int64)
        for name, listed in lists.items():
            lines = {line.strip() for line in (path / listed).read_text("utf-8", "replace").splitlines()}
            own = [f"{file.parent.name}/{file.name}" in lines for file in paths]
            split[np.array(own)] = SPLITS.index(name)
    group = audio_files.speakers(paths)
    return replace(Annotations.plain(label.astype(np.int64), classes, group=group), split=split)


def _digest(paths: list[Path], *settings: object) -> str:
    inputs = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(repr((_VERSION, inputs, settings)).encode()).hexdigest()[:24]


def encoded_file(paths: list[Path], seed: int) -> Path:
    """Return the path of the spikes of audio files in the cache folder, whether they were encoded or not.

    Args:
        paths: The audio files, sorted.
        seed: Seed of the inner-ear model.
    """
    return files.cache_folder() / "audio" / f"{_digest(paths, seed)}.h5"


def is_encoded(path: Path, name: str, seed: int) -> bool:
    """Return whether all splits of a folder were encoded before.

    Args:
        path: The folder.
        name: Value of `data.name`.
        seed: Seed of the inner-ear model.
    """
    folders = parts(path, name).values()
    return all(encoded_file(audio_files.audio_files([folder]), seed).is_file() for folder in folders)


class InnerEarSource(Source):
    """Audio files as spikes of the inner-ear model.

    Args:
        path: The folder.
        paths: The audio files, sorted.
        annotations: Their labels, groups and splits.
        settings: Grid and seed.
    """

    def __init__(self, path: Path, paths: list[Path], annotations: Annotations, settings: Settings) -> None:
        self.path, self.annotations, self._settings, self._paths = path, annotations, settings, paths
        self._file = encoded_file(paths, settings.seed)
        if not self._file.is_file():
            self._encode()

    def _encode(self) -> None:
        audio_files.encode_files(self._paths, self._file, seed=self._settings.seed)

    def _encoded(self) -> Recordings:
        """Return the spikes in the cache folder; a damaged file is encoded again."""
        try:
            return heidelberg.read(self._file)
        except (ValueError, OSError) as error:
            _warn_of_damage(self._file, error)
            self._encode()
            return heidelberg.read(self._file)

    @property
    def units(self) -> int:
        """Number of channels of the inner-ear model."""
        return Recordings.units

    def gridded(self) -> Binned:
        """Return the recordings on the grid, from the cache where it has them."""
        try:
            binned = self._binned()
        except (ValueError, OSError):
            # encodes a damaged file again; any other error comes again
            self._encoded()
            binned = self._binned()
        return replace(binned, label=self.annotations.label, classes=self.annotations.classes)

    def _binned(self) -> Binned:
        own = self._settings
        return cache.binned(
            self._file,
            time_step_ms=own.time_step_ms,
            channels=own.channels or self.units,
            max_time_ms=own.max_time_ms,
        )

    def recordings(self) -> Recordings:
        """Return the spikes of all files."""
        encoded = self._encoded()
        return replace(encoded, label=self.annotations.label, classes=self.annotations.classes)


def _mel_source(path: Path, paths: list[Path], annotations: Annotations, settings: Settings) -> CodedSource:
    coding = settings.coding
    assert isinstance(coding, LogMel)  # noqa: S101 - the caller has looked
    cached = files.cache_folder() / "audio" / f"{_digest(paths, _FRAMES_VERSION, coding, settings.time_step_ms)}.npz"
    coder = _kept_frames(cached)
    if coder is None:
        rows = [log_mel.frames(*_read(file), coding, settings.time_step_ms) for file in paths]
        coder = SignalCoder(np.concatenate(rows), ragged.indptr([len(row) for row in rows]), Values())
        with files.written_whole(cached) as partial, partial.open("wb") as file:
            np.savez(file, values=coder.values, offset=coder.offset)
    return CodedSource(path, annotations, coder, settings)


def _read(path: Path) -> tuple[np.ndarray, int]:
    """Return the audio of a file and its rate.

    Raises:
        ValueError: If it cannot be read, or has samples that are not finite; the message names the file.
    """
    try:
        return audio_files.read(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _kept_frames(path: Path) -> SignalCoder | None:
    """Return the frames in a file of the cache folder, or None if the file is missing or damaged."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            return SignalCoder(stored["values"], stored["offset"], Values())
    except archives.DAMAGED as error:
        _warn_of_damage(path, error)
        return None


def _warn_of_damage(path: Path, error: Exception) -> None:
    reason = " ".join(str(error).split())
    warnings.warn(f"{path}: the kept file is damaged ({reason}) and is generated again", stacklevel=3)


def check(path: Path) -> Findings:
    """Return what is in a folder of audio, the files that cannot be read, and those that the inner ear refuses.

    Args:
        path: The folder.
    """
    findings = Findings(path)
    for split, folder in parts(path).items():
        paths = audio_files.audio_files([folder])
        wrong, unfit = [], []
        for file in paths:
            try:
                audio = audio_files.read(file)
            except ValueError as error:
                wrong.append(f"{file}: {error}")
                continue
            try:
                cochlea.checked(*audio)
            except ValueError as error:
                unfit.append(f"{file}: {error}")
        if wrong:
            must = f"must be readable; {len(wrong):,} files are not, first {wrong[0]}"
            findings.error(folder.name, must, "repair them or leave them out")
        if unfit:
            findings.warnings.append(
                f"{folder.name} is fit for data.coding=log_mel alone: inner_ear refuses {len(unfit):,} files, first "
                f"{unfit[0]}"
            )
        classes = audio_files.labels(paths)[1]
        findings.facts.append((split, f"{len(paths):,} files of {len(classes)} classes"))
    return findings
