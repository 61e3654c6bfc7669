"""Several tasks at once: each head of a network has a task of its own, with its own labels.

    L = Σ_h w[h] L_h(u_h)      heads h with weights w

Shapes   outputs and scores are dicts by the names of the heads
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from torch import Tensor

from snnsim.learning.losses import Batch
from snnsim.learning.outcome import StepResult, steps_of
from snnsim.learning.tasks.protocols import Span, Sums, Task, summed
from snnsim.metrics import HeadsReport
from snnsim.validation import instance, known, real


@dataclass(frozen=True)
class Heads(Task):
    """A task for each head of a network.

    Args:
        tasks: The tasks by the names of the heads.
        weights: Weight of the loss of each head; 1 where it is left out.
    """

    tasks: Mapping[str, Task]
    weights: Mapping[str, float] = field(default_factory=dict)

    kind: ClassVar[str] = "heads"

    def __post_init__(self) -> None:
        for name, task in self.tasks.items():
            instance(task, Task, who="Heads", name=f"tasks[{name!r}]")
        if not self.tasks:
            raise ValueError("Heads: there must be a task for one head or more, and there is none")
        for name, weight in self.weights.items():
            known(name, self.tasks, "Heads: head")
            real(weight, who="Heads", name=f"weights[{name!r}]", at_least=0)

    @property
    def decision_name(self) -> dict[str, Any]:
        return {name: task.decision_name for name, task in self.tasks.items()}

    @property
    def program_task(self) -> dict[str, str]:
        return {name: task.kind for name, task in self.tasks.items()}

    def by_head(self) -> "Heads":
        """Return the same tasks, each with the target of its head's name."""
        return replace(self, tasks={name: task.reading(name) for name, task in self.tasks.items()})

    def reading(self, target: str) -> Task:
        raise ValueError(f"Heads: a head must have a task of one readout, so {target!r} cannot have several heads")

    def check_chunks(self) -> None:
        for task in self.tasks.values():
            task.check_chunks()

    @property
    def linear(self) -> bool:
        return all(task.linear for task in self.tasks.values())

    @property
    def best(self) -> tuple[str, bool]:
        return "loss", False

    def targets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for task in self.tasks.values() for name in task.targets()))

    def shares(self, output: Any, batch: Batch, span: Span) -> tuple[Tensor, ...]:
        outputs = self._of_heads(output)
        return tuple(share for name, task in self.tasks.items() for share in task.shares(outputs[name], batch, span))

    def loss(self, shares: tuple[Tensor, ...], batch: Batch) -> Tensor:
        # each task of a single head has one share
        parts = zip(self.tasks.items(), shares, strict=True)
        terms = [self.weights.get(name, 1.0) * task.loss((share,), batch) for (name, task), share in parts]
        return summed(terms)

    def scores(self, output: Any, span: Span) -> Any:
        outputs = self._of_heads(output)
        return {name: task.scores(outputs[name], span) for name, task in self.tasks.items()}

    def combined(self, parts: Sequence[Any]) -> Any:
        return {name: task.combined([part[name] for part in parts]) for name, task in self.tasks.items()}

    def score_loss(self, scores: Any, batch: Batch) -> Tensor:
        terms = [
            self.weights.get(name, 1.0) * task.score_loss(scores[name], batch) for name, task in self.tasks.items()
        ]
        return summed(terms)

    def predicted(self, scores: Any) -> Any:
        return {name: task.predicted(scores[name]) for name, task in self.tasks.items()}

    def target_of(self, batch: Batch) -> Any:
        return {name: task.target_of(batch) for name, task in self.tasks.items()}

    def result(self, output: Any, batch: Batch) -> StepResult:
        valid = batch.lengths + (steps_of(output) - len(batch.frames))
        detached = {name: part.detach() for name, part in self._of_heads(output).items()}
        return StepResult(self.loss(self.shares(output, batch, Span(valid)), batch), self.scores(detached, Span(valid)))

    def sums(self, scores: Any, batch: Batch) -> Sums:
        return tuple(part for name, task in self.tasks.items() for part in task.sums(scores[name], batch))

    def zeros(self, outputs: Any) -> Sums:
        sizes = self._of_heads(outputs)
        return tuple(part for name, task in self.tasks.items() for part in task.zeros(sizes[name]))

    def report(self, sums: Sums, names: Any = None) -> HeadsReport:
        names = names or {}
        parts = zip(self.tasks.items(), sums, strict=True)
        return HeadsReport({name: task.report((part,), names.get(name, ())) for (name, task), part in parts})

    def _of_heads(self, output: Any) -> Mapping[str, Any]:
        """Return the outputs of the heads, or their sizes.

        Raises:
            ValueError: If the network has no such heads.
        """
        names = list(output) if isinstance(output, dict) else []
        if set(names) != set(self.tasks):
            heads = f"the heads {', '.join(names)}" if names else "one readout without a name"
            raise ValueError(f"Heads: the network must have the heads {', '.join(self.tasks)}; it has {heads}")
        result: Mapping[str, Any] = output
        return result
