"""Neurons with two state variables, a voltage and a second one: the form that adaptive and current-based neurons share.

    y[t] = I[t] + f w[t−1]
    u[t] = β v[t−1] + e y[t]
    s[t] = Θ(u[t] − (θ + κ w[t−1]))
    v[t] = u[t] (1 − s[t])  (hard)   or   v[t] = u[t] − (θ + κ w[t−1]) s[t]  (soft)
    w[t] = ρ w[t−1] + a v[t] + b s[t] + c y[t]

A model says its coefficients; most of them are 0 or 1, whose products are exact.

| model   | second variable  | f  | β | e     | κ | ρ | a          | b          | c |
| AdLIF   | adaptation       | −1 | α | 1 − α | 0 | ρ | (1 − ρ) qa | (1 − ρ) qb | 0 |
| SiLIF   | adaptation       | −1 | α | 1 − α | 0 | ρ | a          | b + a θ    | 0 |
| ALIF    | threshold        | 0  | β | 1     | 1 | ρ | 0          | b          | 0 |
| CubaLIF | synaptic current | α  | β | e     | 0 | 0 | 0          | 0          | 1 |

Shapes   I, s, u (time, ..., neuron) · v, w (..., neuron) · coefficients (1,) or (neuron,)
Names    u membrane before the reset · v voltage after it · w second variable
"""

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from snnsim import validation
from snnsim.kernels.common import dispatch
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron.autograd import Reset
from snnsim.kernels.neuron.two_state import two_state
from snnsim.kernels.neuron.two_state_types import Coefficients
from snnsim.nn.neuron_state import Activity, TwoStateForm, each_neuron
from snnsim.nn.parameters import Bounded
from snnsim.nn.protocols import DEFAULTS, Neuron, NeuronOptions
from snnsim.surrogate import Surrogate, as_surrogate

RESETS = ("hard", "soft")


class TwoState(NamedTuple):
    """The state of neurons with two variables."""

    voltage: Tensor
    """v, (..., neuron)."""
    second: Tensor
    """w, (..., neuron): the adaptation, the rise of the threshold, or the synaptic current."""


class TwoStateNeuron(Neuron[TwoState]):
    """A model of neurons with two state variables; it says its coefficients.

    Args:
        threshold: Membrane at which a neuron fires, itself included.
        reset: "hard", to 0, or "soft", by subtraction of the threshold.
        detach_reset: Whether gradients skip the reset.
        surrogate: Name of a surrogate derivative, or a `Surrogate`.
    """

    program_model: str
    """Name of the model in a Program, without its reset."""
    threshold: Tensor

    def __init__(self, *, threshold: float, reset: str, detach_reset: bool, surrogate: str | Surrogate) -> None:
        super().__init__()
        who = type(self).__name__
        validation.one_of(reset, RESETS, who=who, name="reset")
        level = validation.positive(threshold, who=who, name="threshold")
        detached = validation.truth(detach_reset, who=who, name="detach_reset")
        self.register_buffer("threshold", torch.full((1,), level), persistent=False)
        self.surrogate = as_surrogate(surrogate, who=who)
        self.reset = Reset(reset == "hard", detached, self.surrogate)

    @abstractmethod
    def coefficients(self) -> Coefficients[Tensor]:
        """Return the coefficients of the equations, (1,) or (neuron,) each."""

    def rest(self, current: Tensor) -> TwoState:
        """Return the state at rest, of zeros (..., neuron).

        Args:
            current: The currents (time, ..., neuron), whose shape, type and device the state has.
        """
        return TwoState(current.new_zeros(current.shape[1:]), current.new_zeros(current.shape[1:]))

    def firing_threshold(self) -> Tensor:
        """Return θ, (1,), the threshold of a neuron at rest."""
        return self.threshold

    def supports_fused(self, current: Tensor) -> bool:
        """Return whether a compiled kernel computes these currents.

        Args:
            current: The currents (time, ..., neuron), whose type and device count.
        """
        return dispatch.of_neurons(current) != "steps"

    def fused(
        self, current: Tensor, state: TwoState | None = None, options: NeuronOptions = DEFAULTS
    ) -> Activity[TwoState]:
        """Return the activity of a sequence by the compiled kernel, for currents that `supports_fused` accepts.

        Args:
            current: The currents, (time, ..., neuron).
            state: Voltage and second variable before the first step; None for rest.
            options: Gradient path, normalization and dropout; there are no draws.
        """
        voltage, second = self.initial_state(current, state)
        lanes = current.reshape(len(current), -1, current.shape[-1])
        fired = two_state(
            lanes,
            voltage.reshape(lanes.shape[1:]),
            second.reshape(lanes.shape[1:]),
            each_neuron(self.coefficients(), current),
            reset=self.reset,
            norm=options.norm,
            lengths=options.valid,
            mask=options.mask,
            record=options.record,
            temporal=options.temporal,
        )
        last = (part.view(current.shape[1:]) for part in (fired.v, fired.w))
        last = last if options.temporal else (part.detach() for part in last)
        membrane = None if fired.membrane is None else fired.membrane.view(current.shape)
        return Activity(fired.spikes.view(current.shape), membrane, TwoState(*last))

    def two_state_form(self, current: Tensor, state: TwoState | None) -> TwoStateForm:
        """Return the state and the coefficients.

        Args:
            current: The currents, (time, ..., neuron).
            state: The state before the first step; None for rest.
        """
        voltage, second = self.initial_state(current, state)
        return TwoStateForm(voltage, second, each_neuron(self.coefficients(), current), self.reset, TwoState)

    def advance(self, current: Tensor, state: TwoState, draws: Draws | None = None) -> tuple[Tensor, Tensor, TwoState]:  # noqa: ARG002
        """Return the spikes and the membrane of one step, and the state after it: the equations above.

        Args:
            current: The current of the step, (..., neuron).
            state: The state before the step.
            draws: Not used.
        """
        voltage, second = state
        neuron = Coefficients(*(part.to(current.dtype) for part in self.coefficients()))
        y = current + neuron.feedback * second
        membrane = neuron.beta * voltage + neuron.gain * y
        level = neuron.threshold + neuron.sensitivity * second
        spikes = self.surrogate.spike(membrane - level)
        resets = spikes.detach() if self.reset.detached else spikes
        voltage = membrane * (1 - resets) if self.reset.hard else membrane - level * resets
        second = neuron.rho * second + neuron.coupling * voltage + neuron.jump * spikes + neuron.intake * y
        return spikes, membrane, TwoState(voltage, second)

    def constrain(self) -> None:
        """Bring learned numbers back within their bounds; called after each optimizer step."""
        for part in self.modules():
            if isinstance(part, Bounded):
                part.constrain()

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        return f"reset={'hard' if self.reset.hard else 'soft'}, surrogate={self.surrogate}"
