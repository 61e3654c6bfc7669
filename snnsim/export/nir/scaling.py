"""Our neurons as NIR's, which are of continuous time, and back.

    NIR    τ dv/dt = (v_leak − v) + r I,  fires at v > θ       forward Euler:  v ← v (1 − dt/τ) + (r dt/τ) I
    ours   v ← β v + I,  fires at v ≥ θ                        τ = dt / (1 − β)      r = τ / dt

    r = 1 (`resistance` one)     weights and biases are multiplied by τ / dt, as importers that know no r need it
    one θ for all (`relay`)      and by θ̂ / θ, θ̂ the largest, as importers with one threshold per layer need it

Names    gain of a neuron: what its weights are multiplied by
Units    τ, dt in seconds · θ lies just below ours, so that > of float32 is our ≥; half a unit below it for integers
Differs  β = 1 is τ = 2⁶⁰ dt, at which no float sees a leak; a readout of the relay encoding is a LIF whose threshold is
         out of reach, as importers know no LI
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snnsim.export.dequantize import as_floats
from snnsim.export.nir.files import Node, narrow, printable
from snnsim.program import Edge, FixedPoint, Population, Program
from snnsim.program.parts import ARRAYS, array_in_file, model_in_file

OUT_OF_REACH = 2.0**100
_SLOWEST = 2.0**60


@dataclass(frozen=True)
class Options:
    """How a Program is written."""

    encoding: str
    step: float
    """Seconds that a step takes in the file."""
    resistance: str
    """`euler`, r = τ / dt, or `one`."""

    @property
    def plain(self) -> bool:
        """Whether all must be of kinds that importers know."""
        return self.encoding == "relay"


@dataclass(frozen=True, eq=False)
class Scale:
    """A population's numbers in the file."""

    part: Population
    fixed: FixedPoint | None
    options: Options

    @cached_property
    def floats(self) -> Population:
        """The population in floats, in units of its integers if it has any."""
        return as_floats_alone(self.part, self.fixed)

    @cached_property
    def tau(self) -> np.ndarray:
        """Time constants in steps."""
        with np.errstate(divide="ignore"):
            return np.minimum(1 / (1 - self.floats.decay), _SLOWEST)

    @cached_property
    def gain(self) -> np.ndarray:
        """What weights and biases of each neuron are multiplied by."""
        gain = self.tau if self.options.resistance == "one" else np.ones(self.part.size)
        if self.options.plain and self.part.fires:
            gain = gain * (self.limit.max() / self.limit)
        return gain

    @cached_property
    def limit(self) -> np.ndarray:
        """Thresholds at which a machine fires at > or ≥ alike."""
        limit = self.floats.threshold
        if self.fixed is not None:
            return limit
        short = limit.astype(np.float32)
        return np.where(short < limit, short, np.nextafter(short, np.float32(-np.inf))).astype(np.float64)

    @property
    def bias(self) -> np.ndarray:
        """Biases for the file."""
        return self.floats.bias * self.gain

    def neurons(self) -> Node:
        """Return the node of the population; its metadata hold the Program's own numbers."""
        part, ones = self.part, np.ones(self.part.size)
        rows = {
            "tau": self.tau * self.options.step,
            "r": ones if self.options.resistance == "one" else self.tau,
            "v_leak": 0 * ones,
        }
        if part.fires:
            rows["v_threshold"] = self.limit.max() * ones if self.options.plain else self.limit
        elif self.options.plain:
            rows["v_threshold"] = OUT_OF_REACH * ones
        ours = {array_in_file(name): getattr(part, name) for name in ARRAYS}
        kind = "LIF" if "v_threshold" in rows else "LI"
        numbers = {name: narrow(row) for name, row in rows.items()}
        return Node(kind, numbers, {"population": printable(part.name), "rule": model_in_file(part.model), **ours})

    def weights(self, edge: Edge) -> tuple[np.ndarray, np.ndarray]:
        """Return an edge's weights for the file, and what is missing in them when they are scaled back."""
        weight = edge.weight.astype(np.float64) * self._grid * self.gain[edge.post]
        return weight, edge.weight - self.back(weight, edge.post)

    def back(self, weight: np.ndarray, post: np.ndarray) -> np.ndarray:
        """Return weights of the file as the Program's, rounded to whole ones if it is in integers."""
        weight = weight / self.gain[post] / self._grid
        return weight if self.fixed is None else np.rint(weight)

    @property
    def _grid(self) -> float:
        return 1.0 if self.fixed is None else 2.0**self.fixed.weight_shift


def population(node: Node, name: str, model: str) -> Population:
    """Return the population of a node that `Scale.neurons` made."""
    if node.metadata["population"] != printable(name) or node.metadata["rule"] != model_in_file(model):
        raise ValueError(f"its node of the population {name!r} is another's")
    return Population(name, model, *(node.metadata[array_in_file(name)] for name in ARRAYS))


def as_floats_alone(part: Population, fixed: FixedPoint | None) -> Population:
    """Return a population as `as_floats` makes it."""
    alone = Program(channels=1, populations=(part,), edges=(), time_step_ms=1.0, fixed=fixed)
    return as_floats(alone).populations[0]
