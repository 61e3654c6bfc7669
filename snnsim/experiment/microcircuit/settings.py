"""The cells of the experiment: a simulator and a seed.

snnsim   the compiled loop of `snnsim.circuit`
nest     NEST, with synapses, voltages and Poisson spikes of its own seed
"""

from dataclasses import dataclass
from typing import NamedTuple

from snnsim.circuit.potjans_diesmann import DRIVES
from snnsim.validation import known, require

SIMULATORS = ("snnsim", "nest")


@dataclass(frozen=True)
class Budget:
    """Sizes of the experiment."""

    scale: float = 0.1
    """Share of neurons, and of synapses into each."""
    seconds: float = 5.0
    """Simulated seconds that are measured."""
    warm_up_s: float = 0.5
    """Simulated seconds before them."""
    seeds: int = 3
    drive: str = "poisson"
    nest: bool = False
    """Whether NEST runs the network, too."""
    threads: int = 1

    def __post_init__(self) -> None:
        require(0 < self.scale <= 1, f"reproduce: scale must be above 0 and at most 1, not {self.scale:g}")
        known(self.drive, DRIVES, "drive")
        require(
            self.seconds >= 0.01 and self.warm_up_s >= 0,
            f"reproduce: seconds must be at least 0.01, not {self.seconds:g}, and those before them at least 0",
        )
        require(self.seeds >= 1 and self.threads >= 1, "reproduce: seeds and threads must be 1 or more")


class Cell(NamedTuple):
    """One run."""

    simulator: str
    seed: int

    def name(self) -> str:
        """Return the name of its files."""
        return f"{self.simulator}-{self.seed}"


def cells(budget: Budget) -> list[Cell]:
    """Return all cells, seed by seed.

    Args:
        budget: Simulators and number of seeds.
    """
    simulators = SIMULATORS if budget.nest else SIMULATORS[:1]
    return [Cell(simulator, seed) for seed in range(budget.seeds) for simulator in simulators]
