"""Evaluation of a network: accuracy with its confidence interval, loss and activity.

    95 % interval   Wilson score: (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n),  z = 1.96
    activity        spikes per neuron per valid step, per hidden layer

Source   Wilson 1927, J. Am. Stat. Assoc. 22:209
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from snnsim.data.batches import Batches
from snnsim.kernels.common.counter_rng import Draws
from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch
from snnsim.nn.batch_norm import valid_steps
from snnsim.nn.network import SpikingNetwork
from snnsim.training.distributed import SINGLE, Distributed, all_reduce_sum


@dataclass(frozen=True)
class EvaluationResult:
    """The result of an evaluation."""

    correct: int
    total: int
    loss: float
    """Mean cross-entropy."""
    activity: list[float]
    """Spikes per neuron per step of each hidden layer."""

    @property
    def accuracy(self) -> float:
        """Correct over total."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The binomial 95 % interval of the accuracy."""
        return wilson(self.correct, self.total)


def wilson(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a share.

    Args:
        correct: Number of right decisions, from 0 to `total`.
        total: Number of decisions, at least 1.
    """
    # imported late, as it takes longer than all other modules of an evaluation
    from scipy.stats import binomtest

    interval = binomtest(correct, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


@torch.no_grad()
def evaluate(  # noqa: PLR0913
    network: SpikingNetwork,
    batches: Batches,
    decide: Decision,
    *,
    device: torch.device,
    processes: Distributed = SINGLE,
    progress: bool = False,
    seed: int | None = None,
) -> EvaluationResult:
    """Return the accuracy, loss and activity of a network with integer delays.

    Args:
        network: The network; parameters and mode are unchanged afterwards.
        batches: The recordings.
        decide: Function from the voltage of the readout to one score per class.
        device: Device of the network.
        processes: Processes that each evaluate a share of the batches; the result is that of all.
        progress: Whether to show a progress bar.
        seed: Seed of stochastic neurons, whose random numbers are counted by recording. None takes the likelier
            outcome of every draw.
    """
    was_training = network.training
    network.eval()
    totals: Tensor | int = 0
    draws = None if seed is None else Draws.of(seed)
    try:
        for arrays in tqdm(batches, desc="evaluating", unit="batch", leave=False, disable=None if progress else True):
            if len(arrays.label):
                frames, lengths, labels = (torch.from_numpy(part).to(device) for part in arrays)
                totals = totals + _sums(network, decide, Batch(frames, lengths, labels, float(len(labels))), draws)
                draws = draws and draws._replace(recording=draws.recording + len(labels))
    finally:
        network.train(was_training)
    if isinstance(totals, int):
        totals = torch.zeros(4 + len(network.layers), dtype=torch.float64, device=device)
    correct, total, loss, steps, *spikes = all_reduce_sum(totals, processes).tolist()
    return EvaluationResult(int(correct), int(total), loss / total, [count / steps for count in spikes])


def _sums(network: SpikingNetwork, decide: Decision, batch: Batch, draws: Draws | None) -> Tensor:
    """Return correct, total, loss, valid steps, and each layer's spikes per neuron, summed over a batch."""
    frames, lengths, labels = batch.frames, batch.lengths, batch.labels
    record = network.record(frames, lengths, draws)
    valid = network.valid(lengths)
    counted = valid_steps(valid, len(record.output))[..., None]
    scores = decide(record.output, valid)
    loss = functional.cross_entropy(scores, labels, reduction="sum")
    spikes = [(layer * counted).sum(dtype=torch.float64) / layer.shape[-1] for layer in record.spikes[1:]]
    correct = (scores.argmax(1) == labels).sum()
    total = torch.tensor(len(labels), device=frames.device)
    return torch.stack([part.double() for part in (correct, total, loss, valid.sum(), *spikes)])
