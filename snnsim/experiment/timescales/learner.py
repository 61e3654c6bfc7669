"""Training of a network on the last N bits, for a curriculum.

A batch has one length, that of the newest N. The loss is the cross-entropy of the last step, summed over the heads.
"""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim.data.synthetic import bit_memory
from snnsim.experiment.timescales.models import Model
from snnsim.experiment.timescales.settings import Budget, Cell
from snnsim.nn.network import constrain

CLIP = 2.0
"""Largest norm of the gradient."""
TRAIN, EVALUATE = 10, 11


def optimizer(model: nn.Module, budget: Budget) -> torch.optim.Optimizer:
    """Return the optimizer of a model.

    Args:
        model: The model.
        budget: Name of the optimizer and learning rate.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    delays = [parameter for name, parameter in named if name.endswith("delay")]
    others = [parameter for name, parameter in named if not name.endswith("delay")]
    groups: list[dict[str, Any]] = [{"params": others}]
    if delays:
        groups.append({"params": delays, "lr": budget.delay_rate})
    if budget.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=budget.rate, momentum=0.1, nesterov=True)
    return torch.optim.Adam(groups, lr=budget.rate)


def head_of(level: int, curriculum: str) -> int:
    """Return the number of the head of a level.

    Args:
        level: N.
        curriculum: Kind of the curriculum; "single" and "none" have one head for all levels.
    """
    return 0 if curriculum in ("single", "none") else level - 2


class BitLearner:
    """A network that learns a task about bits, as snnsim.training.curriculum needs it.

    Args:
        model: The network.
        cell: Curriculum and seed.
        budget: Sizes.
    """

    def __init__(self, model: nn.Module, cell: Cell, budget: Budget) -> None:
        self.model, self.cell, self.budget = model, cell, budget
        self.optimizer = optimizer(model, budget)

    def train(self, levels: tuple[int, ...], epoch: int) -> Mapping[str, Any]:
        """Train for an epoch, and return the mean loss and the learned quantities.

        Args:
            levels: Levels, the newest last.
            epoch: Number of the epoch, from 1.
        """
        began, total = time.process_time(), 0.0
        generators = _generators(self.cell.seed, TRAIN, epoch)
        self.model.train()
        learned = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        for _ in range(self.budget.steps):
            bits, labels = self._batch(levels, generators[0])
            self.optimizer.zero_grad(set_to_none=True)
            logits = self._logits(bits, levels, generators[1])
            loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / len(labels)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(learned, CLIP)
            self.optimizer.step()
            constrain(self.model)
            total += loss.item()
        seconds = round(time.process_time() - began, 2)
        return {"loss": total / self.budget.steps, "seconds": seconds, **quantities(self.model)}

    @torch.no_grad()
    def accuracy(self, levels: tuple[int, ...], epoch: int) -> Mapping[int, float]:
        """Return the accuracy of each level on fresh batches.

        Args:
            levels: Levels, the newest last.
            epoch: Number of the epoch, from 1.
        """
        generators = _generators(self.cell.seed, EVALUATE, epoch)
        self.model.eval()
        right, count = torch.zeros(len(levels)), 0
        for _ in range(self.budget.evaluated):
            bits, labels = self._batch(levels, generators[0])
            right += (self._logits(bits, levels, generators[1]).argmax(-1) == labels).sum(0)
            count += len(labels)
        return dict(zip(levels, (right / count).tolist(), strict=True))

    def state_dict(self) -> Mapping[str, Any]:
        """Return the parameters and the state of the optimizer."""
        return {"network": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Args:
            state: What `state_dict` returned.
        """
        self.model.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _batch(self, levels: tuple[int, ...], generator: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return bits (time, batch), and the labels of the last step (batch, level)."""
        steps = bit_memory.length(levels[-1], generator)
        bits = bit_memory.bits(self.budget.task, (steps, self.budget.batch), generator)
        last = [bit_memory.labels(self.budget.task, bits[-level:], level)[-1] for level in levels]
        return torch.from_numpy(bits).float(), torch.from_numpy(np.stack(last, 1))

    def _logits(self, bits: Tensor, levels: tuple[int, ...], generator: torch.Generator) -> Tensor:
        heads = [head_of(level, self.cell.curriculum) for level in levels]
        model: Model = self.model  # type: ignore[assignment]
        return model.logits(bits, heads, generator, last=True)


def _generators(seed: int, purpose: int, epoch: int) -> tuple[np.random.Generator, torch.Generator]:
    sequence = np.random.SeedSequence((seed, purpose, epoch))
    states = torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
    return np.random.default_rng(sequence), states


@torch.no_grad()
def quantities(model: nn.Module) -> dict[str, float]:
    """Return mean and standard deviation of time constants, recurrent weights and delays, as far as there are any.

    Args:
        model: The network.
    """
    parts = {"tau": getattr(model, "taus", None), "weight": getattr(model, "weights", None)}
    parts["delay"] = getattr(model, "delays", None)
    result: dict[str, float] = {}
    for name, part in parts.items():
        values = None if part is None else part()
        if values is not None:
            result |= {f"{name} mean": values.mean().item(), f"{name} sd": values.std().item()}
    return result
