"""Populations as neurons of NIR, and back.

    NIR      τ dv/dt = (v_leak − v) + r I,  fires at v > θ      forward Euler:  v ← v (1 − dt/τ) + (r dt/τ) I
    Program  v ← β v + I,  fires at v ≥ θ                       τ = dt / (1 − β)      r = τ / dt

    NIR      τ_syn di/dt = −i + w_in x,  I = i       Euler:  i ← i (1 − dt/τ_syn) + (w_in dt/τ_syn) x    (CubaLIF)
    Program  w ← ρ w + I,  v ← β v + e w             τ_syn = dt / (1 − ρ)      w_in = τ_syn / dt      r = e τ / dt

    r = 1 (`resistance` one)     LIF: weights and biases are multiplied by τ / dt, as backends without r need it
    one θ for all (`relay`)      and by θ̂ / θ, θ̂ the largest, as backends with one threshold per layer need it
    r = τ / dt (`relay`)         CubaLIF: weights and biases are multiplied by e, as backends need this r

Names    gain of a neuron: the factor of its weights
Units    dt, τ in seconds · written θ lie just below the Program's, so that > of float32 is its ≥; half a unit below for
         integers
Differs  β = 1 is τ = 2⁶⁰ dt, at which no float sees a leak; a readout of the relay encoding is a LIF whose threshold is
         out of reach, as backends know no LI
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snnsim.export.nir.graph import Node
from snnsim.export.nir.hdf5 import narrow, printable
from snnsim.export.retiming import keeps_current
from snnsim.program import Edge, FixedPoint, Population, Program
from snnsim.program.parts import array_in_file, array_names, model_in_file
from snnsim.quantization import dequantized

OUT_OF_REACH = 2.0**100
_SLOWEST = 2.0**60


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
        return _steps(self.floats.decay)

    @property
    def _keeps_current(self) -> bool:
        """Whether the neurons have an exponential synapse."""
        return keeps_current(self.ours.model)

    @cached_property
    def gain(self) -> np.ndarray:
        """The factor of each neuron's weights and bias (neuron,)."""
        gain = np.ones(self.ours.size)
        if self._keeps_current:
            gain = self._strength if self.options.common_primitives else gain
        elif self.options.resistance == "one":
            gain = self.tau
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
        rows = self._time_constants() | {"v_leak": 0 * ones}
        if ours.fires:
            rows["v_threshold"] = self.threshold.max() * ones if self.options.common_primitives else self.threshold
        elif self.options.common_primitives:
            rows["v_threshold"] = OUT_OF_REACH * ones
        arrays = {array_in_file(name): getattr(ours, name) for name in ours.array_names}
        kind = "CubaLIF" if self._keeps_current else "LIF" if "v_threshold" in rows else "LI"
        numbers = {name: narrow(row) for name, row in rows.items()}
        return Node(kind, numbers, {"population": printable(ours.name), "rule": model_in_file(ours.model), **arrays})

    @property
    def _strength(self) -> np.ndarray:
        """Gains of synaptic currents (neuron,)."""
        return np.ones(self.ours.size) if self.floats.gain is None else self.floats.gain

    def _time_constants(self) -> dict[str, np.ndarray]:
        """Return time constants and resistances for the file (neuron,)."""
        step, ones = self.options.step, np.ones(self.ours.size)
        if self.floats.second_decay is None or not self._keeps_current:
            return {"tau": self.tau * step, "r": ones if self.options.resistance == "one" else self.tau}
        synapse = _steps(self.floats.second_decay)
        r = self.tau if self.options.common_primitives else self.tau * self._strength
        return {"tau_mem": self.tau * step, "tau_syn": synapse * step, "w_in": synapse, "r": r}

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
    return Population(name, model, **{each: node.metadata[array_in_file(each)] for each in array_names(model)})


def _steps(decay: np.ndarray) -> np.ndarray:
    """Return the time constants of decays, in steps (neuron,)."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(1 / (1 - decay), _SLOWEST))
