"""The parts of a step alone: time and peak memory against the fastest ready-made counterpart.

    lif          LIF forward and backward, (112 steps, 256 recordings, 256 neurons): LIFNode of spikingjelly in its
                 multi-step mode, Leaky of snnTorch in a loop
    delays       DelayedLinear in training mode with its windows, forward and backward to spikes, weights and delays,
                 256 -> 256, K = 25, 100 steps, batch 128: conv1d with a ready dense kernel, time last as it likes it,
                 backward to spikes and kernel
    evaluation   the network of the `shd` preset with whole delays, batch 256: the same with ready dense kernels and
                 conv1d in place of the delays, and spikingjelly + dcls

Times are taken in turns in one process after a warm-up; a ratio is the median over turns of peer / snnsim. Memory is
the highest resident size during one call, of the one that is measured alone in a fresh process, above its inputs.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from common import add_allocators, parser, plan, write
from torch import Tensor, nn
from torch.nn import functional

from snnsim import LIF, DelayedLinear, peak_memory, presets
from snnsim.bench import baselines, compare, isolated, tables, timing, train_step

Works = dict[str, Callable[[], object]]
Size = dict[str, Any]
SIZES: dict[str, list[Size]] = {
    "lif": [{"steps": 112, "batch": 256, "neurons": 256}],
    "delays": [{"steps": 100, "batch": 128, "neurons": 256, "taps": 25, "sigma": sigma} for sigma in (12.0, 3.0, 0.5)],
    "evaluation": [{"steps": 100, "batch": 256, "preset": "shd"}],
}
RATE = 0.1
"""Share of neurons that fire in a step."""


def lif(size: Size) -> Works:
    """Return the forward and backward pass of the same neurons by ours, spikingjelly and snnTorch."""
    from snnsim.bench import with_snntorch, with_spikingjelly

    shape = size["steps"], size["batch"], size["neurons"]
    # about as many spikes as in a trained network, and slopes that are not all 0
    current, grad = torch.randn(shape) * 0.7, torch.randn(shape)
    ours = LIF(tau=1.5, surrogate="atan")
    made = {
        baselines.OURS: ours,
        "spikingjelly": with_spikingjelly.Neuron(ours),
        "snntorch": with_snntorch.Neuron(ours),
    }
    return {name: partial(_there_and_back, neurons, current.clone(), grad) for name, neurons in made.items()}


def delays(size: Size) -> Works:
    """Return the forward and backward pass of delayed connections by ours, and by conv1d with a ready kernel."""
    steps_long, batch, neurons, taps = (size[name] for name in ("steps", "batch", "neurons", "taps"))
    spikes = (torch.rand(steps_long, batch, neurons) < RATE).float()
    grad = torch.randn(steps_long, batch, neurons)
    ours = DelayedLinear(neurons, neurons, taps - 1, sigma=size["sigma"]).train()
    ready = DenseKernel(torch.randn(neurons, neurons, taps) / neurons**0.5)
    turned, turned_grad = (values.permute(1, 2, 0).contiguous() for values in (spikes, grad))
    return {
        baselines.OURS: partial(_there_and_back, ours, spikes, grad),
        "conv1d": partial(_there_and_back, ready, turned, turned_grad),
    }


def evaluation(size: Size) -> Works:
    """Return the evaluation of a network by ours, by conv1d with ready kernels, and by spikingjelly and dcls."""
    config = presets.named(size["preset"]).with_values({"training.batch_size": size["batch"]})
    case = train_step.Case(config, size["steps"])
    batch = case.batch()
    names = (baselines.OURS, "conv1d", "spikingjelly")
    built = {
        name: baselines.builder(baselines.OURS if name == "conv1d" else name)(config, classes=case.classes)
        for name in names
    }
    made: dict[str, nn.Module] = {name: network.eval() for name, network in built.items()}
    _by_convolution(made["conv1d"])
    return {name: partial(_evaluated, network, batch.frames, batch.lengths) for name, network in made.items()}


class DenseKernel(nn.Module):
    """A causal convolution (batch, source, time) with a kernel (target, source, delay) that is there already."""

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.kernel = nn.Parameter(kernel)

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the currents (batch, target, time)."""
        return functional.conv1d(functional.pad(spikes, (self.kernel.shape[2] - 1, 0)), self.kernel)


