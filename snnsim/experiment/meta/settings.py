"""What the experiment is made of: its cells, how much each may cost, and what is tuned.

A cell is a source, a neuron, a rule, whether the neuron's own parameters are learned, and a seed. The seed decides the
recordings, the first weights and the trials. Both sides of a comparison, fixed and learned, have the very same trials:
learning rate, scale of the weights, and the neuron's own parameters, at which they stay or from which they are learned.

    learning rate      log-uniform, 0.001 to 0.05
    scale of weights   log-uniform, 0.5 to 4 times the usual
    time constant      log-uniform, 1.2 to 20 steps (LIF, meta)
    chance             log-uniform, width of the noise 0.02 to 0.5 (meta), failure rate 0.02 to 0.5 (Levy-Baxter)
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

NEURONS = ("lif", "meta", "levy-baxter")
RULES = ("backpropagation", "stdp", "tempotron")
DECISIONS = ("rate", "lz", "own")
"""Features of the output trains, decided by logistic regression; and what the rule itself decides by, if anything."""


@dataclass(frozen=True)
class Budget:
    """How much of everything."""

    sources: tuple[str, ...] = ("bernoulli", "markov", "poisson")
    neurons: tuple[str, ...] = NEURONS
    rules: tuple[str, ...] = RULES
    seeds: int = 3
    """Repetitions of every comparison."""
    trials: int = 2
    """Choices of what is tuned; the best by validation counts."""
    epochs: int = 15
    train: int = 200
    valid: int = 100
    test: int = 300
    """Recordings."""
    hidden: int = 32
    """Neurons of the layer that backpropagation and STDP train; a Tempotron's are its classes."""

    def __post_init__(self) -> None:
        counts = ("seeds", "trials", "epochs", "train", "valid", "test", "hidden")
        wrong = [name for name in counts if getattr(self, name) < 1]
        if wrong:
            raise ValueError(f"reproduce: {', '.join(wrong)} must be 1 or more")
        for name, known in (("neurons", NEURONS), ("rules", RULES)):
            unknown = set(getattr(self, name)) - set(known)
            if unknown:
                raise ValueError(
                    f"reproduce: {name} {', '.join(sorted(unknown))} are unknown; the known ones are {', '.join(known)}"
                )


BUDGETS = {
    "small": Budget(),
    "full": Budget(
        sources=("bernoulli", "markov", "poisson", "digits-rate", "digits-latency"),
        seeds=10, trials=8, epochs=25, train=800, valid=300, test=600, hidden=64,
    ),
}  # fmt: skip


class Cell(NamedTuple):
    """One comparison's one side, at one seed."""

    source: str
    neuron: str
    rule: str
    learned: bool
    seed: int

    def name(self) -> str:
        """Return what its file is called."""
        return f"{self.source}-{self.neuron}-{self.rule}-{'learned' if self.learned else 'fixed'}-{self.seed}"


class Trial(NamedTuple):
    """One choice of what is tuned."""

    rate: float
    scale: float
    tau: float
    chance: float


def cells(budget: Budget) -> list[Cell]:
    """Return all cells: every source's own trains as they are, and every comparison, seed by seed."""
    found = []
    for seed in range(budget.seeds):
        found += [Cell(source, "none", "none", False, seed) for source in budget.sources]
        found += [
            Cell(source, neuron, rule, learned, seed)
            for source in budget.sources
            for neuron in budget.neurons
            for rule in budget.rules
            for learned in (False, True)
        ]
    return found


def trials(budget: Budget, seed: int) -> list[Trial]:
    """Return the choices of a seed, the same for all cells."""
    generator = np.random.default_rng((seed, 1))
    low, high = np.array([1e-3, 0.5, 1.2, 0.02]), np.array([5e-2, 4.0, 20.0, 0.5])
    drawn = low * (high / low) ** generator.random((budget.trials, 4))
    return [Trial(*map(float, row)) for row in drawn]
