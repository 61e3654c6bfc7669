"""What a config's network and its training take of memory, before anything is made.

    network     4 bytes for every weight and delay, and twice that and once more for each trained one: Adam, gradient
    training    the network, and for a batch of B recordings of T steps (4 bytes each):
                input T B C · currents of every layer T B N, kept for the way back · spikes and errors of the widest
                layer 2 T B N · patches of delayed convolutions T B P E · the kernels of 16 neurons 4 (D + 1) I K

Names    C channels · N neurons of a layer · P, E pixels and elements of a patch · D longest delay · I sources · K taps
Differs  what a machine, libraries and data take anyway is not counted; figures of the recipe for SHD: see test_estimate
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from snnsim.config import Config
from snnsim.limits import require_memory
from snnsim.units import to_steps

NUMBER = 4
"""Bytes of a float32."""
TOGETHER = 16
"""Neurons whose kernels are there at once, at least."""


@dataclass(frozen=True)
class Layer:
    """The numbers of a layer that memory depends on."""

    name: str
    sources: int
    """Where the connections of one neuron start."""
    rows: int
    """Neurons, or channels of a convolution, with connections of their own."""
    pixels: int = 1
    """Places that a convolution looks at."""

    @property
    def neurons(self) -> int:
        """How many neurons there are."""
        return self.rows * self.pixels


def layers(config: Config, *, classes: int) -> Iterator[Layer]:
    """Yield the layers of a config's network, the readout with its classes last."""
    net, data = config.network, config.data
    sources, number = data.channels, 0
    if net.convolutions and data.height is not None and data.width is not None:
        height, width = data.height, data.width
        colors = data.channels // (height * width)
        for number, channels in enumerate(net.convolutions, 1):
            yield Layer(f"convolution {number}", colors * net.kernel**2, channels, height * width)
            height, width, colors = height // net.pool, width // net.pool, channels
        sources = height * width * colors
    names = [*(f"hidden {place}" for place in range(1, len(net.hidden) + 1)), "readout"]
    for name, (before, after) in zip(names, pairwise((sources, *net.hidden, classes)), strict=True):
        yield Layer(name, before, after)


def of_network(config: Config, *, classes: int) -> dict[str, int]:
    """Return the bytes of a config's network and of what trains it, layer by layer."""
    net = config.network
    # values of a connection: weight, delay; copies of each: itself, its gradient, two averages of Adam
    values = {"learned": 4 + 4, "fixed": 4 + 1, "none": 4}[net.delays]
    taps = 1 if net.delays == "none" else net.taps
    return {
        f"connections of {layer.name} in training": NUMBER * values * taps * layer.sources * layer.rows
        for layer in layers(config, classes=classes)
    }


def of_training(config: Config, *, classes: int, recordings: int, steps: int) -> dict[str, int]:
    """Return the bytes of a training, by what takes them.

    Args:
        config: The run.
        classes: How many classes the data have.
        recordings: How many recordings are in a batch of this process at most.
        steps: Steps of the longest recording.
    """
    net, step = config.network, config.data.time_step_ms
    reach = 0 if net.delays == "none" else round(to_steps(net.max_delay_ms, step))
    steps += round(to_steps(net.extra_ms, step))
    if config.training.window_ms is not None:
        # a window, and the history that reaches into it
        steps = min(steps, round(to_steps(config.training.window_ms, step)) + reach)
    cells = NUMBER * steps * min(recordings, config.training.batch_size)
    parts = of_network(config, classes=classes) | {f"input of {steps:,} steps": cells * config.data.channels}
    found = list(layers(config, classes=classes))
    for layer in found:
        parts[f"currents of {layer.name}"] = cells * layer.neurons
        if net.delays != "none" and layer.pixels > 1:
            parts[f"patches of {layer.name}"] = cells * layer.pixels * layer.sources
    parts["spikes and errors of the widest layer"] = 2 * cells * max(layer.neurons for layer in found)
    if reach:
        widest = max(layer.sources * min(layer.rows, TOGETHER) for layer in found)
        parts[f"kernels of {reach + 1:,} delays"] = 4 * NUMBER * (reach + 1) * net.taps * widest
    return parts


def require(config: Config, parts: Mapping[str, int]) -> None:
    """Raise a MemoryError if a config's parts together need more memory than there is."""
    require_memory(f"config {config.name}", parts)
