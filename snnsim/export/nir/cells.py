"""The neurons of NIR as populations of a Program: forward Euler, with spikes that are currents of 1 for a step.

    LIF, LI      β = 1 − dt/τ    gain r dt/τ    bias v_leak dt/τ
    IF, I        β = 1           gain r dt, and 1 where r is 1 everywhere
    CubaLIF/LI   as LIF and LI with τ_mem, after a synapse of their own:  i ← α i + (w_in dt/τ_syn) x,  α = 1 − dt/τ_syn
    Threshold    β = 0           gain 1

    v_reset = c ≠ 0:  v' = v − c    θ' = θ − c    bias' = bias − (1 − β) c

Names    gain: what arriving weights are multiplied by
Units    dt, τ in seconds
Differs  θ is the next larger float64, as NIR fires at v > θ and we at v ≥ θ; neurons start at v_reset; the synapse of a
         Cuba neuron acts on the membrane within the step, as in snnTorch, SpikingJelly and Norse; r = 1 of IF and I
         stands for no scaling in files of snnTorch, sinabs and Norse, and not for a current
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsim.program import Population

Numbers = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Cells:
    """Neurons, and how they take what arrives."""

    shape: tuple[int, ...]
    fires: bool
    decay: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray
    synapse: np.ndarray
    """α, the share of a synapse's current that is kept over a step; 0 where there is none."""
    note: str = ""
    """What one should know of how these neurons were read."""

    @property
    def size(self) -> int:
        """Number of neurons."""
        return len(self.decay)

    def population(self, name: str, bias: np.ndarray, *, fired: str = "lif_hard") -> Population:
        """Return the population, with a bias besides its own; `fired` is the model of neurons with a threshold."""
        model = fired if self.fires else "readout"
        return Population(name, model, self.decay, self.threshold, self.bias + bias, np.ones(self.size))


def cells(kind: str, numbers: Numbers, step: float, *, reset: str = "value") -> Cells:
    """Return the neurons of a node; raises ValueError where a Program has none like them.

    Args:
        kind: The node's type.
        numbers: Its parameters.
        step: Seconds per step.
        reset: `value`, or `subtract`, which takes the threshold away and asks for a v_reset of 0.
    """
    given = {name: np.asarray(value, np.float64) for name, value in numbers.items()}
    if reset == "subtract" and np.any(given.get("v_reset", 0)):
        raise ValueError("its v_reset must be 0 where the threshold is subtracted")
    with np.errstate(all="ignore"):
        # what is not finite is refused
        return CELLS[kind](given, step)


def _leaky(numbers: Numbers, step: float, *, membrane: str = "tau", synapse: str | None = None) -> Cells:
    steps = _steps(numbers, membrane, step)
    gain, alpha = numbers["r"] / steps, np.zeros_like(steps)
    if synapse is not None:
        kept = _steps(numbers, synapse, step)
        gain, alpha = gain * numbers.get("w_in", 1.0) / kept, 1 - 1 / kept
    return _made(1 - 1 / steps, (gain, numbers["v_leak"] / steps, alpha), numbers)


def _cuba(numbers: Numbers, step: float) -> Cells:
    return _leaky(numbers, step, membrane="tau_mem", synapse="tau_syn")


def _integrator(numbers: Numbers, step: float) -> Cells:
    r, nothing = numbers["r"], np.zeros_like(numbers["r"])
    plain = bool((r == 1).all())
    made = _made(np.ones_like(r), (r if plain else r * step, nothing, nothing), numbers)
    far = f"its r is from {r.min():g} to {r.max():g}" if r.size else "it has no r"
    return made if plain else replace(made, note=f"what arrives is scaled by r dt, as {far}; r of 1 everywhere is not")


def _threshold(numbers: Numbers, step: float) -> Cells:
    del step
    limit = numbers["threshold"]
    nothing = np.zeros_like(limit)
    return _made(nothing, (np.ones_like(limit), nothing, nothing), {"v_threshold": limit})


def _made(decay: np.ndarray, rest: tuple[np.ndarray, np.ndarray, np.ndarray], numbers: Numbers) -> Cells:
    gain, bias, synapse = rest
    fires, shape = "v_threshold" in numbers, decay.shape
    limit = numbers["v_threshold"] if fires else np.ones(shape)
    start = numbers.get("v_reset", np.zeros(shape)) if fires else np.zeros(shape)
    threshold = np.nextafter(limit - start, np.inf) if fires else limit
    if fires and not (threshold > 0).all():
        raise ValueError("its v_threshold must lie above v_reset, or it would fire in every step")
    rows = (decay, gain, bias - (1 - decay) * start, threshold, synapse)
    if not all(np.isfinite(row).all() for row in rows):
        raise ValueError("its parameters must be finite")
    decay, gain, bias, threshold, synapse = (np.broadcast_to(row, shape).reshape(-1) for row in rows)
    return Cells(shape or (1,), fires, decay, gain, bias, threshold, synapse)


def _steps(numbers: Numbers, name: str, step: float) -> np.ndarray:
    steps = numbers[name] / step
    # a time constant of a step, rounded on its way through float32, is a step
    steps = np.where(np.abs(steps - 1) < 1e-6, 1.0, steps)
    if not (steps >= 1).all():
        raise ValueError(
            f"its {name} must be at least dt ({step:g} s), not {numbers[name].min():g} s; use a smaller dt"
        )
    return steps


CELLS: dict[str, Callable[[Numbers, float], Cells]] = {
    "LIF": _leaky,
    "LI": _leaky,
    "IF": _integrator,
    "I": _integrator,
    "CubaLIF": _cuba,
    "CubaLI": _cuba,
    "Threshold": _threshold,
}
