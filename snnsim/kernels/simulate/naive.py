"""The definition of a Program's run, as loops over single numbers in the order of its equations.

Tests compare both engines with these loops; nothing else imports them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def graph(
    frames: np.ndarray,
    synapses: Sequence[tuple[int, int, int, float]],
    neurons: Mapping[str, np.ndarray],
    *,
    valid: Sequence[tuple[int, int]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes and membranes of a graph of neurons, which are computed in their order.

    I[t, j] = b[j] + Σ w s[t − d, i];  u = β v + I;  s = Θ(u − θ);  v = u (1 − s), u − θ s, or u of a readout.
    With `shift`, all numbers are integers: u = clip(sign(v) ⌊|v| m / 2^bits⌋ + (I 2^shift + b)). Each of the models
    adlif, alif and cuba_lif is computed by its own equation.

    Args:
        frames: The input, (time, channel).
        synapses: Source, target, delay and weight of each synapse; sources are channels and then neurons.
        neurons: Rule, decay, threshold and bias (neuron,) of the neurons, and the parameters of their models; for
            integers also shift, bits and limit.
        valid: First step and step behind the last of the spikes that each synapse transmits, where delays change; None
            for all steps.

    Returns:
        The spikes s and the membranes u, (time, neuron) each.
    """
    steps, channels = frames.shape
    size = len(neurons["decay"])
    windows = [(0, steps)] * len(synapses) if valid is None else valid
    rows = [(*synapse, first, end) for synapse, (first, end) in zip(synapses, windows, strict=True)]
    spikes, membrane = np.zeros((steps, channels + size)), np.zeros((steps, size))
    spikes[:, :channels] = frames
    state: list[tuple[Any, Any]] = [(0, 0)] * size
    for t in range(steps):
        for n in range(size):
            arriving = [w * spikes[t - d, i] for i, j, d, w, first, end in rows if j == n and first <= t - d < end]
            neuron = {name: values[n] for name, values in neurons.items()}
            spikes[t, channels + n], membrane[t, n], state[n] = _step(sum(arriving), *state[n], neuron)
    return spikes[:, channels:], membrane


def convolution(
    entries: Sequence[tuple[int, int, int, int, int, float]],
    source: tuple[int, int, int],
    target: tuple[int, int, int],
    *,
    stride: tuple[int, int],
    padding: tuple[int, int],
    upsampling: tuple[int, int],
) -> list[tuple[int, int, int, float]]:
    """Return the single synapses of a convolution: source and target neuron, delay and weight of each.

    Source row y and target row y' are connected by an entry of row r if s y' = u y + p − r; columns alike.

    Args:
        entries: Source channel, target channel, row, column, delay and weight of each entry.
        source: Rows, columns and channels of the source.
        target: Rows, columns and channels of the target.
        stride: s of rows and of columns.
        padding: p of rows and of columns.
        upsampling: u of rows and of columns.
    """
    synapses = []
    for y, x, to_y, to_x in np.ndindex(*source[:2], *target[:2]):
        for channel, to_channel, row, column, delay, weight in entries:
            rows = stride[0] * to_y == upsampling[0] * y + padding[0] - row
            columns = stride[1] * to_x == upsampling[1] * x + padding[1] - column
            if rows and columns:
                pre = (y * source[1] + x) * source[2] + channel
                post = (to_y * target[1] + to_x) * target[2] + to_channel
                synapses.append((pre, post, delay, weight))
    return synapses


def _step(current: Any, v: Any, w: Any, neuron: Mapping[str, Any]) -> tuple[Any, Any, tuple[Any, Any]]:
    """Return spike, membrane and state of a neuron."""
    model, _, reset = str(neuron["rule"]).rpartition("_")
    u, w = _membrane(current, v, w, neuron)
    threshold = neuron["threshold"] + (w if model == "alif" else 0)
    fired = reset != "readout" and u >= threshold
    lower = 0 if reset == "hard" else u - threshold
    v = lower if fired else u
    if model == "adlif":
        jump = neuron["jump"] if fired else 0
        w = _clip(_product("second_decay", w, neuron) + _product("coupling", v, neuron) + jump, neuron)
    if model == "alif":
        w = _clip(_product("second_decay", w, neuron) + (neuron["jump"] if fired else 0), neuron)
    return fired, u, (v, w)


def _membrane(current: Any, v: Any, w: Any, neuron: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return u, and the second variable with which the step goes on."""
    model = str(neuron["rule"]).rpartition("_")[0]
    current = current * 2 ** int(neuron["shift"]) if "shift" in neuron else current
    current = current + neuron["bias"]
    leak = _product("decay", v, neuron)
    if model == "adlif":
        return _clip(leak + _product("gain", _clip(current - w, neuron), neuron), neuron), w
    if model == "alif":
        return _clip(leak + _clip(current, neuron), neuron), w
    if model == "cuba_lif":
        w = _clip(_product("second_decay", w, neuron) + current, neuron)
        return _clip(leak + _product("gain", w, neuron), neuron), w
    return _clip(leak + current, neuron), w


def _product(name: str, x: Any, neuron: Mapping[str, Any]) -> Any:
    """Return a coefficient times x; in fixed point rounded towards 0."""
    if "shift" not in neuron:
        return neuron[name] * x
    product = int(neuron[name]) * int(x)
    size = abs(product) // 2 ** int(neuron["bits"])
    return size if product >= 0 else -size


def _clip(x: Any, neuron: Mapping[str, Any]) -> Any:
    if "shift" not in neuron:
        return x
    return min(max(int(x), -int(neuron["limit"])), int(neuron["limit"]))
