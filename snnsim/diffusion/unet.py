"""A spiking U-Net that predicts the noise of pictures, with residuals in front of the neurons.

    block     y = N(C(S(N(C(S(x))) + e))) + r(x)        r identity, or N(C₁(S(x))) between numbers of channels
    down, up  N(C(S(x))), stride 2; neighbors repeated in front of the convolution
    skips     maps of the way down are appended to those of the way up, as real numbers
    head      the picture's convolution, the same in every step
    tail      convolution of SiLU(N(Σ_t 0.8^(T−1−t) x[t] / Σ_t 0.8^(T−1−t)))
    time      e = linear map of SiLU(linear map of sines and cosines of t) (+ a vector of the class)
    scaled    C(s)[t] becomes p[t] C(s)[t], p[t] of every convolution and step, 1 at the start

Shapes   pictures x (picture, channel, row, column) · t (picture,) · maps inside (step · picture, channel, row, column)
Names    S activation, spiking neurons · C convolution · N batch normalization over all steps · p step scales
Source   J. Cao et al. 2024, Spiking Diffusion Models, arXiv 2408.16467: residuals before spikes, time-wise scaling
         (TSM), and the readout; U-Net: J. Ho, A. Jain & P. Abbeel 2020, without attention
Differs  the shortcut between numbers of channels convolves spikes, so that it has additions alone; the readout is
         divided by its sum of weights
"""

import math
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from snnsim import validation
from snnsim.diffusion import activations
from snnsim.diffusion.activations import Activation
from snnsim.nn.folded import DirectEncoding, Folded, FoldedDropout, unfolded

READOUT_DECAY = 0.8


