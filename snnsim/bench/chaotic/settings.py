"""The cells of the experiment and their costs: a series by its delay τ and its start, and the seed of a network.

The series of seed s starts 37 s points later (half a Lyapunov time, as in NeuroBench's repetitions, rounded down).
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from snnsim.data.synthetic.mackey_glass import POINTS_PER_LYAPUNOV_TIME, SETTINGS, setting_of
from snnsim.validation import known, require

Fitting = Literal["least_squares", "gradient"]
FITTINGS: tuple[str, ...] = get_args(Fitting)


@dataclass(frozen=True)
class Budget:
    """Sizes of the experiment."""

    taus: tuple[int, ...] = tuple(SETTINGS)
    """Delays of the series."""
    seeds: int = 1
    fitting: Fitting = "least_squares"
    """least_squares: a readout of a graded code; gradient: the network of the preset `chaotic`, after training."""
    epochs: int = 40
    """Of gradient."""
    hidden: int = 128
    """Neurons of the hidden layer, of gradient."""
    copies: int = 8
    """Number of times that an epoch of gradient has each training window, all but the first with noise."""

    def __post_init__(self) -> None:
        for tau in self.taus:
            setting_of(tau)
        known(self.fitting, FITTINGS, "reproduce: fitting")
        counts = {name: getattr(self, name) for name in ("seeds", "epochs", "hidden", "copies")}
        wrong = [f"{name} {value}" for name, value in counts.items() if value < 1]
        require(bool(self.taus) and not wrong, f"reproduce: delays and sizes must be 1 or more, not {', '.join(wrong)}")


class Cell(NamedTuple):
    """One network."""

    tau: int
    seed: int

    def name(self) -> str:
        """Return the name of its files."""
        return f"{self.tau}-{self.seed}"

    @property
    def first(self) -> int:
        """Number of the first point of its series."""
        return self.seed * POINTS_PER_LYAPUNOV_TIME // 2


def cells(budget: Budget) -> list[Cell]:
    """Return all cells, seed by seed.

    Args:
        budget: Delays and number of seeds.
    """
    return [Cell(tau, seed) for seed in range(budget.seeds) for tau in budget.taus]