class Convolved(nn.Module):
    """Whole delays as a dense kernel, for sequences (time, batch, source)."""

    def __init__(self, ours: DelayedLinear) -> None:
        super().__init__()
        # conv1d correlates, so the longest delay comes first
        place = (ours.max_delay - ours.delay.detach().round()).long()
        kernel = ours.weight.new_zeros(*ours.weight.shape[:2], ours.max_delay + 1)
        self.dense = DenseKernel(kernel.scatter_add_(2, place, ours.weight.detach()))

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the currents (time, batch, target)."""
        return self.dense(spikes.permute(1, 2, 0)).permute(2, 0, 1)


def _by_convolution(network: nn.Module) -> None:
    for layer in network.layers:
        layer.synapse = Convolved(layer.synapse)
    network.synapse = Convolved(network.synapse)


def _there_and_back(module: nn.Module, given: Tensor, grad: Tensor) -> None:
    given = given.detach().requires_grad_()
    module.zero_grad(set_to_none=True)
    module(given).backward(grad)


@torch.no_grad()
def _evaluated(network: nn.Module, frames: Tensor, lengths: Tensor) -> Tensor:
    return network(frames, lengths)


PARTS: dict[str, Callable[[Size], Works]] = {"lif": lif, "delays": delays, "evaluation": evaluation}


def seconds(part: str, size: Size, repeats: int, loops: int) -> timing.Samples:
    """Return the seconds per call in every turn, by name."""
    torch.manual_seed(train_step.SEED)
    return timing.in_turns(PARTS[part](size), repeats=repeats, loops=loops)


def peak(part: str, name: str, size: Size) -> int | None:
    """Return the bytes that a call needs; call in a fresh process."""
    torch.manual_seed(train_step.SEED)
    # what is compiled and loaded once is no part of a call; a small batch leaves no room for a large one
    PARTS[part](size | {"batch": 2})[name]()
    return peak_memory.peak(PARTS[part](size)[name])


def compared(part: str, size: Size, plan: compare.Plan) -> dict[str, Any]:
    """Return times and peak memory of all who are compared in a part."""
    samples = isolated.call(seconds, part, size, plan.repeats, plan.loops, around=plan.around)
    peaks = {name: [isolated.call(peak, part, name, size, around=plan.around)] for name in samples}
    found = compare.summary(samples, peaks)
    return {"part": part, "size": size, "allocator": plan.around.allocator, **found}


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for everyone."""
    rows = []
    for result in results:
        size = ", ".join(f"{name} {value}" for name, value in result["size"].items())
        for name, taken in result["seconds"].items():
            cost = f"{1000 * taken:.1f}", tables.times(result["time_ratio"].get(name))
            need = tables.megabytes(result["bytes"][name]), tables.times(result["memory_ratio"].get(name))
            rows.append((result["part"], size, result["allocator"], name, *cost, *need))
    return tables.table(("part", "size", "allocator", "by", "ms", "/ snnsim", "peak MiB", "/ snnsim"), rows)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    made = parser(__doc__, json="figures/bench-parts.json")
    add_allocators(made)
    made.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="which parts")
    return made.parse_args(words)


def main() -> None:
    """Measure, print a table, and write all samples."""
    options = arguments()
    baselines.check_installed(["spikingjelly", "snntorch"])
    results: list[dict[str, Any]] = []
    for part in options.part:
        for allocator in options.allocator:
            for size in SIZES[part]:
                compare.say(f"{part}, {size}, {allocator} allocator")
                results.append(compared(part, size, plan(options, allocator)))
                write(options.json, {"results": results}, names=["spikingjelly", "snntorch"])
    print(shown(results))


if __name__ == "__main__":
    main()
