"""What a sparsified network did in one run: its coded values, the penalty of their differences, and its operations.

    penalty = Σ_layers rate · N · mean_{t ≥ 1, batch} |q[t] − q[t−1]|         mean over N inputs of the layer
    by operations: each difference counts f[i] / mean f times

    multiplications of a layer, Σ over recordings; t = 0 apart from t ≥ 1:
    dense    Σ_i f[i] in every step
    nonzero  Σ_i f[i] 1[x[t, i] ≠ 0]                       what an ordinary network saves
    change   Σ_i f[i] 1[x[t, i] ≠ x[t−1, i]]               differences without a step
    event    Σ_i f[i] 1[q[t, i] ≠ q[t−1, i]]               differences of coded values, both signs

Shapes   x, q (time, batch, axes of an input) · f the axes of an input
Names    f fan-out · q coded value
Source   counting rules as in docs/temporal-sparsity.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snnsim.validation import known

WEIGHTS = ("inputs", "operations")


class Recorded(NamedTuple):
    """The input of one layer in one run."""

    name: str
    values: Tensor
    """Activations before the coding (time, batch, axes of an input), without gradients."""
    coded: Tensor
    """The same after the coding."""
    step: Tensor
    """The step or threshold of the coding."""
    fan_out: Tensor
    outputs: int
    """Number of outputs of the layer, each of which keeps a sum."""


@dataclass(frozen=True)
class LayerCount:
    """Counts of one layer, over all recordings and steps; they add up over runs."""

    recordings: int
    steps: int
    """Steps of all recordings, the first steps included."""
    inputs: int
    """Inputs of the layer in one step."""
    outputs: int
    """Outputs of the layer in one step."""
    dense: int
    first_dense: int
    nonzero: int
    first_nonzero: int
    change: int
    event: int
    first_event: int
    events: int
    """Events in later steps, of both signs."""
    positive_events: int
    first_events: int
    largest_event: int
    """Largest size of an event in steps of the coding."""

    def __add__(self, other: "LayerCount") -> "LayerCount":
        constant = ("inputs", "outputs")
        total = {
            each.name: getattr(self, each.name)
            if each.name in constant
            else getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
        }
        return LayerCount(**total | {"largest_event": max(self.largest_event, other.largest_event)})

    @property
    def message_bits(self) -> int:
        """Bits of an event with its sign."""
        return self.largest_event.bit_length() + 1

    @property
    def state_words(self) -> int:
        """Numbers that the layer keeps from step to step: the last level of each input, the sum of each output."""
        return self.inputs + self.outputs

    @property
    def state_accesses(self) -> int:
        """Reads and writes of state: each input reads its level in every step and writes it at an event, and each
        operation reads and writes a sum."""
        return self.inputs * self.steps + self.events + self.first_events + 2 * (self.event + self.first_event)


class Trace:
    """Inputs of all coded layers of a run.

    Args:
        layers: The layers in the order of their first call.
    """

    def __init__(self, layers: Sequence[Recorded]) -> None:
        self.layers = list(layers)

    def penalty(self, rate: float | Mapping[str, float] = 1.0, *, weights: str = "inputs") -> Tensor:
        """Return the penalty of the differences of all layers.

        Args:
            rate: Rate of all layers, or of each layer by its name; a layer without a rate has no penalty.
            weights: One of WEIGHTS: all inputs count alike, or in proportion to their operations.

        Raises:
            ValueError: If there is no difference, as the run had one step, or a rate names no layer.
        """
        known(weights, WEIGHTS, "penalty: weights")
        names = [layer.name for layer in self.layers]
        rates = dict.fromkeys(names, rate) if isinstance(rate, int | float) else dict(rate)
        for name in rates:
            known(name, names, "penalty: layer")
        terms = [rates[layer.name] * _penalty(layer, weights) for layer in self.layers if layer.name in rates]
        return torch.stack(terms).sum() if terms else torch.zeros(())

    @torch.no_grad()
    def counts(self) -> dict[str, LayerCount]:
        """Return the counts of every layer by its name."""
        return {layer.name: _count(layer) for layer in self.layers}

    def active_share(self) -> dict[str, float]:
        """Return the share of nonzero differences of every layer, the first step not counted."""
        shares = {}
        for layer in self.layers:
            changed = layer.coded[1:] != layer.coded[:-1]
            shares[layer.name] = float(changed.double().mean()) if changed.numel() else 0.0
        return shares


def _penalty(layer: Recorded, weights: str) -> Tensor:
    if len(layer.coded) < 2:
        raise ValueError(
            f"penalty: layer {layer.name!r} had one step, and a difference needs two; run sequences of frames "
            "(time, batch, ...)"
        )
    size = (layer.coded[1:] - layer.coded[:-1]).abs()
    if weights == "operations":
        size = size * (layer.fan_out / layer.fan_out.mean()).to(size)
    return size.mean() * layer.fan_out.numel()


def _count(layer: Recorded) -> LayerCount:
    fan_out, values, coded = layer.fan_out, layer.values, layer.coded
    steps, recordings = values.shape[:2]
    dense = int(fan_out.sum())

    def operations(mask: Tensor) -> int:
        # one count for each input, as exact as integers
        return int((mask.flatten(0, 1).sum(0).cpu().double() * fan_out).sum())

    before = torch.cat([torch.zeros_like(coded[:1]), coded[:-1]])
    change = coded - before
    event = change != 0
    largest = (change.abs() / layer.step.abs().clamp_min(1e-30)).amax() if change.numel() else torch.zeros(())
    return LayerCount(
        recordings=recordings,
        steps=steps * recordings,
        inputs=fan_out.numel(),
        outputs=layer.outputs,
        dense=dense * steps * recordings,
        first_dense=dense * recordings,
        nonzero=operations(values != 0),
        first_nonzero=operations(values[:1] != 0),
        change=operations(values[1:] != values[:-1]),
        event=operations(event[1:]),
        first_event=operations(event[:1]),
        events=int(event[1:].sum()),
        positive_events=int((change[1:] > 0).sum()),
        first_events=int(event[:1].sum()),
        largest_event=round(float(largest)),
    )


def total(counts: Mapping[str, LayerCount], name: str) -> int:
    """Return the sum of a count over all layers.

    Args:
        counts: Counts of layers by name.
        name: Name of a field of LayerCount.
    """
    return sum(int(getattr(count, name)) for count in counts.values())


def add(first: Mapping[str, LayerCount], second: Mapping[str, LayerCount]) -> dict[str, LayerCount]:
    """Return the counts of two sets of recordings together.

    Args:
        first: Counts of layers by name; may be empty.
        second: Counts of the same layers.
    """
    return {name: first[name] + count if name in first else count for name, count in second.items()}


def rows(counts: Mapping[str, LayerCount]) -> list[dict[str, Any]]:
    """Return a table of all layers in the types of JSON.

    Args:
        counts: Counts of layers by name.
    """
    derived = ("message_bits", "state_words", "state_accesses")
    return [
        {"layer": name}
        | {each.name: getattr(count, each.name) for each in fields(count)}
        | {each: getattr(count, each) for each in derived}
        for name, count in counts.items()
    ]
