"""The cells of the experiment, their costs, and the order in which they follow from each other.

    ann             a VGG-like network with ReLU, batch normalization and average pooling
    qcfs            the same with a trained 4-level activation, for as many epochs; then run in other numbers of steps
    converted       the ann, with thresholds by percentiles and by calibration, without training
    ladder-T        T = 5, 4, ... 1: spiking, thresholds and leaks learned; 5 starts from the converted ann, each other
                    one from the one before
    binary          the converted ann at T = 1 as a network with binary activations (QCFS with one level), trained for
                    as many epochs as the ladder: the control without steps
    scratch         spiking at T = 1 from random weights, for as many epochs as ann and ladder together

Source   S. Chowdhury, N. Rathi & K. Roy 2022, One Timestep is All You Need (ECCV, arXiv 2110.05929)
Differs  published: hundreds of epochs at each T. Here epochs are few, and both controls have as many
"""

from dataclasses import dataclass
from typing import NamedTuple

from snnsim.validation import require

ARMS = ("ann", "ladder", "binary", "scratch", "qcfs", "converted")


@dataclass(frozen=True)
class Budget:
    """Sizes of the experiment."""

    channels: tuple[int, int, int] = (16, 32, 64)
    """Channels of the three blocks of convolutions."""
    shift: int = 1
    """Pixels by which training pictures are shifted at most."""
    flip: bool = False
    """Whether training pictures are mirrored at random."""
    valid: int = 360
    """Pictures that validate, drawn once for all seeds; all others train."""
    batch: int = 64
    ann_epochs: int = 30
    ladder_epochs: tuple[int, ...] = (4, 4, 4, 4, 8)
    """Epochs at T = 5, 4, 3, 2 and 1; a shorter tuple begins lower."""
    conversion_steps: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Numbers of steps of converted networks."""
    seeds: int = 3
    arms: tuple[str, ...] = ARMS
    """Arms that are computed."""

    def __post_init__(self) -> None:
        counts = (*self.channels, self.valid, self.batch, self.ann_epochs, self.seeds, *self.ladder_epochs)
        require(
            min(counts + self.conversion_steps) >= 1 and self.ladder_epochs != (),
            "reproduce: channels, pictures, epochs, steps and seeds must be 1 or more",
        )
        unknown = sorted(set(self.arms) - set(ARMS))
        require(not unknown, f"reproduce: arms must be among {', '.join(ARMS)}, not {', '.join(unknown)}")

    @property
    def steps(self) -> int:
        """Number of steps at which the ladder begins."""
        return len(self.ladder_epochs)


BUDGETS = {
    "digits": Budget(),
    "fashion": Budget(
        channels=(32, 64, 128), shift=2, flip=True, valid=6000, batch=128, ann_epochs=12, ladder_epochs=(1, 1, 1, 1, 14)
    ),
}
"""Budgets by data: scikit-learn's digits of 8 x 8 pixels in minutes, Fashion-MNIST of 28 x 28 pixels in hours."""


class Cell(NamedTuple):
    """One network, or the networks of one conversion."""

    arm: str
    steps: int
    """Number of steps of a ladder or scratch network; 0 where it has none of its own."""
    seed: int

    def name(self) -> str:
        """Return the name of its files."""
        return f"{self.arm}{f'-{self.steps}' if self.arm == 'ladder' else ''}-{self.seed}"


def cells(budget: Budget) -> list[Cell]:
    """Return all cells, seed by seed, each behind those that it starts from.

    Args:
        budget: Arms, steps and number of seeds.
    """
    result = []
    for seed in range(budget.seeds):
        for arm in (arm for arm in ARMS if arm in {"ann", *budget.arms}):
            if arm == "ladder":
                result += [Cell(arm, steps, seed) for steps in range(budget.steps, 0, -1)]
            else:
                result.append(Cell(arm, 1 if arm in ("binary", "scratch") else 0, seed))
    return result
