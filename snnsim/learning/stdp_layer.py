"""A layer whose synapses learn by STDP while its neurons run, on events, chunk by chunk.

    v_j(t) = Σ_i w_ji Σ_{t_i > t_j} K(t − t_i) + η(t − t_j)              fires as v reaches θ from below, last at t_j
    η(t)   = θ (k₁ exp(−t / τ) − k₂ (exp(−t / τ) − exp(−t / τ_s)))       no effect with k₁ = k₂ = 0

K is the postsynaptic potential of an input, 1 at its peak (kernels/plasticity/psp.py); a spike erases the potentials of
all inputs before it. A spike of a source weakens its synapses, a spike of a target strengthens them, by
snnsim.learning.stdp. `scripts/meta/stdp.py` finds a repeating pattern with it, as Masquelier et al. do.

Shapes   weight (target, source) · events step, source (event,), sorted by step · spikes step, target (spike,)
Units    times in steps · w, v, θ in peaks of a single input
Source   Masquelier, Guyonneau & Thorpe 2008, PLoS ONE 3:e1377, after the spike response model of Gerstner
"""

import math
from dataclasses import dataclass

import numpy as np

from snnsim.kernels.plasticity import psp, stdp
from snnsim.learning.stdp import STDP
from snnsim.renamed import attributes
from snnsim.validation import integer, integers, numbers, positive, real

__getattr__ = attributes(__name__, {"at_rest": "initial_state"})
MOST = 2**31
"""Bound of steps times neurons in one call, the number of spikes that memory is reserved for."""


@dataclass(frozen=True)
class Neurons:
    """The neurons of a layer.

    Raises:
        ValueError: If a value is out of its range.
    """

    tau: float
    """Time constant of the fall, in steps."""
    tau_s: float
    """Time constant of the rise, in steps."""
    threshold: float
    """θ."""
    after: tuple[float, float] = (0.0, 0.0)
    """k₁ and k₂ of the membrane after a spike."""

    def __post_init__(self) -> None:
        psp.scale(self.tau, self.tau_s)
        positive(self.threshold, who="Neurons", name="threshold")
        if len(self.after) != 2:
            raise ValueError(f"Neurons: after must be two numbers, k1 and k2, not {len(self.after)}")
        for name, value in zip(("k1", "k2"), self.after, strict=True):
            real(value, who="Neurons", name=name)

    def numbers(self) -> stdp.Membranes:
        """Return the neurons as the argument of their kernel."""
        peak, (first, second) = psp.scale(self.tau, self.tau_s), self.after
        back = self.threshold / peak
        decays = math.exp(-1 / self.tau), math.exp(-1 / self.tau_s)
        return stdp.Membranes(*decays, peak, float(self.threshold), back * (first - second), -back * second)


@dataclass(frozen=True)
class State:
    """The state of a layer between two chunks of a stream."""

    weight: np.ndarray
    membrane: np.ndarray
    """Both exponentials and the voltage of every neuron, (target, 3)."""
    traces: tuple[np.ndarray, np.ndarray]
    """Traces of sources and targets."""
    step: int = 0
    """Number of steps so far."""


def initial_state(weight: np.ndarray) -> State:
    """Return the state of a layer before any spike.

    Args:
        weight: Initial weights (target, source), which are copied; in peaks of a single input.

    Raises:
        ValueError: If the weights have another shape.
    """
    weight = numbers(weight, who="stdp_layer", name="weights").copy()
    if weight.ndim != 2:
        raise ValueError(f"stdp_layer: weights must be (target, source); got shape {weight.shape}")
    targets, sources = weight.shape
    return State(weight, np.zeros((targets, 3)), (stdp.silent(sources), stdp.silent(targets)))


def run(
    state: State, events: tuple[np.ndarray, np.ndarray], steps: int, *, neurons: Neurons, rule: STDP
) -> tuple[State, tuple[np.ndarray, np.ndarray]]:
    """Return the state after a chunk of a stream, and the step and target of its spikes.

    Args:
        state: The state before the chunk; it is not changed.
        events: Step and source of the input spikes, each (event,), sorted by step; steps are counted from the beginning
            of the stream.
        steps: Number of steps of the chunk.
        neurons: The neurons.
        rule: The rule of STDP.

    Raises:
        ValueError: If events lie outside of the chunk, or are not sorted.
    """
    step, source = (
        integers(part, who="stdp_layer", name=name) for name, part in zip(("steps", "sources"), events, strict=True)
    )
    steps = integer(steps, who="stdp_layer", name="steps", at_least=0, at_most=MOST)
    after = _copied(state, steps)
    _check(state, step, source, steps)
    # a neuron fires at most once a step
    capacity = steps * len(state.weight)
    fired = stdp.Spikes(np.empty(capacity, np.int64), np.empty(capacity, np.int64))
    count = stdp.run(
        after.weight, stdp.Spikes(step, source), state.step, after.step, neurons.numbers(), after.membrane,
        stdp.Traces(*after.traces), rule.numbers(), fired,
    )  # fmt: skip
    return after, (fired.step[:count].copy(), fired.node[:count].copy())


def _copied(state: State, steps: int) -> State:
    """Return a copy of a state as arguments of the kernel, with the number of steps after the chunk.

    Raises:
        ValueError: If the chunk is too long, or a shape does not match.
    """
    weight = numbers(state.weight, who="stdp_layer", name="weights", axes=2).copy()
    targets, sources = weight.shape
    if steps * targets > MOST:
        raise ValueError(f"stdp_layer: {steps} steps of {targets} neurons must be {MOST} or fewer; run them in chunks")
    shapes = {"membrane": (targets, 3), "traces of sources": (sources, 2), "traces of targets": (targets, 2)}
    arrays = {}
    for (name, shape), values in zip(shapes.items(), (state.membrane, *state.traces), strict=True):
        arrays[name] = numbers(values, who="stdp_layer", name=name, axes=2).copy()
        if arrays[name].shape != shape:
            raise ValueError(
                f"stdp_layer: {name} must be of shape {shape} with these weights, not {arrays[name].shape}"
            )
    begun = integer(state.step, who="stdp_layer", name="step", at_least=0, at_most=2**53)
    membrane, *traces = arrays.values()
    return State(weight, membrane, (traces[0], traces[1]), begun + steps)


def _check(state: State, step: np.ndarray, source: np.ndarray, steps: int) -> None:
    """Check the events of a chunk.

    Raises:
        ValueError: If events lie outside of the chunk, or are not sorted.
    """
    if step.shape != source.shape or np.any(np.diff(step) < 0):
        raise ValueError("stdp_layer: every event needs a step and a source, sorted by step")
    inside = len(step) == 0 or (state.step <= step[0] and step[-1] < state.step + steps)
    known = len(step) == 0 or (source.min() >= 0 and source.max() < state.weight.shape[1])
    if not inside or not known:
        raise ValueError(
            f"stdp_layer: events must lie in steps {state.step} to {state.step + steps - 1}, of sources 0 to "
            f"{state.weight.shape[1] - 1}; they lie in {step[0]} to {step[-1]}, of {source.min()} to {source.max()}"
        )
