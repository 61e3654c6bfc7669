"""Memory of a config's network and of its training, before anything is allocated.

    network     4 bytes for every weight and delay, and 12 more for each trained one: its gradient, two averages of Adam
                and 8 more with an average of the parameters
    training    the network, and for a batch of B recordings of T steps (4 bytes each):
                input T B C · currents of every layer T B N, for the backward pass · spikes and errors of the widest
                layer 2 T B N · patches of delayed convolutions T B P E · the kernels of 16 neurons 4 (D + 1) I K

Names    C channels · N neurons of a layer · P, E pixels and elements of a patch · D longest delay · I sources · K taps
Differs  the memory of libraries and data is not counted
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from snnsim.config import Config
from snnsim.config.recurrence import ConvolutionalRecurrence, DelayedRecurrence, RecurrentDelays
from snnsim.config.skips import DelayedSkip
from snnsim.experiment import recurrence, skips
from snnsim.limits import require_memory
from snnsim.units import to_steps

NUMBER = 4
"""Bytes of a float32."""
TOGETHER = 16
"""Smallest number of neurons whose kernels are in memory together."""


@dataclass(frozen=True)
class Layer:
    """The sizes of a layer."""

    name: str
    sources: int
    """Sources of the connections of one neuron."""
    rows: int
    """Neurons, or channels of a convolution, with connections of their own."""
    pixels: int = 1
    """Pixels of the field of a convolution."""

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.rows * self.pixels


def layers(config: Config, *, classes: int) -> Iterator[Layer]:
    """Yield the layers of a config's network; the readout is the last one.

    Args:
        config: Config of the run: sizes and kernels of its layers, channels and field of the input.
        classes: Number of classes, the neurons of the readout.
    """
    net, data = config.network, config.data
    sources, number = data.channels, 0
    if net.convolutions and data.height is not None and data.width is not None:
        height, width = data.height, data.width
        colors = data.channels // (height * width)
        fields = net.positions(height, width)
        for number, (channels, (rows, columns)) in enumerate(zip(net.convolutions, fields, strict=True), 1):
            yield Layer(f"convolution {number}", colors * net.kernel**2, channels, rows * columns)
            height, width, colors = rows // net.pool, columns // net.pool, channels
        sources = height * width * colors
    names = [*(f"hidden {index}" for index in range(1, len(net.hidden) + 1)), "readout"]
    for name, (before, after) in zip(names, pairwise((sources, *net.hidden, classes)), strict=True):
        yield Layer(name, before, after)


def _delays(kind: str, layer: Layer) -> int:
    """Return the number of delays of a layer's connections."""
    return {"synaptic": layer.sources * layer.rows, "axonal": layer.sources, "dendritic": layer.rows}[kind]


def _recurrent_delays(kind: RecurrentDelays, layer: Layer) -> int:
    """Return the number of delays of recurrent connections."""
    return _delays(kind.delays if isinstance(kind, DelayedRecurrence) else "synaptic", layer)


def _copies(config: Config, *, learned: bool) -> int:
    # the value, and, if it is trained, its gradient and two averages of Adam; the average of the parameters, and a copy
    # of the parameters while the average is evaluated
    return (4 if learned else 1) + (0 if config.training.average is None else 2)


def recurrent_layers(config: Config) -> Iterator[Layer]:
    """Yield the recurrent connections of a config's network.

    Args:
        config: Config of the run; without `network.recurrent` there are none.
    """
    for number in recurrence.layers(config):
        width = config.network.hidden[number - 1]
        name, kind = f"hidden {number} to itself", config.network.recurrent
        if isinstance(kind, ConvolutionalRecurrence):
            yield Layer(name, kind.kernel, 1, width)
        else:
            yield Layer(name, width, width)


