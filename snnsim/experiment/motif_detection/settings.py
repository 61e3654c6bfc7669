"""The cells of the experiment: how a detector gets its kernels, how many motifs there are, and how deep they are."""

from dataclasses import dataclass
from typing import NamedTuple

from snnsim.data.synthetic.motif_rasters import MotifModel
from snnsim.validation import integer, real


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Sizes of the experiment; the published numbers of channels, motifs, delays and steps."""

    seeds: int = 3
    channels: int = 128
    motifs: int = 144
    delays: int = 31
    steps: int = 1000
    crowds: tuple[int, ...] = (576, 1364)
    """Other numbers of motifs, for detectors that know them."""
    depths: tuple[int, ...] = (1, 3, 7, 15)
    """Other numbers of delays, likewise; motifs have as many synapses as with all delays."""
    trials: int = 400
    """Recordings that a detector learns from."""
    batch: int = 2
    rate: float = 0.05
    """First learning rate of Adam, which falls to 0."""
    test: int = 20
    """Recordings to test with."""

    def __post_init__(self) -> None:
        for name in ("seeds", "channels", "motifs", "delays", "steps", "trials", "batch", "test"):
            integer(getattr(self, name), who="reproduce", name=name, at_least=1)
        real(self.rate, who="reproduce", name="rate", above=0)

    def model(self, cell: "Cell") -> MotifModel:
        """Return the model of a cell's motifs.

        Args:
            cell: The cell.
        """
        active = min(1.0, 0.01 * self.delays / cell.delays)
        return MotifModel(
            channels=self.channels, motifs=cell.motifs, delays=cell.delays, steps=self.steps, active=active
        )


BUDGETS = {
    "small": Budget(),
    "full": Budget(seeds=10, trials=2000, crowds=(288, 576, 1364, 2000), depths=(1, 3, 7, 15, 23), test=50),
}


class Cell(NamedTuple):
    """A kind of kernels, the sizes of motifs, and a seed."""

    kernels: str
    """known or learned."""
    motifs: int
    delays: int
    seed: int

    def name(self) -> str:
        """Return the name of its file."""
        return f"{self.kernels}-{self.motifs}-{self.delays}-{self.seed}"


def cells(budget: Budget) -> list[Cell]:
    """Return all cells, seed by seed.

    Args:
        budget: Numbers of motifs, delays and seeds.
    """
    result = []
    for seed in range(budget.seeds):
        result += [Cell(kind, budget.motifs, budget.delays, seed) for kind in ("known", "learned")]
        result += [Cell("known", motifs, budget.delays, seed) for motifs in budget.crowds]
        result += [Cell("known", budget.motifs, delays, seed) for delays in budget.depths]
    return result
