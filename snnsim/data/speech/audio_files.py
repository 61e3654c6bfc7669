"""Audio files as spikes: `snnsim data encode` turns recordings into one file of the format of SHD.

files     WAV, FLAC and OGG; folders are searched to any depth, except folders and files whose names start
          with `_` or `.` (Speech Commands has its noise in `_background_noise_`)
class     the name of the file's folder; a name of the Heidelberg Digits, such as
          `lang-german_speaker-03_trial-12_digit-7.flac`, stands for its word, here `sieben`. Classes are
          sorted by name, and in SHD's order if all files have names of the Heidelberg Digits
speaker   the number in `speaker-3` or `speaker_3`; else the code before `_nohash_` (Speech Commands); codes
          are numbered in sorted order after the largest number; else unknown
sound     the average of the channels
"""

import glob
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from snnsim.data import heidelberg
from snnsim.data.speech import cochlea, parallel_encoding
from snnsim.data.speech.phonemes import WORDS

SUFFIXES = (".wav", ".flac", ".ogg")
UNKNOWN = -1
_MOST_SPEAKERS = 2**16 - 1
# a number that is raised when the same audio and seed give other spikes
_VERSION = 1
_HEIDELBERG = re.compile(r"lang-(?P<language>english|german)_speaker-\d+_trial-\d+_digit-(?P<digit>\d)$")
_SPEAKER = re.compile(r"speaker[-_](\d+)")
_NOHASH = re.compile(r"(.+)_nohash_")


@dataclass(frozen=True)
class Encoded:
    """Numbers of the file that `encode_files` wrote."""

    recordings: int
    spikes: int
    classes: tuple[str, ...]


def encode_files(
    paths: Iterable[Path],
    output: Path,
    *,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
    cells_per_place: int = 1,
) -> Encoded:
    """Write the spikes of audio files and folders of audio files as one SHD-format file.

    The recordings are in the sorted order of their paths. The same files and seed give the same bytes. A
    second call continues the work of a call that was killed.

    Args:
        paths: Audio files, and folders of them.
        output: The file to write.
        seed: Seed of the inner-ear model.
        workers: Number of threads; None is one per processor.
        progress: Whether progress bars are shown.
        cells_per_place: Bushy cells of a place of the inner-ear model.

    Raises:
        ValueError: If the seed is negative, or a file cannot be encoded.
    """
    if seed < 0:
        raise ValueError(f"encode: the seed must not be negative; got {seed}; choose 0 or above")
    inputs, output = audio_files(paths), Path(output)
    _check(inputs, progress)
    seeds = np.random.SeedSequence(seed).generate_state(len(inputs), np.uint64)

    def encode(number: int) -> parallel_encoding.Spikes:
        return cochlea.encode(*read(inputs[number]), int(seeds[number]), cells_per_place=cells_per_place)

    partial = output.with_name(f".{output.name}.partial-{_key(inputs, seed, cells_per_place)}")
    spikes = parallel_encoding.encode_all(encode, len(inputs), partial=partial, workers=workers, progress=progress)
    label, classes = labels(inputs)
    recordings = parallel_encoding.recordings(spikes, label, speakers(inputs), classes)
    heidelberg.write(output, recordings)
    # calls with other files or seeds that were killed leave partial work, too
    for folder in output.parent.glob(f".{glob.escape(output.name)}.partial-*"):
        parallel_encoding.remove_partial(folder)
    return Encoded(len(recordings), len(recordings.unit), classes)


def audio_files(paths: Iterable[Path]) -> list[Path]:
    """Return the audio files of files and folders, each once, sorted.

    Args:
        paths: Files, which are taken whatever their suffix, and folders, which are searched to any depth.

    Raises:
        FileNotFoundError: If a path does not exist, or there is no file.
    """
    result: set[Path] = set()
    inputs = [Path(path) for path in paths]
    for path in inputs:
        if path.is_dir():
            result |= {_full(file) for file in path.rglob("*") if _is_audio(file, path)}
        elif path.is_file():
            result.add(_full(path))
        else:
            raise FileNotFoundError(f"encode: {path} must be an audio file or a folder; there is none")
    if not result:
        raise FileNotFoundError(
            f"encode: there must be at least one audio file ({', '.join(SUFFIXES)}); found none in "
            f"{', '.join(map(str, inputs)) or 'an empty list'}; name the folder that holds the recordings"
        )
    return sorted(result)


