"""Compiled delays and neurons against the loops that define them, and gradients against plain torch."""

from pathlib import Path

import numpy as np
import torch

from snnsim.kernels.common import dispatch
from snnsim.kernels.delay import naive as naive_delay
from snnsim.kernels.neuron import naive as naive_neuron
from snnsim.learning.losses import Batch
from snnsim.learning.rules import bptt
from snnsim.learning.tasks import RecordingClass
from snnsim.nn import LIF, DelayedLinear, LeakyReadout
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

STEPS, BATCH, SOURCES, TARGETS, DELAY = 40, 4, 12, 9, 15


def network(seed: int = 0) -> SpikingNetwork:
    """Return a network of two layers with delays, float64.

    Args:
        seed: Seed of its parameters.
    """
    draw = torch.Generator().manual_seed(seed)
    layers = [
        SpikingLayer(
            DelayedLinear(sources, targets, DELAY, sigma=1.5, generator=draw),
            LIF(tau=2.0, threshold=0.25, features=targets),
            norm=BatchNorm(targets),
            dropout=0.0,
        )
        for sources, targets in ((SOURCES, 16), (16, TARGETS))
    ]
    return SpikingNetwork(layers, DelayedLinear(TARGETS, 3, DELAY, generator=draw), LeakyReadout(tau=3.0)).double()


def spikes(seed: int = 0) -> torch.Tensor:
    """Return random spikes (time, batch, source), float64.

    Args:
        seed: Seed of the spikes.
    """
    draw = torch.Generator().manual_seed(seed)
    return (torch.rand(STEPS, BATCH, SOURCES, generator=draw) < 0.3).double()


def delays(folder: Path) -> str:
    """Compare the currents of integer delays with the loops.

    Args:
        folder: Folder for files, of which there are none.

    Raises:
        AssertionError: If a current differs by more than the rounding of a sum.
    """
    del folder
    synapse = DelayedLinear(SOURCES, TARGETS, DELAY, generator=torch.Generator().manual_seed(1)).double().eval()
    inputs, weight, delay = spikes(), synapse.weight.detach().numpy(), synapse.delay.detach().numpy()
    kernel = np.zeros((DELAY + 1, TARGETS, SOURCES))
    for target, source, tap in np.ndindex(weight.shape):
        kernel[round(float(delay[target, source, tap])), target, source] += weight[target, source, tap]
    currents = synapse(inputs).detach().numpy()
    for member in range(BATCH):
        expected = naive_delay.delayed_current(inputs[:, member].numpy(), kernel)
        np.testing.assert_allclose(currents[:, member], expected, rtol=1e-9, atol=1e-12)
    return f"{currents.size:,} currents of {weight.size} delays equal the loops"


def neurons(folder: Path) -> str:
    """Compare spikes and membranes of LIF neurons with the loops, bit for bit, in both precisions.

    Args:
        folder: Folder for files, of which there are none.

    Raises:
        AssertionError: If a spike or a membrane differs.
    """
    del folder
    # eighths: no spike hangs on a rounding, and many membranes are at the threshold itself
    draw = torch.Generator().manual_seed(2)
    currents = torch.randint(-8, 20, (STEPS, BATCH, 32), generator=draw) / 8
    count = 0
    for dtype in (torch.float32, torch.float64):
        for reset in ("hard", "soft"):
            lif = LIF(beta=0.5, reset=reset)
            fired, membrane = lif.trace(currents.to(dtype), torch.zeros(BATCH, 32, dtype=dtype))
            for member in range(BATCH):
                values = currents[:, member].to(dtype).numpy()
                rest, hard = np.zeros(32, values.dtype), reset == "hard"
                expected = naive_neuron.lif(values, rest, beta=0.5, threshold=1.0, hard=hard)
                np.testing.assert_array_equal(fired[:, member].numpy(), expected[0])
                np.testing.assert_array_equal(membrane[:, member].numpy(), expected[1])
            count += fired.numel()
    return f"{count:,} cells of LIF neurons equal the loops, bit for bit"


def gradients(folder: Path) -> str:
    """Compare loss and gradients of a training step with those of plain torch.

    Args:
        folder: Folder for files, of which there are none.

    Raises:
        AssertionError: If a number differs by more than rounding.
    """
    del folder
    batch = Batch(spikes(3), torch.full((BATCH,), STEPS), torch.arange(BATCH) % 3, normalizer=float(BATCH))
    results = []
    for plain in (False, True):
        net = network().train()
        if plain:
            with dispatch.plain():
                result = bptt(net, batch, RecordingClass(), torch.Generator().manual_seed(0))
        else:
            result = bptt(net, batch, RecordingClass(), torch.Generator().manual_seed(0))
        results.append((float(result.loss), [p.grad for p in net.parameters() if p.requires_grad]))
    (loss, fast), (expected, slow) = results
    np.testing.assert_allclose(loss, expected, rtol=1e-9)
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)
    return f"loss and {sum(each.numel() for each in fast if each is not None):,} gradients equal those of plain torch"
