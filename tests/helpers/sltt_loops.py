"""The gradients of SLTT as loops over single numbers."""

import numpy as np

from snnsim.kernels.delay.naive import delayed_current
from snnsim.kernels.neuron.naive import lif


def spatial_gradients(
    frames: np.ndarray, kernels: list[np.ndarray], error: np.ndarray, *, beta: float, threshold: float, slope
) -> list[np.ndarray]:
    """SLTT: ∂L/∂kernel of every layer of LIF neurons with hard reset, the last being a leaky readout.

        e[t, j] = h(u[t, j] − θ) Σ_d Σ_n kernel'[d, n, j] e'[t + d, n]      ' of the layer behind
        e[t] = ∂L/∂u[t] of the readout
        ∂L/∂kernel[d, j, i] = Σ_t e[t, j] s[t − d, i]

    Args:
        frames: Counts of spikes (time, batch, channel).
        kernels: Weights by delay of each layer (delay, target, source).
        error: ∂L/∂u of the readout's membrane (time, batch, class).
        beta: Decay of the neurons.
        threshold: Threshold θ of the neurons.
        slope: Function h from u − θ to the surrogate slope.
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
        gradient, before = np.zeros_like(kernel), np.zeros_like(spikes)
        for delay, target, source in np.ndindex(kernel.shape):
            for t in range(delay, len(error)):
                gradient[delay, target, source] += error[t, :, target] @ spikes[t - delay, :, source]
                before[t - delay, :, source] += kernel[delay, target, source] * error[t, :, target]
        gradients.insert(0, gradient)
        if above is not None:
            error = before * np.vectorize(slope)(above)
    return gradients
