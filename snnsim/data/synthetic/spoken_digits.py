"""The `digits` task: 20 spoken digits, synthesized and encoded as spikes of an inner ear.

    voice, word → formant speech → echo and tilt of the voice's room → silence at both ends → pink noise
                → inner ear (140 places, five bushy cells each) → one file per split, format of SHD

Word, voice and all random numbers follow from the seed, the split and the number of the utterance alone, so a
smaller size has the first utterances of a larger one. There are 23 voices; the training split has none of the
voices of validation and test.

Source   own recipe
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from snnsim import files
from snnsim.data import heidelberg
from snnsim.data.speech import cochlea, parallel_encoding, synthesizer
from snnsim.data.speech.synthesizer import RATE, WORDS, Voice
from snnsim.data.synthetic.dataset import SyntheticDataset

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""
SIZES: Mapping[str, Mapping[str, int]] = {
    "small": {"train": 400, "valid": 100, "test": 100},
    "default": {"train": 1600, "valid": 300, "test": 400},
    "full": {"train": 8000, "valid": 1000, "test": 2000},
}
"""Utterances in each split."""
VOICES: Mapping[str, range] = {"train": range(16), "valid": range(16, 19), "test": range(19, 23)}
"""Speakers of each split."""

VARIETY, SPREAD = 1.15, 1.15
"""Differences between voices, and between the utterances of one voice: larger is harder."""
NOISE_DB = (12.0, 32.0)
"""Range of the level of the noise below that of the speech."""
SILENCE_S = (0.02, 0.12)
"""Range of the silence before the word, and of the silence after it."""
TILT, ECHO, ECHO_DECAY_S = 0.45, 0.25, (0.03, 0.12)
"""Largest tilt and echo of a room, and the range of the time constant of the echo."""
CELLS_PER_PLACE = 5


@dataclass(frozen=True)
class Speaker:
    """A voice and its room."""

    voice: Voice
    tilt: float
    """Weight of the previous sample: above 0 dull, below 0 sharp."""
    echo: np.ndarray
    """Impulse response of the room."""


def speaker(number: int, *, seed: int) -> Speaker:
    """Return one of the speakers of a seed.

    Args:
        number: Number of the speaker, 0 to 22.
        seed: Seed of the data set.
    """
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, number)))
    voice = synthesizer.draw_voice(generator, VARIETY)
    decay = generator.uniform(*ECHO_DECAY_S) * RATE
    strength = VARIETY * generator.uniform(0.0, ECHO) / np.sqrt(decay / 2)
    sample = np.arange(int(3 * decay))
    echo: np.ndarray = strength * generator.normal(size=sample.size) * np.exp(-sample / decay)
    echo[0] += 1.0
    return Speaker(voice, VARIETY * generator.uniform(-TILT, TILT), echo)


def labeled(split: str, number: int) -> tuple[int, int]:
    """Return the label and the speaker of an utterance; all words of one speaker come before those of the next.

    Args:
        split: "train", "valid" or "test"; VOICES lists the speakers of each.
        number: Number of the utterance in the split, from 0.
    """
    speakers = VOICES[split]
    return number % len(WORDS), speakers[number // len(WORDS) % len(speakers)]


def utterance(split: str, number: int, *, seed: int) -> np.ndarray:
    """Return the sound of one utterance at RATE, with its room and noise.

    Args:
        split: "train", "valid" or "test".
        number: Number of the utterance in the split, from 0.
        seed: Seed of the data set.

    Returns:
        Samples at RATE, float64 (sample,).
    """
    generator = np.random.default_rng(_sequence(split, number, seed))
    label, speaker_number = labeled(split, number)
    talker = speaker(speaker_number, seed=seed)
    speech = synthesizer.speak(WORDS[label], talker.voice, generator, SPREAD)
    sound: np.ndarray = scipy.signal.fftconvolve(speech, talker.echo)[: speech.size + talker.echo.size // 2]
    sound = scipy.signal.lfilter([1.0, talker.tilt], [1.0], sound)
    before, after = (int(generator.uniform(*SILENCE_S) * RATE) for _ in range(2))
    sound = np.pad(sound, (before, after))
    noise = pink(sound.size, generator)
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-generator.uniform(*NOISE_DB) / 20)
    return np.asarray(sound + noise * (level / noise.std()))


def _sequence(split: str, number: int, seed: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(1 + list(VOICES).index(split), number))


def pink(samples: int, generator: np.random.Generator) -> np.ndarray:
    """Return noise whose power falls with frequency, and is level below the tenth line of its spectrum.

    Args:
        samples: Number of samples.
        generator: Source of the random numbers.
    """
    spectrum = np.fft.rfft(generator.normal(size=samples))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(spectrum.size) + 10.0), samples)


def encoded(split: str, number: int, *, seed: int) -> parallel_encoding.Spikes:
    """Return the spikes of one utterance: times in seconds and units.

    Args:
        split: "train", "valid" or "test".
        number: Number of the utterance in the split, from 0.
        seed: Seed of the data set.
    """
    (child,) = _sequence(split, number, seed).spawn(1)
    cochlea_seed = int(child.generate_state(1, np.uint64)[0])
    return cochlea.encode(utterance(split, number, seed=seed), RATE, cochlea_seed, cells_per_place=CELLS_PER_PLACE)


@dataclass(frozen=True)
class Recipe:
    """How many utterances each split has."""

    size: str = "default"
    """One of the SIZES."""

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(
                f"digits: the size must be one of {', '.join(SIZES)}; got {self.size!r}; choose one of these"
            )

    @property
    def recordings(self) -> Mapping[str, int]:
        """Number of utterances of each split."""
        return SIZES[self.size]


@dataclass(frozen=True)
class SpokenDigits(SyntheticDataset):
    """The data set of a size; encoding takes minutes, so a second call continues the work of one that was killed."""

    recipe: Recipe = Recipe()
    name: str = "digits"
    workers: int | None = None
    """Number of threads; None is one per processor. The bytes of the files do not depend on it."""
    progress: bool = True
    """Whether a progress bar is shown."""

    def folder(self, seed: int = 0) -> Path:
        """Return the cache folder of the files of a seed.

        Args:
            seed: Seed of the generator, at least 0.
        """
        return files.cache_folder() / self.name / self._key(seed)

    def make(self, folder: Path, seed: int = 0) -> dict[str, Path]:
        """Write the recordings of a seed, and return the file of every split.

        Args:
            folder: Folder of the files, and of the partial work in the meantime.
            seed: Seed of all random numbers.
        """
        utterances = [(split, number) for split, count in self.recipe.recordings.items() for number in range(count)]
        partial = Path(folder) / f".partial-{self._key(seed)}"
        spikes = parallel_encoding.encode_all(
            lambda position: encoded(*utterances[position], seed=seed),
            len(utterances),
            partial=partial,
            workers=self.workers,
            progress=self.progress,
            title=f"making digits ({self.recipe.size})",
        )
        paths = {}
        for split, count in self.recipe.recordings.items():
            label, speakers = zip(*(labeled(split, number) for number in range(count)), strict=True)
            paths[split] = self.path(folder, split)
            own, spikes = spikes[:count], spikes[count:]
            recordings = parallel_encoding.recordings(own, np.array(label), np.array(speakers), WORDS)
            heidelberg.write(paths[split], recordings, speaker_info=_speaker_info(seed))
        parallel_encoding.remove_partial(partial)
        return paths

    def _key(self, seed: int) -> str:
        if seed < 0:
            raise ValueError(f"digits: the seed must not be negative; got {seed}; choose 0 or above")
        return f"recipe-{VERSION}-{'-'.join(map(str, self.recipe.recordings.values()))}-seed-{seed}"


def _speaker_info(seed: int) -> dict[str, list[Any]]:
    voices = [speaker(number, seed=seed).voice for number in range(VOICES["test"].stop)]
    return {
        "gender": ["female" if voice.female else "male" for voice in voices],
        "pitch_hz": [voice.pitch for voice in voices],
        "tract": [voice.tract for voice in voices],
    }
