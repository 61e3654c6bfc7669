"""Audio files as spikes: `snnsim data encode` turns recordings into one file of the format of SHD.

Files    WAV, FLAC and OGG; folders are searched to any depth, except folders and files whose names start
         with `_` or `.` (Speech Commands keeps its noise in `_background_noise_`)
Class    the name of the folder that holds the file; `lang-german_speaker-03_trial-12_digit-7.flac`, as the
         Heidelberg Digits are named, says `sieben`. Sorted by name, but SHD's 20 classes in SHD's order if
         all files are named that way
Speaker  the number in `speaker-3` or `speaker_3`; else what stands before `_nohash_` (Speech Commands),
         numbered in sorted order after the largest number; else unknown
Sound    channels are averaged
"""

import glob
import hashlib
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
# raised when the same audio and seed would give other spikes
_VERSION = 1
_HEIDELBERG = re.compile(r"lang-(?P<language>english|german)_speaker-\d+_trial-\d+_digit-(?P<digit>\d)$")
_SPEAKER = re.compile(r"speaker[-_](\d+)")
_NOHASH = re.compile(r"(.+)_nohash_")


@dataclass(frozen=True)
class Encoded:
    """What `encode_files` wrote."""

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

    The recordings stand in the sorted order of their paths. The same files and seed give the same bytes. A
    second call after a kill goes on with the first one's work.
    """
    if seed < 0:
        raise ValueError(f"encode: the seed must not be negative; got {seed}; choose 0 or above")
    found, output = audio_files(paths), Path(output)
    _check(found, progress)
    seeds = np.random.SeedSequence(seed).generate_state(len(found), np.uint64)

    def encode(number: int) -> parallel_encoding.Spikes:
        return cochlea.encode(*_read(found[number]), int(seeds[number]), cells_per_place=cells_per_place)

    kept = output.with_name(f".{output.name}.partial-{_key(found, seed, cells_per_place)}")
    spikes = parallel_encoding.encode_all(encode, len(found), kept=kept, workers=workers, progress=progress)
    label, classes = labels(found)
    recordings = parallel_encoding.recordings(spikes, label, speakers(found), classes)
    heidelberg.write(output, recordings)
    # also what calls that never ended left behind for other files or seeds
    for folder in output.parent.glob(f".{glob.escape(output.name)}.partial-*"):
        parallel_encoding.forget(folder)
    return Encoded(len(recordings), len(recordings.unit), classes)


def audio_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files named and the audio files in the folders named, without repetition, sorted."""
    found: set[Path] = set()
    named = [Path(path) for path in paths]
    for path in named:
        if path.is_dir():
            found |= {file.resolve() for file in path.rglob("*") if _is_audio(file, path)}
        elif path.is_file():
            found.add(path.resolve())
        else:
            raise FileNotFoundError(f"encode: {path} must be an audio file or a folder; there is none")
    if not found:
        raise FileNotFoundError(
            f"encode: there must be at least one audio file ({', '.join(SUFFIXES)}); found none in "
            f"{', '.join(map(str, named)) or 'an empty list'}; name the folder that holds the recordings"
        )
    return sorted(found)


def _is_audio(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(("_", ".")) for part in file.relative_to(folder).parts)
    return file.suffix.lower() in SUFFIXES and not hidden and file.is_file()


def labels(found: Sequence[Path]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the label of every file and the names of the classes."""
    digits = [_HEIDELBERG.match(path.stem) for path in found]
    names = [
        path.parent.name if digit is None else WORDS[int(digit["digit"]) + 10 * (digit["language"] == "german")]
        for path, digit in zip(found, digits, strict=True)
    ]
    classes = WORDS if all(digits) else tuple(sorted(set(names)))
    return np.array([classes.index(name) for name in names]), classes


def speakers(found: Sequence[Path]) -> np.ndarray:
    """Return the number of the speaker of every file, UNKNOWN where its name does not tell."""
    numbered = [_SPEAKER.search(path.stem) for path in found]
    hashed = [_NOHASH.match(path.stem) for path in found]
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


def _check(found: Sequence[Path], progress: bool) -> None:
    """Read all files before the long work begins, and name all that cannot be encoded."""
    wrong = []
    for path in tqdm(found, desc="checking", unit=" recordings", disable=not progress):
        try:
            cochlea.checked(*_read(path))
        except ValueError as error:
            wrong.append(f"{path}: {error}")
    if wrong:
        raise ValueError(
            f"encode: every recording must be fit to encode; {len(wrong)} of {len(found)} are not. Nothing "
            "was written; repair them or leave them out:\n" + "\n".join(wrong)
        )


def _read(path: Path) -> tuple[np.ndarray, int]:
    """Return the audio, averaged over its channels, and its rate."""
    try:
        audio, rate = soundfile.read(path, always_2d=True)
    except soundfile.SoundFileError as error:
        raise ValueError(f"libsndfile must know the format; it says {str(error)!r}; convert the file") from error
    return audio.mean(axis=1), rate


def _key(found: Sequence[Path], seed: int, cells_per_place: int) -> str:
    """Return a name for all that the spikes depend on."""
    about = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found]
    return hashlib.sha256(repr((_VERSION, seed, cells_per_place, about)).encode()).hexdigest()[:16]
