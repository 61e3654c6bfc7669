"""The `digits` words as sound in mel bands: one second of every utterance, a frame for each step.

    y[t, b] = ln of the power in band b around step t          log_mel.py; 40 bands, steps of 20 ms

An utterance of less than a second ends in pink noise of the level that it begins with, so that no part of a recording
is silent in the sense of numbers.

Shapes   frames float32 (word, time, band)
Source   spoken_digits.py, with its voices of each split
"""

from typing import NamedTuple

import numpy as np

from snnsim.data.coding.kinds import LogMel
from snnsim.data.sources import log_mel
from snnsim.data.speech.synthesizer import RATE
from snnsim.data.synthetic import spoken_digits

STEP_MS, SECONDS = 20.0, 1.0
CODING = LogMel(bands=40, high_hz=8000.0)
_BEGIN_MS = 15.0
"""Every utterance begins with at least so much noise alone."""


class Words(NamedTuple):
    """Words of one split."""

    frames: np.ndarray
    word: np.ndarray
    """Class of each recording, int64, into spoken_digits.WORDS."""


def make(split: str, count: int, seed: int) -> Words:
    """Return words of a split; a pure function of the arguments.

    Args:
        split: "train", "valid" or "test": voices of one split are in no other.
        count: Number of words, at most those of the size "full" of the task `digits`.
        seed: Seed of the task `digits`.
    """
    sounds = (_second(spoken_digits.utterance(split, number, seed=seed), number) for number in range(count))
    frames = np.stack([log_mel.frames(sound, RATE, CODING, STEP_MS) for sound in sounds])
    return Words(frames, np.array([spoken_digits.labeled(split, number)[0] for number in range(count)], np.int64))


def _second(sound: np.ndarray, number: int) -> np.ndarray:
    samples = int(SECONDS * RATE)
    missing = samples - len(sound)
    if missing <= 0:
        return sound[:samples]
    noise = spoken_digits.pink(missing, np.random.default_rng((number, 21)))
    level = sound[: int(_BEGIN_MS * RATE / 1000)].std()
    return np.concatenate([sound, noise * (level / noise.std())])
