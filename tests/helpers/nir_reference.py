"""NIR's equations as loops over nodes and steps: what the reader of foreign graphs is compared with.

Nodes are computed in the order in which they are given; what a node takes from a later one is of the step before, and
before the first step that is its bias.

The function of a kind of nodes computes one step. It takes the node's numbers, its input x (value,), its state, which
it changes, and dt in seconds, and returns the output (value,).
"""

import numpy as np


def run(nodes, edges, frames, dt):
    """Return the output of every node (time, value): spikes of neurons that fire, membranes of others.

    Args:
        nodes: Nodes by name, in the order in which they are computed.
        edges: Names of source and target of each edge.
        frames: Input of each step (time, channel).
        dt: Seconds of a step.
    """
    state, before = {}, {}
    outputs = {name: [] for name in nodes}
    for frame in frames:
        now = {}
        for name, node in nodes.items():
            sources = [source for source, target in edges if target == name]
            parts = [
                now[source] if source in now else before.get(source, nodes[source].numbers.get("bias", 0.0))
                for source in sources
            ]
            x = frame if node.kind == "Input" else sum(parts)
            now[name] = STEPS.get(node.kind, same)(node.numbers, x, state.setdefault(name, {}), dt)
            outputs[name].append(now[name])
        before = now
    return {name: np.array(values) for name, values in outputs.items()}


def same(_numbers, x, _state, _dt):
    return x


def affine(numbers, x, _state, _dt):
    return numbers["weight"] @ x + numbers.get("bias", 0.0)


def scale(numbers, x, _state, _dt):
    return numbers["scale"] * x


def delay(numbers, x, state, dt):
    past = state.setdefault("past", [])
    past.append(x)
    wait = np.rint(numbers["delay"] / dt).astype(int)
    return np.array([past[-1 - k][i] if k < len(past) else 0.0 for i, k in enumerate(wait)])


def leaky(numbers, x, state, dt):
    if "tau_syn" in numbers:
        i = state.get("i", 0.0)
        state["i"] = i + dt / numbers["tau_syn"] * (numbers["w_in"] * x - i)
        x, tau = state["i"], numbers["tau_mem"]
    else:
        tau = numbers["tau"]
    start = numbers.get("v_reset", 0.0)
    v = state.get("v", start)
    v = v + dt / tau * (numbers["v_leak"] - v + numbers["r"] * x)
    return fired(numbers, v, state)


def integrator(numbers, x, state, dt):
    return fired(numbers, state.get("v", numbers.get("v_reset", 0.0)) + dt * numbers["r"] * x, state)


def fired(numbers, v, state):
    if "v_threshold" not in numbers:
        state["v"] = v
        return v
    z = v > numbers["v_threshold"]
    state["v"] = np.where(z, numbers.get("v_reset", 0.0), v)
    return z.astype(float)


def threshold(numbers, x, _state, _dt):
    return (x > numbers["threshold"]).astype(float)


STEPS = {
    "Affine": affine, "Linear": affine, "Scale": scale, "Delay": delay, "Threshold": threshold,
    "LIF": leaky, "LI": leaky, "CubaLIF": leaky, "CubaLI": leaky, "IF": integrator, "I": integrator,
}  # fmt: skip