class StepScale(Folded):
    """A factor for each step of a folded sequence, 1 at the start; it is learned when `scale.requires_grad` is set.

    Args:
        steps: Number of steps.
    """

    def __init__(self, steps: int) -> None:
        super().__init__(steps)
        self.scale = nn.Parameter(torch.ones(steps), requires_grad=False)

    def forward(self, values: Tensor) -> Tensor:
        """Return the values times the factors of their steps.

        Args:
            values: Folded sequence (step · picture, channel, row, column).

        Raises:
            ValueError: If the number of steps was changed after training.
        """
        if len(self.scale) == 1:
            return values * self.scale
        if len(self.scale) != self.steps:
            raise ValueError(
                f"StepScale: its {len(self.scale)} factors are those of {len(self.scale)} steps, not {self.steps}"
            )
        return values * self.scale.repeat_interleave(len(values) // self.steps)[:, None, None, None]


class WeightedReadout(Folded):
    """The mean of a folded sequence over its steps, in which a step weighs 0.8 times the one after it.

    Args:
        steps: Number of steps.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Return the weighted mean, (picture, channel, row, column).

        Args:
            values: Folded sequence (step · picture, channel, row, column).
        """
        weight = READOUT_DECAY ** torch.arange(self.steps - 1, -1, -1, dtype=values.dtype, device=values.device)
        sequence = unfolded(values, self.steps, who="WeightedReadout")
        return cast(Tensor, torch.tensordot(weight / weight.sum(), sequence, dims=1))


class Options(NamedTuple):
    """The sizes of a U-Net, and what all of its layers share."""

    width: int = 32
    """Channels of the first level, even."""
    multipliers: tuple[int, ...] = (1, 2, 2)
    """Channels of each level in widths; each level but the last halves rows and columns."""
    blocks: int = 1
    """Blocks of a level on the way down; the way up has one more."""
    steps: int = 4
    """Steps of the neurons; 1 for silu and qcfs."""
    activation: Activation = "spiking"
    levels: int = 4
    """Levels of qcfs."""
    dropout: float = 0.1
    temporal: bool = True
    """Whether gradients pass from step to step."""
    classes: int = 0
    """Number of classes of a network that draws a chosen class; 0 without."""
    recompute: bool = False
    """Whether blocks are computed again in the backward pass, for less memory."""


DEFAULTS = Options()


def _convolution(options: Options, inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution with its step scale and normalization."""
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)
    return nn.Sequential(convolution, StepScale(options.steps), nn.BatchNorm2d(outputs))


def _activation(options: Options) -> nn.Module:
    return activations.make(options.activation, options.steps, levels=options.levels, temporal=options.temporal)


class Block(nn.Module):
    """Two convolutions behind spikes, with the time of diffusion between them, and a residual in front of the spikes.

    Args:
        options: What all layers share.
        inputs: Channels of the input.
        outputs: Channels of the output.
        embedding: Numbers of the time.
    """

    def __init__(self, options: Options, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.first, self.second = _activation(options), _activation(options)
        self.widen = _convolution(options, inputs, outputs)
        self.time = nn.Linear(embedding, outputs)
        self.repeat = DirectEncoding(options.steps)
        self.dropout = FoldedDropout(options.dropout, options.steps)
        self.mix = _convolution(options, outputs, outputs)
        self.shortcut = None if inputs == outputs else _convolution(options, inputs, outputs, size=1)

    def forward(self, values: Tensor, embedding: Tensor) -> Tensor:
        """Return the maps behind the block.

        Args:
            values: Maps (step · picture, channel, row, column).
            embedding: The time of every picture, (picture, number).
        """
        spikes = self.first(values)
        hidden = self.widen(spikes) + self.repeat(self.time(embedding))[:, :, None, None]
        hidden = self.mix(self.dropout(self.second(hidden)))
        result: Tensor = hidden + (values if self.shortcut is None else self.shortcut(spikes))
        return result


class TimeEmbedding(nn.Module):
    """The step of diffusion as numbers: sines and cosines, and two linear maps.

    Args:
        width: Number of sines and cosines, even.
        outputs: Numbers of the result.
    """

    frequency: Tensor

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        frequency = torch.exp(-math.log(10_000) * torch.arange(width // 2) / (width // 2))
        self.register_buffer("frequency", frequency)
        self.maps = nn.Sequential(nn.Linear(width, outputs), nn.SiLU(), nn.Linear(outputs, outputs))

    def forward(self, step: Tensor) -> Tensor:
        """Return the numbers of every picture, (picture, number).

        Args:
            step: Steps of diffusion, (picture,).
        """
        angle = step[:, None].to(self.frequency.dtype) * self.frequency
        result: Tensor = self.maps(torch.cat([angle.sin(), angle.cos()], 1))
        return result


class SpikingUNet(nn.Module):
    """A U-Net of spiking neurons.

    Args:
        channels: Channels of the pictures.
        options: Sizes, and what all layers share.
    """

    def __init__(self, channels: int = 1, options: Options = DEFAULTS) -> None:
        super().__init__()
        validation.require(
            options.activation == "spiking" or options.steps == 1,
            f"SpikingUNet: steps must be 1 for {options.activation}, not {options.steps}",
        )
        width, embedding = options.width, 4 * options.width
        self.recompute = options.recompute
        self.time = TimeEmbedding(width, embedding)
        self.label = nn.Embedding(options.classes, embedding) if options.classes else None
        self.encode = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), DirectEncoding(options.steps))
        self.head = nn.Sequential(StepScale(options.steps), nn.BatchNorm2d(width))
        down, up = _ways(options, embedding)
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        deepest = width * options.multipliers[-1]
        self.middle = Block(options, deepest, deepest, embedding)
        self.readout = WeightedReadout(options.steps)
        last = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(last.weight)
        self.tail = nn.Sequential(nn.BatchNorm2d(width), nn.SiLU(), last)

    def forward(self, pictures: Tensor, step: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the noise of pictures, in their shape.

        Args:
            pictures: Pictures with noise, (picture, channel, row, column); rows and columns divisible by the halvings.
            step: Their steps of diffusion, (picture,).
            label: Their classes, (picture,), of a network that draws a chosen class.
        """
        embedding = self.time(step)
        if self.label is not None:
            embedding = embedding + self.label(label)
        maps = self.head(self.encode(pictures))
        skips = [maps]
        for layer in self.down:
            maps = self._through(layer, maps, embedding)
            skips.append(maps)
        maps = self._through(self.middle, maps, embedding)
        for layer in self.up:
            if isinstance(layer, Block):
                maps = torch.cat([maps, skips.pop()], 1)
            maps = self._through(layer, maps, embedding)
        result: Tensor = self.tail(self.readout(maps))
        return result

    def _through(self, layer: nn.Module, maps: Tensor, embedding: Tensor) -> Any:
        inputs = (maps, embedding) if isinstance(layer, Block) else (maps,)
        if self.recompute and self.training:
            return checkpoint(layer, *inputs, use_reentrant=False)
        return layer(*inputs)


def _ways(options: Options, embedding: int) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return the layers of the way down and of the way up."""
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    sizes = [options.width * each for each in options.multipliers]
    skipped, channels = [options.width], options.width
    for level, size in enumerate(sizes):
        for _ in range(options.blocks):
            down.append(Block(options, channels, size, embedding))
            channels = size
            skipped.append(channels)
        if level + 1 < len(sizes):
            down.append(nn.Sequential(_activation(options), _convolution(options, channels, channels, stride=2)))
            skipped.append(channels)
    for level, size in reversed(list(enumerate(sizes))):
        for _ in range(options.blocks + 1):
            up.append(Block(options, channels + skipped.pop(), size, embedding))
            channels = size
        if level:
            repeat = nn.Upsample(scale_factor=2, mode="nearest")
            up.append(nn.Sequential(_activation(options), repeat, _convolution(options, channels, channels)))
    return down, up


def step_scales(network: nn.Module) -> list[nn.Parameter]:
    """Return the step scales of all convolutions.

    Args:
        network: A network with step scales.
    """
    return [part.scale for part in network.modules() if isinstance(part, StepScale)]
