"""The cells of the experiment: tasks, methods, their one tuned value, and seeds.

    dense            an ordinary network, which all other cells of its task and seed begin with; no coding
    post-hoc         the dense network with steps that are chosen after training: value · root mean square of the inputs
    fixed            the same steps (0.3) during further training with a penalty; only weights are trained
    delta            DeltaActivation: steps and weights are trained with a penalty of the rate `value`
    temporal-delta   the same with the gradient of learned step sizes
    sigma-delta      the same with sigma-delta neurons

All trained cells see equally many epochs: `epochs` without a coding, then `tuning` with one, the dense network without.
"""

from dataclasses import dataclass
from typing import NamedTuple

TASKS = ("actions", "keywords")
POST_HOC = "post-hoc"
TRAINED = ("fixed", "delta", "temporal-delta", "sigma-delta")
METHODS = ("dense", POST_HOC, *TRAINED)
FIRST_STEP = 0.3
"""Initial steps of trained methods, in units of the root mean square of a layer's inputs."""


@dataclass(frozen=True)
class Budget:
    """Sizes of the experiment."""

    tasks: tuple[str, ...] = TASKS
    methods: tuple[str, ...] = METHODS
    steps: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.6)
    """Values of the method post-hoc."""
    rates: tuple[float, ...] = (1.0, 4.0, 16.0)
    """Rates of the penalty of the other methods."""
    seeds: int = 3
    epochs: int = 20
    tuning: int = 4
    train: int = 1500
    valid: int = 200
    test: int = 400
    """Recordings."""
    clips: bool = False
    """Whether the networks of the task actions also see real video, for their operations alone."""

    def __post_init__(self) -> None:
        counts = ("seeds", "epochs", "tuning", "train", "valid", "test")
        wrong = [name for name in counts if getattr(self, name) < 1]
        if wrong:
            raise ValueError(f"reproduce: {', '.join(wrong)} must be 1 or more")
        for name, known in (("tasks", TASKS), ("methods", METHODS)):
            unknown = set(getattr(self, name)) - set(known)
            if unknown:
                raise ValueError(
                    f"reproduce: {name} {', '.join(sorted(unknown))} are unknown; the known ones are {', '.join(known)}"
                )
        for name in ("steps", "rates"):
            if not all(value > 0 for value in getattr(self, name)):
                raise ValueError(f"reproduce: {name} must be above 0, not {getattr(self, name)}")


BUDGETS = {
    "small": Budget(),
    "full": Budget(seeds=5, epochs=30, tuning=15, train=4000, valid=600, test=1500),
}


class Cell(NamedTuple):
    """One network."""

    task: str
    method: str
    value: float
    seed: int

    def name(self) -> str:
        """Return the name of its files."""
        return f"{self.task}-{self.method}-{self.value:g}-{self.seed}"


def cells(budget: Budget) -> list[Cell]:
    """Return all cells, seed by seed; the dense network of a task and seed comes before the others.

    Args:
        budget: Tasks, methods, values and number of seeds.
    """
    result = []
    for seed in range(budget.seeds):
        for task in budget.tasks:
            result.append(Cell(task, "dense", 0.0, seed))
            if POST_HOC in budget.methods:
                result += [Cell(task, POST_HOC, step, seed) for step in budget.steps]
            trained = [method for method in TRAINED if method in budget.methods]
            result += [Cell(task, method, rate, seed) for method in trained for rate in budget.rates]
    return result
