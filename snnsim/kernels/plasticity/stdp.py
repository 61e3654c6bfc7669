"""Spike-timing-dependent plasticity on events: weights change where spikes meet traces of earlier spikes.

    x_i ← x_i exp(−1/τ₊) each step, then x_i + 1, or 1, at a spike of source i
    y_j ← y_j exp(−1/τ₋) each step, then y_j + 1, or 1, at a spike of target j
    source i fires    w_ji ← w_ji − f A₋ y_j     for all j        f = exp((t − t_end) / τ_f), 1 for τ_f = ∞
    target j fires    w_ji ← w_ji + f A₊ x_i     for all i

Within a step the sources come first: their spikes meet the traces of earlier target spikes, and a target's spike then
meets the traces of these sources. Traces are computed where they are read, so silence costs no time.

A layer that learns while it runs has membranes of two exponentials, which an input raises together:

    m ← m exp(−1/τ) + Σ w s    r ← r exp(−1/τ_s) + Σ w s    v = V₀ (m − r)
    fire as v comes to θ from below: learn, m and r ← a_m and a_r

Shapes   weight (target, source) · events (event,), sorted by step
         trace (node, 2): its value, and the step of this value; a node that has not fired has the value 0
"""

import math
from typing import NamedTuple

import numpy as np

from snnsim.kernels.common.jit import njit, subroutine

VALUE, STEP = range(2)
"""Columns of a trace."""
ALL, NEAREST, ADJACENT = range(3)
"""Pairings: all pairs of spikes, pairs with the last spike of the other side, and the adjacent pairs of these."""
NEVER = 2**62


class Rule(NamedTuple):
    """The constants of a learning rule."""

    potentiation: float
    """A₊."""
    depression: float
    """A₋."""
    tau_plus: float
    """In steps."""
    tau_minus: float
    """In steps."""
    lowest: float
    """Of a weight."""
    highest: float
    """Of a weight."""
    soft: bool
    """Whether changes shrink with the distance to a bound; otherwise weights are cut off there."""
    pairing: int
    """ALL, NEAREST or ADJACENT."""
    end: int
    """t_end, in steps."""
    tau_fade: float
    """τ_f, in steps."""


class Spikes(NamedTuple):
    """Spikes sorted by step, or the memory for them."""

    step: np.ndarray
    """int64 (event,)."""
    node: np.ndarray
    """int64 (event,), the source or the target."""


class Traces(NamedTuple):
    """The traces of a layer."""

    sources: np.ndarray
    targets: np.ndarray


class Membranes(NamedTuple):
    """The constants of a layer's membranes."""

    decay: float
    """exp(−1/τ)."""
    decay_s: float
    """exp(−1/τ_s)."""
    peak: float
    """V₀."""
    threshold: float
    """θ."""
    after: float
    """a_m."""
    after_s: float
    """a_r."""


@subroutine(nogil=True, cache=True)
def value_at(trace: np.ndarray, node: int, step: int, tau: float) -> float:
    """Return the value of a trace at a step.

    Args:
        trace: The traces of all nodes.
        node: The node.
        step: The step.
        tau: The time constant of the trace in steps.
    """
    value: float = trace[node, VALUE] * math.exp((trace[node, STEP] - step) / tau)
    return value


@subroutine(nogil=True, cache=True)
def add_spike(trace: np.ndarray, node: int, step: int, tau: float, pairing: int) -> None:
    """Add a spike to a trace, or replace the trace by it where only the last spike counts.

    Args:
        trace: The traces of all nodes.
        node: The node that fires.
        step: The step of the spike.
        tau: The time constant of the trace in steps.
        pairing: The pairing of spikes.
    """
    trace[node, VALUE] = value_at(trace, node, step, tau) + 1.0 if pairing == ALL else 1.0
    trace[node, STEP] = step


@subroutine(nogil=True, cache=True)
def bounded(weight: float, change: float, rule: Rule) -> float:
    """Return a weight after a change, within the bounds of a rule.

    Args:
        weight: Weight before the change, within the bounds.
        change: Change of the weight; with soft bounds it is first multiplied by the distance to the bound ahead.
        rule: Constants of the learning rule: its bounds, and whether they are soft.
    """
    if rule.soft:
        change *= rule.highest - weight if change > 0 else weight - rule.lowest
    return min(max(weight + change, rule.lowest), rule.highest)


@subroutine(nogil=True, cache=True)
def fading(step: int, rule: Rule) -> float:
    """Return the factor by which the changes of a rule have faded at a step.

    Args:
        step: The step.
        rule: The learning rule.
    """
    factor: float = math.exp((step - rule.end) / rule.tau_fade)
    return factor


