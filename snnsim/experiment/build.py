"""From a config to its parts: the network, the learning rule, the schedule of the delay windows."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from typing import Any, cast

import torch

from snnsim import schema
from snnsim.config import Config
from snnsim.config.recurrence import RecurrentDelays
from snnsim.config.task import ClassTask
from snnsim.experiment import estimate, neurons, recurrence, skips, tasks
from snnsim.learning import label_smoothing, qat, rates, rules, sigma_schedule
from snnsim.nn import Conv, DelayedConv, DelayedLinear, Head, LeakyReadout, SparseLinear, delay_windows
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.bias import Bias
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork
from snnsim.nn.protocols import Synapse
from snnsim.program import Field
from snnsim.training.distributed import SINGLE, Distributed, all_reduce_sum
from snnsim.units import to_steps

EVALUATION_BATCH = 256
"""Recordings of a batch in validation and evaluation."""


def build_network(config: Config, *, classes: tasks.Sizes) -> SpikingNetwork:
    """Return the config's network with its initial parameters, a function of the config's seed.

    Args:
        config: Config of the run: its network, time step, number of channels and seed.
        classes: Number of outputs of the readout, or of each head by its name.

    Returns:
        The network on the CPU, in training mode.
    """
    estimate.require(config, estimate.of_network(config, classes=tasks.total(classes)))
    net, generator = config.network, torch.Generator().manual_seed(config.training.seed)
    first = next(iter(classes.values())) if isinstance(classes, Mapping) else classes
    *synapses, last = _synapses(config, first, generator)
    # a network with convolutions has no recurrence, so that layers are hidden layers
    layers = [
        SpikingLayer(
            synapse,
            neurons.build(config, features, synapse, generator),
            norm=_norm(config, features),
            dropout=net.dropout,
            dropout_per_step=net.dropout_mask == "step",
            recurrent=recurrence.build(config, number, features, generator),
        )
        for number, (synapse, features) in enumerate(zip(synapses, (*net.convolutions, *net.hidden), strict=True), 1)
    ]
    extra = round(to_steps(net.extra_ms, config.data.time_step_ms))
    if not isinstance(classes, Mapping):
        between = skips.build(config, classes=classes, width=first_width(config), generator=generator)
        return SpikingNetwork(layers, last, _readout(config, classes), extra_steps=extra, skips=between)
    heads: dict[str, Head] = {}
    for name, size in classes.items():
        synapse = _synapse(config, net.hidden[-1], size, generator) if heads else last
        heads[name] = Head(synapse, _readout(config, size))
    # skip connections of a network with heads end at layers, which the config checks
    between = skips.build(config, classes=0, width=first_width(config), generator=generator)
    return SpikingNetwork(layers, heads=heads, extra_steps=extra, skips=between)


def _readout(config: Config, outputs: int) -> LeakyReadout:
    settings = config.network.readout
    tau = to_steps(settings.tau_ms, config.data.time_step_ms)
    return LeakyReadout(tau=tau, learn_decay=settings.learn_decay, features=outputs)


def _norm(config: Config, features: int) -> BatchNorm | None:
    if not config.network.batch_norm:
        return Bias(features) if config.network.bias else None
    norm = BatchNorm(features)
    norm.synchronized = config.training.sync_batch_norm
    return norm


def field(config: Config) -> Field:
    """Return the field of the input that convolutions read.

    Args:
        config: Config with `data.height` and `data.width`, as one with convolutions has them.
    """
    # a config with convolutions has both
    height, width = cast(int, config.data.height), cast(int, config.data.width)
    return Field(height, width, config.data.channels // (height * width))


def _synapses(config: Config, classes: int, generator: torch.Generator) -> Iterator[Synapse]:
    """Yield the synapses from the input to the output."""
    net, sizes = config.network, (*config.network.hidden, classes)
    source = config.data.channels
    if net.convolutions:
        inputs, pool = field(config), 1
        for channels in net.convolutions:
            geometry = {"field": inputs, "kernel": net.kernel, "pool": pool, "stride": net.stride}
            convolution = _convolution(config, channels, generator, **geometry)
            yield convolution
            inputs, pool = convolution.into, net.pool
        # a kernel as large as the pooled field connects all of it to every neuron
        kernel = inputs.height // pool, inputs.width // pool
        yield _convolution(config, sizes[0], generator, field=inputs, kernel=kernel, padding=0, pool=pool)
        source, sizes = sizes[0], sizes[1:]
    for before, after in pairwise((source, *sizes)):
        yield _synapse(config, before, after, generator)


def _synapse(config: Config, source: int, target: int, generator: torch.Generator) -> Synapse:
    net = config.network
    if net.delays == "none":
        return SparseLinear(source, target, sparsity=net.sparsity, generator=generator)
    return DelayedLinear(
        source, target, max_delay(config), delays=net.delay_kind, **_delays(config), generator=generator
    )


def _convolution(config: Config, channels: int, generator: torch.Generator, **geometry: Any) -> Conv | DelayedConv:
    net = config.network
    if net.delays == "none":
        return Conv(out_channels=channels, sparsity=net.sparsity, generator=generator, **geometry)
    delays = _delays(config) | {"max_delay": max_delay(config), "generator": generator}
    return DelayedConv(out_channels=channels, **geometry, **delays)


def _delays(config: Config) -> dict[str, Any]:
    """Return the settings of connections with delays."""
    net = config.network
    return {
        "taps": net.taps,
        "window": net.window,
        "sigma": first_width(config),
        "learn_delay": net.delays == "learned",
        "sparsity": net.sparsity,
    }


def grid(config: Config) -> qat.Grid:
    """Return the precision of the weights and delays.

    Args:
        config: Config of the run, of which `training.weights` and `training.delays` count.
    """
    weights = None if config.training.weights == "float" else config.training.weights
    return qat.Grid(weights, config.training.delays)


def rule(config: Config, processes: Distributed = SINGLE) -> rules.Rule:
    """Return the learning rule with its settings.

    Args:
        config: Config of the run: the rule's name and settings in `training`, a chunk of time in ms.
        processes: Processes of the training, over which bounds of rates go.
    """
    training = config.training
    settings: dict[str, Any] = {}
    if training.rule != "bptt":
        chunk = training.window_ms and max(1, round(to_steps(training.window_ms, config.data.time_step_ms)))
        settings |= {"delayed": training.delayed, "chunk": chunk, "loops": training.loops}
    if training.rule == "sltt-k":
        settings["k"] = training.k
    smoothed = label_smoothing.smoothed(rules.get_rule(training.rule, **settings), training.label_smoothing)
    total = partial(all_reduce_sum, processes=processes) if processes.world > 1 else None
    return rates.bounded(smoothed, training.rates, processes=processes.world, total=total)


def max_delay(config: Config) -> int:
    """Return the longest delay in steps.

    Args:
        config: Config of the run: `network.max_delay_ms`, rounded to steps of `data.time_step_ms`.
    """
    return round(to_steps(config.network.max_delay_ms, config.data.time_step_ms))


def first_width(config: Config) -> float:
    """Return the first width of the delay windows in steps.

    Args:
        config: Config of the run; without `network.sigma_start`, the width is that of the recipe of DCLS-Delays.
    """
    net, widest = config.network, delay_windows.widest(config.network.window, max_delay(config))
    # half of a short range may be narrower than the last width
    return max(last_width(config), widest) if net.sigma_start is None else net.sigma_start


def last_width(config: Config) -> float:
    """Return the last width of the delay windows in steps.

    Args:
        config: Config of the run; without `network.sigma_end`, the width is that of the recipe of DCLS-Delays.
    """
    net = config.network
    return delay_windows.narrowest(net.window) if net.sigma_end is None else net.sigma_end


def width_schedule(config: Config) -> "partial[float] | None":
    """Return the width of the delay windows as a function of the epoch, or None if the width is constant.

    Args:
        config: Config of the run; only learned delays, those of skip connections included, have windows that narrow.
    """
    if config.network.delays != "learned" and not skips.learns_delays(config):
        return None
    return _schedule(config, config.network.window, first_width(config), last_width(config))


def recurrent_width_schedule(config: Config) -> "partial[float] | None":
    """Return the width of the recurrent delay windows as a function of the epoch, or None if the width is constant.

    Args:
        config: Config of the run; only learned recurrent delays have windows that narrow.
    """
    kind = config.network.recurrent
    if not isinstance(kind, RecurrentDelays) or not kind.learn_delay:
        return None
    return _schedule(config, kind.window, *recurrence.widths(config))


def _schedule(config: Config, name: str, start: float, end: float) -> "partial[float] | None":
    window = delay_windows.get_window(name)
    if not window.has_width:
        return None
    epochs = max(1, int(config.training.sigma_epochs * config.training.epochs))
    return partial(sigma_schedule.width, start=start, end=end, epochs=epochs, narrowest=window.offset)


def architecture(config: Config, *, classes: tasks.Sizes) -> dict[str, Any]:
    """Return the values that two configs must share for one to read the parameters of the other.

    Args:
        config: The config of a run.
        classes: Number of outputs of the readout, or of each head by its name.
    """
    values = asdict(config.network) | {"channels": config.data.channels}
    values["time_step_ms"] = config.data.time_step_ms
    values["hidden"] = list(config.network.hidden)
    # checkpoints of older versions, which had no convolutions, have None
    spatial = config.network.convolutions
    values["convolutions"] = list(spatial) or None
    values |= {name: values[name] if spatial else None for name in ("kernel", "pool")}
    # nor skip connections
    values["skip"] = [schema.plain(skip) for skip in config.network.skip] or None
    # nor other kinds of delays
    values["delay_kind"] = None if config.network.delay_kind == "synaptic" else config.network.delay_kind
    kinds = {name: value for name, value in schema.plain(config.network).items() if isinstance(value, dict)}
    # parameters are those of the network wherever its delays start
    values |= {name: {key: kind[key] for key in kind if key != "start_ms"} for name, kind in kinds.items()}
    # nor biases, nor masks of steps, nor strides
    values["bias"] = config.network.bias or None
    values["stride"] = None if config.network.stride == 1 else config.network.stride
    values["dropout_mask"] = None if config.network.dropout_mask == "recording" else config.network.dropout_mask
    values["field"] = list(field(config)) if spatial else None
    # nor other tasks
    values["classes"] = dict(classes) if isinstance(classes, Mapping) else classes
    values["task"] = None if config.task == ClassTask() else schema.plain(config.task)
    return values


def layer_sizes(config: Config, *, classes: tasks.Sizes) -> str:
    """Return the sizes of the layers as a text, such as 700 - 256 - 256 - 20.

    Args:
        config: Config of the run; convolutions are shown as height x width x channels.
        classes: Number of outputs of the readout, or of each head by its name.
    """
    net, first = config.network, [str(config.data.channels)]
    if net.convolutions:
        height, width, colors = field(config)
        first = [f"{height} x {width} x {colors}"]
        fields = zip(net.convolutions, net.positions(height, width), strict=True)
        first += [f"{rows} x {columns} x {channels}" for channels, (rows, columns) in fields]
    last = str(classes)
    if isinstance(classes, Mapping):
        last = "(" + ", ".join(f"{name} {size}" for name, size in classes.items()) + ")"
    return " - ".join([*first, *map(str, net.hidden), last])


def kinds(config: Config) -> str:
    """Return the kinds of delays, neurons, recurrent and skip connections as a text.

    Args:
        config: Config of the run, of which the section `network` and the time step count.
    """
    net = config.network
    kind = "" if net.delay_kind == "synaptic" else f"{net.delay_kind} "
    named = {"learned": f"learned {kind}delays", "fixed": f"fixed random {kind}delays", "none": "no delays"}[net.delays]
    reach = "" if net.delays == "none" else f" of 0 to {max_delay(config)} steps"
    neuron = "" if net.neuron.kind == "lif" else f", {net.neuron.kind} neurons"
    layers = ", ".join(f"hidden {number}" for number in recurrence.layers(config))
    longest = recurrence.max_delay(config) + 1
    loop = f", {layers} recurrent with delays of {'1 step' if longest == 1 else f'1 to {longest} steps'}"
    ends = ["input", *(f"hidden {number}" for number in range(1, len(net.hidden) + 1)), "readout"]
    between = "".join(f", {ends[skip.source]} to {ends[skip.target]}" for skip in net.skip)
    return f"{named}{reach}{neuron}{loop if layers else ''}{between}"
