"""Evaluation of a network: the metrics of its task, loss and activity.

activity        spikes per neuron per valid step, per hidden layer
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from snnsim.data.augmented_batches import AnyBatch
from snnsim.data.batches import Batches, TargetBatch
from snnsim.kernels.common.counter_rng import Draws
from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch
from snnsim.learning.tasks import Task, as_task
from snnsim.learning.tasks.protocols import Span, Sums
from snnsim.metrics import AccuracyReport, Report
from snnsim.metrics import wilson as wilson
from snnsim.nn.batch_norm import valid_steps
from snnsim.nn.network import SpikingNetwork
from snnsim.training import sums as metric_sums
from snnsim.training.distributed import SINGLE, Distributed, all_reduce_sum


@dataclass(frozen=True)
class EvaluationResult:
    """The result of an evaluation."""

    report: Report
    """The metrics of the task."""
    loss: float
    """Mean loss of a recording."""
    activity: list[float]
    """Spikes per neuron per step of each hidden layer."""

    @property
    def accuracy(self) -> float:
        """Correct over total, of a task with one accuracy."""
        return self._accuracy().accuracy

    @property
    def correct(self) -> int:
        """Number of correct recordings or steps, of a task with one accuracy."""
        return self._accuracy().correct

    @property
    def total(self) -> int:
        """Number of recordings or steps with a label, of a task with one accuracy."""
        return self._accuracy().total

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy, of a task with one accuracy."""
        return self._accuracy().interval

    def _accuracy(self) -> AccuracyReport:
        if not isinstance(self.report, AccuracyReport):
            raise TypeError("EvaluationResult: the task has no single accuracy; its metrics are in `report`")
        return self.report


@torch.no_grad()
def evaluate(  # noqa: PLR0913
    network: SpikingNetwork,
    batches: Batches,
    task: Task | Decision,
    *,
    device: torch.device,
    processes: Distributed = SINGLE,
    progress: bool = False,
    seed: int | None = None,
    names: Any = (),
) -> EvaluationResult:
    """Return the metrics, loss and activity of a network with integer delays.

    Args:
        network: The network; parameters and mode are unchanged afterwards.
        batches: The recordings.
        task: The task, or the decision of one class for each recording.
        device: Device of the network.
        processes: Processes that each evaluate a share of the batches; the result is that of all.
        progress: Whether to show a progress bar.
        seed: Seed of stochastic neurons, whose random numbers are counted by recording. None takes the likelier
            outcome of every draw.
        names: Names of the classes or targets, for the report; of several heads by their names.
    """
    was_training, task = network.training, as_task(task)
    network.eval()
    totals: Tensor | int = 0
    sums = task.zeros(outputs(network))
    draws = None if seed is None else Draws.of(seed)
    try:
        for arrays in tqdm(batches, desc="evaluating", unit="batch", leave=False, disable=None if progress else True):
            if len(arrays.label):
                batch = to_tensors(arrays, device)
                totals_of_batch, sums_of_batch = _sums(network, task, batch, draws)
                totals, sums = totals + totals_of_batch, metric_sums.added(sums, sums_of_batch)
                draws = draws and draws._replace(recording=draws.recording + len(batch.labels))
    finally:
        network.train(was_training)
    if isinstance(totals, int):
        totals = torch.zeros(3 + len(network.layers), dtype=torch.float64, device=device)
    joined = torch.cat([totals, torch.from_numpy(np.concatenate(sums)).to(device)])
    reduced = all_reduce_sum(joined, processes).cpu().numpy()
    total, loss, steps, *spikes = reduced[: len(totals)].tolist()
    report = task.report(metric_sums.split(reduced[len(totals) :], sums), names)
    return EvaluationResult(report, loss / total, [count / steps for count in spikes])


def outputs(network: SpikingNetwork) -> Any:
    """Return the number of outputs of a network, or of each of its named heads.

    Args:
        network: The network.
    """
    sizes = {head.name: head.synapse.targets for head in network.readouts()}
    return sizes.get(None, sizes)


def to_tensors(arrays: AnyBatch, device: torch.device) -> Batch:
    """Return a batch as tensors on a device.

    Args:
        arrays: The batch as arrays.
        device: The device.
    """
    frames, lengths, labels = (torch.from_numpy(part).to(device) for part in arrays[:3])
    targets = arrays.targets if isinstance(arrays, TargetBatch) else {}
    named = {name: torch.from_numpy(values).to(device) for name, values in targets.items()}
    return Batch(frames, lengths, labels, float(len(labels)), targets=named)


def _sums(network: SpikingNetwork, task: Task, batch: Batch, draws: Draws | None) -> tuple[Tensor, Sums]:
    """Return recordings, loss, valid steps, each layer's spikes per neuron, and the sums of metrics of a batch."""
    record = network.record(batch.frames, batch.lengths, draws)
    valid = network.valid(batch.lengths)
    counted = valid_steps(valid, len(record.spikes[0]))[..., None]
    scores = task.scores(record.output, Span(valid))
    loss = task.score_loss(scores, batch)
    spikes = [(layer * counted).sum(dtype=torch.float64) / layer.shape[-1] for layer in record.spikes[1:]]
    total = torch.tensor(len(batch.labels), device=batch.frames.device)
    totals = torch.stack([part.double() for part in (total, loss, valid.sum(), *spikes)])
    return totals, task.sums(scores, batch)
