"""Metrics of an epoch: the numbers of layers and validation, and a line of text."""

from typing import Any

from snnsim.nn.network import SpikingNetwork
from snnsim.nn.parameters import learned_parameters
from snnsim.training.evaluation import EvaluationResult


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
