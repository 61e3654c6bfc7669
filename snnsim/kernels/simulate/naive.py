"""The definition of a Program's run, as loops over single numbers in the order of its equations.

Tests compare both engines with these loops; nothing else imports them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def graph(
    frames: np.ndarray, synapses: Sequence[tuple[int, int, int, float]], neurons: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes and membranes of a graph of neurons, which are computed in their order.

    I[t, j] = b[j] + Σ w s[t − d, i];  u = β v + I;  s = Θ(u − θ);  v = u (1 − s), u − θ s, or u of a readout.
    With `shift`, all numbers are integers: u = clip(sign(v) ⌊|v| m / 2^bits⌋ + (I 2^shift + b)).

    Args:
        frames: The input, (time, channel).
        synapses: Source, target, delay and weight of each synapse; sources are channels and then neurons.
        neurons: Rule, decay, threshold and bias (neuron,) of the neurons; for integers also shift, bits and limit.

    Returns:
        The spikes s and the membranes u, (time, neuron) each.
    """
    steps, channels = frames.shape
    size = len(neurons["decay"])
    spikes, membrane = np.zeros((steps, channels + size)), np.zeros((steps, size))
    spikes[:, :channels] = frames
    voltage: list[Any] = [0] * size
    for t in range(steps):
        for n in range(size):
            arriving = [w * spikes[t - d, i] for i, j, d, w in synapses if j == n and d <= t]
            u = _membrane(voltage[n], sum(arriving), {name: values[n] for name, values in neurons.items()})
            fired = neurons["rule"][n] != "readout" and u >= neurons["threshold"][n]
            after = {"hard": 0, "soft": u - neurons["threshold"][n], "readout": u}[neurons["rule"][n]]
            spikes[t, channels + n], membrane[t, n], voltage[n] = fired, u, after if fired else u
    return spikes[:, channels:], membrane


def _membrane(voltage: Any, current: Any, neuron: Mapping[str, Any]) -> Any:
    if "shift" not in neuron:
        return neuron["decay"] * voltage + (current + neuron["bias"])
    sign = -1 if voltage < 0 else 1
    leak = sign * (abs(int(voltage)) * int(neuron["decay"]) // 2 ** int(neuron["bits"]))
    u = leak + int(current) * 2 ** int(neuron["shift"]) + int(neuron["bias"])
    return min(max(u, -int(neuron["limit"])), int(neuron["limit"]))
