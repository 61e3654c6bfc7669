"""The embedded data set: 20 spoken digits, made here, as an inner ear hears them.

    voice, word → formant speech → echo and tilt of the voice's room → silence at both ends → pink noise
                → inner ear (140 places, five bushy cells each) → one file per split, format of SHD

Word, voice and every draw follow from the seed, the split and the number of the utterance alone, so a
smaller size holds the first utterances of a larger one. 23 voices; those of validation and test are never
heard in training.

Source   own recipe
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import signal

from snnsim import files
from snnsim.data import heidelberg, synthetic_files
from snnsim.data.speech import cochlea, parallel_encoding, synthesizer
from snnsim.data.speech.synthesizer import RATE, WORDS, Voice

RECIPE = 1
"""Raised when the same seed would give other recordings."""
SIZES: Mapping[str, Mapping[str, int]] = {
    "small": {"train": 400, "valid": 100, "test": 100},
    "default": {"train": 1600, "valid": 300, "test": 400},
    "full": {"train": 8000, "valid": 1000, "test": 2000},
}
"""Utterances in each split."""
VOICES: Mapping[str, range] = {"train": range(16), "valid": range(16, 19), "test": range(19, 23)}
"""Speakers of each split."""

VARIETY, SPREAD = 1.15, 1.15
"""How much voices differ, and the utterances of one voice: larger is harder."""
NOISE_DB = (12.0, 32.0)
"""How far the noise lies below the speech."""
SILENCE_S = (0.02, 0.12)
"""How long it is silent before the word, and again after it."""
TILT, ECHO, ECHO_DECAY_S = 0.45, 0.25, (0.03, 0.12)
"""Largest tilt and echo of a room, and how slowly the echo fades."""
CELLS_PER_PLACE = 5


@dataclass(frozen=True)
class Speaker:
    """A voice and the room it speaks in."""

    voice: Voice
    tilt: float
    """Weight of the sample before: above 0 dull, below 0 sharp."""
    echo: np.ndarray
    """Impulse response of the room."""


def speaker(number: int, *, seed: int) -> Speaker:
    """Return one of the speakers of a seed, 0 to 22."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, number)))
    voice = synthesizer.draw_voice(generator, VARIETY)
    decay = generator.uniform(*ECHO_DECAY_S) * RATE
    strength = VARIETY * generator.uniform(0.0, ECHO) / np.sqrt(decay / 2)
    sample = np.arange(int(3 * decay))
    echo = strength * generator.normal(size=sample.size) * np.exp(-sample / decay)
    echo[0] += 1.0
    return Speaker(voice, VARIETY * generator.uniform(-TILT, TILT), echo)


def labeled(split: str, number: int) -> tuple[int, int]:
    """Return the label and the speaker of an utterance: all words by one speaker, then by the next."""
    speakers = VOICES[split]
    return number % len(WORDS), speakers[number // len(WORDS) % len(speakers)]


def utterance(split: str, number: int, *, seed: int) -> np.ndarray:
    """Return the sound of one utterance at RATE, with its room and noise."""
    generator = np.random.default_rng(_sequence(split, number, seed))
    label, who = labeled(split, number)
    person = speaker(who, seed=seed)
    speech = synthesizer.speak(WORDS[label], person.voice, generator, SPREAD)
    sound = signal.fftconvolve(speech, person.echo)[: speech.size + person.echo.size // 2]
    sound = signal.lfilter([1.0, person.tilt], [1.0], sound)
    before, after = (int(generator.uniform(*SILENCE_S) * RATE) for _ in range(2))
    sound = np.pad(sound, (before, after))
    noise = _pink(sound.size, generator)
    level = np.sqrt(np.mean(sound**2)) * 10 ** (-generator.uniform(*NOISE_DB) / 20)
    return sound + noise * (level / noise.std())


def _sequence(split: str, number: int, seed: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(1 + list(VOICES).index(split), number))


def _pink(samples: int, generator: np.random.Generator) -> np.ndarray:
    """Return noise whose power falls with frequency, level below the tenth line of its spectrum."""
    spectrum = np.fft.rfft(generator.normal(size=samples))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(spectrum.size) + 10.0), samples)


def encoded(split: str, number: int, *, seed: int) -> parallel_encoding.Spikes:
    """Return the spikes of one utterance: times in seconds and units."""
    (hearing,) = _sequence(split, number, seed).spawn(1)
    ear = int(hearing.generate_state(1, np.uint64)[0])
    return cochlea.encode(utterance(split, number, seed=seed), RATE, ear, cells_per_place=CELLS_PER_PLACE)


def make(
    folder: Path, *, size: str = "default", seed: int = 0, workers: int | None = None, progress: bool = True
) -> dict[str, Path]:
    """Write digits_train.h5, digits_valid.h5 and digits_test.h5 into the folder and return their paths.

    The same size and seed give the same bytes with any number of workers. A second call after a kill goes
    on with the first one's work.
    """
    plan = [(split, number) for split, count in _counts(size).items() for number in range(count)]
    kept = Path(folder) / f".partial-{_key(size, seed)}"
    spikes = parallel_encoding.encode_all(
        lambda position: encoded(*plan[position], seed=seed),
        len(plan),
        kept=kept,
        workers=workers,
        progress=progress,
        title=f"making digits ({size})",
    )
    paths = {}
    for split, count in _counts(size).items():
        label, who = zip(*(labeled(split, number) for number in range(count)), strict=True)
        paths[split] = _path(folder, split)
        part, spikes = spikes[:count], spikes[count:]
        recordings = parallel_encoding.recordings(part, np.array(label), np.array(who), WORDS)
        heidelberg.write(paths[split], recordings, speaker_info=_speaker_info(seed))
    parallel_encoding.forget(kept)
    return paths


def folder(size: str = "default", seed: int = 0) -> Path:
    """Return where the cache keeps the digits of a size and seed."""
    return files.cache_folder() / "digits" / _key(size, seed)


def prepare(size: str = "default", seed: int = 0, *, workers: int | None = None, progress: bool = True) -> Path:
    """Return the cache's folder of digits, after making them on first use."""
    home = folder(size, seed)
    if not synthetic_files.complete([_path(home, split) for split in VOICES]):
        synthetic_files.seal([*make(home, size=size, seed=seed, workers=workers, progress=progress).values()])
    return home


def _counts(size: str) -> Mapping[str, int]:
    if size not in SIZES:
        raise ValueError(f"digits: the size must be one of {', '.join(SIZES)}; got {size!r}; choose one of these")
    return SIZES[size]


def _key(size: str, seed: int) -> str:
    if seed < 0:
        raise ValueError(f"digits: the seed must not be negative; got {seed}; choose 0 or above")
    return f"recipe-{RECIPE}-{'-'.join(map(str, _counts(size).values()))}-seed-{seed}"


def _path(folder: Path, split: str) -> Path:
    return Path(folder) / f"digits_{split}.h5"


def _speaker_info(seed: int) -> dict[str, list]:
    voices = [speaker(number, seed=seed).voice for number in range(VOICES["test"].stop)]
    return {
        "gender": ["female" if voice.female else "male" for voice in voices],
        "pitch_hz": [voice.pitch for voice in voices],
        "tract": [voice.tract for voice in voices],
    }
