"""Training of one cell: evidence from clips of movies, one loss, Adam; epochs can be continued.

    pooled        −log of the probability of the right class by all positions, for every step
    multinomial   −log of the probability of the right class, for every position and step
    binary        the same for each class by itself, as published

A clip is a part of a movie at a random place and time, with the steps in front of it that its delays need. The
random numbers of an epoch are a function of seed and epoch, so that a training goes on as it would have without a stop.

Learning rates fall to 0 as half a cosine, or are constant, as published.

Units    widths of delay windows in steps, from half the delay range to that of the recipe of DCLS-Delays over the first
         half of the epochs
"""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from snnsim.experiment.motion import movies, sparsifying
from snnsim.experiment.motion.movies import Movies
from snnsim.experiment.motion.settings import CONTROLS, SPARSE, Budget, Cell
from snnsim.experiment.motion.symmetry import Symmetry
from snnsim.files import written_whole
from snnsim.learning import sigma_schedule
from snnsim.nn import delay_windows
from snnsim.nn.connectivity import kaiming_weights
from snnsim.nn.logistic_conv import LogisticConv


def build(cell: Cell, budget: Budget) -> LogisticConv:
    """Return the layer of a cell with its first weights.

    Args:
        cell: The cell.
        budget: Sizes of the kernel.
    """
    generator = torch.Generator().manual_seed(cell.seed)
    settings: dict[str, Any] = {"dense": True}
    if cell.model in SPARSE:
        # a mask of any share, which is replaced
        learns = cell.model == "learned-delays"
        settings = {"dense": False, "sparsity": 0.5, "taps": budget.taps, "learn_delay": learns}
    classes = budget.recipe().motions.count
    field = budget.side, budget.side, 2
    layer = LogisticConv(field, classes, budget.max_delay, budget.kernel, generator=generator, **settings)
    # gain and floor are trained by the loss of the decision alone
    layer.pooling = "product" if budget.loss == "pooled" else "mixture"
    symmetry = Symmetry(budget.recipe().motions, budget.kernel) if budget.augment else None
    if cell.model in SPARSE:
        _connect(layer, generator)
    if symmetry is not None:
        symmetry.make_symmetric(layer)
    if budget.stride == (1, 1, 1):
        # evidence everywhere is ten times as fast by products of spectra, scripts/bench/motion.py
        layer.form = "frequency"
    return layer


@torch.no_grad()
def _connect(layer: LogisticConv, generator: torch.Generator) -> None:
    """Make all connections present, with new random weights."""
    connections = layer.synapse.connections
    shape = tuple(connections.weight.shape)
    connections.connected = torch.ones(shape, dtype=torch.bool)
    weights = kaiming_weights(shape, fan_in=connections.weight[0].numel(), generator=generator)
    connections.weight.copy_(0.1 * weights)


def model_input(cell: Cell, events: Tensor, generator: torch.Generator) -> Tensor:
    """Return movies as a model sees them: controls lose the order of steps.

    Args:
        cell: The cell.
        events: Events (time, movie, row, column, polarity).
        generator: Generator of random orders.
    """
    if cell.model not in CONTROLS:
        return events
    return movies.collapsed(events) if cell.model == "collapsed" else movies.shuffled(events, generator)


def loss(layer: LogisticConv, evidence: Tensor, label: Tensor, kind: str) -> Tensor:
    """Return the mean loss.

    Args:
        layer: The layer.
        evidence: Evidence (step, movie, row, column, class).
        label: Classes of these steps, int64 (step, movie).
        kind: "pooled", "multinomial" or "binary".
    """
    if kind == "pooled":
        return functional.nll_loss(layer.decision(evidence).flatten(0, 1), label.flatten())
    every = label[:, :, None, None].expand(evidence.shape[:-1])
    if kind == "multinomial":
        return functional.cross_entropy(evidence.flatten(0, 3), every.flatten())
    wanted = functional.one_hot(every, evidence.shape[-1]).to(evidence.dtype)
    return functional.binary_cross_entropy_with_logits(evidence, wanted)


