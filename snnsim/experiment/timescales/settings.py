"""The cells of the experiment and their costs.

A cell is a curriculum, a set of learned parts, and a seed. First parameters, bits and initial states are functions of
the seed. Input weights and heads are always learned.

    rate    leaky rate units, as published: SGD, rate 0.05, Nesterov momentum 0.1, batches of 256, epochs of 600 steps
    lif     leaky integrate-and-fire neurons with recurrent delays or none: Adam
    lstm    torch's LSTM, and
    gru     torch's GRU: Adam, for comparison
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from snnsim.data.synthetic.bit_memory import TASKS
from snnsim.learning.curricula import KINDS
from snnsim.validation import known, lookup

NEURONS = ("rate", "lif", "lstm", "gru")
_GATES = ("lstm", "gru")
DELAYS = ("none", "axonal", "synaptic")
PARTS = ("tau", "weights", "delays")
"""Parts that are learned or fixed; a set of them is a text, such as "tau+weights"."""


@dataclass(frozen=True)
class Budget:
    """Sizes of the experiment."""

    neuron: str = "rate"
    delays: str = "none"
    """Recurrent delays of spiking networks."""
    task: str = "parity"
    curricula: tuple[str, ...] = ("single", "multi")
    learned: tuple[str, ...] = ("tau+weights",)
    """Sets of learned parts."""
    seeds: int = 3
    epochs: int = 40
    """Largest number of epochs of a cell."""
    units: int = 64
    batch: int = 64
    steps: int = 300
    """Training steps of an epoch."""
    evaluated: int = 50
    """Batches of an evaluation."""
    rate: float = 0.05
    """Learning rate."""
    delay_rate: float = 0.2
    """Learning rate of the delays, which count in steps and so have other sizes than weights."""
    optimizer: str = "sgd"
    last: int = 101
    """Largest N."""
    target: int = 10
    """N of the curriculum "none"."""
    bound: str = "clamp"
    """Bound of the time constants at 1 step."""
    micro_steps: int = 1
    """Steps of a spiking network per bit."""
    max_delay: int = 30
    """Longest recurrent delay in steps of the network."""
    measured: tuple[int, ...] = (5, 10, 15, 20, 30, 40, 50)
    """Levels whose networks are measured, besides the largest one."""
    stream: int = 10_000
    """Steps of a stream from which network time constants are measured."""
    retrained: int = 2
    """Epochs of training with a new head for each N beyond the largest one."""
    lesions: int = 20
    """Units at both ends of the range of time constants that are removed, one at a time."""

    def __post_init__(self) -> None:
        counts = (
            "seeds",
            "epochs",
            "units",
            "batch",
            "steps",
            "evaluated",
            "micro_steps",
            "max_delay",
            "retrained",
            "lesions",
            "stream",
        )
        wrong = [name for name in counts if getattr(self, name) < 1]
        if wrong:
            raise ValueError(f"reproduce: {', '.join(wrong)} must be 1 or more")
        if "none" in self.curricula and not 2 <= self.target <= self.last:
            raise ValueError(f"reproduce: target must be from 2 to the largest N of {self.last}, not {self.target}")
        known(self.neuron, NEURONS, "neuron")
        known(self.delays, DELAYS, "kind of delays")
        known(self.task, TASKS, "task")
        for curriculum in self.curricula:
            known(curriculum, KINDS, "curriculum")
        parts = {part for each in self.learned for part in each.split("+")}
        for part in parts:
            known(part, PARTS, "learned part")
        if self.delays != "none" and self.neuron != "lif":
            raise ValueError(f"reproduce: delays are those of spiking networks; use neuron lif, not {self.neuron}")
        if self.neuron in _GATES and set(self.learned) != {"tau+weights"}:
            raise ValueError(f"reproduce: all parts of {self.neuron} are learned; learned must be left out")
        if "delays" in parts and self.delays == "none":
            raise ValueError("reproduce: a network without delays cannot learn them; use delays axonal or synaptic")


_SMALL: dict[str, Any] = {
    "units": 64,
    "batch": 64,
    "steps": 200,
    "seeds": 3,
    "evaluated": 25,
    "stream": 2000,
    "last": 30,
}
_FULL: dict[str, Any] = {"units": 500, "batch": 256, "steps": 600, "seeds": 4, "epochs": 1000}
_LIF: dict[str, Any] = {"neuron": "lif", "optimizer": "adam", "rate": 0.01, "bound": "smooth"}
_LIF_SMALL: dict[str, Any] = {"units": 32, "steps": 100, "epochs": 20, "max_delay": 16, "stream": 1000, "last": 20}
_GATED: dict[str, Any] = {"optimizer": "adam", "rate": 0.001}
_GRID = ("tau+weights", "weights", "tau", "tau+weights+delays", "weights+delays", "tau+delays", "delays")


def budget(size: str, neuron: str, delays: str) -> Budget:
    """Return the sizes of an experiment.

    Args:
        size: "small", minutes to an hour on one thread, or "full", the published sizes.
        neuron: "rate", "lif", "lstm" or "gru".
        delays: "none", "axonal" or "synaptic", of "lif".
    """
    values = dict(lookup({"small": _SMALL, "full": _FULL}, size, "budget"))
    known(neuron, NEURONS, "neuron")
    if neuron == "lif":
        values |= _LIF | {"learned": _GRID if delays != "none" else _GRID[:3]}
        values |= _LIF_SMALL if size == "small" else {}
    elif neuron != "rate":
        values |= _GATED
    return Budget(**{**values, "neuron": neuron, "delays": delays})


class Cell(NamedTuple):
    """One training."""

    curriculum: str
    learned: str
    seed: int
    target: int | None = None
    """N of the curriculum "none"."""

    def name(self) -> str:
        """Return the name of its files."""
        target = "" if self.target is None else f"{self.target}-"
        return f"{self.curriculum}-{target}{self.learned.replace('+', '-')}-{self.seed}"


def cells(budget: Budget) -> list[Cell]:
    """Return all cells, seed by seed.

    Args:
        budget: Curricula, sets of learned parts, number of seeds and target.
    """
    return [
        Cell(curriculum, learned, seed, budget.target if curriculum == "none" else None)
        for seed in range(budget.seeds)
        for learned in budget.learned
        for curriculum in budget.curricula
    ]
