"""Training on batches of your own: the loop of `snnsim train` as one function, without a config or a run folder.

Source   optimizers, schedules and delay windows: the recipe of DCLS-Delays, Hammouamri, Khalfaoui-Hassani, Masquelier
         2024 (ICLR), arXiv 2306.17670; see optimizers.py and learning/sigma_schedule.py
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from snnsim.learning import label_smoothing as smoothing
from snnsim.learning import losses, options, rules, sigma_schedule
from snnsim.learning import rates as rate_bounds
from snnsim.learning.losses import Batch
from snnsim.learning.tasks import Heads, RecordingClass, Task
from snnsim.learning.tasks.protocols import Span, Sums
from snnsim.nn import SpikingNetwork, delay_windows
from snnsim.training import evaluation, finite, optimizers
from snnsim.training.samples import SampleBatches, SampleGrid, batch_of, sensor_size_of
from snnsim.training.sums import added
from snnsim.training.train_state import score
from snnsim.validation import integer, real, shown

DATASET_BATCH = 64
"""Recordings of a batch of a torch Dataset."""


def fit(  # noqa: PLR0913
    network: SpikingNetwork,
    batches: Iterable[Any],
    *,
    epochs: int,
    valid: Iterable[Any] | None = None,
    task: Task | None = None,
    rule: str | rules.Rule = "bptt",
    decision: str = "summed_softmax",
    batch_size: int | None = None,
    time_step_ms: float = 10.0,
    sensor_size: tuple[int, int, int] | None = None,
    lr: float = 5e-3,
    lr_delay: float = 0.1,
    weight_decay: float = 1e-5,
    weight_decay_norm: float = 0.0,
    weight_decay_delay: float = 0.0,
    optimizer: str | options.AnyOptimizer = "adam",
    delay_optimizer: str | options.AnyOptimizer = "adam",
    schedule: str | options.AnySchedule = "one_cycle",
    delay_schedule: str | options.AnySchedule = "cosine",
    average: str | options.AnyAverage | None = None,
    label_smoothing: float = 0.0,
    rates: options.AnyRates = None,
    sigma_epochs: float = 0.25,
    seed: int = 0,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train a network on its own device, and return loss and metrics of each epoch.

    The network is in evaluation mode afterwards. Every step keeps the delays in their range.

    Args:
        network: The network; its parameters are changed.
        batches: Batches of one epoch, iterated once per epoch: a list, or a `torch.utils.data.DataLoader`. A batch is
            (frames, target) or (frames, target, lengths): frames (time, recording, channel), spikes or counts; the
            target of the task, by default labels (recording,), int64 from 0, or probabilities of the classes
            (recording, class), whose largest one counts in the accuracy; lengths (recording,), steps of each recording
            before its padding. With `batch_size`, or as a `torch.utils.data.Dataset`, single recordings: (events or
            frames, target), see `snnsim.training.samples`.
        epochs: Number of passes over all batches.
        valid: Batches or recordings to evaluate after each epoch, with integer delays as on a chip; None evaluates
            none.
        task: The task, such as `StepClass()`; None is one class for each recording. Classes of steps are int64 (time,
            recording), -1 for no label; numbers (recording, target) or (time, recording, target), NaN for none; the
            target of `Heads` is a dict by head.
        rule: Learning rule, which computes the gradients: "bptt", "sltt", or a function such as
            `partial(snnsim.sltt, chunk=8)`.
        decision: Name of the function from the voltage of the readout to one score per class, without a `task`.
        batch_size: Recordings of a batch, where `batches` and `valid` have single recordings; 64 for a Dataset. Each
            epoch has a new order.
        time_step_ms: Length of a step that events are counted in.
        sensor_size: Columns, rows and polarities of events; None takes `batches.sensor_size`, as tonic's data sets have
            it.
        lr: Highest learning rate of weights and neurons.
        lr_delay: Highest learning rate of delays, in steps.
        weight_decay: Decay of the weights of synapses.
        weight_decay_norm: Decay of the parameters of batch normalization.
        weight_decay_delay: Decay of delays.
        optimizer: Optimizer of weights and neurons: "adam", "adamw", "sgd", or one of snnsim.learning.options with its
            settings, such as `AdamW(clip_norm=1.5)`.
        delay_optimizer: Optimizer of delays.
        schedule: Learning rate of weights and neurons over time: "one_cycle", "cosine", "cosine_wave", "plateau",
            "constant", or one of snnsim.learning.options with its settings.
        delay_schedule: Learning rate of delays over time.
        average: Average of the parameters over the steps, "ema" or "mean", or one with its settings. Validation takes
            the average, and the network has it in the end. None takes the parameters of the last step.
        label_smoothing: Share of the target that is spread over all classes, at least 0 and below 1.
        rates: Bounds of spike rates, `RateBounds` of snnsim.learning.options; None for none.
        sigma_epochs: Share of the epochs over which the delay windows narrow to single steps.
        seed: Seed of dropout, of stochastic neurons, and of the order of single recordings.
        progress: Whether to show a progress bar.

    Returns:
        A dict for each epoch: "epoch", "loss" (mean per recording), the metrics of the task such as "accuracy", and
        with `valid` the same as "valid_loss", "valid_accuracy" ...

    Raises:
        TypeError: If batches have no length, or a batch is not a tuple of two or three tensors.
        ValueError: If there is no batch, a setting is out of range, or a loss or parameter is no longer finite.
    """
    if not isinstance(network, SpikingNetwork):
        raise TypeError(f"fit: the network must be a SpikingNetwork, not {shown(network)}")
    epochs = integer(epochs, who="fit", name="epochs", at_least=1)
    task = RecordingClass(decision) if task is None else task.by_head() if isinstance(task, Heads) else task
    grid = SampleGrid(time_step_ms, sensor_size)
    batches = _in_batches(batches, task, grid, batch_size, seed=seed)
    valid = None if valid is None else _in_batches(valid, task, grid, batch_size, seed=None)
    count = _count(batches)
    train = _learner(rule, label_smoothing, rates)
    settings = optimizers.Settings.of(
        "fit", lr=lr, lr_delay=lr_delay, weight_decay=weight_decay, weight_decay_norm=weight_decay_norm,
        weight_decay_delay=weight_decay_delay, optimizer=optimizer, delay_optimizer=delay_optimizer,
        schedule=schedule, delay_schedule=delay_schedule, average=average,
    )  # fmt: skip
    if settings.needs_validation and valid is None:
        raise ValueError("fit: the schedule plateau goes by the validation accuracy; pass `valid`, and not None")
    updates = optimizers.build(network, settings=settings, steps=epochs * count, epochs=epochs)
    widths = _widths(network, max(1, int(real(sigma_epochs, who="fit", name="sigma_epochs", at_least=0) * epochs)))
    history: list[dict[str, float]] = []
    with tqdm(total=epochs * count, unit="batch", disable=None if progress else True) as bar:
        for epoch in range(epochs):
            for synapse, width in widths:
                synapse.sigma.fill_(width(epoch))
            network.train()
            results = _trained(network, batches, task, train, updates, seed=(seed, epoch), bar=bar)
            row = {"epoch": epoch + 1} | _means(task, results)
            with updates.averaged():
                more = {} if valid is None else _evaluated(network, valid, task)
            history.append(row | more)
            updates.end_epoch(0.0 if valid is None else score(history[-1], task.best))
            bar.set_postfix({name: f"{value:.3f}" for name, value in history[-1].items() if name != "epoch"})
    updates.keep_average()
    network.eval()
    return history


