"""A recurrent layer of spiking neurons that reads bits, with recurrent delays or none.

    bit b of step t    a spike of line b in each of the k micro-steps t k, ..., t k + k − 1
    current            a[s][u] = w s of the line + recurrent weights, without self-connections, + b
    z[t, head]         a leaky sum of the spikes, at the last micro-step of bit t

Learned delays start short, uniform up to a tenth of their range, so that their growth shows a use; fixed ones are
uniform over the range. Windows spread learned delays in training, and evaluation rounds them: the windows are narrow,
as training and evaluation would else be different networks.

Shapes   bits (time, batch) · frames (time · k, batch, 2) · z (time, batch, head, class)
Units    time constants and delays in micro-steps inside, in bits where they are reported
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from snnsim.experiment.timescales.settings import Budget, Cell
from snnsim.nn import DelayedLinear, LeakyReadout, Recurrence, SparseLinear, SpikingLayer, SpikingNetwork
from snnsim.nn.time_constant import TimeConstant
from snnsim.nn.unit_gain_lif import UnitGainLIF

INPUT_SCALE, RECURRENT_SCALE, SIGMA, DELAY_START, READOUT_TAU = 6.0, 1.0, 0.3, 0.1, 2.0
CLASSES = 2


class SpikingModel(nn.Module):
    """Spiking neurons with leaky readouts, one for each head and class.

    Args:
        network: The network, with 2 inputs and an output for each head and class.
        micro_steps: Number k of micro-steps of a bit.
    """

    def __init__(self, network: SpikingNetwork, micro_steps: int) -> None:
        super().__init__()
        self.network, self.micro_steps = network, micro_steps

    @property
    def recurrent(self) -> SparseLinear | DelayedLinear:
        """The recurrent connections."""
        recurrence = self.layer.recurrent
        synapse: SparseLinear | DelayedLinear = recurrence.synapse  # type: ignore[union-attr, assignment]
        return synapse

    @property
    def layer(self) -> SpikingLayer:
        """The hidden layer."""
        return self.network.layers[0]

    @property
    def time_constant(self) -> TimeConstant:
        """The time constants, in micro-steps."""
        neuron: UnitGainLIF = self.layer.neuron  # type: ignore[assignment]
        return neuron.tau

    @property
    def recurrent_weight(self) -> Tensor:
        """The parameter of the recurrent weights."""
        return self.recurrent.weight

    def outgoing(self) -> list[tuple[Tensor, int]]:
        """Return the weights from the units, each with the axis that counts the units."""
        readout: SparseLinear = self.network.synapse  # type: ignore[assignment]
        return [(self.recurrent.weight, 1), (readout.weight, 1)]

    def with_head(self, generator: torch.Generator) -> None:
        """Take a single new head.

        Args:
            generator: Generator of its start.
        """
        self.network.synapse = SparseLinear(len(self.recurrent.weight), CLASSES, generator=generator)

    def activities(self, bits: Tensor, generator: torch.Generator) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the numbers of spikes of each bit, and the membranes at its last micro-step, (time, batch, unit).

        Args:
            bits: Bits, (time, batch).
            generator: Not used; membranes start at rest.
        """
        frames = self.frames(bits)
        spikes = self.network.record(frames).spikes[1]
        recurrent = self.recurrent(spikes)
        current = self.layer.synapse(frames)
        current[1:] += recurrent[:-1]
        membranes = self.layer.neuron.trace(current)[1]
        counts = spikes.reshape(len(bits), self.micro_steps, *spikes.shape[1:]).sum(1)
        return {"spikes": counts, "membranes": membranes[self.micro_steps - 1 :: self.micro_steps]}

    def taus(self) -> Tensor:
        """Return the time constants in bits, (unit,)."""
        tau: Tensor = self.time_constant()
        return tau.detach() / self.micro_steps

    def weights(self) -> Tensor:
        """Return the recurrent weights, (unit, unit), with a diagonal of 0."""
        weight = self.recurrent.weight.detach()
        return weight if weight.ndim == 2 else weight[..., 0]

    def delays(self) -> Tensor | None:
        """Return the recurrent delays in bits, from 1 micro-step, (1 or unit, unit), or None for a network without."""
        if not isinstance(self.recurrent, DelayedLinear):
            return None
        return (self.recurrent.delay.detach()[..., 0] + 1) / self.micro_steps

    def frames(self, bits: Tensor) -> Tensor:
        """Return the spikes of both lines, (time · k, batch, 2).

        Args:
            bits: Bits, (time, batch).
        """
        lines = torch.stack([1 - bits, bits], -1)
        return lines.repeat_interleave(self.micro_steps, 0)

    def logits(self, bits: Tensor, heads: Sequence[int], generator: torch.Generator, *, last: bool) -> Tensor:  # noqa: ARG002
        """Return z, (time, batch, head, class), or (batch, head, class) of the last step.

        Args:
            bits: Bits, (time, batch).
            heads: Numbers of the heads.
            generator: Not used; membranes start at rest.
            last: Whether only the last step counts.
        """
        output = self.network(self.frames(bits))
        read = output[-1] if last else output[self.micro_steps - 1 :: self.micro_steps]
        logits: Tensor = read.reshape(*read.shape[:-1], -1, CLASSES)[..., list(heads), :]
        return logits


def build(cell: Cell, budget: Budget, heads: int) -> SpikingModel:
    """Return the network of a cell at its start.

    Args:
        cell: Learned parts and seed.
        budget: Sizes and kind of delays.
        heads: Number of heads.
    """
    generator, units, learned = torch.Generator().manual_seed(cell.seed), budget.units, cell.learned.split("+")
    entry = SparseLinear(2, units, generator=generator)
    recurrent: SparseLinear | DelayedLinear = SparseLinear(units, units, generator=generator)
    if budget.delays != "none":
        recurrent = DelayedLinear(
            units, units, budget.max_delay - 1, delays=budget.delays, sigma=SIGMA,
            learn_delay="delays" in learned, generator=generator,
        )  # fmt: skip
    # no connection of a neuron to itself
    others = 1 - torch.eye(units)
    recurrent.register_buffer("connected", others if recurrent.weight.ndim == 2 else others[..., None])
    with torch.no_grad():
        entry.weight.mul_(INPUT_SCALE)
        recurrent.weight.mul_(RECURRENT_SCALE)
        if isinstance(recurrent, DelayedLinear) and "delays" in learned:
            recurrent.delay.mul_(DELAY_START)
    recurrent.weight.requires_grad_("weights" in learned)
    recurrent.constrain()
    tau = float(budget.micro_steps)
    neuron = UnitGainLIF(
        features=units, tau=(tau, 2 * tau), bound=budget.bound, learn_tau="tau" in learned, generator=generator
    )
    layer = SpikingLayer(entry, neuron, norm=None, dropout=0.0, recurrent=Recurrence(recurrent))
    readout = LeakyReadout(tau=READOUT_TAU * budget.micro_steps)
    return SpikingModel(
        SpikingNetwork([layer], SparseLinear(units, CLASSES * heads, generator=generator), readout), budget.micro_steps
    )