def train(cell: Cell, budget: Budget, data: Movies, path: Path, *, progress: bool) -> LogisticConv:
    """Return the trained layer of a cell.

    Args:
        cell: The cell.
        budget: Sizes and rates of the training.
        data: Training movies.
        path: File of the checkpoint, from which a training goes on.
        progress: Whether a progress bar is shown.
    """
    layer = build(cell, budget)
    optimizer, first = _optimizer(layer, budget), 0
    if path.is_file():
        saved = torch.load(path, weights_only=True)
        layer.load_state_dict(saved["layer"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"]
    disable = None if progress else True
    for epoch in tqdm(
        range(first, budget.epochs), desc=cell.name(), initial=first, total=budget.epochs, disable=disable
    ):
        _epoch(layer, optimizer, cell, budget, data, epoch)
        with written_whole(path) as partial:
            state = {"layer": layer.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
            torch.save(state, partial)
    return layer.eval()


def _optimizer(layer: LogisticConv, budget: Budget) -> torch.optim.Adam:
    delay = layer.synapse.delay
    weights = [layer.synapse.weight, layer.bias, layer.log_gain, layer.log_floor]
    groups = [{"params": weights, "lr": budget.rate}]
    if delay.requires_grad:
        groups.append({"params": [delay], "lr": budget.delay_rate})
    return torch.optim.Adam(groups)


def _epoch(
    layer: LogisticConv, optimizer: torch.optim.Adam, cell: Cell, budget: Budget, data: Movies, epoch: int
) -> None:
    layer.train()
    symmetry = Symmetry(budget.recipe().motions, budget.kernel) if budget.augment else None
    for group, rate in zip(optimizer.param_groups, (budget.rate, budget.delay_rate), strict=False):
        group["lr"] = rate * (1 + math.cos(math.pi * epoch / budget.epochs)) / 2 if budget.decay else rate
    generator = torch.Generator().manual_seed(1_000_003 * cell.seed + epoch)
    synapse = layer.synapse.connections
    if synapse.learns_delay:
        start = delay_windows.widest(synapse.window, budget.max_delay)
        end = delay_windows.narrowest(synapse.window)
        narrowest = delay_windows.get_window(synapse.window).offset
        synapse.sigma.fill_(
            sigma_schedule.width(epoch, start=start, end=end, epochs=max(1, budget.epochs // 2), narrowest=narrowest)
        )
    batches = torch.split(torch.randperm(data.events.shape[1], generator=generator), budget.batch)
    for number, index in enumerate(batches, 1):
        part = _clip(data.batch(index), budget, generator)
        events = movies.flat(model_input(cell, part.events, generator))
        evidence = layer(events, before=budget.max_delay, stride=budget.stride, field=(budget.clip, budget.clip))
        label = part.label[budget.max_delay :: budget.stride[0]]
        value = loss(layer, evidence, label, budget.loss)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        if symmetry is not None:
            symmetry.average_gradients(layer)
        optimizer.step()
        layer.constrain()
        if cell.model in SPARSE:
            done = (epoch + number / len(batches)) / budget.epochs
            sparsifying.prune(layer, symmetry, sparsifying.remaining(layer.synapse.weight.numel(), budget, done))
        elif budget.penalty:
            sparsifying.shrink(layer.synapse.weight, budget.penalty * optimizer.param_groups[0]["lr"])


def _clip(data: Movies, budget: Budget, generator: torch.Generator) -> Movies:
    """Return a part of movies at a random time and place."""
    steps = budget.max_delay + budget.clip_steps
    time, row, column = (
        int(torch.randint(most, (), generator=generator))
        for most in (len(data.events) - steps + 1, *(budget.side - budget.clip + 1,) * 2)
    )
    events = data.events[time : time + steps, :, row : row + budget.clip, column : column + budget.clip]
    return Movies(events, data.label[time : time + steps])
