"""Neurons of NIR graphs of other libraries as populations: forward Euler, with spikes that are currents of 1 for a step

    LIF, LI      β = 1 − dt/τ    gain r dt/τ    bias v_leak dt/τ
    IF, I        β = 1           gain r dt, and 1 where r is 1 everywhere
    CubaLIF/LI   as LIF and LI with τ_mem, after a synapse of their own:  i ← α i + (w_in dt/τ_syn) x,  α = 1 − dt/τ_syn
                 a CubaLIF without leak and reset voltages is the model cuba_lif, whose gain is 1
    Threshold    β = 0           gain 1

    v_reset = c ≠ 0:  v' = v − c    θ' = θ − c    bias' = (v_leak − c) dt/τ

Names    gain of a neuron: the factor of its weights
Units    dt, τ in seconds
Differs  read θ are the next larger float64, as NIR fires at v > θ and a Program at v ≥ θ; neurons start at v_reset; the
         synapse of a Cuba neuron acts on the membrane within the step, as in snnTorch, SpikingJelly and Norse; r = 1 of
         IF and I is no scaling in files of snnTorch, sinabs and Norse, and not a current
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsim.program import Population

Numbers = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Neurons:
    """Neurons of a node, and the factors of their inputs; arrays are (neuron,)."""

    shape: tuple[int, ...]
    fires: bool
    decay: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    threshold: np.ndarray
    synapse: np.ndarray
    """α, the share of a synapse's current that a step keeps; 0 where there is no synapse."""
    current: np.ndarray | None = None
    """α of neurons whose model has the synapse; None for other models."""
    model: str = ""
    """Model of neurons with a threshold and without a synapse; empty for that of the import."""
    note: str = ""
    """A remark about how the parameters were read."""

    @property
    def size(self) -> int:
        """Number of neurons."""
        return len(self.decay)

    def population(self, name: str, bias: np.ndarray, *, model: str = "lif_hard") -> Population:
        """Return the population.

        Args:
            name: Its name.
            bias: Added to the neurons' own bias (neuron,).
            model: Model of neurons with a threshold and without a synapse; neurons without a threshold are a readout.
        """
        ones, bias = np.ones(self.size), self.bias + bias
        if self.current is None:
            return Population(name, model if self.fires else "readout", self.decay, self.threshold, bias, ones)
        model = model.replace("lif", "cuba_lif")
        second = {"gain": ones, "second_decay": self.current}
        return Population(name, model, self.decay, self.threshold, bias, ones, **second)

    def with_model(self) -> "Neurons":
        """Return the neurons with the model cuba_lif, if it has all of their parameters."""
        if not self.fires or not self.synapse.any() or self.bias.any():
            return self
        return replace(self, current=self.synapse, synapse=np.zeros(self.size))


def neurons_of(kind: str, numbers: Numbers, step: float, *, reset: str = "value") -> Neurons:
    """Return the neurons of a node.

    Args:
        kind: The node's type, a name of NEURONS.
        numbers: Its parameters.
        step: Seconds per step.
        reset: `value`, or `subtract`, which subtracts the threshold and needs a v_reset of 0.

    Raises:
        ValueError: If no population has such neurons.
    """
    arrays = {name: np.asarray(value, np.float64) for name, value in numbers.items()}
    if reset == "subtract" and np.any(arrays.get("v_reset", 0)):
        raise ValueError("its v_reset must be 0 where the threshold is subtracted")
    with np.errstate(all="ignore"):
        # numbers that are not finite are refused
        return NEURONS[kind](arrays, step)


def _leaky(numbers: Numbers, step: float, *, membrane: str = "tau", synapse: str | None = None) -> Neurons:
    steps = _time_constant_steps(numbers, membrane, step)
    gain, alpha = numbers["r"] / steps, np.zeros_like(steps)
    if synapse is not None:
        synapse_steps = _time_constant_steps(numbers, synapse, step)
        gain, alpha = gain * numbers.get("w_in", 1.0) / synapse_steps, 1 - 1 / synapse_steps
    # no rounding is left where v_leak is v_reset
    leak = (numbers["v_leak"] - _start(numbers)) / steps
    return _neurons(1 - 1 / steps, (gain, leak, alpha), numbers)


def _cuba(numbers: Numbers, step: float) -> Neurons:
    return _leaky(numbers, step, membrane="tau_mem", synapse="tau_syn")


def _integrator(numbers: Numbers, step: float) -> Neurons:
    r, zeros = numbers["r"], np.zeros_like(numbers["r"])
    unscaled = bool((r == 1).all())
    neurons = _neurons(np.ones_like(r), (r if unscaled else r * step, zeros, zeros), numbers)
    text = f"its r is from {r.min():g} to {r.max():g}" if r.size else "it has no r"
    if unscaled:
        return neurons
    return replace(neurons, note=f"inputs are scaled by r dt, as {text}; r of 1 everywhere is not")


def _threshold(numbers: Numbers, step: float) -> Neurons:
    del step
    threshold = numbers["threshold"]
    zeros = np.zeros_like(threshold)
    return _neurons(zeros, (np.ones_like(threshold), zeros, zeros), {"v_threshold": threshold})


def _neurons(decay: np.ndarray, arrays: tuple[np.ndarray, np.ndarray, np.ndarray], numbers: Numbers) -> Neurons:
    """Return neurons of a decay, of gain, bias around v_reset and share of the synapse (`arrays`), and of a node.

    Raises:
        ValueError: If a threshold is not above v_reset, or a parameter is not finite.
    """
    gain, bias, synapse = arrays
    fires, shape = "v_threshold" in numbers, decay.shape
    limit = numbers["v_threshold"] if fires else np.ones(shape)
    start = _start(numbers)
    threshold = np.nextafter(limit - start, np.inf) if fires else limit
    if fires and not (threshold > 0).all():
        raise ValueError("its v_threshold must lie above v_reset, or it would fire in every step")
    rows = (decay, gain, bias, threshold, synapse)
    if not all(np.isfinite(row).all() for row in rows):
        raise ValueError("its parameters must be finite")
    decay, gain, bias, threshold, synapse = (np.broadcast_to(row, shape).reshape(-1) for row in rows)
    return Neurons(shape or (1,), fires, decay, gain, bias, threshold, synapse)


def _start(numbers: Numbers) -> Any:
    """Return the voltage at which neurons start, and to which a spike sets them."""
    return numbers.get("v_reset", 0.0) if "v_threshold" in numbers else 0.0


def _time_constant_steps(numbers: Numbers, name: str, step: float) -> np.ndarray:
    steps = np.asarray(numbers[name] / step)
    # a time constant of a step, rounded on its way through float32, is a step
    steps = np.where(np.abs(steps - 1) < 1e-6, 1.0, steps)
    if not (steps >= 1).all():
        raise ValueError(
            f"its {name} must be at least dt ({step:g} s), not {numbers[name].min():g} s; use a smaller dt"
        )
    return steps


NEURONS: dict[str, Callable[[Numbers, float], Neurons]] = {
    "LIF": _leaky,
    "LI": _leaky,
    "IF": _integrator,
    "I": _integrator,
    "CubaLIF": _cuba,
    "CubaLI": _cuba,
    "Threshold": _threshold,
}
"""Types of nodes that are neurons, with the function that reads them."""
