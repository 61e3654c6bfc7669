"""The cells of the experiment, their costs, and the values that are tuned.

A cell is a source, a neuron, a rule, whether the neuron's own parameters are learned, and a seed. Recordings, first
weights and trials are functions of the seed. Both sides of a comparison, fixed and learned, have the same trials:
learning rate, scale of the weights, and the values or first values of the neuron's own parameters.

    learning rate      log-uniform, 0.001 to 0.05
    scale of weights   log-uniform, 0.5 to 4 times the usual
    time constant      log-uniform, 1.2 to 20 steps (LIF, meta)
    chance             log-uniform, noise scale 0.02 to 0.5 (meta), failure rate 0.02 to 0.5 (Levy-Baxter)
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

NEURONS = ("lif", "meta", "levy-baxter")
RULES = ("backpropagation", "stdp", "tempotron")
DECISIONS = ("rate", "lz", "own")
"""Features of the output trains for logistic regression; "own" is the decision of the rule itself, if there is one."""


@dataclass(frozen=True)
class Budget:
    """Sizes of the experiment."""

    sources: tuple[str, ...] = ("bernoulli", "markov", "poisson")
    neurons: tuple[str, ...] = NEURONS
    rules: tuple[str, ...] = RULES
    seeds: int = 3
    """Repetitions of every comparison."""
    trials: int = 2
    """Sets of tuned values; the best one by validation counts."""
    epochs: int = 15
    train: int = 200
    valid: int = 100
    test: int = 300
    """Recordings."""
    hidden: int = 32
    """Neurons of the layer of backpropagation and STDP; a Tempotron has one for each class."""

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
    """One side of a comparison, at one seed."""

    source: str
    neuron: str
    rule: str
    learned: bool
    seed: int

    def name(self) -> str:
        """Return the name of its file."""
        return f"{self.source}-{self.neuron}-{self.rule}-{'learned' if self.learned else 'fixed'}-{self.seed}"


class Trial(NamedTuple):
    """One set of tuned values."""

    rate: float
    scale: float
    tau: float
    chance: float


def cells(budget: Budget) -> list[Cell]:
    """Return all cells, seed by seed: the trains of every source itself, and every comparison.

    Args:
        budget: Sources, neurons, rules and number of seeds.
    """
    result = []
    for seed in range(budget.seeds):
        result += [Cell(source, "none", "none", False, seed) for source in budget.sources]
        result += [
            Cell(source, neuron, rule, learned, seed)
            for source in budget.sources
            for neuron in budget.neurons
            for rule in budget.rules
            for learned in (False, True)
        ]
    return result


def trials(budget: Budget, seed: int) -> list[Trial]:
    """Return the trials of a seed, the same for all cells.

    Args:
        budget: Number of trials.
        seed: Seed of the cells, from 0.
    """
    generator = np.random.default_rng((seed, 1))
    low, high = np.array([1e-3, 0.5, 1.2, 0.02]), np.array([5e-2, 4.0, 20.0, 0.5])
    values = low * (high / low) ** generator.random((budget.trials, 4))
    return [Trial(*map(float, row)) for row in values]
