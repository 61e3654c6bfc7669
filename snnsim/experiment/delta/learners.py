"""Training and evaluation of a cell's network.

    loss = Σ_heads cross entropy + rate · Σ_layers Σ_i f[i] mean |q[t, i] − q[t−1, i]| / (σ F)

Names    f fan-out · F multiplications of a frame in all layers · σ root mean square of a layer's inputs before tuning
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim.delta import DeltaActivation, LayerCount, SigmaDelta, Sparsified, TemporalDelta, sparsify
from snnsim.delta.trace import Trace, add
from snnsim.experiment.delta.networks import FrameNetwork, network
from snnsim.experiment.delta.settings import FIRST_STEP, Budget, Cell
from snnsim.experiment.delta.tasks import Part, Task

BATCH, RATE, TUNING_RATE = 30, 1e-2, 2e-3
STEP_RATE = 3.0
"""Learning rate of steps and thresholds, in units of that of the weights."""
CODINGS: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "fixed": (DeltaActivation, {"learn": False}),
    "delta": (DeltaActivation, {}),
    "temporal-delta": (TemporalDelta, {}),
    "sigma-delta": (SigmaDelta, {}),
}
EXAMPLES = 20
"""Training recordings from which the scales of layers are measured."""


def dense(task: Task, cell: Cell, budget: Budget) -> tuple[nn.Module, nn.Module]:
    """Return an ordinary network after training, and after further training of as many epochs as the others get.

    Args:
        task: The recordings.
        cell: Task and seed.
        budget: Numbers of epochs.
    """
    model = network(cell.task, sum(task.classes.values()), cell.seed)
    _fit(model, task, epochs=budget.epochs, rate=RATE, seed=cell.seed)
    longer = network(cell.task, sum(task.classes.values()), cell.seed)
    longer.load_state_dict(model.state_dict())
    _fit(longer, task, epochs=budget.tuning, rate=TUNING_RATE, seed=cell.seed + 1)
    return model, longer


def post_hoc(model: nn.Module, task: Task, step: float) -> Sparsified:
    """Return a trained network with steps that are chosen afterwards.

    Args:
        model: The dense network.
        task: Recordings, for the scales of the layers.
        step: Step in units of the root mean square of a layer's inputs.
    """
    return sparsify(model, task.train.frames[:, :EXAMPLES], step=step, folded=False)[0]


def tuned(model: nn.Module, task: Task, cell: Cell, budget: Budget) -> Sparsified:
    """Return a network after training with a coding and a penalty.

    Args:
        model: The dense network before its further training; its weights are changed.
        task: The recordings.
        cell: Method, rate of the penalty, and seed.
        budget: Numbers of epochs.
    """
    coding, options = CODINGS[cell.method]
    example = task.train.frames[:, :EXAMPLES]
    coded, _ = sparsify(model, example, step=FIRST_STEP, folded=False, coding=coding, **options)
    _fit(coded, task, epochs=budget.tuning, rate=TUNING_RATE, seed=cell.seed + 1, penalty=cell.value)
    return coded


def _fit(model: nn.Module, task: Task, *, epochs: int, rate: float, seed: int, penalty: float = 0.0) -> None:
    steps = [coding.step for coding in model.codings] if isinstance(model, Sparsified) else []
    weights = [each for each in model.parameters() if all(each is not step for step in steps)]
    groups = [{"params": weights, "lr": rate}] + [{"params": steps, "lr": STEP_RATE * rate}] * bool(steps)
    optimizer = torch.optim.Adam(groups)
    generator = np.random.default_rng((seed, 22))
    batches = -(-len(task.train.moving[0]) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [float(group["lr"]) for group in optimizer.param_groups], total_steps=epochs * batches
    )
    rates = _rates(model, penalty) if isinstance(model, Sparsified) else {}
    for part in (part for _ in range(epochs) for part in _batches(task.train, generator)):
        optimizer.zero_grad()
        outputs, trace = model.run(part.frames) if isinstance(model, Sparsified) else (model(part.frames), None)
        losses = [functional.cross_entropy(score, part.labels[name]) for name, score in _scores(outputs, task).items()]
        loss = torch.stack(losses).sum()
        if trace is not None:
            loss = loss + trace.penalty(rates, weights="operations")
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()


def _rates(model: Sparsified, penalty: float) -> dict[str, float]:
    """Return the rate of each layer's penalty, in proportion to its operations and in units of its inputs."""
    layers = model.report.taken
    total = sum(float(layer.fan_out.sum()) for layer in layers)
    return {layer.name: penalty * float(layer.fan_out.mean()) / (layer.scale * total) for layer in layers}


def _batches(part: Part, generator: np.random.Generator | None = None) -> Iterator[Part]:
    count = part.frames.shape[1]
    order = torch.from_numpy(generator.permutation(count)) if generator is not None else torch.arange(count)
    for index in torch.split(order, BATCH):
        labels = {name: label[index] for name, label in part.labels.items()}
        yield Part(part.frames[:, index], labels, part.moving[:, index])


def _scores(outputs: Tensor, task: Task) -> dict[str, Tensor]:
    parts = torch.split(outputs.mean(0), list(task.classes.values()), dim=-1)
    return dict(zip(task.classes, parts, strict=True))


class Evaluation:
    """Accuracies and counts of a network on the recordings of a part.

    Args:
        model: The network with codings.
        task: Number of classes of each head.
        part: The recordings.
    """

    @torch.no_grad()
    def __init__(self, model: Sparsified, task: Task, part: Part) -> None:
        model.eval()
        correct = dict.fromkeys(task.classes, 0)
        self.counts: dict[str, LayerCount] = {}
        by_step = []
        for batch in _batches(part):
            outputs, trace = model.run(batch.frames)
            for name, score in _scores(outputs, task).items():
                correct[name] += int((score.argmax(1) == batch.labels[name]).sum())
            self.counts = add(self.counts, trace.counts())
            by_step.append(_operations(trace))
        total = part.frames.shape[1]
        self.accuracy = {name: count / total for name, count in correct.items()}
        event, nonzero = (torch.cat(each, dim=1) for each in zip(*by_step, strict=True))
        # steps in which nothing has moved for so long that no lag of the network reaches a motion
        longest = max(cast(FrameNetwork, model.model).lags)
        still = ~torch.stack([_shifted(part.moving, lag) for lag in range(longest + 1)]).any(0)
        still[: longest + 1] = False
        self.still = {"event": float(event[still].sum()), "nonzero": float(nonzero[still].sum())}


def _operations(trace: Trace) -> tuple[Tensor, Tensor]:
    """Return the operations at events and at nonzero activations, both (time, batch)."""
    event, nonzero = [], []
    for layer in trace.layers:
        coded, fan_out = layer.coded, layer.fan_out
        changed = torch.cat([coded[:1] != 0, coded[1:] != coded[:-1]])
        event.append((changed * fan_out).flatten(2).sum(2))
        nonzero.append(((layer.values != 0) * fan_out).flatten(2).sum(2))
    return torch.stack(event).sum(0), torch.stack(nonzero).sum(0)


def _shifted(moving: Tensor, lag: int) -> Tensor:
    return torch.cat([torch.zeros_like(moving[:lag]), moving[: len(moving) - lag]])
