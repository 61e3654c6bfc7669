"""The phonemes of 20 spoken digits, and random voices.

A word is a sequence of phonemes. A phoneme is a sequence of targets (a diphthong has two; a plosive has a
closure, a burst and a breath).

Units    frequencies in Hz · amplitudes relative to a full vowel's voice
Source   own values, near the published averages of vowels (Peterson & Barney 1952, J. Acoust. Soc. Am.
         24:175) and consonants (Klatt 1980, 67:971); they are of no real speaker
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Target(NamedTuple):
    """Targets of the resonances and amplitudes for some time."""

    duration_ms: float
    formants: tuple[float, float, float]
    """Resonances of the mouth, F1 to F3."""
    voice: float = 0.0
    """Amplitude of the vocal folds."""
    breath: float = 0.0
    """Amplitude of noise of the throat, which passes the same resonances."""
    friction: float = 0.0
    """Amplitude of noise of the mouth, which passes a resonance of its own."""
    center: float = 4000.0
    """Frequency of the resonance of friction."""
    width: float = 2000.0
    """Bandwidth of the resonance of friction."""


def _vowel(duration_ms: float, f1: float, f2: float, f3: float, *, voice: float = 1.0) -> Target:
    return Target(duration_ms, (f1, f2, f3), voice)


PHONEMES: Mapping[str, tuple[Target, ...]] = {
    "i": (_vowel(130, 290, 2250, 2950),),
    "I": (_vowel(90, 400, 1950, 2550),),
    "e": (_vowel(110, 530, 1800, 2480),),
    "a": (_vowel(140, 730, 1250, 2450),),
    "A": (_vowel(110, 620, 1200, 2400),),
    "o": (_vowel(140, 500, 880, 2450),),
    "u": (_vowel(150, 320, 900, 2250),),
    "U": (_vowel(90, 420, 1020, 2240),),
    "y": (_vowel(110, 300, 1700, 2150),),
    "@": (_vowel(60, 500, 1450, 2450, voice=0.7),),
    "6": (_vowel(70, 600, 1250, 2400, voice=0.7),),
    "ai": (_vowel(110, 740, 1250, 2450), _vowel(90, 360, 2100, 2700)),
    "ei": (_vowel(90, 480, 1900, 2500), _vowel(90, 310, 2250, 2850)),
    "oi": (_vowel(100, 540, 900, 2400), _vowel(90, 370, 1900, 2500)),
    "ou": (_vowel(100, 520, 1000, 2400), _vowel(100, 350, 850, 2300)),
    "n": (_vowel(80, 270, 1350, 2500, voice=0.45),),
    "l": (_vowel(70, 350, 1100, 2700, voice=0.6),),
    "r": (_vowel(70, 400, 1200, 1650, voice=0.6),),
    "w": (_vowel(70, 310, 700, 2200, voice=0.6),),
    "R": (Target(60, (480, 1200, 2300), 0.5, 0.1, 0.05, 1500, 900),),
    "v": (Target(65, (300, 1200, 2300), 0.35, 0.0, 0.10, 5500, 4500),),
    "z": (Target(80, (300, 1650, 2600), 0.35, 0.0, 0.40, 6500, 2200),),
    "s": (Target(120, (350, 1700, 2600), 0.0, 0.0, 0.75, 6800, 2200),),
    "f": (Target(105, (350, 1200, 2300), 0.0, 0.0, 0.30, 6000, 5500),),
    "T": (Target(95, (350, 1400, 2600), 0.0, 0.0, 0.22, 6500, 5000),),
    "x": (Target(105, (600, 1200, 2300), 0.0, 0.35, 0.35, 1500, 1000),),
    "t": (
        Target(55, (350, 1750, 2650), 0.0, 0.0, 0.0, 4500, 2500),
        Target(14, (350, 1750, 2650), 0.0, 0.1, 1.1, 4500, 2500),
        Target(30, (400, 1750, 2650), 0.0, 0.35, 0.15, 4500, 2500),
    ),
    "k": (
        Target(55, (350, 1900, 2500), 0.0, 0.0, 0.0, 2000, 900),
        Target(16, (350, 1900, 2500), 0.0, 0.1, 1.0, 2000, 900),
        Target(25, (400, 1900, 2500), 0.0, 0.3, 0.1, 2500, 1500),
    ),
    "d": (
        Target(45, (250, 1700, 2600), 0.12, 0.0, 0.0, 4200, 2500),
        Target(10, (300, 1700, 2600), 0.3, 0.1, 0.6, 4200, 2500),
    ),
    "b": (
        Target(50, (250, 1000, 2200), 0.12, 0.0, 0.0, 1000, 1500),
        Target(8, (300, 1000, 2200), 0.4, 0.1, 0.4, 1000, 1500),
    ),
}

PRONUNCIATION: Mapping[str, str] = {
    "zero": "z I r ou",
    "one": "w A n",
    "two": "t u",
    "three": "T r i",
    "four": "f o r",
    "five": "f ai v",
    "six": "s I k s",
    "seven": "s e v @ n",
    "eight": "ei t",
    "nine": "n ai n",
    "null": "n U l",
    "eins": "ai n s",
    "zwei": "t s v ai",
    "drei": "d R ai",
    "vier": "f i 6",
    "fuenf": "f y n f",
    "sechs": "z e k s",
    "sieben": "z i b @ n",
    "acht": "a x t",
    "neun": "n oi n",
}
"""The phonemes of every word."""
WORDS = tuple(PRONUNCIATION)
"""The 20 words in the order of SHD's classes: English 0 to 9, German 0 to 9."""


@dataclass(frozen=True)
class Voice:
    """Constant properties of a speaker."""

    female: bool
    tract: float
    """Factor on all resonances: above 1 for a shorter vocal tract."""
    pitch: float
    """Rate of the vocal folds in Hz."""
    pace: float
    """Factor on the speed of speech."""
    tilt: float
    """Weight of a low-pass filter of the vocal folds, 0 (bright) to below 1 (dull)."""
    bandwidth: float
    """Factor on the widths of the resonances."""
    breath: float
    """Noise relative to the voice."""
    declination: float
    """Fall of the pitch during a word, as a share."""
    glide_ms: float
    """Half the time of the resonances from one target to the next."""
    accent: Mapping[str, tuple[float, ...]]
    """Factors on the formants of each phoneme."""
    rhythm: Mapping[str, float]
    """Factor on the duration of each phoneme."""


def draw_voice(generator: np.random.Generator, variety: float = 1.0) -> Voice:
    """Return a random voice.

    Args:
        generator: Source of all random numbers of the voice.
        variety: Scale of the differences between voices, at least 0; with 0, voices differ only in sex, tilt,
            declination and glide.
    """
    female = bool(generator.random() < 0.5)

    def factor(spread: float) -> float:
        return float(np.exp(variety * generator.normal(0, spread)))

    return Voice(
        female=female,
        tract=(1.12 if female else 0.97) * (1 + variety * generator.uniform(-0.08, 0.08)),
        pitch=(200 if female else 115) * factor(0.12),
        pace=factor(0.15),
        tilt=generator.uniform(0.0, 0.5),
        bandwidth=factor(0.2),
        breath=variety * generator.uniform(0.0, 0.12),
        declination=generator.uniform(0.0, 0.3),
        glide_ms=generator.uniform(25, 45),
        accent={name: tuple(1 + variety * generator.normal(0, 0.05, 3)) for name in PHONEMES},
        rhythm={name: factor(0.15) for name in PHONEMES},
    )