def _learner(rule: str | rules.Rule, label_smoothing: float, rates: options.AnyRates) -> rules.Rule:
    learner = rules.get_rule(rule) if isinstance(rule, str) else rule
    bounds = cast(options.AnyRates, options.chosen(options.AnyRates, rates, who="fit", name="rates"))
    return rate_bounds.bounded(smoothing.smoothed(learner, label_smoothing), bounds)


def _trained(  # noqa: PLR0913
    network: SpikingNetwork,
    batches: Iterable[Any],
    task: Task,
    rule: rules.Rule,
    updates: optimizers.Optimizers,
    *,
    seed: tuple[int, int],
    bar: Any,
) -> "_Totals":
    """Train an epoch, and return its sums.

    Raises:
        ValueError: If a loss or parameter is no longer finite.
    """
    totals = _Totals(task.zeros(evaluation.outputs(network)))
    for number, batch in enumerate(_batches(batches, network, task)):
        generator = torch.Generator().manual_seed(hash((*seed, number)) % 2**63)
        updates.zero_grad()
        result = rule(network, batch, task, generator)
        updates.step()
        network.constrain()
        updates.include(seed[1])
        totals = totals.with_batch(float(result.loss), len(batch.labels), task.sums(result.scores, batch))
        _check(result, network, seed[1])
        bar.update()
    return totals


