"""Diffusion of pictures into noise, and samplers that go back with the noise that a network predicts.

    ᾱ[t]    = Π_{i ≤ t} (1 − β[i])                              β linear from 0.0001 to 0.02 over 1,000 steps, t from 0
    forward   x[t] = √ᾱ[t] x + √(1 − ᾱ[t]) ε                    ε normal
    loss      mean of (ε − ε_θ(x[t], t))²                       t uniform
    ddpm      x[t−1] = (x[t] − β[t] / √(1 − ᾱ[t]) ε_θ) / √(1 − β[t]) + √β[t] z        z normal, 0 in the last step
    ddim      x̂ = (x[t] − √(1 − ᾱ[t]) ε_θ) / √ᾱ[t], within −1 to 1;   x[s] = √ᾱ[s] x̂ + √(1 − ᾱ[s]) ε̂
              ε̂ the noise that goes with x̂, s < t the next of the chosen steps
    solver    DPM-Solver++ of second order, of the library diffusers

Shapes   x, ε (picture, channel, row, column), values from −1 to 1 · t (picture,)
Names    a step of diffusion is a step of noise; spiking networks have steps of their own
Source   J. Ho, A. Jain & P. Abbeel 2020 (NeurIPS) · DDIM: J. Song, C. Meng & S. Ermon 2021 (ICLR) · DPM-Solver++:
         C. Lu et al. 2022, arXiv 2211.01095
Differs  the variance of ddpm is β[t], its upper bound
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from snnsim import validation

SAMPLERS = ("ddpm", "ddim", "solver")
FIRST_BETA, LAST_BETA = 1e-4, 0.02
Predict = Callable[[Tensor, Tensor], Tensor]
"""The noise of pictures x at steps t."""


class Diffusion:
    """The steps of a diffusion.

    Args:
        steps: Number of steps, at least 2; the variances of fewer steps than 1,000 are larger in proportion.
    """

    def __init__(self, steps: int = 1000) -> None:
        self.steps = validation.integer(steps, who="Diffusion", name="steps", at_least=2, at_most=100_000)
        scale = 1000 / self.steps
        beta = torch.linspace(scale * FIRST_BETA, scale * LAST_BETA, self.steps, dtype=torch.float64)
        self.beta = beta.clamp(max=0.999)
        """β, (step,)."""
        self.remaining = (1 - self.beta).cumprod(0)
        """ᾱ, the share of a picture's variance that remains, (step,)."""

    def noisy(self, pictures: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Return pictures with the noise of their steps.

        Args:
            pictures: Pictures x, (picture, channel, row, column).
            noise: Noise ε, in the same shape.
            step: Steps t from 0, int64 (picture,).

        Raises:
            ValueError: If shapes do not match, or a step does not exist.
        """
        if noise.shape != pictures.shape or step.shape != pictures.shape[:1]:
            raise ValueError(
                f"Diffusion.noisy: noise must be of the shape of the pictures, {tuple(pictures.shape)}, and step of "
                f"{tuple(pictures.shape[:1])}, not {tuple(noise.shape)} and {tuple(step.shape)}"
            )
        if step.numel() and not 0 <= int(step.min()) <= int(step.max()) < self.steps:
            raise ValueError(
                f"Diffusion.noisy: steps must be from 0 to {self.steps - 1}, not {int(step.min())} to {int(step.max())}"
            )
        # in float64: 1 − ᾱ of the first steps is below the rounding of ᾱ in 16 bits
        remaining = self.remaining[step.cpu()][:, None, None, None]
        return remaining.sqrt().to(pictures) * pictures + (1 - remaining).sqrt().to(pictures) * noise

    def chosen(self, count: int) -> list[int]:
        """Return steps at equal distances from the last to the first, fewer than all for a faster sampler.

        Args:
            count: Number of steps, at most all.
        """
        validation.integer(count, who="Diffusion", name="sampling steps", at_least=1, at_most=self.steps)
        if count == 1:
            return [self.steps - 1]
        return [round(index * (self.steps - 1) / (count - 1)) for index in range(count - 1, -1, -1)]


def ddpm(diffusion: Diffusion, predict: Predict, start: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield the pictures after every step back, from noise.

    Args:
        diffusion: The diffusion.
        predict: Function from pictures and steps to their noise.
        start: Normal noise, (picture, channel, row, column).
        generator: Generator of the noise of the steps.
    """
    x = start
    for t in range(diffusion.steps - 1, -1, -1):
        noise = predict(x, torch.full((len(x),), t))
        beta, remaining = float(diffusion.beta[t]), float(diffusion.remaining[t])
        x = (x - beta / (1 - remaining) ** 0.5 * noise) / (1 - beta) ** 0.5
        if t:
            x = x + beta**0.5 * torch.randn(x.shape, generator=generator)
        yield x


def ddim(diffusion: Diffusion, predict: Predict, start: Tensor, steps: int) -> Iterator[Tensor]:
    """Yield the pictures after every chosen step back, from noise; nothing is drawn.

    Args:
        diffusion: The diffusion.
        predict: Function from pictures and steps to their noise.
        start: Normal noise, (picture, channel, row, column).
        steps: Number of steps.
    """
    x, chosen = start, diffusion.chosen(steps)
    for index, t in enumerate(chosen):
        noise = predict(x, torch.full((len(x),), t))
        now = float(diffusion.remaining[t])
        clean = ((x - (1 - now) ** 0.5 * noise) / now**0.5).clamp(-1, 1)
        # after the clip, the noise that goes with the picture
        noise = (x - now**0.5 * clean) / (1 - now) ** 0.5
        later = float(diffusion.remaining[chosen[index + 1]]) if index + 1 < len(chosen) else 1.0
        x = later**0.5 * clean + (1 - later) ** 0.5 * noise
        yield x


def solver(diffusion: Diffusion, predict: Predict, start: Tensor, steps: int) -> Iterator[Tensor]:
    """Yield the pictures after every step of DPM-Solver++, from noise; nothing is drawn.

    Args:
        diffusion: The diffusion.
        predict: Function from pictures and steps to their noise.
        start: Normal noise, (picture, channel, row, column).
        steps: Number of steps.

    Raises:
        ImportError: If diffusers is not installed.
    """
    try:
        from diffusers import DPMSolverMultistepScheduler
    except ImportError as error:
        raise ImportError(
            "the sampler solver needs the package diffusers: pip install 'snnsim[diffusion]'; ddim needs none"
        ) from error
    diffusion.chosen(steps)
    kind: Any = DPMSolverMultistepScheduler
    rule = kind(num_train_timesteps=diffusion.steps, trained_betas=diffusion.beta.numpy(), thresholding=False)
    rule.set_timesteps(steps)
    x = start
    for t in rule.timesteps:
        noise = predict(x, torch.full((len(x),), int(t)))
        x = rule.step(noise, t, x).prev_sample
        yield x


def samples(
    diffusion: Diffusion, predict: Predict, start: Tensor, *, sampler: str, steps: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Yield the pictures after every step of a sampler.

    Args:
        diffusion: The diffusion.
        predict: Function from pictures and steps to their noise.
        start: Normal noise, (picture, channel, row, column).
        sampler: One of SAMPLERS.
        steps: Number of steps; ddpm takes all.
        generator: Generator of the noise that ddpm adds.
    """
    validation.one_of(sampler, SAMPLERS, who="samples", name="sampler")
    if sampler == "ddpm":
        return ddpm(diffusion, predict, start, generator)
    return (ddim if sampler == "ddim" else solver)(diffusion, predict, start, steps)
