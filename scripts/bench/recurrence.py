"""Recurrent delays and adaptive neurons: time and memory of a layer, of a training step, and of evaluation.

    layer        a layer of 256 LIF neurons with recurrent delays of 1 to 40 steps, 100 steps, batch 128, forward and
                 backward to the current and to all parameters, by kind of delays. Counterparts: the same layer without
                 its recurrence, and stepped in torch with a ring buffer of future currents, as public code of recurrent
                 axonal delays does it; for synaptic delays, the buffer gets all delays of a synapse by one product
    network      a training step of the network of `shd`, batch 128, without and with recurrence in the second layer
    evaluation   the layer forward with integer delays, in the order of a Program
    adlif        256 SE-adLIF neurons that learn all their numbers, 100 steps, batch 64, forward and backward, compiled
                 and by their equations in torch, one step after the other

Times are taken in turns in one process after a warm-up; a ratio is the median over turns. Memory is the peak above that
before three calls, each candidate in a process of its own.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from common import add_allocator, measurement_parser, plan, write
from torch import Tensor, nn

from snnsim import LIF, AdLIF, DelayedLinear, LeakyReadout, SpikingLayer, SpikingNetwork, kernels, peak_memory
from snnsim.bench import compare, isolated, tables, timing, train_step
from snnsim.nn import BatchNorm, Recurrence
from snnsim.nn.delayed_linear import DELAYS

STEPS, BATCH, NEURONS, LONGEST, SIGMA = 100, 128, 256, 40, 10.0
ALONE, RING, SYNAPTIC_RING, STEPPED = "no recurrence", "ring buffer", "synaptic ring buffer", "loop in torch"
COUNTERPARTS = {"synaptic": SYNAPTIC_RING, "axonal": RING, "dendritic": RING, "adlif": STEPPED}
"""What a compiled form is compared with."""
MEMORY_CALLS = 3
RATE = 0.05


class RingBuffer(nn.Module):
    """A layer with recurrent delays as a loop in torch, with the currents of all later steps in a buffer.

    Args:
        recurrent: Recurrent connections with axonal or synaptic delays and one tap for each pair of neurons.
        neuron: Neurons of the layer.
    """

    def __init__(self, recurrent: DelayedLinear, neuron: LIF) -> None:
        super().__init__()
        self.recurrent, self.neuron = recurrent, neuron

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes (time, batch, neuron).

        Args:
            current: Currents from outside of the layer (time, batch, neuron).
        """
        later, voltage, spikes = self._later(), None, []
        buffer = current.new_zeros(*current.shape[1:], LONGEST)
        for external in current:
            fired, voltage = self.neuron.step(external + buffer[..., 0], voltage)
            spikes.append(fired)
            buffer = torch.cat([buffer[..., 1:], torch.zeros_like(buffer[..., :1])], -1) + later(fired)
        return torch.stack(spikes)

    def _later(self) -> Callable[[Tensor], Tensor]:
        """Return the function from spikes (batch, source) to their currents in later steps (batch, target, delay)."""
        recurrent = self.recurrent
        if recurrent.delays == "axonal":
            window, weight = recurrent.tap_windows(recurrent.delay, recurrent.sigma)[0], recurrent.weight[..., 0]
            return lambda fired: weight @ (fired[..., None] * window.T)
        matrix = recurrent.kernel().permute(2, 1, 0).flatten(1)
        return lambda fired: (fired @ matrix).unflatten(1, (NEURONS, LONGEST))


