"""Leaky integrate-and-fire: decay over one step, add the current, fire, reset.

    u[t] = β v[t−1] + I[t]        β = 1 − 1/τ, τ in steps, or β itself
    s[t] = Θ(u[t] − θ)            Θ(0) = 1
    v[t] = u[t] (1 − s[t])        reset="hard", to 0
    v[t] = u[t] − θ s[t]          reset="soft", by subtraction

Shapes   I, s, u (time, ..., neuron) · v (..., neuron) · β, θ (1,) or (neuron,)
Units    I, u, v in units of θ (1 by default) · τ in steps of the simulation
Names    u membrane before the reset · v voltage after it · I current · s spikes · β decay · θ threshold
Differs  spikingjelly's LIFNode equals this with decay_input=False and the same tau; with its default
         decay_input=True its input counts 1/τ: give it τ times the current. Its default is detach_reset=False.
         snnTorch's Leaky equals this with the same beta, reset_delay=False and detach_reset=False here, as long
         as u < 2 θ: it does not fire at θ itself, and if v is above θ after a subtraction it subtracts again in
         the next step. With its default reset_delay=True, "subtract" takes θ off after the next leak: other spikes
"""

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.kernels.common import dispatch, gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron import autograd
from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.nn import settings
from snnsim.nn.decay import Decay
from snnsim.nn.neuron_state import Activity, TwoStateForm, each_neuron
from snnsim.nn.parameters import Learn
from snnsim.nn.protocols import DEFAULTS, Neuron, NeuronOptions
from snnsim.renamed import OldName
from snnsim.surrogate import Surrogate, as_surrogate

RESETS = ("hard", "soft")
LEAST = 0.01
"""A learned threshold stays above this share of its initial value: at 0, neurons fire in silence."""


