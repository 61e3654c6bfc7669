"""Training of a network on pictures, with a checkpoint after every epoch, from which a stopped training goes on.

The order of the pictures, their augmentation and dropout are functions of seed and epoch, so that a training that was
stopped ends in the same network. The last epoch counts; none is chosen by validation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim.experiment.one_step.pictures import Part, augmented
from snnsim.learning.options import Cosine, OneCycle
from snnsim.nn import constrain_after
from snnsim.training import checkpoint, schedules


@dataclass(frozen=True)
class Recipe:
    """Settings of a training."""

    epochs: int
    batch: int
    rate: float
    """Highest learning rate."""
    adam: bool
    """Whether Adam (amsgrad) along a cosine trains, as published for the ladder; otherwise SGD along one cycle."""
    shift: int
    flip: bool


def train(
    network: nn.Module, part: Part, recipe: Recipe, *, seed: int, path: Path, after: Callable[[int], object]
) -> None:
    """Train a network; a checkpoint of the path is gone on from, and removed at the end.

    Args:
        network: The network, which changes.
        part: Training pictures.
        recipe: Settings.
        seed: Seed of order, augmentation and dropout.
        path: File of the checkpoint.
        after: Called with the number of each finished epoch.
    """
    optimizer = _optimizer(network, recipe)
    batches = -(-len(part.label) // recipe.batch)
    kind = Cosine() if recipe.adam else OneCycle()
    schedule = schedules.build(kind, optimizer, lr=recipe.rate, steps=batches * recipe.epochs, epochs=recipe.epochs)
    constrain_after(optimizer, network)
    done, architecture = 0, {"network": str(network), "recipe": vars(recipe)}
    if path.is_file():
        saved = checkpoint.load(path, architecture)
        checkpoint.into(path, network, saved)
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        done = saved["epochs"]
    for epoch in range(done, recipe.epochs):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_mixed(seed, epoch))
            _epoch(network.train(), part, recipe, optimizer, schedule)
        content = {
            "network": network.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(),
            "epochs": epoch + 1,
        }  # fmt: skip
        checkpoint.save(path, architecture, content)
        after(epoch + 1)
    network.eval()


def _mixed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence((seed, epoch, 21)).generate_state(1)[0])


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.adam:
        return torch.optim.Adam(network.parameters(), lr=recipe.rate, amsgrad=True)
    # steps of a QCFS decay as weights do, as published; thresholds and leaks of neurons do not
    own = {id(one) for name, one in network.named_parameters() if ".neuron." in name}
    groups = [
        {"params": [one for one in network.parameters() if id(one) not in own], "weight_decay": 5e-4},
        {"params": [one for one in network.parameters() if id(one) in own], "weight_decay": 0.0},
    ]
    return torch.optim.SGD([g for g in groups if g["params"]], lr=recipe.rate, momentum=0.9, nesterov=True)


def _epoch(network: nn.Module, part: Part, recipe: Recipe, optimizer: Any, schedule: Any) -> None:
    generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    order = torch.randperm(len(part.label), generator=generator)
    for begin in range(0, len(order), recipe.batch):
        index = order[begin : begin + recipe.batch]
        image = augmented(part.image[index], recipe.shift, recipe.flip, generator)
        loss = functional.cross_entropy(network(image.to(memory_format=torch.channels_last)), part.label[index])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()


def batches(part: Part, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the pictures of a split in their order, with channels last in memory.

    Args:
        part: The split.
        size: Pictures of a batch.
    """
    for begin in range(0, len(part.label), size):
        image = part.image[begin : begin + size].to(memory_format=torch.channels_last)
        yield image, part.label[begin : begin + size]