@dataclass(frozen=True)
class _Totals:
    """Sums over the recordings of an epoch."""

    sums: Sums
    loss: float = 0.0
    recordings: int = 0

    def with_batch(self, loss: float, recordings: int, sums: Sums) -> "_Totals":
        """Return the sums with those of a batch."""
        return _Totals(added(self.sums, sums), self.loss + loss, self.recordings + recordings)


def _means(task: Task, totals: _Totals, prefix: str = "") -> dict[str, float]:
    """Return the mean loss and the metrics, with a prefix to their names."""
    scalars = {"loss": totals.loss / totals.recordings} | task.report(totals.sums).scalars()
    return {f"{prefix}{name}": value for name, value in scalars.items()}


def _in_batches(batches: Any, task: Task, grid: SampleGrid, batch_size: int | None, *, seed: int | None) -> Any:
    """Return batches as they are, or single recordings in batches.

    Raises:
        TypeError: If there are batches, and a number of recordings for each.
    """
    if batch_size is None and not isinstance(batches, Dataset):
        return batches
    if isinstance(batches, DataLoader):
        raise TypeError("fit: a DataLoader has batches, so batch_size must be left out; or give its data set")
    indexed = isinstance(batches, Dataset | list | tuple)
    if grid.sensor_size is None and isinstance(batches, Dataset):
        grid = replace(grid, sensor_size=sensor_size_of(batches))
    samples = batches if indexed else list(batches)
    return SampleBatches(samples, task, grid, batch_size=batch_size or DATASET_BATCH, seed=seed)


def _count(batches: Iterable[Any]) -> int:
    try:
        count = len(batches)  # type: ignore[arg-type]
    except TypeError as error:
        raise TypeError(
            "fit: batches must have a length, as a list or a DataLoader has, and be iterable once per epoch, not "
            f"{shown(batches)}; for single recordings, give batch_size"
        ) from error
    if count < 1:
        raise ValueError("fit: there must be at least one batch, and there is none")
    return count


def _batches(batches: Iterable[Any], network: nn.Module, task: Task) -> Iterator[Batch]:
    device = next(network.parameters()).device
    for sample in batches:
        if isinstance(sample, Batch):
            yield sample.to(device)
            continue
        listed = isinstance(sample, tuple | list) and len(sample) in (2, 3)
        targets = (Tensor, Mapping) if isinstance(task, Heads) else Tensor
        kinds = zip(sample, (Tensor, targets, Tensor), strict=False) if listed else ()
        if not listed or not all(isinstance(part, kind) for part, kind in kinds):
            must = "(frames, labels) or (frames, labels, lengths), torch tensors"
            raise TypeError(f"fit: a batch must be {must}, not {shown(sample)}")
        frames, target, *rest = sample
        lengths = rest[0] if rest else torch.full((frames.shape[1],), len(frames))
        yield batch_of(task, frames, target, lengths).to(device)


def _widths(network: SpikingNetwork, epochs: int) -> list[tuple[Any, Any]]:
    """Return the synapses whose delay windows narrow, each with its width as a function of the epoch."""
    widths: list[tuple[Any, Any]] = []
    for synapse in network.delayed_synapses():
        window = delay_windows.get_window(synapse.window)
        start, end = float(synapse.sigma.detach().max()), delay_windows.narrowest(synapse.window)
        if synapse.learns_delay and window.has_width and not isinstance(synapse.sigma, nn.Parameter) and start > end:
            settings = {"start": start, "end": end, "epochs": epochs, "narrowest": window.offset}
            widths.append((synapse, lambda epoch, settings=settings: sigma_schedule.width(epoch, **settings)))
    return widths


def _check(result: losses.StepResult, network: nn.Module, epoch: int) -> None:
    if not bool(torch.isfinite(result.loss)) or not bool(torch.isfinite(finite.total(network))):
        raise ValueError(
            f"fit: the loss and all parameters must stay finite, and one is not in epoch {epoch + 1}; a smaller "
            "learning rate usually helps"
        )


@torch.no_grad()
def _evaluated(network: SpikingNetwork, batches: Iterable[Any], task: Task) -> dict[str, float]:
    network.eval()
    totals = _Totals(task.zeros(evaluation.outputs(network)))
    for batch in _batches(batches, network, task):
        scores = task.scores(network(batch.frames, batch.lengths), Span(network.valid(batch.lengths)))
        totals = totals.with_batch(float(task.score_loss(scores, batch)), len(batch.labels), task.sums(scores, batch))
    if not totals.recordings:
        raise ValueError("fit: there must be at least one recording to validate on, and there is none")
    return _means(task, totals, "valid_")