def of_network(config: Config, *, classes: int) -> dict[str, int]:
    """Return the bytes of a config's network with gradients and optimizers, by layer.

    Args:
        config: Config of the run: sizes of its layers, kinds of its delays, number of taps.
        classes: Number of classes, the neurons of the readout.
    """
    net, parts = config.network, {}
    taps = 1 if net.delays == "none" else net.taps
    for layer in layers(config, classes=classes):
        values = _copies(config, learned=True) * layer.sources * layer.rows
        if net.delays != "none":
            values += _copies(config, learned=net.delays == "learned") * _delays(net.delay_kind, layer)
        parts[f"connections of {layer.name} in training"] = NUMBER * taps * values
    for layer in recurrent_layers(config):
        values = _copies(config, learned=True) * layer.sources * layer.rows
        if isinstance(net.recurrent, RecurrentDelays):
            values += _copies(config, learned=net.recurrent.learn_delay) * _recurrent_delays(net.recurrent, layer)
        parts[f"connections of {layer.name} in training"] = NUMBER * values
    for skip, sources, targets in skips.sizes(config, classes=classes):
        layer = Layer(f"skip {skip.source} to {skip.target}", sources, targets)
        values = _copies(config, learned=True) * layer.sources * layer.rows
        if isinstance(skip, DelayedSkip):
            values += _copies(config, learned=skip.learn_delay) * _delays(skip.delays, layer)
        name = f"connections of {layer.name} in training"
        parts[name] = parts.get(name, 0) + NUMBER * values
    return parts


def of_training(config: Config, *, classes: int, recordings: int, steps: int) -> dict[str, int]:
    """Return the bytes of a training, by their use.

    Args:
        config: The config of the run.
        classes: Number of classes.
        recordings: Largest number of recordings in a batch of this process.
        steps: Steps of the longest recording.
    """
    net, step = config.network, config.data.time_step_ms
    reach = 0 if net.delays == "none" else round(to_steps(net.max_delay_ms, step))
    steps += round(to_steps(net.extra_ms, step))
    if config.training.window_ms is not None:
        # a chunk of time, and the delay buffer before it
        steps = min(steps, round(to_steps(config.training.window_ms, step)) + reach)
    cells = NUMBER * steps * min(recordings, config.training.batch_size)
    parts = of_network(config, classes=classes) | {f"input of {steps:,} steps": cells * config.data.channels}
    all_layers = list(layers(config, classes=classes))
    for layer in all_layers:
        parts[f"currents of {layer.name}"] = cells * layer.neurons
        if net.delays != "none" and layer.pixels > 1:
            parts[f"patches of {layer.name}"] = cells * layer.pixels * layer.sources
    parts["spikes and errors of the widest layer"] = 2 * cells * max(layer.neurons for layer in all_layers)
    if net.dropout > 0 and net.dropout_mask == "step":
        # a byte and the spikes after dropout
        parts["dropout masks of steps"] = (cells + cells // NUMBER) * sum(layer.neurons for layer in all_layers[:-1])
    if reach:
        widest = max(layer.sources * min(layer.rows, TOGETHER) for layer in all_layers)
        parts[f"kernels of {reach + 1:,} delays"] = 4 * NUMBER * (reach + 1) * net.taps * widest
    for layer in recurrent_layers(config):
        # the currents, their errors, and the spikes of every step
        parts[f"currents of {layer.name}"] = 3 * cells * layer.neurons
        if isinstance(net.recurrent, RecurrentDelays):
            delays = recurrence.max_delay(config) + 1
            kernel = delays * _recurrent_delays(net.recurrent, layer)
            parts[f"kernels of {delays:,} delays of {layer.name}"] = 4 * NUMBER * kernel
    return parts


def require(config: Config, parts: Mapping[str, int]) -> None:
    """Raise a MemoryError if the parts together need more memory than there is.

    Args:
        config: Config of the run, whose name the message has.
        parts: Bytes by the description of what needs them, as from `of_network`.
    """
    require_memory(f"config {config.name}", parts)
