"""LIF neurons that learn their threshold and their leak, with the membrane in units of the threshold.

    u[t] = λ v[t−1] + I[t]        z = u / θ − 1        s[t] = Θ(z)
    v[t] = u[t] − θ s[t]  (soft)  or  u[t] (1 − s[t])  (hard); gradients skip the reset

The surrogate slope is taken at z, so its width is in thresholds, and θ has a gradient through z as well as through the
reset. The leak λ is the parameter itself, from 0 to 1, and may start at 1, which a sigmoid never reaches.

Shapes   I, s, u (time, ..., neuron) · θ, λ (1,)
Units    I, u, v in units of the weights · θ in the same units
Source   N. Rathi & K. Roy 2021, DIET-SNN (IEEE TNNLS, arXiv 2008.03658); S. Chowdhury, N. Rathi & K. Roy 2022, One
         Timestep is All You Need (ECCV, arXiv 2110.05929)
Differs  published: the triangle times 0.3, s = 1 for z > 0; here Θ(0) = 1. Adam takes a common factor of all slopes out
"""

import torch
from torch import Tensor

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron import autograd
from snnsim.kernels.neuron.autograd import Statistics
from snnsim.nn.lif import LIF, flat, shaped
from snnsim.nn.neuron_state import Activity, TwoStateForm
from snnsim.nn.parameters import Bounded
from snnsim.nn.protocols import DEFAULTS, NeuronOptions, Normalization
from snnsim.surrogate import Surrogate


class ScaledLIF(LIF):
    """Leaky integrate-and-fire neurons with one learned threshold and one learned leak for the layer.

    Args:
        threshold: Membrane at which a neuron fires, at the start.
        leak: Share of the voltage that remains after a step, from 0 to 1, at the start.
        learn_threshold: Whether the threshold is trained.
        learn_leak: Whether the leak is trained.
        reset: "soft", by subtraction of the threshold, or "hard", to 0.
        surrogate: Name of a surrogate derivative, or a `Surrogate`; its width is in thresholds.
    """

    def __init__(
        self,
        *,
        threshold: float = 1.0,
        leak: float = 1.0,
        learn_threshold: bool = True,
        learn_leak: bool = True,
        reset: str = "soft",
        surrogate: str | Surrogate = "triangle",
    ) -> None:
        leak = validation.real(leak, who="ScaledLIF", name="leak", at_least=0, at_most=1)
        super().__init__(
            beta=leak, threshold=threshold, reset=reset, surrogate=surrogate, learn_threshold=learn_threshold
        )
        if validation.truth(learn_leak, who="ScaledLIF", name="learn_leak"):
            learned = Bounded((0.0, 1.0), name="leak", features=None)
            assert learned.share is not None  # noqa: S101 - bounds that differ are learned
            learned.share.data.fill_(leak)
            self.decay = learned  # type: ignore[assignment]

    def fused(
        self, current: Tensor, state: Tensor | None = None, options: NeuronOptions = DEFAULTS
    ) -> Activity[Tensor]:
        """Return the activity of a sequence by the compiled kernel: the current is scaled by 1 / θ in the same pass.

        Without gradients, the kernel compares the membrane itself with θ, as a Program does.

        Args:
            current: The currents, (time, ..., neuron).
            state: The voltage before the first step, (..., neuron); None for rest.
            options: Gradient path, normalization and dropout; there are no draws.
        """
        if not self._needs_gradient(current, state, *(options.norm or ())[:2]):
            return super().fused(current, state, options)
        threshold = self.firing_threshold().to(current.dtype)
        voltage, lanes = self.initial_state(current, state), flat(current)
        each = gates.each_neuron(1 / threshold, current, who="neurons", name="threshold")
        zero, one = torch.zeros_like(each), torch.ones_like(each)
        plain = Normalization(one, zero, Statistics(zero.detach(), one.detach(), 0.0, own=False))
        gamma, bias, statistics = options.norm or plain
        fired = autograd.lif(
            lanes,
            (voltage / threshold).reshape(lanes.shape[1:]),
            gates.each_neuron(self.decay(), current, who="neurons", name="decay"),
            one,
            reset=self.reset,
            norm=(gamma * each, bias * each, statistics),
            lengths=options.valid,
            mask=options.mask,
            record=options.record,
            temporal=options.temporal,
        )
        activity = shaped(fired, current)
        membrane = None if activity.membrane is None else activity.membrane * threshold
        return activity._replace(membrane=membrane, state=activity.state * threshold)

    def two_state_form(self, current: Tensor, state: Tensor | None) -> TwoStateForm | None:
        """Return LIF neurons as those with a second variable that stays 0; None for gradients, which are others.

        Args:
            current: The currents, (time, ..., neuron).
            state: The voltage before the first step; None for rest.
        """
        return None if self._needs_gradient(current, state) else super().two_state_form(current, state)

    def _needs_gradient(self, *inputs: Tensor | None) -> bool:
        """Return whether inputs or parameters need gradients, which are those of z."""
        needed = (*inputs, self.firing_threshold(), *self.decay.parameters())
        return torch.is_grad_enabled() and any(one is not None and one.requires_grad for one in needed)

    def advance(self, current: Tensor, state: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Return the spikes and the membrane of one step, and the voltage after it: the equations above.

        Args:
            current: The current of the step, (..., neuron).
            state: The voltage before the step.
            draws: Not used.
        """
        threshold = self.firing_threshold().to(current.dtype)
        membrane = self.decay().to(current.dtype) * state + current
        spikes = self.surrogate.spike(membrane / threshold - 1)
        resets = spikes.detach()
        if self.reset.hard:
            return spikes, membrane, membrane * (1 - resets)
        return spikes, membrane, membrane - threshold * resets

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring a learned threshold back above 0, and a learned leak between 0 and 1; called after each step."""
        super().constrain()
        if isinstance(self.decay, Bounded):
            self.decay.constrain()
