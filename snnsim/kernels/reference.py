"""The oracle: delayed currents and neurons as loops over single numbers, in the order of their equations."""

import numpy as np


def delayed_current(spikes: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """I[t, j] = Σ_i Σ_d kernel[d, j, i] · s[t − d, i], with s = 0 before t = 0.

    Shapes: spikes (time, source) · kernel (delay, target, source) · result (time, target).
    """
    steps = len(spikes)
    current = np.zeros((steps, kernel.shape[1]))
    for delay, target, source in np.ndindex(kernel.shape):
        for t in range(delay, steps):
            current[t, target] += kernel[delay, target, source] * spikes[t - delay, source]
    return current


def integer_current(spikes: np.ndarray, weight: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """I[t, j] = Σ_d Σ_i Σ_k w[j, i, k] · s[t − d, i] over the synapses of delay d, the longest delay first.

    Shapes: spikes (time, source) · weight, delay (target, source, tap) · result (time, target).
    """
    current = np.zeros((len(spikes), len(weight)), spikes.dtype)
    for t, target in np.ndindex(current.shape):
        for d in range(t, -1, -1):
            for source, tap in np.ndindex(weight.shape[1:]):
                if delay[target, source, tap] == d:
                    current[t, target] += weight[target, source, tap] * spikes[t - d, source]
    return current


def lif(
    current: np.ndarray, voltage: np.ndarray, *, beta: float, threshold: float, hard: bool
) -> tuple[np.ndarray, np.ndarray]:
    """u[t] = β v[t−1] + I[t];  s[t] = Θ(u[t] − θ);  v[t] = u[t] (1 − s[t]) or u[t] − θ s[t].

    Shapes: current (time, neuron) · voltage (neuron,), v before the first step · results s and u (time, neuron).
    """
    spikes, membrane = np.zeros_like(current), np.zeros_like(current)
    for neuron in range(current.shape[1]):
        v = voltage[neuron]
        for t in range(len(current)):
            u = beta * v + current[t, neuron]
            spikes[t, neuron] = s = 1.0 if u >= threshold else 0.0
            membrane[t, neuron] = u
            v = u * (1.0 - s) if hard else u - threshold * s
    return spikes, membrane


_BITS, _GAMMA = 2**64 - 1, 0x9E3779B97F4A7C15


def draw(seed: int, layer: int, recording: int, step: int, neuron: int) -> float:
    """r, uniform between 0 and 1: SplitMix64, hash upon hash, in whole numbers without end."""
    state = mixed(seed)
    for number in (layer, recording, step):
        state = mixed(state + _GAMMA * number)
    return (mixed(state + _GAMMA * (neuron + 1)) // 2**12 + 0.5) / 2**52


def mixed(z: int) -> int:
    """The hash of SplitMix64 (Steele, Lea, Flood 2014)."""
    z &= _BITS
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _BITS
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _BITS
    return z ^ (z >> 31)


def meta(
    current: np.ndarray, voltage: np.ndarray, draws: np.ndarray, *, neuron: dict[str, float], hard: bool
) -> tuple[np.ndarray, np.ndarray]:
    """u[t] = β v[t−1] + I[t];  s[t] = 1 if r[t] > 1 − sigmoid((u[t] − θ) / Δ);  v[t] = r̂ or u[t] − θ + r̂ after a spike.

    Shapes: current, draws (time, neuron) · voltage (neuron,) · neuron: beta, threshold, width, back (r̂) · results s, u.
    """
    spikes, membrane = np.zeros_like(current), np.zeros_like(current)
    for n in range(current.shape[1]):
        v = voltage[n]
        for t in range(len(current)):
            u = neuron["beta"] * v + current[t, n]
            silent = 1 / (1 + np.exp((u - neuron["threshold"]) / neuron["width"]))
            spikes[t, n], membrane[t, n] = draws[t, n] > silent, u
            after = neuron["back"] + (0 if hard else u - neuron["threshold"])
            v = after if spikes[t, n] else u
    return spikes, membrane


def spatial_gradients(
    frames: np.ndarray, kernels: list[np.ndarray], error: np.ndarray, *, beta: float, threshold: float, slope
) -> list[np.ndarray]:
    """SLTT: ∂L/∂kernel of every layer of LIF neurons with hard reset, the last being a leaky readout.

    e[t, j] = h(u[t, j] − θ) Σ_d Σ_n kernel'[d, n, j] e'[t + d, n]      ' of the layer behind
    e[t] = ∂L/∂u[t] of the readout
    ∂L/∂kernel[d, j, i] = Σ_t e[t, j] s[t − d, i]

    Shapes: frames (time, batch, source) · kernels (delay, target, source) · error, of the readout's membrane (time,
    batch, class).
    """
    sent, slopes = [frames], []
    for kernel in kernels[:-1]:
        spikes = np.zeros((*frames.shape[:2], kernel.shape[1]))
        above = np.zeros_like(spikes)
        for b in range(frames.shape[1]):
            rest = np.zeros(kernel.shape[1])
            current = delayed_current(sent[-1][:, b], kernel)
            spikes[:, b], membrane = lif(current, rest, beta=beta, threshold=threshold, hard=True)
            above[:, b] = membrane - threshold
        sent.append(spikes)
        slopes.append(above)
    gradients = []
    for kernel, spikes, above in reversed(list(zip(kernels, sent, [None, *slopes], strict=True))):
        found, before = np.zeros_like(kernel), np.zeros_like(spikes)
        for delay, target, source in np.ndindex(kernel.shape):
            for t in range(delay, len(error)):
                found[delay, target, source] += error[t, :, target] @ spikes[t - delay, :, source]
                before[t - delay, :, source] += kernel[delay, target, source] * error[t, :, target]
        gradients.insert(0, found)
        if above is not None:
            error = before * np.vectorize(slope)(above)
    return gradients


def graph(
    frames: np.ndarray, synapses: list[tuple[int, int, int, float]], neurons: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """I[t, j] = b[j] + Σ w s[t − d, i];  u = β v + I;  s = Θ(u − θ);  v = u (1 − s), u − θ s, or u of a readout.

    Synapses are (source, target, delay, weight); sources are channels and then neurons, targets neurons. Neurons are
    computed in their order. With `shift`, all is integer: u = clip(sign(v) ⌊|v| m / 2^bits⌋ + (I 2^shift + b)).
    Shapes: frames (time, channel) · neurons: rule, decay, threshold, bias (neuron,) · results s and u (time, neuron).
    """
    steps, channels = frames.shape
    size = len(neurons["decay"])
    spikes, membrane = np.zeros((steps, channels + size)), np.zeros((steps, size))
    spikes[:, :channels] = frames
    voltage = [0] * size
    for t in range(steps):
        for n in range(size):
            arriving = [w * spikes[t - d, i] for i, j, d, w in synapses if j == n and d <= t]
            u = _membrane(voltage[n], sum(arriving), {name: values[n] for name, values in neurons.items()})
            fired = neurons["rule"][n] != "readout" and u >= neurons["threshold"][n]
            left = {"hard": 0, "soft": u - neurons["threshold"][n], "readout": u}[neurons["rule"][n]]
            spikes[t, channels + n], membrane[t, n], voltage[n] = fired, u, left if fired else u
    return spikes[:, channels:], membrane


def _membrane(voltage, current, neuron):
    if "shift" not in neuron:
        return neuron["decay"] * voltage + (current + neuron["bias"])
    sign = -1 if voltage < 0 else 1
    kept = sign * (abs(int(voltage)) * int(neuron["decay"]) // 2 ** int(neuron["bits"]))
    u = kept + int(current) * 2 ** int(neuron["shift"]) + int(neuron["bias"])
    return min(max(u, -int(neuron["limit"])), int(neuron["limit"]))


def stdp(weight: np.ndarray, pre: np.ndarray, post: np.ndarray, rule) -> np.ndarray:
    """Pair by pair: + A₊ exp(−Δt / τ₊) as the target fires, − A₋ exp(−Δt / τ₋) as the source does, within bounds.

    Shapes: weight and result (target, source) · pre (time, source) · post (time, target). A source's spike comes before
    a target's of the same step. Pairs are all, or those with the last spike of the other side, or the adjacent of them.
    """
    weight = weight.copy()
    for t in range(len(pre)):
        for j, i in np.ndindex(weight.shape):
            before = [s for s in range(t) if post[s, j]]
            since = [s for s in range(t) if pre[s, i] and before and s > before[-1]]
            for s in _paired(before, since, rule.pairing) if pre[t, i] else ():
                weight[j, i] = _bounded(weight[j, i], -rule.depression * np.exp((s - t) / rule.tau_minus), rule)
        for j, i in np.ndindex(weight.shape):
            before = [s for s in range(t + 1) if pre[s, i]]
            since = [s for s in range(t) if post[s, j] and before and s >= before[-1]]
            for s in _paired(before, since, rule.pairing) if post[t, j] else ():
                weight[j, i] = _bounded(weight[j, i], rule.potentiation * np.exp((s - t) / rule.tau_plus), rule)
    return weight


def _paired(before, since, pairing):
    if pairing == "all":
        return before
    return [] if pairing == "adjacent" and since else before[-1:]


def _bounded(weight, change, rule):
    if rule.bounds == "soft":
        change *= rule.highest - weight if change > 0 else weight - rule.lowest
    return min(max(weight + change, rule.lowest), rule.highest)