class Recurrent(nn.Module):
    """Neurons with a recurrence, for currents (time, batch, neuron).

    Args:
        recurrent: Recurrent connections of NEURONS neurons.
    """

    def __init__(self, recurrent: DelayedLinear) -> None:
        super().__init__()
        # an identity without parameters of its own stands for the feed-forward synapse
        self.layer = SpikingLayer(
            DelayedLinear(1, NEURONS, 0), LIF(tau=1.05), norm=None, dropout=0.0, recurrent=Recurrence(recurrent)
        )

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes (time, batch, neuron).

        Args:
            current: Currents from outside of the layer (time, batch, neuron).
        """
        return self.layer.spike(current)[0]


def connection(delays: str) -> DelayedLinear:
    """Return recurrent connections of NEURONS neurons.

    Args:
        delays: Kind of delays, as in DelayedLinear.
    """
    return DelayedLinear(NEURONS, NEURONS, LONGEST - 1, sigma=SIGMA, delays=delays)


def layer() -> dict[str, Callable[[], object]]:
    """Return the forward and backward pass of every kind of layer."""
    current, grad = torch.randn(STEPS, BATCH, NEURONS) * RATE * 10, torch.randn(STEPS, BATCH, NEURONS)
    modules: dict[str, nn.Module] = {delays: Recurrent(connection(delays)) for delays in DELAYS}
    modules[ALONE] = LIF(tau=1.05)
    modules[RING] = RingBuffer(connection("axonal"), LIF(tau=1.05))
    modules[SYNAPTIC_RING] = RingBuffer(connection("synaptic"), LIF(tau=1.05))
    return {name: partial(_forward_backward, module, current, grad) for name, module in modules.items()}


def network() -> dict[str, Callable[[], object]]:
    """Return the training step of the network of `shd`, without and with every kind of recurrence."""
    frames = torch.poisson(torch.full((STEPS, BATCH, 140), 0.05))
    label = torch.randint(0, 20, (BATCH,))
    return {
        name: partial(_step, shd(None if name == ALONE else connection(name)), frames, label)
        for name in (ALONE, *DELAYS)
    }


def evaluation() -> dict[str, Callable[[], object]]:
    """Return the forward pass of every kind of layer in evaluation."""
    current = torch.randn(STEPS, BATCH, NEURONS) * RATE * 10
    modules: dict[str, nn.Module] = {delays: Recurrent(connection(delays)).eval() for delays in DELAYS}
    modules[ALONE] = LIF(tau=1.05)
    return {name: partial(_forward, module, current) for name, module in modules.items()}


def adlif() -> dict[str, Callable[[], object]]:
    """Return the forward and backward pass of adaptive neurons, compiled and in torch."""
    current, grad = 3 * torch.randn(STEPS, 64, NEURONS), torch.randn(STEPS, 64, NEURONS)
    neuron = AdLIF(features=NEURONS)
    compiled = partial(_forward_backward, neuron, current, grad)
    return {"adlif": compiled, STEPPED: partial(_stepped, compiled)}


def shd(recurrent: DelayedLinear | None) -> SpikingNetwork:
    """Return the network of the preset `shd`, with a recurrence in its second layer.

    Args:
        recurrent: Recurrent connections of the second layer; None for none.
    """
    layers = [
        SpikingLayer(
            DelayedLinear(sources, NEURONS, 24, sigma=6.0),
            LIF(tau=1.005),
            norm=BatchNorm(NEURONS),
            dropout=0.4,
            recurrent=loop,
        )
        for sources, loop in ((140, None), (NEURONS, recurrent and Recurrence(recurrent, dropout=0.2)))
    ]
    return SpikingNetwork(layers, DelayedLinear(NEURONS, 20, 24, sigma=6.0), LeakyReadout(tau=1.005))


def _forward_backward(module: nn.Module, inputs: Tensor, grad: Tensor) -> None:
    inputs = inputs.detach().requires_grad_()
    module.zero_grad(set_to_none=True)
    module(inputs).backward(grad)


def _forward(module: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        module(inputs)


def _stepped(work: Callable[[], object]) -> None:
    with kernels.plain():
        work()


def _step(network: SpikingNetwork, frames: Tensor, label: Tensor) -> None:
    network.zero_grad(set_to_none=True)
    scores = network(frames).softmax(-1).sum(0)
    nn.functional.cross_entropy(scores, label).backward()


PARTS: dict[str, Callable[[], dict[str, Callable[[], object]]]] = {
    "layer": layer,
    "network": network,
    "evaluation": evaluation,
    "adlif": adlif,
}


def seconds(part: str, repeats: int, loops: int) -> timing.Samples:
    """Return the seconds per call in every turn, by name.

    Args:
        part: Name of a part in PARTS.
        repeats: Number of turns.
        loops: Calls of a turn.
    """
    torch.manual_seed(train_step.SEED)
    return timing.in_turns(PARTS[part](), repeats=repeats, loops=loops)


def peak(part: str, name: str) -> int | None:
    """Return the peak memory of a candidate in bytes, above that before; call it in a new process.

    Args:
        part: A name in PARTS.
        name: The candidate.
    """
    torch.manual_seed(train_step.SEED)
    work = PARTS[part]()[name]
    work()

    def calls() -> None:
        for _ in range(MEMORY_CALLS):
            work()

    return peak_memory.peak(calls)


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for every candidate.

    Args:
        results: Part and seconds of every candidate.
    """
    rows = []
    for result in results:
        samples = result["seconds"]
        for name, taken in samples.items():
            slowest = COUNTERPARTS.get(name)
            slower = tables.times(timing.ratio(taken, samples[slowest])) if slowest in samples else ""
            alone = tables.times(timing.ratio(samples[ALONE], taken)) if ALONE in samples else ""
            size = result["bytes"].get(name)
            memory = "" if size is None else f"{size / 2**20:.0f}"
            rows.append((result["part"], name, f"{1000 * median(taken):.1f}", alone, slower, memory))
    head = ("part", "delays or neurons", "ms", "/ no recurrence", "loop in torch /", "peak MiB")
    return tables.table(head, rows)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = measurement_parser(__doc__, json="figures/bench-recurrence.json")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="which parts")
    add_allocator(parser)
    return parser.parse_args(words)


def main() -> None:
    """Measure, print a table, and write all samples."""
    options = arguments()
    settings, results = plan(options, options.allocator), []
    for part in options.part:
        compare.say(part)
        samples = isolated.call(seconds, part, settings.repeats, settings.loops, surroundings=settings.surroundings)
        sizes = {name: isolated.call(peak, part, name, surroundings=settings.surroundings) for name in samples}
        results.append({"part": part, "seconds": samples, "bytes": sizes})
        write(options.json, {"results": results}, names=[])
    print(shown(results))


if __name__ == "__main__":
    main()
