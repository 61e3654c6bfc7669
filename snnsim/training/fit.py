"""Training on batches of your own: the loop of `snnsim train` as one function, without a config or a run folder.

Source   optimizers, schedules and delay windows: the recipe of DCLS-Delays, Hammouamri, Khalfaoui-Hassani, Masquelier
         2024 (ICLR), arXiv 2306.17670; see optimizers.py and learning/sigma_schedule.py
"""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from tqdm import tqdm

from snnsim.learning import decisions, losses, options, rules, sigma_schedule
from snnsim.learning import label_smoothing as smoothing
from snnsim.learning import rates as rate_bounds
from snnsim.learning.losses import Batch
from snnsim.nn import SpikingNetwork, delay_windows
from snnsim.training import finite, optimizers
from snnsim.validation import integer, real, shown

Sample = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]
"""Frames (time, recording, channel), labels (recording,) or probabilities (recording, class) and, where recordings are
padded, lengths (recording,)."""


def fit(  # noqa: PLR0913
    network: SpikingNetwork,
    batches: Iterable[Sample],
    *,
    epochs: int,
    valid: Iterable[Sample] | None = None,
    rule: str | rules.Rule = "bptt",
    decision: str = "summed_softmax",
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
    """Train a network on its own device, and return loss and accuracy of each epoch.

    The network is in evaluation mode afterwards. Every step keeps the delays in their range.

    Args:
        network: The network; its parameters are changed.
        batches: Batches of one epoch, iterated once per epoch: a list, or a `torch.utils.data.DataLoader`. A batch is
            (frames, labels) or (frames, labels, lengths): frames (time, recording, channel), spikes or counts; labels
            (recording,), int64 from 0, or probabilities of the classes (recording, class), whose largest one counts in
            the accuracy; lengths (recording,), steps of each recording before its padding.
        epochs: Number of passes over all batches.
        valid: Batches to evaluate after each epoch, with integer delays as on a chip; None evaluates none.
        rule: Learning rule, which computes the gradients: "bptt", "sltt", or a function such as
            `partial(snnsim.sltt, chunk=8)`.
        decision: Name of the function from the voltage of the readout to one score per class.
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
        seed: Seed of dropout and of stochastic neurons.
        progress: Whether to show a progress bar.

    Returns:
        A dict for each epoch: "epoch", "loss" (mean per recording), "accuracy", and with `valid` also "valid_loss" and
        "valid_accuracy".

    Raises:
        TypeError: If batches have no length, or a batch is not a tuple of two or three tensors.
        ValueError: If there is no batch, a setting is out of range, or a loss or parameter is no longer finite.
    """
    if not isinstance(network, SpikingNetwork):
        raise TypeError(f"fit: the network must be a SpikingNetwork, not {shown(network)}")
    epochs = integer(epochs, who="fit", name="epochs", at_least=1)
    count = _count(batches)
    train, decide = _learner(rule, label_smoothing, rates), decisions.get_decision(decision)
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
    bar = tqdm(total=epochs * count, unit="batch", disable=None if progress else True)
    with bar:
        for epoch in range(epochs):
            for synapse, width in widths:
                synapse.sigma.fill_(width(epoch))
            sums = torch.zeros(3, dtype=torch.float64)
            for result, batch in _steps(network, batches, train, decide, updates, key=(seed, epoch)):
                sums += _sums(result, batch)
                _check(result, network, epoch)
                bar.update()
            row = {"epoch": epoch + 1, "loss": float(sums[0] / sums[2]), "accuracy": float(sums[1] / sums[2])}
            with updates.averaged():
                history.append(row | ({} if valid is None else _evaluated(network, valid, decide)))
            updates.end_epoch(history[-1].get("valid_accuracy", 0.0))
            bar.set_postfix({name: f"{value:.3f}" for name, value in history[-1].items() if name != "epoch"})
    updates.keep_average()
    network.eval()
    return history


def _steps(
    network: SpikingNetwork,
    batches: Iterable[Sample],
    rule: rules.Rule,
    decide: decisions.Decision,
    updates: optimizers.Optimizers,
    *,
    key: tuple[int, int],
) -> Iterator[tuple[losses.StepResult, Batch]]:
    """Take a step of training for each batch of an epoch, and yield its result.

    Args:
        network: The network.
        batches: The batches.
        rule: The rule.
        decide: The decision.
        updates: The optimizers.
        key: Seed, and number of the epoch.
    """
    network.train()
    for number, batch in enumerate(_batches(batches, network)):
        generator = torch.Generator().manual_seed(hash((*key, number)) % 2**63)
        updates.zero_grad()
        result = rule(network, batch, decide, generator)
        updates.step()
        network.constrain()
        updates.include(key[1])
        yield result, batch


def _learner(rule: str | rules.Rule, label_smoothing: float, rates: options.AnyRates) -> rules.Rule:
    learner = rules.get_rule(rule) if isinstance(rule, str) else rule
    bounds = cast(options.AnyRates, options.chosen(options.AnyRates, rates, who="fit", name="rates"))
    return rate_bounds.bounded(smoothing.smoothed(learner, label_smoothing), bounds)


def _count(batches: Iterable[Sample]) -> int:
    try:
        count = len(batches)  # type: ignore[arg-type]
    except TypeError as error:
        raise TypeError(
            "fit: batches must have a length, as a list or a DataLoader has, and be iterable once per epoch, not "
            f"{shown(batches)}"
        ) from error
    if count < 1:
        raise ValueError("fit: there must be at least one batch, and there is none")
    return count


def _batches(batches: Iterable[Sample], network: nn.Module) -> Iterator[Batch]:
    device = next(network.parameters()).device
    for sample in batches:
        tensors = isinstance(sample, tuple | list) and all(isinstance(part, Tensor) for part in sample)
        if not tensors or len(sample) not in (2, 3):
            must = "(frames, labels) or (frames, labels, lengths), torch tensors"
            raise TypeError(f"fit: a batch must be {must}, not {shown(sample)}")
        frames, labels, *rest = (part.to(device) for part in sample)
        lengths = rest[0] if rest else torch.full((len(labels),), len(frames), device=device)
        probabilities = labels if labels.is_floating_point() and labels.ndim == 2 else None
        labels = labels if probabilities is None else probabilities.argmax(1)
        yield Batch(frames, lengths, labels, float(len(labels)), probabilities)


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


def _sums(result: losses.StepResult, batch: Batch) -> Tensor:
    correct = (result.scores.argmax(1) == batch.labels).sum()
    return torch.tensor([float(result.loss), float(correct), float(len(batch.labels))], dtype=torch.float64)


def _check(result: losses.StepResult, network: nn.Module, epoch: int) -> None:
    if not bool(torch.isfinite(result.loss)) or not bool(torch.isfinite(finite.total(network))):
        raise ValueError(
            f"fit: the loss and all parameters must stay finite, and one is not in epoch {epoch + 1}; a smaller "
            "learning rate usually helps"
        )


@torch.no_grad()
def _evaluated(network: SpikingNetwork, batches: Iterable[Sample], decide: decisions.Decision) -> dict[str, float]:
    network.eval()
    sums = torch.zeros(3, dtype=torch.float64)
    for batch in _batches(batches, network):
        sums += _sums(losses.outcome(network(batch.frames, batch.lengths), batch, decide), batch)
    if not sums[2]:
        raise ValueError("fit: there must be at least one recording to validate on, and there is none")
    return {"valid_loss": float(sums[0] / sums[2]), "valid_accuracy": float(sums[1] / sums[2])}