def _full(file: Path) -> Path:
    """Return the absolute path of a file; a symbolic link keeps its name and folder, which tell speaker and class."""
    return Path(os.path.abspath(file))


def _is_audio(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(("_", ".")) for part in file.relative_to(folder).parts)
    return file.suffix.lower() in SUFFIXES and not hidden and file.is_file()


def labels(paths: Sequence[Path]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the label of every file and the names of the classes.

    Args:
        paths: Paths of the audio files; folders and names tell the classes.

    Returns:
        Labels, int64 (file,), and the names of the classes (class,).
    """
    digits = [_HEIDELBERG.match(path.stem) for path in paths]
    names = [
        path.parent.name if digit is None else WORDS[int(digit["digit"]) + 10 * (digit["language"] == "german")]
        for path, digit in zip(paths, digits, strict=True)
    ]
    classes = WORDS if all(digits) else tuple(sorted(set(names)))
    return np.array([classes.index(name) for name in names]), classes


def speakers(paths: Sequence[Path]) -> np.ndarray:
    """Return the number of the speaker of every file, and UNKNOWN for a name without a speaker.

    Args:
        paths: Paths of the audio files, whose names tell the speakers.

    Raises:
        ValueError: If a number is too large for the file format.
    """
    numbered = [_SPEAKER.search(path.stem) for path in paths]
    hashed = [_NOHASH.match(path.stem) for path in paths]
    first = 1 + max((int(match[1]) for match in numbered if match), default=UNKNOWN)
    if first > _MOST_SPEAKERS:
        raise ValueError(
            f"encode: the number of a speaker must be below {_MOST_SPEAKERS} (16 bits in the file); one is "
            f"named speaker-{first - 1}; number the speakers from 0"
        )
    codes = {code: first + rank for rank, code in enumerate(sorted({match[1] for match in hashed if match}))}
    return np.array(
        [
            int(number[1]) if number else codes[code[1]] if code else UNKNOWN
            for number, code in zip(numbered, hashed, strict=True)
        ]
    )


def _check(paths: Sequence[Path], progress: bool) -> None:
    """Read all files before the long work begins.

    Raises:
        ValueError: If files cannot be encoded; the message names all of them.
    """
    wrong = []
    for path in tqdm(paths, desc="checking", unit=" recordings", disable=not progress):
        try:
            cochlea.checked(*read(path))
        except ValueError as error:
            wrong.append(f"{path}: {error}")
    if wrong:
        raise ValueError(
            f"encode: every recording must be fit to encode; {len(wrong)} of {len(paths)} are not. Nothing "
            "was written; repair them or leave them out:\n" + "\n".join(wrong)
        )


def read(path: Path) -> tuple[np.ndarray, int]:
    """Return the audio, averaged over its channels, and its rate.

    Args:
        path: The file; a ValueError says what libsndfile does not know.

    Raises:
        ValueError: If the format is unknown, or a sample is NaN or infinite.
    """
    try:
        audio, rate = soundfile.read(path, always_2d=True)
    except soundfile.SoundFileError as error:
        raise ValueError(f"libsndfile must know the format; it says {str(error)!r}; convert the file") from error
    with np.errstate(invalid="ignore"):
        sound: np.ndarray = audio.mean(axis=1)
    if not np.isfinite(sound).all():
        raise ValueError(
            f"audio must be finite; {np.count_nonzero(~np.isfinite(sound)):,} of {sound.size:,} samples are NaN or "
            "infinite; repair the recording"
        )
    return sound, rate


def _key(paths: Sequence[Path], seed: int, cells_per_place: int) -> str:
    """Return a digest of everything that the spikes depend on."""
    inputs = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(repr((_VERSION, seed, cells_per_place, inputs)).encode()).hexdigest()[:16]
