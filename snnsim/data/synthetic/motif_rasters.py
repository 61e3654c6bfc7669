"""Rasters in which spiking motifs occur at random, overlap, and are to be found with their exact times.

    p(a, t) = σ( k₀ + Σ_b Σ_d B[t − d, b] K[d, a, b] )        B[t, b] = 1 if motif b begins at step t
    A[t, a] ~ Bernoulli(p(a, t))                              B[t, b] ~ Bernoulli(p_B)
    p(b, t) = σ( β_b + Σ_a Σ_d A[t − d, a] K'[d, a, b] )      detection: the motif that began D − 1 steps ago

A share of the synapses (d, a) of a motif is active; an active one has the weight w, all others 0. The detector that
knows the motifs has weights of evidence at mirrored delays: for an input of rate p₀ that fires with p₁ in the motif,

    K'[D − 1 − d, a, b] = logit p₁ − logit p₀        β_b = logit p_B + Σ log((1 − p₁) / (1 − p₀))

Shapes   A (time, channel) · B (time, motif) · K (delay, channel, motif)
Units    d, t in steps
Names    D number of delays · p₀ the mean rate of a channel, all motifs included · p₁ rate at an active synapse
Source   Grimaldi & Perrinet 2023, ICANN: 128 channels, 144 motifs, 31 delays, 1000 steps, 1 % of the synapses active, a
         spike of each motif on average
Differs  the published weights are not known to us; here all active synapses are alike; delays are counted from the
         beginning of a motif
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from snnsim.validation import integer, real


class Rasters(NamedTuple):
    """Spikes and the motifs in them."""

    spikes: np.ndarray
    """bool (time, recording, channel)."""
    motifs: np.ndarray
    """Motifs that begin, bool (time, recording, motif)."""


@dataclass(frozen=True, kw_only=True)
class MotifModel:
    """Sizes and probabilities of motifs."""

    channels: int = 128
    motifs: int = 144
    delays: int = 31
    steps: int = 1000
    active: float = 0.01
    """Share of the synapses of a motif that are active."""
    background: float = 1e-3
    """Probability of a spike of a channel in a step without a motif."""
    reliability: float = 0.8
    """Probability of the spike of an active synapse."""

    def __post_init__(self) -> None:
        for name in ("channels", "motifs", "delays", "steps"):
            integer(getattr(self, name), who="MotifModel", name=name, at_least=1)
        for name in ("active", "background", "reliability"):
            real(getattr(self, name), who="MotifModel", name=name, above=0, at_most=1)

    @property
    def rate(self) -> float:
        """Probability that a motif begins in a step: once in a recording."""
        return 1 / self.steps

    def draw_kernel(self, generator: np.random.Generator) -> np.ndarray:
        """Return the active synapses of random motifs, bool (delay, channel, motif).

        Args:
            generator: Generator of the synapses.
        """
        size = self.delays * self.channels
        count = max(1, round(self.active * size))
        kernel = np.zeros((size, self.motifs), bool)
        for motif in range(self.motifs):
            kernel[generator.choice(size, count, replace=False), motif] = True
        return kernel.reshape(self.delays, self.channels, self.motifs)

    def draw(self, kernel: np.ndarray, count: int, generator: np.random.Generator) -> Rasters:
        """Return recordings of motifs that all end before the recording does.

        Args:
            kernel: Active synapses (delay, channel, motif).
            count: Number of recordings.
            generator: Generator of motifs and spikes.
        """
        motifs = generator.random((self.steps, count, self.motifs)) < self.rate
        motifs[self.steps - self.delays + 1 :] = False
        evidence = np.zeros((self.steps, count, self.channels))
        weight = logit(self.reliability) - logit(self.background)
        for step, recording, motif in np.argwhere(motifs):
            evidence[step : step + self.delays, recording] += weight * kernel[:, :, motif]
        probability = expit(logit(self.background) + evidence)
        return Rasters(generator.random(probability.shape) < probability, motifs)

    def detector(self, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights (delay, channel, motif) and biases (motif,) of the detector that knows the motifs.

        Args:
            kernel: Active synapses (delay, channel, motif).
        """
        # a channel fires in the background, or by one of the active synapses that end at it
        synapses = kernel.sum((0, 2))
        quiet = (1 - self.background) * (1 - self.rate * self.reliability) ** synapses
        mean = np.clip(1 - quiet, 1e-9, self.reliability)
        gain = logit(self.reliability) - logit(mean)
        silence = np.log1p(-self.reliability) - np.log1p(-mean)
        weight = kernel[::-1] * gain[None, :, None]
        bias = logit(self.rate) + (kernel * silence[None, :, None]).sum((0, 1))
        return weight, bias

    def wanted(self, motifs: np.ndarray) -> np.ndarray:
        """Return when a detector is to fire: with the last delay of a motif, bool (time, recording, motif).

        Args:
            motifs: Motifs that begin (time, recording, motif).
        """
        wanted = np.zeros_like(motifs)
        wanted[self.delays - 1 :] = motifs[: self.steps - self.delays + 1]
        return wanted
