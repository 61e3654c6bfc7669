"""The cells of the experiment: models and seeds, and the sizes of movies, kernels and training.

A cell is a model that is trained with one seed:

    dense            a weight for every polarity, delay, row and column, as published
    learned-delays   at most 1/50 of these weights, each with a learned delay: first some weights for every connection,
                     the smallest of which are pruned step by step
    fixed-delays     the same with delays drawn at random, which are not trained
    collapsed        dense, control: the same sums of events over time in every step, so that no time is left
    shuffled         dense, control: the steps of every movie in random order
"""

from dataclasses import dataclass
from typing import NamedTuple

from snnsim.data.event_camera.camera import EventCamera
from snnsim.data.event_camera.motion import Motions
from snnsim.data.synthetic.motion import Recipe
from snnsim.validation import integer, known, real, require

MODELS = ("dense", "learned-delays", "fixed-delays", "collapsed", "shuffled")
SPARSE = ("learned-delays", "fixed-delays")
CONTROLS = ("collapsed", "shuffled")
LOSSES = ("pooled", "multinomial", "binary")
SPARSITY = 50
"""Weights of a dense kernel for each weight of a sparse one."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Sizes of the experiment."""

    seeds: int = 1
    models: tuple[str, ...] = MODELS
    side: int = 56
    """Rows and columns of a movie."""
    steps: int = 72
    segment: float | None = None
    """Mean length of a motion in steps; None for one motion in a movie."""
    kernel: int = 13
    """Rows and columns of a kernel."""
    max_delay: int = 14
    """Longest delay in steps."""
    images: str = "natural"
    fold: int = 0
    threshold: float = 1.6
    """Threshold of the camera."""
    train: int = 288
    valid: int = 72
    test: int = 144
    """Movies."""
    epochs: int = 240
    batch: int = 24
    clip: int = 30
    """Rows and columns of the part of a movie that a training step takes; no more than `side`."""
    clip_steps: int = 12
    """Steps with evidence of that part."""
    stride: tuple[int, int, int] = (4, 3, 3)
    """Steps, rows and columns from one evidence of a training step to the next."""
    loss: str = "pooled"
    """pooled: cross-entropy of the decision of each step; multinomial or binary: of every position, the second with one
    logistic regression for each class, as published."""
    rate: float = 0.01
    """Learning rate of Adam for weights."""
    delay_rate: float = 0.1
    """Learning rate of Adam for delays, in steps."""
    penalty: float = 0.1
    """Penalty of the absolute values of dense kernels' weights, in units of the largest gradients of Adam."""
    taps: int = 2
    """Weights with a delay of their own of each connection of a sparse kernel, before any is pruned."""
    pruned: tuple[float, float] = (0.2, 0.6)
    """Parts of the training between which the weights of sparse kernels are pruned."""
    decay: bool = True
    """Whether learning rates fall to 0 over the epochs."""
    augment: bool = True
    """Whether every training movie counts with all its copies turned by 90 degrees and mirrored, see symmetry.py."""
    probes: int = 36
    """Movies of each condition of the tuning curves."""

    def __post_init__(self) -> None:
        for name in ("seeds", "side", "steps", "kernel", "train", "valid", "test", "epochs", "batch", "clip", "probes"):
            integer(getattr(self, name), who="reproduce", name=name, at_least=1)
        integer(self.max_delay, who="reproduce", name="max_delay", at_least=0, at_most=self.steps - self.clip_steps)
        integer(self.clip, who="reproduce", name="clip", at_least=self.kernel, at_most=self.side)
        real(self.rate, who="reproduce", name="rate", above=0)
        real(self.penalty, who="reproduce", name="penalty", at_least=0)
        integer(self.taps, who="reproduce", name="taps", at_least=1)
        begin, end = self.pruned
        require(0 <= begin < end <= 1, f"reproduce: pruned must be two ascending parts of 1, not {self.pruned}")
        known(self.loss, LOSSES, "loss")
        for model in self.models:
            known(model, MODELS, "model")

    def recipe(self, images: str | None = None) -> Recipe:
        """Return the recipe of the movies.

        Args:
            images: Kind of images; None for that of the budget.
        """
        return Recipe(
            motions=Motions(),
            side=self.side,
            steps=self.steps,
            segment=self.segment,
            images=self.images if images is None else images,
            fold=self.fold,
            camera=EventCamera(threshold=self.threshold, spread=0.1, shot_hz=1.0),
            recordings=(("train", self.train), ("valid", self.valid), ("test", self.test)),
        )

    @property
    def connections(self) -> int:
        """Largest number of weights of a sparse kernel at the end of the training."""
        return self.recipe().motions.count * 2 * self.kernel**2 * (self.max_delay + 1) // SPARSITY


BUDGETS = {
    "small": Budget(),
    "full": Budget(seeds=3, train=1152, test=288, epochs=120, probes=144),
    "published": Budget(
        models=("dense",), side=128, steps=200, segment=24.0, kernel=17, max_delay=20, train=1024, valid=50, test=200,
        epochs=100, batch=1, clip=128, clip_steps=180, stride=(1, 1, 1), loss="binary", rate=1e-5, decay=False,
        augment=False, penalty=0.0,
    ),
}  # fmt: skip


class Cell(NamedTuple):
    """A model and a seed."""

    model: str
    seed: int

    def name(self) -> str:
        """Return the name of its files."""
        return f"{self.model}-{self.seed}"


def cells(budget: Budget) -> list[Cell]:
    """Return all cells, seed by seed; a model that is named twice has one for each seed.

    Args:
        budget: Models and number of seeds.
    """
    return [Cell(model, seed) for seed in range(budget.seeds) for model in dict.fromkeys(budget.models)]