@subroutine(nogil=True, cache=True)
def paired(weight: float, trace: np.ndarray, node: int, step: int, tau: float, scale: float, rule: Rule) -> float:
    """Return a weight after a spike is paired with the earlier spikes of the neuron at the other end of the synapse.

    Args:
        weight: The weight.
        trace: The traces of the neurons at the other end.
        node: The neuron at the other end.
        step: The step of the spike.
        tau: The time constant of these traces in steps.
        scale: The change for two spikes in the same step.
        rule: The learning rule.
    """
    return bounded(weight, scale * value_at(trace, node, step, tau), rule)


@subroutine(nogil=True, cache=True)
def source_fires(weight: np.ndarray, source: int, step: int, traces: Traces, rule: Rule) -> None:
    """Weaken the synapses from a source that fires to targets that have fired, and add the spike to its trace.

    Args:
        weight: The weights.
        source: The source.
        step: The step of its spike.
        traces: The traces of earlier spikes.
        rule: The learning rule.
    """
    pre, post = traces.sources, traces.targets
    scale = -rule.depression * fading(step, rule)
    for target in range(len(weight)):
        # an adjacent pair has no other spike of the source between its two spikes
        between = rule.pairing == ADJACENT and pre[source, VALUE] > 0 and pre[source, STEP] > post[target, STEP]
        if post[target, VALUE] > 0 and not between:
            before = weight[target, source]
            weight[target, source] = paired(before, post, target, step, rule.tau_minus, scale, rule)
    add_spike(pre, source, step, rule.tau_plus, rule.pairing)


@subroutine(nogil=True, cache=True)
def target_fires(weight: np.ndarray, target: int, step: int, traces: Traces, rule: Rule) -> None:
    """Strengthen the synapses to a target that fires from sources that have fired, and add the spike to its trace.

    Args:
        weight: The weights.
        target: The target.
        step: The step of its spike.
        traces: The traces of earlier spikes.
        rule: The learning rule.
    """
    pre, post = traces.sources, traces.targets
    scale = rule.potentiation * fading(step, rule)
    for source in range(weight.shape[1]):
        between = rule.pairing == ADJACENT and post[target, VALUE] > 0 and post[target, STEP] >= pre[source, STEP]
        if pre[source, VALUE] > 0 and not between:
            before = weight[target, source]
            weight[target, source] = paired(before, pre, source, step, rule.tau_plus, scale, rule)
    add_spike(post, target, step, rule.tau_minus, rule.pairing)


@njit(nogil=True, cache=True)
def learn_from_trains(weight: np.ndarray, pre: Spikes, post: Spikes, traces: Traces, rule: Rule) -> None:
    """Change weights by spikes of sources and targets.

    Args:
        weight: The weights, which change.
        pre: The spikes of the sources.
        post: The spikes of the targets.
        traces: The traces of earlier spikes, which change.
        rule: The learning rule.
    """
    following = 0
    for event in range(pre.step.size + 1):
        now = pre.step[event] if event < pre.step.size else NEVER
        while following < post.step.size and post.step[following] < now:
            target_fires(weight, post.node[following], post.step[following], traces, rule)
            following += 1
        if event < pre.step.size:
            source_fires(weight, pre.node[event], now, traces, rule)


@njit(nogil=True, cache=True)
def run(
    weight: np.ndarray, events: Spikes, start: int, stop: int, membranes: Membranes, state: np.ndarray, traces: Traces,
    rule: Rule, fired: Spikes,
) -> int:  # fmt: skip
    """Run a layer that learns, and return the number of its spikes.

    Args:
        weight: The weights, which change.
        events: The spikes of the sources.
        start: The first step.
        stop: The step behind the last.
        membranes: The constants of the membranes.
        state: m, r and v of the targets, (target, 3), which change.
        traces: The traces of earlier spikes, which change.
        rule: The learning rule.
        fired: The memory for the spikes, at least one for each target and step.
    """
    event, count = 0, 0
    for now in range(start, stop):
        for target in range(len(weight)):
            state[target, 0] *= membranes.decay
            state[target, 1] *= membranes.decay_s
        while event < events.step.size and events.step[event] == now:
            source = events.node[event]
            source_fires(weight, source, now, traces, rule)
            for target in range(len(weight)):
                state[target, 0] += weight[target, source]
                state[target, 1] += weight[target, source]
            event += 1
        for target in range(len(weight)):
            voltage = membranes.peak * (state[target, 0] - state[target, 1])
            if voltage >= membranes.threshold > state[target, 2]:
                target_fires(weight, target, now, traces, rule)
                state[target, 0], state[target, 1] = membranes.after, membranes.after_s
                voltage = membranes.peak * (membranes.after - membranes.after_s)
                fired.step[count], fired.node[count] = now, target
                count += 1
            state[target, 2] = voltage
    return count


def silent(nodes: int) -> np.ndarray:
    """Return the traces (node, 2) of nodes that have not fired.

    Args:
        nodes: Number of sources or targets.
    """
    return np.zeros((nodes, 2))
