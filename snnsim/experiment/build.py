"""From a config to the parts it names: recordings on a grid, their splits, the network."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from snnsim import files
from snnsim.config import Config
from snnsim.data import cache, heidelberg, motifs, moving_dots, optical_digits, splits, tonic_bridge
from snnsim.data.batches import Batches
from snnsim.data.binning import Binned
from snnsim.data.speech import spoken_digits
from snnsim.experiment import estimate, neurons
from snnsim.learning import qat, rules, sigma_schedule
from snnsim.nn import Conv, DelayedConv, DelayedLinear, LeakyReadout, SparseLinear, delay_windows
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork
from snnsim.nn.patches import Field
from snnsim.units import to_steps

EVALUATION_BATCH = 256
_OTHERS = ("neuron", "learn_neuron", "noise", "recovery", "success")
"""Settings of neurons other than lif."""
_MADE = {"motifs": motifs.USUAL, "motifs-short": motifs.SHORT, "images": optical_digits, "patterns": moving_dots}


@dataclass(frozen=True)
class Part:
    """One split of a data set: some recordings of a binned file."""

    binned: Binned
    indices: np.ndarray

    def batches(self, batch_size: int, *, rank: int = 0, world: int = 1) -> Batches:
        """Return the recordings in batches, in their order."""
        return Batches(self.binned, self.indices, batch_size=batch_size, rank=rank, world=world)


def planned_folder(config: Config) -> Path:
    """Return where the config's data set lies or would lie."""
    data = config.data
    if data.name == "digits":
        return spoken_digits.folder(data.size, data.seed)
    if data.name in _MADE:
        return _MADE[data.name].folder(data.seed)
    if data.path is not None:
        return files.at_home(data.path)
    # downloads go to ./datasets where it exists, as in a checkout
    here = Path("datasets")
    return here if here.is_dir() else files.cache_folder() / "datasets"


def data_folder(config: Config, *, fill: bool = True) -> Path:
    """Return the folder of the config's data set, with the data made or downloaded if need be.

    Args:
        config: The run.
        fill: Whether a folder that the config names is filled by a download if it is missing or empty; a folder that
            nobody has named always is.
    """
    data, folder = config.data, planned_folder(config)
    if data.name == "digits":
        return spoken_digits.prepare(data.size, data.seed)
    if data.name in _MADE:
        return _MADE[data.name].prepare(data.seed)
    # a folder of one's own that holds other things is more likely a slip than a place for gigabytes; a download that
    # failed leaves SHD or SSC in it
    things = {path.name for path in folder.iterdir()} if data.path is not None and folder.is_dir() else set()
    named = data.path is not None and not fill
    if not named and not things - {"SHD", "SSC"} and not _holds(folder, data.name):
        tonic_bridge.download(data.name, folder)
    return folder


def _holds(folder: Path, name: str) -> bool:
    try:
        return bool(heidelberg.find(folder, name))
    except FileNotFoundError:
        return False


def load_splits(config: Config, *names: str) -> dict[str, Part]:
    """Return the named splits ("train", "valid", "test") of the config's data set, reading no other file."""
    # a path with a slip must not start a download
    found = heidelberg.find(data_folder(config, fill=False), config.data.name)
    parts: dict[str, Part] = {}
    for name in names:
        file = "train" if name == "valid" and "valid" not in found else name
        if file not in found:
            raise FileNotFoundError(
                f"there is no {name} file beside {next(iter(found.values()))}; found: {', '.join(found)}"
            )
        binned = _binned(config, found[file])
        indices = np.arange(len(binned))
        if "valid" not in found and name in ("train", "valid"):
            # SHD comes without a validation split, and the test file is never used for one
            split = splits.of_training_file(binned, found[file])
            indices = split.train if name == "train" else split.valid
        parts[name] = Part(binned, indices)
    _check_classes(parts)
    return parts


def _binned(config: Config, path: Path) -> Binned:
    data = config.data
    return cache.binned(path, time_step_ms=data.time_step_ms, channels=data.channels, max_time_ms=data.max_time_ms)


def _check_classes(parts: dict[str, Part]) -> None:
    names = {name: part.binned.classes for name, part in parts.items()}
    if len(set(names.values())) > 1:
        raise ValueError(f"the splits of a data set must have the same classes, not {names}")


def build_network(config: Config, *, classes: int) -> SpikingNetwork:
    """Return the config's network with its initial parameters, a function of the config's seed."""
    estimate.require(config, estimate.of_network(config, classes=classes))
    net, generator = config.network, torch.Generator().manual_seed(config.training.seed)
    tau = to_steps(net.tau_ms, config.data.time_step_ms)
    *synapses, last = _synapses(config, classes, generator)
    layers = [
        SpikingLayer(
            synapse,
            neurons.build(config, features, synapse),
            norm=BatchNorm(features) if net.batch_norm else None,
            dropout=net.dropout,
        )
        for synapse, features in zip(synapses, (*net.convolutions, *net.hidden), strict=True)
    ]
    readout = LeakyReadout(tau=tau, learn_decay=net.learn_decay, features=classes)
    if net.tau_readout_ms is not None:
        readout = LeakyReadout(tau=to_steps(net.tau_readout_ms, config.data.time_step_ms))
    extra = round(to_steps(net.extra_ms, config.data.time_step_ms))
    return SpikingNetwork(layers, last, readout, extra_steps=extra)


