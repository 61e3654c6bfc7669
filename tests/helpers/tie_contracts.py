"""Exact ties: every form of a layer's neurons fires where the voltage is the threshold itself, and nowhere below.

Currents, decays, thresholds and normalizations are such that many voltages meet the threshold without a rounding, and
others by the sum's own rounding; whichever form computes them, the equations' own rounding decides.
"""

from contextlib import nullcontext

import torch
from torch import Tensor

from snnsim import kernels
from snnsim.kernels.neuron import autograd
from snnsim.nn import LIF, LevyBaxter, MetaNeuron, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SequenceContext, SpikingLayer

STEPS, BATCH, NEURONS = 30, 3, 12
NEURON = {
    "LIF": lambda reset, unit: LIF(beta=0.5, threshold=unit, reset=reset),
    "LIF, no leak": lambda reset, unit: LIF(beta=1.0, threshold=3 * unit, reset=reset),
    "LIF, learned": lambda reset, unit: LIF(
        beta=0.5, threshold=unit, reset=reset, learn_threshold=True, learn_decay="neuron", features=NEURONS
    ),
    "MetaNeuron, no noise": lambda reset, unit: MetaNeuron(beta=0.5, threshold=unit, width=0.0, reset=reset),
    "LevyBaxter": lambda _, unit: LevyBaxter(threshold=unit),
}
UNITS = (1.0, 1 / 7, 0.1)
"""Thresholds, in wholes of which the currents come: exact, and not."""


def currents(dtype: torch.dtype, unit: float, seed: int = 0) -> Tensor:
    """Return random multiples of half a unit (time, batch, neuron), from -1/2 to 3/2.

    Args:
        dtype: Type of the currents.
        unit: The unit, a threshold.
        seed: Seed of the currents.
    """
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(-1, 4, (STEPS, BATCH, NEURONS), generator=draw).to(dtype) * torch.tensor(unit, dtype=dtype) / 2


def by_definition(neuron, current: Tensor) -> tuple[Tensor, Tensor]:
    """Return spikes and membranes of the equations, one step after the other, in the currents' own precision.

    Args:
        neuron: LIF, MetaNeuron or LevyBaxter of snnsim.
        current: Currents (time, batch, neuron).
    """
    part = neuron.unit if isinstance(neuron, LevyBaxter) else neuron
    beta, reset = part.decay().to(current.dtype), part.reset
    threshold = part.firing_threshold().to(current.dtype)
    voltage, spikes, membranes = torch.zeros_like(current[0]), [], []
    for now in current:
        membrane = beta * voltage + now
        fired = membrane >= threshold
        voltage = torch.where(fired, 0.0 if reset.hard else membrane - threshold, membrane)
        spikes.append(fired.to(current.dtype))
        membranes.append(membrane)
    return torch.stack(spikes), torch.stack(membranes)


def neurons_fire_at_the_threshold_in_every_form(make, reset: str, dtype: torch.dtype, unit: float) -> None:
    neuron, current = make(reset, unit), currents(dtype, unit)
    expected, membranes = by_definition(neuron, current)
    assert (membranes == membranes.new_tensor(unit)).sum() + (membranes == 3 * membranes.new_tensor(unit)).sum() > 2
    results = [neuron(current)]
    with kernels.plain():
        results.append(neuron(current))
    state, stepped = None, []
    for now in current:
        spikes, state = neuron.step(now, state)
        stepped.append(spikes)
    for spikes in (*results, torch.stack(stepped)):
        assert torch.equal(spikes, expected)


def layers_fire_at_the_threshold_in_every_form(
    make, reset: str, dtype: torch.dtype, unit: float, *, norm: str | None, dropout: float
) -> None:
    batch_norm = None if norm is None else BatchNorm(NEURONS, eps=0.0)
    layer = (
        SpikingLayer(SparseLinear(NEURONS, NEURONS), make(reset, unit), norm=batch_norm, dropout=dropout)
        .to(dtype)
        .eval()
    )
    layer.dropout.train()
    if batch_norm is not None:
        draw = torch.Generator().manual_seed(5)
        with torch.no_grad():
            # powers of 4 keep all products exact; others round as every form must
            batch_norm.running_var.copy_(4.0 ** torch.randint(-1, 2, (NEURONS,), generator=draw))
            batch_norm.weight.copy_(2.0 ** torch.randint(0, 2, (NEURONS,), generator=draw))
            if norm == "rounded":
                batch_norm.running_var.copy_(torch.rand(NEURONS, generator=draw) + 0.1)
                batch_norm.running_mean.copy_(torch.randn(NEURONS, generator=draw) * unit)
                batch_norm.bias.copy_(torch.randn(NEURONS, generator=draw) * unit)
    current = currents(dtype, unit, seed=1)
    driven = current
    if batch_norm is not None:
        statistics = autograd.Statistics(batch_norm.running_mean, batch_norm.running_var, 0.0, own=False)
        scale, shift = autograd.affine(current, batch_norm.weight, batch_norm.bias, statistics)
        driven = current * scale + shift
    expected, _ = by_definition(layer.neuron, driven)
    for plain in (False, True):
        context = SequenceContext(generator=torch.Generator().manual_seed(2))
        with kernels.plain() if plain else nullcontext():
            sent = layer.spike(current, context)[0]
        keep = layer.dropout.mask(current, torch.Generator().manual_seed(2))
        assert torch.equal(sent, expected if keep is None else expected * keep)
