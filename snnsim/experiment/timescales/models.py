"""Networks that read bits, and a linear head for each N.

    z[t, k] = A_k r[t] + c_k        r: states of rate units, of an LSTM or a GRU
    z[t, k] of a spiking network is a leaky sum of its spikes, at the last micro-step of bit t

Shapes   bits (time, batch) · r (time, batch, unit) · z (time, batch, head, class)
"""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from snnsim.experiment.timescales import spiking
from snnsim.experiment.timescales.settings import Budget, Cell
from snnsim.experiment.timescales.spiking import CLASSES
from snnsim.nn.rate_network import RateNetwork
from snnsim.nn.time_constant import TimeConstant


class Model(Protocol):
    """A network with heads."""

    def logits(self, bits: Tensor, heads: Sequence[int], generator: torch.Generator, *, last: bool) -> Tensor:
        """Return z, (time, batch, head, class), or (batch, head, class) of the last step.

        Args:
            bits: Bits, (time, batch).
            heads: Numbers of the heads.
            generator: Generator of the states before the first step.
            last: Whether only the last step counts.
        """


class Heads(nn.Module):
    """Linear maps from units to classes, one for each level.

    Args:
        heads: Number of heads.
        units: Number of units.
        generator: Generator of the start.
    """

    def __init__(self, heads: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = 1 / math.sqrt(units)
        self.weight = nn.Parameter(bound * (2 * torch.rand(heads, CLASSES, units, generator=generator) - 1))
        self.bias = nn.Parameter(bound * (2 * torch.rand(heads, CLASSES, generator=generator) - 1))

    def forward(self, units: Tensor, heads: Sequence[int]) -> Tensor:
        """Return z, (..., head, class).

        Args:
            units: States, (..., unit).
            heads: Numbers of the heads.
        """
        weight, bias = self.weight[list(heads)], self.bias[list(heads)]
        flat = units @ weight.flatten(0, 1).T + bias.flatten()
        logits: Tensor = flat.reshape(*flat.shape[:-1], len(heads), CLASSES)
        return logits


class UnitsWithHeads(nn.Module):
    """A recurrent layer with heads on its states; a subclass gives the states and their outgoing weights.

    Args:
        core: The recurrent layer.
        heads: The heads.
        units: Number of units.
    """

    def __init__(self, core: nn.Module, heads: Heads, units: int) -> None:
        super().__init__()
        self.core, self.heads, self.units = core, heads, units

    def states(self, bits: Tensor, generator: torch.Generator) -> Tensor:
        """Return the states of every step, (time, batch, unit).

        Args:
            bits: Bits, (time, batch).
            generator: Generator of the states before the first step.

        Raises:
            NotImplementedError: In this class.
        """
        raise NotImplementedError

    def activities(self, bits: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the activity of the units by its kind, (time, batch, unit).

        Args:
            bits: Bits, (time, batch).
            generator: Generator of the states before the first step.
        """
        return {"rates": self.states(bits, generator)}

    def with_head(self, generator: torch.Generator) -> None:
        """Take a single new head.

        Args:
            generator: Generator of its start.
        """
        self.heads = Heads(1, self.units, generator)

    def logits(self, bits: Tensor, heads: Sequence[int], generator: torch.Generator, *, last: bool) -> Tensor:
        """Return z, (time, batch, head, class), or (batch, head, class) of the last step.

        Args:
            bits: Bits, (time, batch).
            heads: Numbers of the heads.
            generator: Generator of the states before the first step.
            last: Whether only the last step counts.
        """
        states = self.states(bits, generator)
        logits: Tensor = self.heads(states[-1] if last else states, heads)
        return logits


class RateModel(UnitsWithHeads):
    """Leaky rate units with heads.

    Args:
        core: The recurrent layer.
        heads: The heads.
    """

    core: RateNetwork

    def __init__(self, core: RateNetwork, heads: Heads) -> None:
        super().__init__(core, heads, core.units)

    def taus(self) -> Tensor:
        """Return the time constants in bits, (unit,)."""
        tau: Tensor = self.core.tau()
        return tau.detach()

    def weights(self) -> Tensor:
        """Return the recurrent weights, (unit, unit), with a diagonal of 0."""
        return self.core.recurrent_weight().detach()

    def states(self, bits: Tensor, generator: torch.Generator) -> Tensor:
        """Return the states of every step, (time, batch, unit).

        Args:
            bits: Bits, (time, batch).
            generator: Generator of the states before the first step.
        """
        states: Tensor = self.core(bits[..., None], self.core.initial_state(bits.shape[1], generator))
        return states

    def outgoing(self) -> list[tuple[Tensor, int]]:
        """Return the weights from the units, each with the axis that counts the units."""
        return [(self.core.weight, 1), (self.heads.weight, 2)]

    @property
    def time_constant(self) -> TimeConstant:
        """The time constants."""
        return self.core.tau

    @property
    def recurrent_weight(self) -> Tensor:
        """The parameter of the recurrent weights."""
        return self.core.weight


class TorchModel(UnitsWithHeads):
    """A recurrent layer of torch with heads; its states start at 0.

    Args:
        core: An LSTM or a GRU of one input.
        heads: The heads.
    """

    core: nn.LSTM | nn.GRU

    def __init__(self, core: nn.LSTM | nn.GRU, heads: Heads) -> None:
        super().__init__(core, heads, core.hidden_size)

    def states(self, bits: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        """Return the states of every step, (time, batch, unit).

        Args:
            bits: Bits, (time, batch).
            generator: Not used.
        """
        states: Tensor = self.core(bits[..., None])[0]
        return states

    def outgoing(self) -> list[tuple[Tensor, int]]:
        """Return the weights from the units, each with the axis that counts the units."""
        recurrent: Tensor = self.core.weight_hh_l0  # type: ignore[assignment]
        return [(recurrent, 1), (self.heads.weight, 2)]


def build(cell: Cell, budget: Budget) -> nn.Module:
    """Return the network of a cell at its start.

    Args:
        cell: Learned parts and seed.
        budget: Neuron and sizes.
    """
    generator = torch.Generator().manual_seed(cell.seed)
    count = budget.last - 1 if cell.curriculum in ("multi", "sliding") else 1
    if budget.neuron == "lif":
        return spiking.build(cell, budget, count)
    if budget.neuron == "rate":
        core = RateNetwork(
            budget.units, bound=budget.bound, learn_tau="tau" in cell.learned, generator=generator,
            tau=(1.0, 2.0) if "tau" in cell.learned else (1.0, 1.0),
        )  # fmt: skip
        core.weight.requires_grad_("weights" in cell.learned)
        return RateModel(core, Heads(count, budget.units, generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(cell.seed)
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[budget.neuron]
        return TorchModel(kind(1, budget.units), Heads(count, budget.units, generator))
