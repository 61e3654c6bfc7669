"""What is to be told apart: recordings of a source whose classes differ in its parameters, and pictures as spikes.

    bernoulli        p = 0.15 ± 0.02 in each of 20 channels, a sign for every channel and class, drawn once per seed
    markov           rate 0.2 in both classes; the state is left with 0.7 or 0.8 of the chances that a new draw has:
                     no count of spikes tells the classes, only how long silence and bursts are
    poisson          λ(t) = 14 Hz (1 + 0.5 sin(2π t / T + φ)), a phase for every channel and class: no count over the
                     whole time tells, only when the spikes come
    digits-rate      handwritten digits, 64 channels, each spikes with a probability of up to 0.3 a step
    digits-latency   the same, one spike per pixel, the earlier the brighter

Shapes   spikes float32 (time, recording, channel) · label int64 (recording,)
Names    T 100 steps of 10 ms
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from snnsim.data import encoders, optical_digits
from snnsim.data.point_processes import Bernoulli, Markov, Poisson

STEPS, CHANNELS, CLASSES = 100, 20, 2
STEP_MS = 10.0


class Part(NamedTuple):
    """Recordings of one split."""

    spikes: np.ndarray
    label: np.ndarray
    first: int
    """Number of the first of them, counted over all splits: no two have the same chance."""


class Task(NamedTuple):
    """The recordings of all splits, and how many classes there are."""

    train: Part
    valid: Part
    test: Part
    classes: int


def _by_class(label: np.ndarray, draw: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """Return spikes of which `draw(class, count)` gives those of a class, (time, count, channel)."""
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
    """Return the recordings of a task, so many to train, to validate and to test with: a function of the seed."""
    if name in ENCODERS:
        return _pictures(name, counts, seed)
    if name not in SOURCES:
        known = ", ".join((*SOURCES, *ENCODERS))
        raise ValueError(f"source {name!r} is unknown; the known ones are {known}")
    parts = []
    for number, count in enumerate(counts):
        label = np.arange(count) % CLASSES
        generator = np.random.default_rng((seed, 2, number))
        # what the classes are is the same for all splits
        spikes = SOURCES[name](label, np.random.default_rng((seed, 3)), generator)
        parts.append(Part(spikes, label, sum(counts[:number])))
    return Task(*parts, CLASSES)


def _pictures(name: str, counts: tuple[int, int, int], seed: int) -> Task:
    gray, digit = optical_digits.pictures()
    if sum(counts) > len(gray):
        raise ValueError(f"{name}: there are {len(gray)} pictures, fewer than {sum(counts)}; take fewer recordings")
    generator = np.random.default_rng((seed, 4))
    some = np.split(generator.permutation(len(gray)), np.cumsum(counts))[:3]
    encode = ENCODERS[name]
    parts = [
        Part(encode(gray[part] / 16, generator).astype(np.float32), digit[part], sum(counts[:number]))
        for number, part in enumerate(some)
    ]
    return Task(*parts, 10)
