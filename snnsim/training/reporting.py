"""Metrics of an epoch as a line of text, and as rows of TensorBoard."""

from typing import Any

from torch.utils.tensorboard import SummaryWriter

from snnsim.nn.network import SpikingNetwork
from snnsim.nn.parameters import learned_parameters
from snnsim.training.evaluation import EvaluationResult
from snnsim.training.run_folder import RunFolder


def writer(folder: RunFolder, history: list[dict[str, Any]]) -> SummaryWriter:
    """Return a writer of TensorBoard files that continues after the epochs of a history.

    The last epoch is written again, because a run may have been killed before the epoch was written. A folder without
    files gets all epochs.

    Args:
        folder: The folder of the run.
        history: Metrics of the epochs that are done.
    """
    last = len(history) if any(folder.tensorboard.glob("events.*")) else min(1, len(history))
    # TensorBoard ignores earlier rows from this epoch on
    writer = SummaryWriter(str(folder.tensorboard), purge_step=max(1, last))
    for row in history[max(0, last - 1) :]:
        add(writer, row)
    return writer


def add(writer: SummaryWriter, row: dict[str, Any]) -> None:
    """Write the metrics of an epoch, and flush them to the disk.

    Args:
        writer: Writer of TensorBoard's files.
        row: Metrics of the epoch by name, among them its number `epoch` and the `activity` of each layer.
    """
    for name, value in row.items():
        if isinstance(value, float):
            writer.add_scalar(name, value, row["epoch"])
    for layer, value in enumerate(row.get("activity", ()), start=1):
        writer.add_scalar(f"activity/layer {layer}", value, row["epoch"])
    writer.flush()


def learned_numbers(network: SpikingNetwork) -> dict[str, list[float]]:
    """Return the mean in each layer of every learned neuron parameter that all layers have, by its name.

    Args:
        network: Network with neurons of snnsim.nn.
    """
    layers = [learned_parameters(layer.get_submodule("neuron")) for layer in network.layers]
    shared = [name for name in layers[0] if all(name in layer for layer in layers)]
    return {f"neuron {name}": [float(layer[name].mean()) for layer in layers] for name in shared}


def validated(result: EvaluationResult) -> dict[str, Any]:
    """Return the metrics of the validation recordings by their names in an epoch's row.

    Args:
        result: The evaluation.
    """
    metrics = {f"valid_{name}": value for name, value in result.report.scalars().items()}
    return {"valid_loss": result.loss, **metrics, "activity": result.activity}


def described(row: dict[str, Any], epochs: int, *, reports: tuple[str, str], better: bool) -> str:
    """Return the metrics of an epoch as one line of text.

    Args:
        row: The metrics.
        epochs: Number of epochs of the training.
        reports: The metrics of training and validation as short texts; an epoch may have no validation.
        better: Whether the epoch is the best one so far.
    """
    peak = "" if row["peak_bytes"] is None else f"  {row['peak_bytes'] / 2**20:.0f} MiB"
    evaluated = (
        f"  valid {reports[1]} loss {row['valid_loss']:.3f}  spikes/step "
        + " ".join(f"{value:.3f}" for value in row["activity"])
        if "valid_loss" in row
        else ""
    )
    return (
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"
        f"  train {reports[0]} loss {row['train_loss']:.3f}"
        f"{evaluated}  {row['seconds']:.1f} s{peak}{'  best' if better and evaluated else ''}"
    )
