"""A layer of spiking neurons whose synapses learn by spike timing while it runs, on events, piece by piece.

    v_j(t) = Σ_i w_ji Σ_{t_i > t_j} K(t − t_i) + η(t − t_j)              fires as v comes to θ from below, at t_j last
    η(t)   = θ (k₁ exp(−t / τ) − k₂ (exp(−t / τ) − exp(−t / τ_s)))       nothing of it with k₁ = k₂ = 0

K is the course of a single input, 1 at its peak (kernels/plasticity/psp.py); a spike takes away what all inputs
before it have left. Sources that fire weaken their synapses, targets that fire strengthen theirs, by
snnsim.learning.stdp.

Shapes   weight (target, source) · events step, source (event,), sorted by step · spikes step, target (spike,)
Units    times in steps · w, v, θ in heights of a single input
Source   Masquelier, Guyonneau & Thorpe 2008, PLoS ONE 3:e1377, after the spike response model of Gerstner
"""

import math
from dataclasses import dataclass

import numpy as np

from snnsim.kernels.plasticity import psp, stdp
from snnsim.learning.stdp import STDP
from snnsim.validation import integer, integers, numbers, positive, real

MOST = 2**31
"""Steps times neurons of one call: so many spikes there is room for."""


@dataclass(frozen=True)
class Neurons:
    """How the neurons of a layer integrate and fire."""

    tau: float
    """Time constant of the fall, in steps."""
    tau_s: float
    """Time constant of the rise, in steps."""
    threshold: float
    """θ."""
    after: tuple[float, float] = (0.0, 0.0)
    """k₁ and k₂ of what follows a spike."""

    def __post_init__(self) -> None:
        psp.scale(self.tau, self.tau_s)
        positive(self.threshold, who="Neurons", name="threshold")
        if len(self.after) != 2:
            raise ValueError(f"Neurons: after must be two numbers, k1 and k2, not {len(self.after)}")
        for name, value in zip(("k1", "k2"), self.after, strict=True):
            real(value, who="Neurons", name=name)

    def numbers(self) -> stdp.Membranes:
        """Return the neurons as their kernel takes them."""
        peak, (first, second) = psp.scale(self.tau, self.tau_s), self.after
        back = self.threshold / peak
        decays = math.exp(-1 / self.tau), math.exp(-1 / self.tau_s)
        return stdp.Membranes(*decays, peak, float(self.threshold), back * (first - second), -back * second)


@dataclass(frozen=True)
class State:
    """A layer between two pieces of a stream."""

    weight: np.ndarray
    membrane: np.ndarray
    """Both exponentials and the voltage of every neuron, (target, 3)."""
    traces: tuple[np.ndarray, np.ndarray]
    """Those of sources and targets."""
    step: int = 0
    """Steps that have been."""


def at_rest(weight: np.ndarray) -> State:
    """Return a layer with these weights (target, source) before any spike."""
    weight = numbers(weight, who="plastic", name="weights").copy()
    if weight.ndim != 2:
        raise ValueError(f"plastic: weights must be (target, source); got shape {weight.shape}")
    targets, sources = weight.shape
    return State(weight, np.zeros((targets, 3)), (stdp.silent(sources), stdp.silent(targets)))


def run(
    state: State, events: tuple[np.ndarray, np.ndarray], steps: int, *, neurons: Neurons, rule: STDP
) -> tuple[State, tuple[np.ndarray, np.ndarray]]:
    """Return the layer after `steps` steps more, and the step and target of its spikes.

    Steps, those of the events (step, source) too, are counted from the beginning of the stream.
    """
    step, source = (
        integers(part, who="plastic", name=name) for name, part in zip(("steps", "sources"), events, strict=True)
    )
    steps = integer(steps, who="plastic", name="steps", at_least=0, at_most=MOST)
    after = _copied(state, steps)
    _check(state, step, source, steps)
    # a neuron fires at most once a step
    room = steps * len(state.weight)
    fired = stdp.Spikes(np.empty(room, np.int64), np.empty(room, np.int64))
    count = stdp.run(
        after.weight, stdp.Spikes(step, source), state.step, after.step, neurons.numbers(), after.membrane,
        stdp.Traces(*after.traces), rule.numbers(), fired,
    )  # fmt: skip
    return after, (fired.step[:count].copy(), fired.node[:count].copy())


def _copied(state: State, steps: int) -> State:
    """Return a state in arrays of its own, as the kernel takes them, `steps` steps later."""
    weight = numbers(state.weight, who="plastic", name="weights", axes=2).copy()
    targets, sources = weight.shape
    if steps * targets > MOST:
        raise ValueError(f"plastic: {steps} steps of {targets} neurons must be {MOST} or fewer; run them in pieces")
    shapes = {"membrane": (targets, 3), "traces of sources": (sources, 2), "traces of targets": (targets, 2)}
    found = {}
    for (name, shape), part in zip(shapes.items(), (state.membrane, *state.traces), strict=True):
        found[name] = numbers(part, who="plastic", name=name, axes=2).copy()
        if found[name].shape != shape:
            raise ValueError(f"plastic: {name} must be of shape {shape} with these weights, not {found[name].shape}")
    begun = integer(state.step, who="plastic", name="step", at_least=0, at_most=2**53)
    membrane, *traces = found.values()
    return State(weight, membrane, (traces[0], traces[1]), begun + steps)


def _check(state: State, step: np.ndarray, source: np.ndarray, steps: int) -> None:
    if step.shape != source.shape or np.any(np.diff(step) < 0):
        raise ValueError("plastic: every event needs a step and a source, sorted by step")
    inside = len(step) == 0 or (state.step <= step[0] and step[-1] < state.step + steps)
    known = len(step) == 0 or (source.min() >= 0 and source.max() < state.weight.shape[1])
    if not inside or not known:
        raise ValueError(
            f"plastic: events must lie in steps {state.step} to {state.step + steps - 1}, of sources 0 to "
            f"{state.weight.shape[1] - 1}; they lie in {step[0]} to {step[-1]}, of {source.min()} to {source.max()}"
        )