def field(config: Config) -> Field:
    """Return the field that the convolutions look at."""
    height, width = config.data.height, config.data.width
    return Field(height, width, config.data.channels // (height * width))


def _synapses(config: Config, classes: int, generator: torch.Generator) -> Iterator[nn.Module]:
    """Yield the synapses from the input to the output."""
    net, sizes = config.network, (*config.network.hidden, classes)
    source = config.data.channels
    if net.convolutions:
        seen, pool = field(config), 1
        for channels in net.convolutions:
            convolution = _convolution(config, channels, generator, field=seen, kernel=net.kernel, pool=pool)
            yield convolution
            seen, pool = convolution.into, net.pool
        # all of a pooled field to every neuron: a kernel as large as the field
        whole = seen.height // pool, seen.width // pool
        yield _convolution(config, sizes[0], generator, field=seen, kernel=whole, padding=0, pool=pool)
        source, sizes = sizes[0], sizes[1:]
    for before, after in pairwise((source, *sizes)):
        yield _synapse(config, before, after, generator)


def _synapse(config: Config, source: int, target: int, generator: torch.Generator) -> nn.Module:
    net = config.network
    if net.delays == "none":
        return SparseLinear(source, target, sparsity=net.sparsity, generator=generator)
    return DelayedLinear(source, target, max_delay(config), **_delays(config), generator=generator)


def _convolution(config: Config, channels: int, generator: torch.Generator, **where: Any) -> Conv | DelayedConv:
    net = config.network
    if net.delays == "none":
        return Conv(out_channels=channels, sparsity=net.sparsity, generator=generator, **where)
    delays = _delays(config) | {"max_delay": max_delay(config), "generator": generator}
    return DelayedConv(out_channels=channels, **where, **delays)


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
    """Return what the synapses are computed with."""
    weights = None if config.training.weights == "float" else config.training.weights
    return qat.Grid(weights, config.training.delays)


def rule(config: Config) -> rules.Rule:
    """Return the learning rule with its settings."""
    training = config.training
    settings: dict[str, Any] = {"loss": training.loss}
    if training.rule != "bptt":
        steps = training.window_ms and max(1, round(to_steps(training.window_ms, config.data.time_step_ms)))
        settings |= {"delayed": training.delayed, "chunk": steps}
    if training.rule == "sltt-k":
        settings["k"] = training.k
    return rules.get_rule(training.rule, **settings)


def max_delay(config: Config) -> int:
    """Return the longest delay in steps."""
    return round(to_steps(config.network.max_delay_ms, config.data.time_step_ms))


def first_width(config: Config) -> float:
    """Return the width of the delay windows at the start, in steps."""
    net = config.network
    return delay_windows.widest(net.window, max_delay(config)) if net.sigma_start is None else net.sigma_start


def last_width(config: Config) -> float:
    """Return the width of the delay windows once they have been annealed, in steps."""
    net = config.network
    return delay_windows.narrowest(net.window) if net.sigma_end is None else net.sigma_end


def width_schedule(config: Config) -> "partial[float] | None":
    """Return the width of the delay windows as a function of the epoch, or None where none is annealed."""
    net = config.network
    window = delay_windows.get_window(net.window)
    if net.delays != "learned" or not window.has_width:
        return None
    return partial(
        sigma_schedule.width,
        start=first_width(config),
        end=last_width(config),
        epochs=max(1, int(config.training.sigma_epochs * config.training.epochs)),
        narrowest=window.offset,
    )


def architecture(config: Config, *, classes: int) -> dict[str, Any]:
    """Return what two configs must share for one to read the other's parameters."""
    values = asdict(config.network) | {"channels": config.data.channels, "classes": classes}
    values["time_step_ms"] = config.data.time_step_ms
    values["hidden"] = list(config.network.hidden)
    # None is what a network from before there were convolutions says of them
    spatial = config.network.convolutions
    values["convolutions"] = list(spatial) or None
    values |= {name: values[name] if spatial else None for name in ("kernel", "pool")}
    # nor does it know of other neurons than lif
    values |= dict.fromkeys(_OTHERS) if config.network.neuron == "lif" else {}
    values["field"] = list(field(config)) if spatial else None
    return values


def layer_sizes(config: Config, *, classes: int) -> str:
    """Return the sizes of the layers, as a person writes them."""
    net, first = config.network, [str(config.data.channels)]
    if net.convolutions:
        height, width, colors = field(config)
        first = [f"{height} x {width} x {colors}"]
        for number, channels in enumerate(net.convolutions):
            shrunk = net.pool**number
            first.append(f"{height // shrunk} x {width // shrunk} x {channels}")
    return " - ".join([*first, *map(str, (*net.hidden, classes))])