class LIF(Neuron[Tensor]):
    """Leaky integrate-and-fire neurons; `lif(current)` gives the spikes of a whole sequence.

    Args:
        tau: Time constant of the leak in steps, β = 1 − 1/τ; give `tau` or `beta`, or neither for τ = 2.
        beta: Decay of the voltage over a step, from 0 to 1.
        threshold: Membrane at which a neuron fires, itself included.
        reset: "hard", to 0, or "soft", by subtraction of the threshold.
        detach_reset: Whether gradients skip the reset.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
        learn_decay: "fixed", or trained with one value for the "layer" or one for each "neuron".
        learn_threshold: Whether one threshold for the layer is trained.
        features: Number of neurons, needed for one decay for each neuron.
    """

    threshold: Tensor

    def __init__(  # noqa: PLR0913
        self,
        *,
        tau: float | None = None,
        beta: float | None = None,
        threshold: float = 1.0,
        reset: str = "hard",
        detach_reset: bool = True,
        surrogate: str | Surrogate = "atan",
        learn_decay: Learn = "fixed",
        learn_threshold: bool = False,
        features: int | None = None,
    ) -> None:
        super().__init__()
        validation.one_of(reset, RESETS, who="LIF", name="reset")
        start = validation.positive(threshold, who="LIF", name="threshold")
        detach_reset = validation.truth(detach_reset, who="LIF", name="detach_reset")
        self.decay = Decay(tau=tau, beta=beta, learn=learn_decay, features=features)
        self.least = start * LEAST
        settings.carry(self, reset=reset, **({} if learn_threshold else {"threshold": start}))
        if validation.truth(learn_threshold, who="LIF", name="learn_threshold"):
            self.threshold = nn.Parameter(torch.full((1,), start))
        else:
            self.register_buffer("threshold", torch.full((1,), start), persistent=False)
        self.surrogate = as_surrogate(surrogate, who="LIF")
        self.reset = autograd.Reset(reset == "hard", detach_reset, self.surrogate)

    def supports_fused(self, current: Tensor) -> bool:
        """Return whether a compiled kernel computes these currents.

        Args:
            current: The currents (time, ..., neuron), whose type and device count.
        """
        return dispatch.of_neurons(current) != "steps"

    def fused(
        self, current: Tensor, state: Tensor | None = None, options: NeuronOptions = DEFAULTS
    ) -> Activity[Tensor]:
        """Return the activity of a sequence by the compiled kernel, for currents that `supports_fused` accepts.

        Args:
            current: The currents, (time, ..., neuron).
            state: The voltage before the first step, (..., neuron); None for rest.
            options: Gradient path, normalization and dropout; there are no draws.
        """
        voltage = self.initial_state(current, state)
        lanes = flat(current)
        fired = autograd.lif(
            lanes,
            voltage.reshape(lanes.shape[1:]),
            gates.each_neuron(self.decay(), current, who="neurons", name="decay"),
            gates.each_neuron(self.firing_threshold(), current, who="neurons", name="threshold"),
            reset=self.reset,
            norm=options.norm,
            lengths=options.valid,
            mask=options.mask,
            record=options.record,
            temporal=options.temporal,
        )
        return shaped(fired, current)

    def two_state_form(self, current: Tensor, state: Tensor | None) -> TwoStateForm | None:
        """Return LIF neurons as those with a second variable that stays 0.

        Args:
            current: The currents, (time, ..., neuron).
            state: The voltage before the first step; None for rest.
        """
        voltage, beta, threshold = self.initial_state(current, state), self.decay(), self.firing_threshold()
        zero, one = torch.zeros_like(beta), torch.ones_like(beta)
        numbers = Coefficients(
            beta=beta, threshold=threshold, feedback=zero, gain=one, sensitivity=zero, rho=zero, coupling=zero,
            jump=zero, intake=zero,
        )  # fmt: skip
        return TwoStateForm(
            voltage, torch.zeros_like(voltage), each_neuron(numbers, current), self.reset, lambda v, _: v
        )

    def advance(self, current: Tensor, state: Tensor, draws: Draws | None = None) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Return the spikes and the membrane of one step, and the voltage after it: the equations above.

        Args:
            current: The current of the step, (..., neuron).
            state: The voltage before the step.
            draws: Not used.
        """
        membrane = self.decay().to(current.dtype) * state + current
        spikes = self.surrogate.spike(membrane - self.firing_threshold().to(current.dtype))
        resets = spikes.detach() if self.reset.detached else spikes
        if self.reset.hard:
            return spikes, membrane, membrane * (1 - resets)
        return spikes, membrane, membrane - self.firing_threshold().to(current.dtype) * resets

    def rest(self, current: Tensor) -> Tensor:
        """Return the voltage at rest, zeros (..., neuron).

        Args:
            current: The currents (time, ..., neuron), whose shape, type and device the voltage has.
        """
        return current.new_zeros(current.shape[1:])

    def firing_threshold(self) -> Tensor:
        """Return θ, (1,): the threshold, which never comes below a hundredth of its initial value."""
        return self.threshold.clamp(min=self.least) if isinstance(self.threshold, nn.Parameter) else self.threshold

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring a learned threshold back above 0; called after each optimizer step."""
        if isinstance(self.threshold, nn.Parameter):
            self.threshold.clamp_(min=self.least)

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return f"reset={'hard' if self.reset.hard else 'soft'}, surrogate={self.surrogate}"

    fire, level, compiled = OldName("integrate"), OldName("firing_threshold"), OldName("supports_fused")


def flat(current: Tensor) -> Tensor:
    """Return currents as (time, lane, neuron), the shape of the compiled kernels.

    Args:
        current: The currents, (time, ..., neuron).
    """
    return current.reshape(len(current), -1, current.shape[-1])


def shaped(fired: autograd.Fired, current: Tensor) -> Activity[Tensor]:
    """Return the result of a compiled kernel in the shape of its currents.

    Args:
        fired: Result of the kernel: spikes and membrane (time, lane, neuron), last voltage (lane, neuron).
        current: The currents before `flat`, (time, ..., neuron).
    """
    membrane = None if fired.membrane is None else fired.membrane.view(current.shape)
    return Activity(fired.spikes.view(current.shape), membrane, fired.last.view(current.shape[1:]))
