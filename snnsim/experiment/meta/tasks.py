"""The tasks: recordings of a source whose classes differ in its parameters, and pictures as spikes.

    bernoulli        p = 0.15 ± 0.02 in each of 20 channels, a sign for every channel and class, drawn once per seed
    markov           rate 0.2 in both classes; the state changes with 0.7 or 0.8 of the probability of independent
                     steps: no count of spikes tells the classes, only the lengths of silences and bursts
    poisson          λ(t) = 14 Hz (1 + 0.5 sin(2π t / T + φ)), a phase for every channel and class: no count over the
                     recording tells the classes, only the times of the spikes
    digits-rate      handwritten digits, 64 channels, each with a probability of up to 0.3 spikes a step
    digits-latency   the same, one spike per pixel, the earlier the brighter

Shapes   spikes float32 (time, recording, channel) · label int64 (recording,)
Names    T 100 steps of 10 ms
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from snnsim.data import encoders
from snnsim.data.synthetic import optical_digits
from snnsim.data.synthetic.point_processes import Bernoulli, Markov, Poisson
from snnsim.validation import known

STEPS, CHANNELS, CLASSES = 100, 20, 2
STEP_MS = 10.0


class Part(NamedTuple):
    """Recordings of one split."""

    spikes: np.ndarray
    label: np.ndarray
    first: int
    """Number of the first recording, counted over all splits, so that no two recordings share random numbers."""


class Task(NamedTuple):
    """The recordings of all splits, and the number of classes."""

    train: Part
    valid: Part
    test: Part
    classes: int


def _by_class(label: np.ndarray, draw: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """Return spikes, those of each class from `draw(class, count)`, (time, count, channel)."""
    spikes = np.empty((STEPS, len(label), CHANNELS), np.float32)
    for number in range(CLASSES):
        spikes[:, label == number] = draw(number, int((label == number).sum()))
    return spikes


def _bernoulli(label: np.ndarray, law: np.random.Generator, generator: np.random.Generator) -> np.ndarray:
    probability = 0.15 + 0.02 * law.choice([-1, 1], (CLASSES, CHANNELS))

    def draw(number: int, count: int) -> np.ndarray:
        drawn = [Bernoulli(p).spikes((STEPS, count), generator) for p in probability[number]]
        return np.stack(drawn, axis=2)

    return _by_class(label, draw)


def _markov(label: np.ndarray, law: np.random.Generator, generator: np.random.Generator) -> np.ndarray:  # noqa: ARG001
    sources = [Markov(0.2 * leave, 0.8 * leave) for leave in (0.7, 0.8)]
    return _by_class(label, lambda number, count: sources[number].spikes((STEPS, count, CHANNELS), generator))


def _poisson(label: np.ndarray, law: np.random.Generator, generator: np.random.Generator) -> np.ndarray:
    phase = law.uniform(0, 2 * np.pi, (CLASSES, CHANNELS, 1))
    rate_hz = 14.0 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(STEPS) / STEPS + phase))

    def draw(number: int, count: int) -> np.ndarray:
        drawn = [Poisson(tuple(rate), STEP_MS).spikes((STEPS, count), generator) for rate in rate_hz[number]]
        return np.stack(drawn, axis=2)

    return _by_class(label, draw)


SOURCES: dict[str, Callable[..., np.ndarray]] = {"bernoulli": _bernoulli, "markov": _markov, "poisson": _poisson}
ENCODERS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "digits-rate": lambda gray, generator: encoders.rate(gray, generator, steps=STEPS, probability=0.3),
    "digits-latency": lambda gray, generator: encoders.latency(gray, steps=STEPS),  # noqa: ARG005
}


def make(name: str, counts: tuple[int, int, int], seed: int) -> Task:
    """Return the recordings of a task.

    Args:
        name: A source, or an encoder of pictures.
        counts: Numbers of training, validation and test recordings.
        seed: Seed of all random numbers.

    Raises:
        ValueError: If the name is unknown.
    """
    if name in ENCODERS:
        return _pictures(name, counts, seed)
    known(name, (*SOURCES, *ENCODERS), "source")
    parts = []
    for number, count in enumerate(counts):
        label = np.arange(count) % CLASSES
        generator = np.random.default_rng((seed, 2, number))
        # the parameters of the classes are the same in all splits
        spikes = SOURCES[name](label, np.random.default_rng((seed, 3)), generator)
        parts.append(Part(spikes, label, sum(counts[:number])))
    train, valid, test = parts
    return Task(train, valid, test, CLASSES)


def _pictures(name: str, counts: tuple[int, int, int], seed: int) -> Task:
    gray, digit = optical_digits.pictures()
    if sum(counts) > len(gray):
        raise ValueError(f"{name}: there are {len(gray)} pictures, fewer than {sum(counts)}; take fewer recordings")
    generator = np.random.default_rng((seed, 4))
    indices = np.split(generator.permutation(len(gray)), np.cumsum(counts))[:3]
    encode = ENCODERS[name]
    train, valid, test = (
        Part(encode(gray[index] / 16, generator).astype(np.float32), digit[index], sum(counts[:number]))
        for number, index in enumerate(indices)
    )
    return Task(train, valid, test, 10)
