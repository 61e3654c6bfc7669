"""The `patterns` task: blinking dots drift in one of eight directions, as events of an on and an off polarity.

    n       = ⌊(t + φ) / 2⌋, φ = 0 or 1 at random                    a dot is lit for one step and dark for the next
    p(t)    = p₀ + n v_c mod side                                    it goes on to the next pixel while it is dark
    event   on if t + φ is even (it lights up), off if it is odd (it goes dark), at p(t)

Every single frame has dots of either polarity at independent, uniform pixels, whatever the class: only the
displacement between two steps tells the direction. A memoryless network that decides by a mean over steps is left with
the spread of these means, which depends a little on the axis (dots that go east stay in their rows). Events are also
moved to a pixel nearby (jitter), or are pure noise.

Shapes   events bool (recording, time, row, column, polarity), polarity 0 on and 1 off
         unit (y · side + x) · 2 + polarity
Units    v in pixels per two steps
Names    v_c direction of class c: E, SE, S, SW, W, NW, N, NE with rows going down · p₀ where a dot starts
Source   own construction, after the random-dot kinematograms of Newsome & Paré 1988, J. Neurosci. 8:2201, and the
         polarity of event cameras (Lichtsteiner, Posch & Delbruck 2008, IEEE J. Solid-State Circuits 43:566)
"""

from dataclasses import dataclass

import numpy as np

from snnsim.data.recordings import Recordings
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings

VERSION = 1
"""A number that is raised when the same seed gives other recordings."""
DIRECTIONS = {
    "east": (0, 1),
    "south-east": (1, 1),
    "south": (1, 0),
    "south-west": (1, -1),
    "west": (0, -1),
    "north-west": (-1, -1),
    "north": (-1, 0),
    "north-east": (-1, 1),
}
"""Rows and columns of a move, by the name of the class."""


@dataclass(frozen=True)
class Recipe:
    """Sizes and probabilities of the patterns."""

    side: int = 16
    """Rows and columns."""
    steps: int = 10
    dots: int = 12
    jitter: float = 0.1
    """Share of the events that are moved by up to a pixel each way."""
    noise: float = 0.005
    """Probability of a noise event per pixel, polarity and step."""
    time_step_ms: float = 10.0
    recordings: tuple[tuple[str, int], ...] = (("train", 2000), ("valid", 500), ("test", 500))
    """How many recordings each split has."""

    def __post_init__(self) -> None:
        if self.side < 3 or min(self.steps, self.dots) < 1 or not (0 <= self.jitter <= 1 and 0 <= self.noise < 1):
            raise ValueError(
                "patterns: the side must be 3 or more, steps and dots 1 or more, jitter and noise probabilities; got "
                f"side {self.side}, {self.steps} steps, {self.dots} dots, jitter {self.jitter}, noise {self.noise}"
            )


def events(label: np.ndarray, generator: np.random.Generator, recipe: Recipe) -> np.ndarray:
    """Return one event movie per label, bool (recording, time, row, column, polarity).

    Args:
        label: Direction of each movie, integers (recording,) into DIRECTIONS.
        generator: Source of all random numbers.
        recipe: Settings of the task: side and steps of a movie, dots, jitter and noise.
    """
    shape = len(label), recipe.steps, recipe.dots
    start = generator.integers(recipe.side, size=(len(label), 1, recipe.dots, 2))
    beat = np.arange(recipe.steps)[:, None] + generator.integers(2, size=(len(label), 1, recipe.dots))
    move = np.array(list(DIRECTIONS.values()))[label][:, None, None, :]
    jittered = generator.random(shape) < recipe.jitter
    moved = generator.integers(-1, 2, size=(*shape, 2)) * jittered[..., None]
    pixel = (start + beat[..., None] // 2 * move + moved) % recipe.side
    movie: np.ndarray = generator.random((*shape[:2], recipe.side, recipe.side, 2)) < recipe.noise
    recording, step, _ = np.indices(shape)
    movie[recording, step, pixel[..., 0], pixel[..., 1], beat % 2] = True
    return movie


def make(seed: int, recipe: Recipe = Recipe()) -> dict[str, Recordings]:
    """Return the recordings of every split; a pure function of the seed and the recipe.

    Args:
        seed: Seed, at least 0; each split has random numbers of its own.
        recipe: Settings of the task, and the number of recordings of each split.
    """
    splits = {}
    for number, (split, count) in enumerate(recipe.recordings):
        generator = np.random.default_rng((seed, number))
        label = generator.permutation(np.arange(count) % len(DIRECTIONS))
        movie = events(label, generator, recipe).reshape(count, recipe.steps, -1)
        splits[split] = recordings(movie, label, tuple(DIRECTIONS), time_step_ms=recipe.time_step_ms)
    return splits


PATTERNS = GridDataset("patterns", Recipe(), VERSION, make)
