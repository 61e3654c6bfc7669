"""What an epoch's metrics are told as: a line for a person, and rows for TensorBoard."""

from typing import Any

from torch.utils.tensorboard import SummaryWriter

from snnsim.nn.network import SpikingNetwork
from snnsim.nn.parameters import learned_parameters
from snnsim.training.run_folder import RunFolder


def writer(folder: RunFolder, history: list[dict[str, Any]]) -> SummaryWriter:
    """Return what writes for TensorBoard behind the epochs that are there.

    The last of them is written again: a run may have been killed before it was. If there is no file at all, all are.
    """
    last = len(history) if any(folder.tensorboard.glob("events.*")) else min(1, len(history))
    # what was written of these epochs before does not count any more
    made = SummaryWriter(str(folder.tensorboard), purge_step=max(1, last))
    for row in history[max(0, last - 1) :]:
        add(made, row)
    return made


def add(writer: SummaryWriter, row: dict[str, Any]) -> None:
    """Write an epoch's metrics for TensorBoard, to the disk."""
    for name, value in row.items():
        if isinstance(value, float):
            writer.add_scalar(name, value, row["epoch"])
    for layer, value in enumerate(row["activity"], start=1):
        writer.add_scalar(f"activity/layer {layer}", value, row["epoch"])
    writer.flush()


def learned_numbers(network: SpikingNetwork) -> dict[str, list[float]]:
    """Return the means of the layers' learned numbers of neurons, by their names; those that all layers have."""
    layers = [learned_parameters(layer.neuron) for layer in network.layers]
    shared = [name for name in layers[0] if all(name in layer for layer in layers)]
    return {f"neuron {name}": [float(layer[name].mean()) for layer in layers] for name in shared}


def described(row: dict[str, Any], epochs: int, *, better: bool) -> str:
    """Return an epoch's metrics as one line for a person."""
    peak = "" if row["peak_bytes"] is None else f"  {row['peak_bytes'] / 2**20:.0f} MiB"
    activity = " ".join(f"{value:.3f}" for value in row["activity"])
    return (
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"
        f"  train {row['train_accuracy']:6.1%} loss {row['train_loss']:.3f}"
        f"  valid {row['valid_accuracy']:6.1%} loss {row['valid_loss']:.3f}  spikes/step {activity}"
        f"  {row['seconds']:.1f} s{peak}{'  best' if better else ''}"
    )
