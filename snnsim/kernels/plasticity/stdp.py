"""Spike-timing-dependent plasticity, event by event: weights change where spikes meet traces of earlier ones.

    x_i ← x_i exp(−1/τ₊) each step, then x_i + 1, or 1, at a spike of source i
    y_j ← y_j exp(−1/τ₋) each step, then y_j + 1, or 1, at a spike of target j
    source i fires    w_ji ← w_ji − f A₋ y_j     for all j        f = exp((t − t_end) / τ_f), 1 for τ_f = ∞
    target j fires    w_ji ← w_ji + f A₊ x_i     for all i

Within a step sources come first: they meet the traces of earlier target spikes, and a target's spike then meets theirs.
Traces are brought up to date where they are read, so silence costs nothing.

A layer that learns while it runs has membranes of two exponentials, which an input raises together:

    m ← m exp(−1/τ) + Σ w s    r ← r exp(−1/τ_s) + Σ w s    v = V₀ (m − r)
    fire as v comes to θ from below: learn, m and r ← a_m and a_r

Shapes   weight (target, source) · pre, post: step and node of events (event,), sorted by step
         trace (node, 2): its value, and the step that it had it in; a value of 0 is a node that has not fired
Names    rule ((A₊, A₋), (τ₊, τ₋), (lowest, highest weight), (soft, pairing), (t_end, τ_f))
"""

import math

import numpy as np
from numba import njit

VALUE, STEP = range(2)
ALL, NEAREST, ADJACENT = range(3)
NEVER = 2**62


@njit(nogil=True, cache=True)
def traced(trace, node, step, tau):
    """Return a trace as it is at a step."""
    return trace[node, VALUE] * math.exp((trace[node, STEP] - step) / tau)


@njit(nogil=True, cache=True)
def mark(trace, node, step, tau, pairing):
    """Leave a spike in a trace, beside those before it or in their place."""
    trace[node, VALUE] = traced(trace, node, step, tau) + 1.0 if pairing == ALL else 1.0
    trace[node, STEP] = step


@njit(nogil=True, cache=True)
def moved(weight, change, bounds, soft):
    """Return a weight after a change, which shrinks with the distance to its bound, or is cut off there."""
    low, high = bounds
    if soft:
        change *= high - weight if change > 0 else weight - low
    return min(max(weight + change, low), high)


@njit(nogil=True, cache=True)
def depress(weight, source, step, traces, rule):
    """Weaken what leads from a source that fires to targets that have fired."""
    (pre, post), ((_, amount), (_, tau), bounds, (soft, pairing), (end, fade)) = traces, rule
    scale = -amount * math.exp((step - end) / fade)
    for target in range(len(weight)):
        # an adjacent pair has no other spike of the source between its two
        between = pairing == ADJACENT and pre[source, VALUE] > 0 and pre[source, STEP] > post[target, STEP]
        if post[target, VALUE] > 0 and not between:
            change = scale * traced(post, target, step, tau)
            weight[target, source] = moved(weight[target, source], change, bounds, soft)


@njit(nogil=True, cache=True)
def potentiate(weight, target, step, traces, rule):
    """Strengthen what leads to a target that fires from sources that have fired."""
    (pre, post), ((amount, _), (tau, _), bounds, (soft, pairing), (end, fade)) = traces, rule
    scale = amount * math.exp((step - end) / fade)
    for source in range(weight.shape[1]):
        between = pairing == ADJACENT and post[target, VALUE] > 0 and post[target, STEP] >= pre[source, STEP]
        if pre[source, VALUE] > 0 and not between:
            change = scale * traced(pre, source, step, tau)
            weight[target, source] = moved(weight[target, source], change, bounds, soft)


@njit(nogil=True, cache=True)
def source_fires(weight, source, step, traces, rule):
    """Learn from a spike of a source, and leave its trace."""
    depress(weight, source, step, traces, rule)
    mark(traces[0], source, step, rule[1][0], rule[3][1])


@njit(nogil=True, cache=True)
def target_fires(weight, target, step, traces, rule):
    """Learn from a spike of a target, and leave its trace."""
    potentiate(weight, target, step, traces, rule)
    mark(traces[1], target, step, rule[1][1], rule[3][1])


@njit(nogil=True, cache=True)
def of_trains(weight, pre, post, traces, rule):
    """Change weights by the given spikes of sources and targets."""
    (pre_step, source), (post_step, target) = pre, post
    here = 0
    for event in range(pre_step.size + 1):
        now = pre_step[event] if event < pre_step.size else NEVER
        while here < post_step.size and post_step[here] < now:
            target_fires(weight, target[here], post_step[here], traces, rule)
            here += 1
        if event < pre_step.size:
            source_fires(weight, source[event], now, traces, rule)


@njit(nogil=True, cache=True)
def run(weight, events, between, neuron, state, traces, rule, fired):
    """Run a layer that learns from step `between[0]` to before `between[1]`, and return how many spikes it fired.

    state (target, 3) holds m, r and v; fired = step, target of spikes, with room for one of each target and step.
    """
    (step, source), (decay, decay_s, peak, threshold, after, after_s) = events, neuron
    event, count = 0, 0
    for now in range(between[0], between[1]):
        for target in range(len(weight)):
            state[target, 0] *= decay
            state[target, 1] *= decay_s
        while event < step.size and step[event] == now:
            source_fires(weight, source[event], now, traces, rule)
            for target in range(len(weight)):
                state[target, 0] += weight[target, source[event]]
                state[target, 1] += weight[target, source[event]]
            event += 1
        for target in range(len(weight)):
            voltage = peak * (state[target, 0] - state[target, 1])
            if voltage >= threshold > state[target, 2]:
                target_fires(weight, target, now, traces, rule)
                state[target, 0], state[target, 1] = after, after_s
                voltage = peak * (after - after_s)
                fired[0][count], fired[1][count] = now, target
                count += 1
            state[target, 2] = voltage
    return count


def silent(nodes: int) -> np.ndarray:
    """Return traces (node, 2) of nodes that have not fired."""
    return np.zeros((nodes, 2))
