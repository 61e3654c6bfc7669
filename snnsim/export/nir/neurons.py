"""Neurons of NIR and of Programs: those of other libraries as populations, and populations as LIF and LI.

NIR as a population: forward Euler, with spikes that are currents of 1 for a step

    LIF, LI      β = 1 − dt/τ    gain r dt/τ    bias v_leak dt/τ
    IF, I        β = 1           gain r dt, and 1 where r is 1 everywhere
    CubaLIF/LI   as LIF and LI with τ_mem, after a synapse of their own:  i ← α i + (w_in dt/τ_syn) x,  α = 1 − dt/τ_syn
    Threshold    β = 0           gain 1

    v_reset = c ≠ 0:  v' = v − c    θ' = θ − c    bias' = bias − (1 − β) c

A population as NIR, and back

    NIR      τ dv/dt = (v_leak − v) + r I,  fires at v > θ      forward Euler:  v ← v (1 − dt/τ) + (r dt/τ) I
    Program  v ← β v + I,  fires at v ≥ θ                       τ = dt / (1 − β)      r = τ / dt

    r = 1 (`resistance` one)     weights and biases are multiplied by τ / dt, as backends without r need it
    one θ for all (`relay`)      and by θ̂ / θ, θ̂ the largest, as backends with one threshold per layer need it

Names    gain of a neuron: the factor of its weights
Units    dt, τ in seconds · written θ lie just below the Program's, so that > of float32 is its ≥; half a unit below for
         integers
Differs  read θ are the next larger float64, as NIR fires at v > θ and a Program at v ≥ θ; neurons start at v_reset; the
         synapse of a Cuba neuron acts on the membrane within the step, as in snnTorch, SpikingJelly and Norse; r = 1 of
         IF and I is no scaling in files of snnTorch, sinabs and Norse, and not a current; β = 1 is τ = 2⁶⁰ dt, at which
         no float sees a leak; a readout of the relay encoding is a LIF whose threshold is out of reach, as backends
         know no LI
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from snnsim.export.nir.graph import Node
from snnsim.export.nir.hdf5 import narrow, printable
from snnsim.program import Edge, FixedPoint, Population, Program
from snnsim.program.parts import ARRAYS, array_in_file, model_in_file
from snnsim.quantization import dequantized

OUT_OF_REACH = 2.0**100
_SLOWEST = 2.0**60

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
            model: Model of neurons with a threshold; others are a readout.
        """
        model = model if self.fires else "readout"
        return Population(name, model, self.decay, self.threshold, self.bias + bias, np.ones(self.size))


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
    return _neurons(1 - 1 / steps, (gain, numbers["v_leak"] / steps, alpha), numbers)


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
    """Return neurons of a decay, of gain, bias and share of the synapse (`arrays`), and of a node's parameters.

    Raises:
        ValueError: If a threshold is not above v_reset, or a parameter is not finite.
    """
    gain, bias, synapse = arrays
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
    return Neurons(shape or (1,), fires, decay, gain, bias, threshold, synapse)


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


@dataclass(frozen=True)
class Options:
    """The options of a written graph."""

    encoding: str
    step: float
    """Seconds of a step in the file."""
    resistance: str
    """`euler`, r = τ / dt, or `one`."""

    @property
    def common_primitives(self) -> bool:
        """Whether all nodes must be of kinds that every importer knows."""
        return self.encoding == "relay"


@dataclass(frozen=True, eq=False)
class Scale:
    """The numbers of a population in a graph."""

    ours: Population
    fixed: FixedPoint | None
    options: Options

    @cached_property
    def floats(self) -> Population:
        """The population in floats, in units of its integers if it has any."""
        alone = Program(channels=1, populations=(self.ours,), edges=(), time_step_ms=1.0, fixed=self.fixed)
        return dequantized(alone, units="integer").populations[0]

    @cached_property
    def tau(self) -> np.ndarray:
        """Time constants in steps (neuron,)."""
        with np.errstate(divide="ignore"):
            return np.minimum(1 / (1 - self.floats.decay), _SLOWEST)

    @cached_property
    def gain(self) -> np.ndarray:
        """The factor of each neuron's weights and bias (neuron,)."""
        gain = self.tau if self.options.resistance == "one" else np.ones(self.ours.size)
        if self.options.common_primitives and self.ours.fires:
            gain = gain * (self.threshold.max() / self.threshold)
        return gain

    @cached_property
    def threshold(self) -> np.ndarray:
        """Thresholds at which > and ≥ are the same (neuron,)."""
        threshold = self.floats.threshold
        if self.fixed is not None:
            return threshold
        short = threshold.astype(np.float32)
        return np.where(short < threshold, short, np.nextafter(short, np.float32(-np.inf))).astype(np.float64)

    @property
    def bias(self) -> np.ndarray:
        """Biases for the file (neuron,)."""
        return np.asarray(self.floats.bias * self.gain)

    def node(self) -> Node:
        """Return the node of the population; its metadata hold the Program's own numbers."""
        ours, ones = self.ours, np.ones(self.ours.size)
        rows = {
            "tau": self.tau * self.options.step,
            "r": ones if self.options.resistance == "one" else self.tau,
            "v_leak": 0 * ones,
        }
        if ours.fires:
            rows["v_threshold"] = self.threshold.max() * ones if self.options.common_primitives else self.threshold
        elif self.options.common_primitives:
            rows["v_threshold"] = OUT_OF_REACH * ones
        arrays = {array_in_file(name): getattr(ours, name) for name in ARRAYS}
        kind = "LIF" if "v_threshold" in rows else "LI"
        numbers = {name: narrow(row) for name, row in rows.items()}
        return Node(kind, numbers, {"population": printable(ours.name), "rule": model_in_file(ours.model), **arrays})

    def weights(self, edge: Edge) -> tuple[np.ndarray, np.ndarray]:
        """Return an edge's weights for the file, and their residuals when they are scaled back, (synapse,) each.

        Args:
            edge: Edge of the Program that leads to the population.
        """
        weight = edge.weight.astype(np.float64) * self._unit * self.gain[edge.post]
        return weight, edge.weight - self.scale_back(weight, edge.post)

    def scale_back(self, weight: np.ndarray, post: np.ndarray) -> np.ndarray:
        """Return weights of the file as the Program's, rounded if it is in integers.

        Args:
            weight: Weights (synapse,).
            post: Their target neurons (synapse,).
        """
        weight = weight / self.gain[post] / self._unit
        return weight if self.fixed is None else np.rint(weight)

    @property
    def _unit(self) -> float:
        return 1.0 if self.fixed is None else 2.0**self.fixed.weight_shift


def read_population(node: Node, name: str, model: str) -> Population:
    """Return the population of a node of `Scale.node`.

    Args:
        node: The node.
        name: The population's name.
        model: Its model.

    Raises:
        ValueError: If the node is of another population.
    """
    if node.metadata["population"] != printable(name) or node.metadata["rule"] != model_in_file(model):
        raise ValueError(f"its node of the population {name!r} is another's")
    return Population(name, model, *(node.metadata[array_in_file(each)] for each in ARRAYS))
