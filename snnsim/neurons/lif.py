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

from snnsim.kernels import lif as kernel
from snnsim.neurons.decay import Decay, Learn
from snnsim.surrogate import Surrogate

RESETS = ("hard", "soft")


class LIF(nn.Module):
    """Leaky integrate-and-fire neurons; `lif(current)` gives the spikes of a whole sequence.

    Give the leak as `tau` in steps (β = 1 − 1/τ) or as `beta`; `learn_decay` says whether one value for the
    layer or one for each of `features` neurons is trained. `surrogate` is a name or a `Surrogate`.
    """

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
        if reset not in RESETS:
            raise ValueError(f"LIF: reset must be one of {', '.join(RESETS)}, not {reset!r}")
        if not threshold > 0:
            raise ValueError(f"LIF: threshold must be positive, not {threshold}")
        self.decay = Decay(tau=tau, beta=beta, learn=learn_decay, features=features)
        value = torch.full((1,), float(threshold))
        if learn_threshold:
            self.threshold = nn.Parameter(value)
        else:
            self.register_buffer("threshold", value, persistent=False)
        self.surrogate = Surrogate(surrogate) if isinstance(surrogate, str) else surrogate
        self.reset = kernel.Reset(reset == "hard", detach_reset, self.surrogate)

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes of a sequence that starts at rest."""
        return self.run(current)[0]

    def run(self, current: Tensor, voltage: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes of a sequence and the voltage after it, from the voltage before it (0 if None)."""
        spikes, membrane = self.trace(current, voltage)
        if len(current) == 0:
            return spikes, self.rest(current) if voltage is None else voltage
        return spikes, self._after_reset(membrane[-1], spikes[-1])

    def trace(self, current: Tensor, voltage: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes and the membrane before the reset, both (time, ..., neuron)."""
        voltage = self.rest(current) if voltage is None else voltage.to(current.dtype)
        voltage = voltage.expand(current.shape[1:])
        if current.numel() == 0:
            return current, current
        if not kernel.runs_compiled(current):
            return self._trace_by_steps(current, voltage)
        shape = (len(current), -1, current.shape[-1])
        beta = self.decay().to(current.dtype).expand(current.shape[-1]).contiguous()
        threshold = self.threshold.to(current.dtype).expand(current.shape[-1]).contiguous()
        flat = current.contiguous().view(shape)
        spikes, membrane = kernel.fire(flat, voltage.contiguous().view(shape[1:]), beta, threshold, reset=self.reset)
        return spikes.view_as(current), membrane.view_as(current)

    def step(self, current: Tensor, voltage: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes of one step and the voltage after it: the equations above, as they stand."""
        spikes, membrane = self._fire(current, torch.zeros_like(current) if voltage is None else voltage)
        return spikes, self._after_reset(membrane, spikes)

    def rest(self, current: Tensor) -> Tensor:
        """Return the voltage at rest for a sequence of currents."""
        return torch.zeros(current.shape[1:], dtype=current.dtype, device=current.device)

    def extra_repr(self) -> str:
        """Say the settings that `print(network)` should show."""
        return f"reset={'hard' if self.reset.hard else 'soft'}, surrogate={self.surrogate}"

    def _fire(self, current: Tensor, voltage: Tensor) -> tuple[Tensor, Tensor]:
        membrane = self.decay().to(current.dtype) * voltage + current
        return self.surrogate.spike(membrane - self.threshold.to(current.dtype)), membrane

    def _after_reset(self, membrane: Tensor, spikes: Tensor) -> Tensor:
        return kernel.after_reset(membrane, spikes, self.threshold.to(membrane.dtype), self.reset)

    def _trace_by_steps(self, current: Tensor, voltage: Tensor) -> tuple[Tensor, Tensor]:
        steps = []
        for now in current:
            spikes, membrane = self._fire(now, voltage)
            voltage = self._after_reset(membrane, spikes)
            steps.append((spikes, membrane))
        spikes, membranes = zip(*steps, strict=True)
        return torch.stack(spikes), torch.stack(membranes)
