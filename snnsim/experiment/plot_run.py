"""Figures of a run: this module collects the arrays that `snnsim.plots` draws."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from snnsim import plots
from snnsim.config import Config
from snnsim.config.recurrence import RecurrentDelays
from snnsim.data.batches import Batches
from snnsim.experiment import build, evaluate_run, plot_predictions, tasks
from snnsim.experiment.evaluate_run import Loaded, Split
from snnsim.experiment.motion import drawing
from snnsim.learning.losses import Batch
from snnsim.nn import DelayedConv, DelayedLinear, Neuron
from snnsim.nn.network import Record, SpikingNetwork
from snnsim.training import evaluation
from snnsim.training.run_folder import RunFolder
from snnsim.validation import lookup

KINDS = ("raster", "delays", "curves", "animation", "predictions", "kernels", "flow")
AFTER_TRAINING = ("curves", "delays", "raster")
MOST_KERNELS = 6
"""Kernels of a figure."""
_LOOP = ", recurrent"
"""End of the names of recurrent connections."""


@dataclass(frozen=True)
class Choice:
    """The recording of a raster or an animation."""

    split: Split | None = None
    """None is the validation split, or the training split of a run without validation recordings."""
    index: int = 0
    data_path: str | None = None


def plot(run: str | Path, kind: str, output: str | Path | None = None, choice: Choice = Choice()) -> Path | None:
    """Draw a figure of a run, and return its path.

    Args:
        run: Folder of the run.
        kind: "raster", "delays", "curves", "animation", "predictions", "kernels" or "flow".
        output: File to write; by default in the folder of the run.
        choice: The recording of a raster or an animation.

    Returns:
        The path, or None where there are no delays before and after the training.

    Raises:
        ValueError: If the kind is unknown, or the split has no such recording.
    """
    draw = lookup(_DRAW, kind, "figure")
    folder = RunFolder(Path(run))
    suffix = "gif" if kind == "animation" else "png"
    return draw(folder, Path(output or folder.figure(f"{kind}.{suffix}")), choice)


def missing(folder: RunFolder, config: Config) -> list[str]:
    """Return the kinds of the final figures of a training that are missing.

    Args:
        folder: Folder of the run, whose figures are looked up by their names.
        config: Config of the run; without delays it has no figure of them.
    """
    delays = config.network.delays != "none" or isinstance(config.network.recurrent, RecurrentDelays)
    drawn = [kind for kind in AFTER_TRAINING if kind != "delays" or delays]
    return [kind for kind in drawn if not folder.figure(f"{kind}.png").is_file()]


def _curves(folder: RunFolder, output: Path, _: Choice) -> Path:
    plots.save(plots.curves(folder.read_metrics()), output)
    return output


def _delays(folder: RunFolder, output: Path, choice: Choice) -> Path | None:
    # the training recordings, as a run may have no others; the split makes no difference to the delays
    loaded = evaluate_run.load(folder.path, "train", data_path=choice.data_path)
    layers = layer_delays(loaded)
    if layers:
        plots.save(plots.delays(layers, time_step_ms=loaded.config.data.time_step_ms), output)
    return output if layers else None


def layer_delays(loaded: Loaded) -> list[plots.LayerDelays]:
    """Return the delays of each layer before and after training, and the weights.

    Args:
        loaded: A trained network.

    Returns:
        The layers; none of a network without delays, nor where the run that the training started from is gone.
    """
    trained = _delayed(loaded.network)
    if not trained:
        return []
    # the initial delays are a function of the seed, or those of the run that the training starts from
    first = build.build_network(loaded.config, classes=tasks.sizes(loaded.names))
    try:
        evaluate_run.start(first, loaded.config)
    except FileNotFoundError:
        return []
    first.constrain()
    initial = _delayed(first)
    loops = loaded.network.looped_synapses()
    return [
        plots.LayerDelays(
            name,
            before=_delays_of(initial[name], offset),
            after=_delays_of(after, offset),
            weight=after.weight.detach().numpy().ravel(),
            max_delay=after.max_delay + offset,
        )
        for name, after in trained.items()
        # a delay of 0 in a loop is one step
        for offset in (int(any(after is loop for loop in loops)),)
    ]


def _delayed(network: SpikingNetwork) -> dict[str, DelayedLinear]:
    """Return the connections that have delays, those of convolutions included, by the names of their rows."""
    synapses: dict[str, nn.Module] = {}
    for number, layer in enumerate(network.layers, start=1):
        synapses[f"hidden {number}"] = layer.synapse
        if layer.recurrent is not None:
            synapses[f"hidden {number}{_LOOP}"] = layer.recurrent.synapse
    synapses |= {head.name or "readout": head.synapse for head in network.readouts()}
    ends = ["input", *(f"hidden {number}" for number in range(1, len(network.layers) + 1)), "readout"]
    synapses |= {
        f"{ends[skip.source]} to {skip.target if isinstance(skip.target, str) else ends[skip.target]}": skip.synapse
        for skip in network.skips
    }
    delayed = {
        name: synapse.connections if isinstance(synapse, DelayedConv) else synapse for name, synapse in synapses.items()
    }
    return {name: synapse for name, synapse in delayed.items() if isinstance(synapse, DelayedLinear)}


def _delays_of(synapse: DelayedLinear, offset: int) -> np.ndarray:
    """Return the delay of every tap in steps."""
    return synapse.delay.detach().expand(synapse.weight.shape).numpy().ravel() + offset


def _raster(folder: RunFolder, output: Path, choice: Choice) -> Path:
    loaded, record, batch = _one(folder, choice)
    figure = plots.raster(
        _layers(record),
        time_step_ms=loaded.config.data.time_step_ms,
        readout=plot_predictions.panels(loaded, record, batch),
        arrivals=_arrivals(loaded, record),
    )
    plots.save(figure, output)
    return output


def _animation(folder: RunFolder, output: Path, choice: Choice) -> Path:
    loaded, record, _ = _one(folder, choice)
    plots.animate(_layers(record), output, time_step_ms=loaded.config.data.time_step_ms)
    return output


def _predictions(folder: RunFolder, output: Path, choice: Choice) -> Path:
    loaded = evaluate_run.load(folder.path, _split(folder, choice), data_path=choice.data_path)
    return plot_predictions.draw(loaded, output)


@torch.no_grad()
def _kernels(folder: RunFolder, output: Path, choice: Choice) -> Path:
    """Draw the kernels of the first convolution with delays, those with the largest weights first.

    Raises:
        ValueError: If the first layer is another one.
    """
    if drawing.is_folder(folder.path):
        return drawing.kernels(folder.path, output)
    loaded = evaluate_run.load(folder.path, "train", data_path=choice.data_path)
    synapse = loaded.network.eval().layers[0].synapse if loaded.network.layers else None
    if not isinstance(synapse, DelayedConv):
        raise ValueError(
            f"{folder.path}: kernels are those of a convolution with delays in the first layer; it has none"
        )
    values = synapse.event_kernel().sum(3).permute(3, 0, 1, 2).numpy()
    order = np.abs(values).sum((1, 2, 3)).argsort()[::-1][:MOST_KERNELS]
    names, step = [f"channel {number}" for number in order], loaded.config.data.time_step_ms
    if output.suffix.lower() == ".gif":
        plots.animate_kernels(values[order], names, output, time_step_ms=step)
    else:
        plots.save(plots.kernels(values[order], names, time_step_ms=step), output)
    return output


def _flow(folder: RunFolder, output: Path, choice: Choice) -> Path:
    """Draw the optical flow of a movie.

    Raises:
        ValueError: If the folder is not one of `snnsim reproduce motion`.
    """
    if not drawing.is_folder(folder.path):
        raise ValueError(f"{folder.path}: a flow needs the folder of `snnsim reproduce motion`; this is another one")
    return drawing.moving_scene(folder.path, output, index=choice.index)


_DRAW: dict[str, Callable[[RunFolder, Path, Choice], Path | None]] = {
    "raster": _raster,
    "delays": _delays,
    "curves": _curves,
    "animation": _animation,
    "predictions": _predictions,
    "kernels": _kernels,
    "flow": _flow,
}


def _split(folder: RunFolder, choice: Choice) -> Split:
    default: Split = "valid" if evaluate_run.config_of(folder).data.validate else "train"
    return choice.split or default


@torch.no_grad()
def _one(folder: RunFolder, choice: Choice) -> tuple[Loaded, Record, Batch]:
    """Return the loaded run, the activity of its network over one recording, and the recording.

    Raises:
        ValueError: If the split has no such recording.
    """
    split = _split(folder, choice)
    loaded = evaluate_run.load(folder.path, split, data_path=choice.data_path)
    indices = loaded.part.indices
    if not 0 <= choice.index < len(indices):
        raise ValueError(f"--index must be from 0 to {len(indices) - 1} in the {split} split, not {choice.index}")
    number = indices[choice.index : choice.index + 1]
    (arrays,) = Batches(loaded.part.binned, number, batch_size=1)
    batch = evaluation.to_tensors(arrays, torch.device("cpu"))
    return loaded, loaded.network.record(batch.frames, batch.lengths), batch


def _layers(record: Record) -> list[tuple[str, np.ndarray]]:
    names = ["input"] + [f"hidden {number}" for number in range(1, len(record.spikes))]
    return [(name, spikes[:, 0].numpy()) for name, spikes in zip(names, record.spikes, strict=True)]


@torch.no_grad()
def _arrivals(loaded: Loaded, record: Record) -> plots.Arrivals | None:
    """Return the inputs of a neuron of the first hidden layer; None without delays, in a convolution or a loop."""
    layer: Any = loaded.network.layers[0]
    if not isinstance(layer.synapse, DelayedLinear) or layer.recurrent is not None:
        return None
    source, target = record.spikes[0], record.spikes[1][:, 0]
    neuron = _moderately_active(target)
    _, membrane = layer.neuron.trace(layer.normalized_current(layer.current(source)))
    fired, unit, weight, delay = _events(layer.synapse, source[:, 0], neuron)
    return plots.Arrivals(
        source=unit,
        fired=fired,
        delay=delay,
        weight=weight,
        voltage=membrane[:, 0, neuron].numpy(),
        threshold=_threshold(layer.neuron, neuron),
        spikes=target[:, neuron].nonzero()[:, 0].numpy(),
        name=f"hidden 1, neuron {neuron}",
    )


def _threshold(neurons: Neuron[Any], number: int) -> float:
    """Return the threshold of a neuron, or of its layer."""
    threshold = neurons.firing_threshold()
    return float(threshold if threshold.numel() == 1 else threshold[number])


def _moderately_active(spikes: Tensor) -> int:
    """Return the neuron with the number of spikes closest to four, so that the causes of each spike are visible."""
    count = spikes.sum(0)
    return int((count - 4).abs().masked_fill(count == 0, torch.inf).argmin())


def _events(synapse: DelayedLinear, spikes: Tensor, neuron: int) -> tuple[np.ndarray, ...]:
    """Return step, source, weight and delay of every input spike of a neuron, with an entry per tap."""
    fired, unit = spikes.nonzero(as_tuple=True)
    weight = synapse.weight[neuron, unit] * spikes[fired, unit, None]
    delay = synapse.integer_delay()[neuron, unit]
    taps = weight.shape[1]
    rows = (fired.repeat_interleave(taps), unit.repeat_interleave(taps), weight.flatten(), delay.flatten())
    return tuple(part.numpy() for part in rows)
