"""A layer of spiking neurons whose synapses learn by spike timing while it runs, on events, piece by piece.

    v_j(t) = Σ_i w_ji Σ_{t_i > t_j} K(t − t_i) + η(t − t_j)              fires as v comes to θ from below, at t_j last
    η(t)   = θ (k₁ exp(−t / τ) − k₂ (exp(−t / τ) − exp(−t / τ_s)))       nothing of it with k₁ = k₂ = 0

K is the course of a single input, 1 at its peak (kernels/potentials.py); a spike takes away what all inputs before it
have left. Sources that fire weaken their synapses, targets that fire strengthen theirs, by snnsim.learning.stdp.

Shapes   weight (target, source) · events step, source (event,), sorted by step · spikes step, target (spike,)
Units    times in steps · w, v, θ in heights of a single input
Source   Masquelier, Guyonneau & Thorpe 2008, PLoS ONE 3:e1377, after the spike response model of Gerstner
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snnsim.kernels import plasticity, potentials
from snnsim.learning.stdp import STDP


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

    def numbers(self) -> tuple[float, ...]:
        """Return the neurons as their kernel takes them."""
        peak, (first, second) = potentials.scale(self.tau, self.tau_s), self.after
        back = self.threshold / peak
        decays = math.exp(-1 / self.tau), math.exp(-1 / self.tau_s)
        return *decays, peak, float(self.threshold), back * (first - second), -back * second


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
    weight = np.array(weight, np.float64)
    if weight.ndim != 2:
        raise ValueError(f"plastic: weights must be (target, source); got shape {weight.shape}")
    targets, sources = weight.shape
    return State(weight, np.zeros((targets, 3)), (plasticity.silent(sources), plasticity.silent(targets)))


def run(
    state: State, events: tuple[np.ndarray, np.ndarray], steps: int, *, neurons: Neurons, rule: STDP
) -> tuple[State, tuple[np.ndarray, np.ndarray]]:
    """Return the layer after `steps` steps more, and the step and target of its spikes.

    Steps, those of the events (step, source) too, are counted from the beginning of the stream.
    """
    step, source = (np.ascontiguousarray(part, np.int64) for part in events)
    _check(state, step, source, steps)
    after = replace(
        state,
        weight=state.weight.copy(),
        membrane=state.membrane.copy(),
        traces=tuple(trace.copy() for trace in state.traces),
        step=state.step + steps,
    )
    # a neuron fires at most once a step
    room = steps * len(state.weight)
    fired: Any = (np.empty(room, np.int64), np.empty(room, np.int64))
    count = plasticity.run(
        after.weight, (step, source), (state.step, after.step), neurons.numbers(), after.membrane, after.traces,
        rule.numbers(), fired,
    )  # fmt: skip
    return after, (fired[0][:count].copy(), fired[1][:count].copy())


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
