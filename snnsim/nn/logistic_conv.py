"""Multinomial logistic regression on events, at every position and step: a convolution over space and delays.

    B[t, c, y, x] = Σ_{p, d, i, j} K[c, p, d, i, j] A[t − d, p, y + i, x + j] + β_c        evidence
    Pr(c | t, y, x) = exp B_c / Σ_c' exp B_c'       or, for each class by itself, 1 / (1 + exp(−B_c))

Weights are evidences: an event adds the logarithms of what it says for every class. The same regression holds at all
positions, so that it does not depend on where a motion is seen. From positions to one decision:

    mixture   Pr(c | t) = mean over positions of Pr(c | t, y, x)                    the positions vote
    product   Pr(c | t) ∝ exp(g · mean over positions of log(Pr(c | t, y, x) + ε))  independent evidence, with a floor
    time      log Pr(c | 0 … t) = Σ_t' log Pr(c | t') + constant                    steps are independent evidence

The edge that one position sees fits several motions; the product leaves those that fit all edges. A floor ε bounds what
a single position can exclude. Without it the product is linear in B, as is the mean of B: Σ K times the number of
events, the same for all motions but for the border. The nonlinearity of each position must come first.

Spiking output: a position sends the spike of the class with the most evidence if that is above a threshold, which is
chosen for a mean rate.

Shapes   A (time, batch, row · column · polarity) · B (step, batch, row, column, class) · log Pr (step, batch, class)
Units    delays and steps as in nn/conv.py
Names    g gain of the product, about the number of independent positions, learned as its logarithm · ε floor, likewise
Source   Grimaldi & Perrinet 2023, Biol. Cybern. 117:373
Differs  the published kernel has a circular mask in space, here an option; kernels are not flipped; the published
         decision is the mean evidence over positions, of which only the border of a movie depends on the motion
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnsim.kernels.common import dispatch
from snnsim.kernels.delay.conv_forms import FORMS
from snnsim.nn.conv import DelayedConv
from snnsim.validation import known, real


class LogisticConv(nn.Module):
    """Evidence for classes at every position of a field of events.

    Args:
        field: Field of the events, (height, width, polarities).
        classes: Number of classes.
        max_delay: The longest delay in steps.
        kernel: Sides of the kernel in space: one odd side, or (rows, columns).
        form: "events", "time" or "frequency", see kernels/delay/conv_forms.py; input of many events, or one that needs
            a gradient, has the form in time in place of the events.
        pooling: "product" or "mixture", from positions to one decision.
        circular: Whether taps outside of the largest circle of the kernel are absent.
        dense: Whether every connection has a weight at each delay; otherwise each has learned delays.
        **settings: Keywords of DelayedLinear for learned delays: taps, window, sigma, sparsity, generator.
    """

    def __init__(  # noqa: PLR0913
        self,
        field: tuple[int, int, int],
        classes: int,
        max_delay: int,
        kernel: int | tuple[int, int] = 17,
        *,
        form: str = "events",
        pooling: str = "product",
        circular: bool = False,
        dense: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__()
        known(form, FORMS, "form of a convolution")
        known(pooling, POOLINGS, "pooling")
        self.form, self.pooling = form, pooling
        self.synapse = DelayedConv(field, classes, max_delay, kernel, padding=0, dense=dense, **settings)
        self.bias = nn.Parameter(torch.zeros(classes))
        self.log_gain = nn.Parameter(torch.tensor(math.log(20.0)))
        self.log_floor = nn.Parameter(torch.tensor(math.log(0.05)))
        with torch.no_grad():
            # small evidence at the start: an event says little about every class
            self.synapse.weight.mul_(0.1)
        if circular:
            self._mask_corners()

    def _mask_corners(self) -> None:
        rows, columns = self.synapse.patches.kernel
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        middle = (rows - 1) / 2, (columns - 1) / 2
        radius = max(middle[0], 0.5), max(middle[1], 0.5)
        inside = ((y - middle[0]) / radius[0]).square() + ((x - middle[1]) / radius[1]).square() <= 1
        weight = self.synapse.weight
        mask = inside.flatten().repeat(self.synapse.patches.field.channels)[None, :, None].expand_as(weight)
        connected = self.synapse.connections.connected
        self.synapse.connections.connected = mask.clone() if connected is None else connected & mask
        self.synapse.constrain()

    def forward(
        self,
        events: Tensor,
        *,
        before: int = 0,
        stride: tuple[int, int, int] = (1, 1, 1),
        field: tuple[int, int] | None = None,
    ) -> Tensor:
        """Return the evidence (step, batch, row, column, class), without positions whose kernel leaves the field.

        Args:
            events: Events (time, batch, row · column · polarity).
            before: Number of steps at the beginning without evidence.
            stride: Steps, rows and columns from one evidence to the next.
            field: Rows and columns of the events; None for those of the layer.
        """
        geometry = self.synapse.geometry(before, stride)
        if field is not None:
            geometry = geometry._replace(height=field[0], width=field[1])
        kernel = self.synapse.event_kernel()
        events = events.to(kernel.dtype)
        few = self.form != "events" or dispatch.of_delayed_conv(events, self.synapse.weight) == "events"
        return FORMS[self.form if few else "time"](events, kernel, geometry) + self.bias

    def decision(self, evidence: Tensor, *, kind: str = "multinomial") -> Tensor:
        """Return the log probability of each class by all positions, (step, batch, class).

        Args:
            evidence: Evidence (step, batch, row, column, class).
            kind: "multinomial", or "binary" for each class by itself.
        """
        logs = log_posterior(evidence, kind=kind).flatten(2, 3)
        if self.pooling == "mixture":
            return logs.logsumexp(2) - math.log(logs.shape[2])
        votes = torch.log(logs.exp() + self.log_floor.exp()).mean(2)
        return functional.log_softmax(self.log_gain.exp() * votes, -1)

    def constrain(self) -> None:
        """Bring delays back into their range; called after each optimizer step."""
        self.synapse.constrain()


def log_posterior(evidence: Tensor, *, kind: str = "multinomial") -> Tensor:
    """Return the logarithm of the probability of each class at every position, as the evidence.

    Args:
        evidence: Evidence (..., class).
        kind: "multinomial", or "binary" for each class by itself.
    """
    known(kind, KINDS, "kind of regression")
    return functional.log_softmax(evidence, -1) if kind == "multinomial" else functional.logsigmoid(evidence)


KINDS = ("multinomial", "binary")
POOLINGS = ("product", "mixture")


def accumulated(log_posterior: Tensor) -> Tensor:
    """Return the sum of log probabilities up to each step, (step, batch, class).

    Args:
        log_posterior: Logarithm of the probabilities of each step, (step, batch, class).
    """
    return log_posterior.cumsum(0)


def winner_spikes(evidence: Tensor, threshold: float | Tensor) -> Tensor:
    """Return the spikes of winners above a threshold, bool (..., class): at most one class at a position.

    Args:
        evidence: Evidence (..., class).
        threshold: The least evidence of a spike.
    """
    winner = functional.one_hot(evidence.argmax(-1), evidence.shape[-1]).bool()
    return winner & (evidence >= threshold)


def threshold_for_rate(evidence: Tensor, rate_hz: float, *, time_step_ms: float) -> float:
    """Return the threshold at which a class at a position sends spikes at a mean rate.

    Args:
        evidence: Evidence of recordings to choose it by, (..., class).
        rate_hz: Mean number of spikes per second of a class at a position.
        time_step_ms: Length of a step.

    Raises:
        ValueError: If winners alone cannot have that rate.
    """
    real(rate_hz, who="threshold_for_rate", name="rate_hz", above=0)
    highest = evidence.amax(-1).flatten()
    count = round(rate_hz * time_step_ms / 1000 * evidence.numel())
    if not 0 < count <= len(highest):
        most = len(highest) * 1000 / (time_step_ms * evidence.numel())
        raise ValueError(
            f"threshold_for_rate: with one winner at each position the rate of {evidence.shape[-1]} classes is at most "
            f"{most:g} Hz, and one spike at least is needed; got {rate_hz} Hz; take another rate or more recordings"
        )
    return float(highest.topk(count).values[-1])
