"""Parts of a training step alone: time and peak memory against the fastest available counterpart.

    lif          LIF forward and backward, (112 steps, 256 recordings, 256 neurons): LIFNode of spikingjelly in its
                 multi-step mode, Leaky of snnTorch in a loop
    delays       DelayedLinear in training mode with its windows, forward and backward to spikes, weights and delays,
                 256 -> 256, K = 25, 100 steps, batch 128: conv1d with a precomputed dense kernel, with time as the
                 last axis, backward to spikes and kernel
    evaluation   the network of the `shd` preset with integer delays, batch 256: the same with precomputed dense kernels
                 and conv1d in place of the delays, and spikingjelly + dcls

Times are taken in turns in one process after a warm-up; a ratio is the median over turns of counterpart / snnsim.
Memory is the highest resident size during one call in a fresh process, above its inputs.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from common import add_allocators, measurement_parser, plan, write
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
    """Return the forward and backward pass of the same neurons in snnsim, spikingjelly and snnTorch.

    Args:
        size: Steps, batch and neurons.
    """
    from snnsim.bench import with_snntorch, with_spikingjelly

    shape = size["steps"], size["batch"], size["neurons"]
    # the firing rate of a trained network, and surrogate slopes that are not all 0
    current, grad = torch.randn(shape) * 0.7, torch.randn(shape)
    ours = LIF(tau=1.5, surrogate="atan")
    neurons = {
        baselines.OURS: ours,
        "spikingjelly": with_spikingjelly.Neuron(ours),
        "snntorch": with_snntorch.Neuron(ours),
    }
    return {name: partial(_forward_backward, module, current.clone(), grad) for name, module in neurons.items()}


def delays(size: Size) -> Works:
    """Return the forward and backward pass of delayed connections in snnsim, and of conv1d with a dense kernel.

    Args:
        size: Steps, batch, neurons, taps (K) and sigma, the width of the windows in steps.
    """
    steps_long, batch, neurons, taps = (size[name] for name in ("steps", "batch", "neurons", "taps"))
    spikes = (torch.rand(steps_long, batch, neurons) < RATE).float()
    grad = torch.randn(steps_long, batch, neurons)
    ours = DelayedLinear(neurons, neurons, taps - 1, sigma=size["sigma"]).train()
    dense = DenseKernel(torch.randn(neurons, neurons, taps) / neurons**0.5)
    time_last, time_last_grad = (values.permute(1, 2, 0).contiguous() for values in (spikes, grad))
    return {
        baselines.OURS: partial(_forward_backward, ours, spikes, grad),
        "conv1d": partial(_forward_backward, dense, time_last, time_last_grad),
    }


def evaluation(size: Size) -> Works:
    """Return the evaluation of a network in snnsim, by conv1d with dense kernels, and in spikingjelly and dcls.

    Args:
        size: Steps and batch, and the name of a preset.
    """
    config = presets.named(size["preset"]).with_values({"training.batch_size": size["batch"]})
    case = train_step.Case(config, size["steps"])
    batch = case.batch()
    names = (baselines.OURS, "conv1d", "spikingjelly")
    networks: dict[str, nn.Module] = {
        name: baselines.builder(baselines.OURS if name == "conv1d" else name)(config, classes=case.classes)
        for name in names
    }
    for network in networks.values():
        network.eval()
    _by_convolution(networks["conv1d"])
    return {name: partial(_evaluated, network, batch.frames, batch.lengths) for name, network in networks.items()}


class DenseKernel(nn.Module):
    """A causal convolution (batch, source, time) with a kernel (target, source, delay).

    Args:
        kernel: Weights (target, source, delay), with the longest delay first.
    """

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.kernel = nn.Parameter(kernel)

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the currents (batch, target, time).

        Args:
            spikes: Spikes (batch, source, time).
        """
        return functional.conv1d(functional.pad(spikes, (self.kernel.shape[2] - 1, 0)), self.kernel)


class Convolved(nn.Module):
    """Integer delays as a dense kernel, for sequences (time, batch, source).

    Args:
        ours: Connections of snnsim, whose delays are rounded.
    """

    def __init__(self, ours: DelayedLinear) -> None:
        super().__init__()
        # conv1d correlates, so the longest delay comes first
        position = (ours.max_delay - ours.delay.detach().round()).long()
        kernel = ours.weight.new_zeros(*ours.weight.shape[:2], ours.max_delay + 1)
        self.dense = DenseKernel(kernel.scatter_add_(2, position, ours.weight.detach()))

    @property
    def weight(self) -> Tensor:
        """The kernel, whose type the layer takes for its input."""
        return self.dense.kernel

    def forward(self, spikes: Tensor, *, delayed: str = "exact") -> Tensor:  # noqa: ARG002
        """Return the currents (time, batch, target).

        Args:
            spikes: Spikes (time, batch, source).
            delayed: Not used; it stands here as in DelayedLinear.
        """
        return self.dense(spikes.permute(1, 2, 0)).permute(2, 0, 1)


def _by_convolution(network: nn.Module) -> None:
    for layer in network.layers:
        layer.synapse = Convolved(layer.synapse)
    network.synapse = Convolved(network.synapse)


def _forward_backward(module: nn.Module, inputs: Tensor, grad: Tensor) -> None:
    inputs = inputs.detach().requires_grad_()
    module.zero_grad(set_to_none=True)
    module(inputs).backward(grad)


@torch.no_grad()
def _evaluated(network: nn.Module, frames: Tensor, lengths: Tensor) -> Tensor:
    return network(frames, lengths)


PARTS: dict[str, Callable[[Size], Works]] = {"lif": lif, "delays": delays, "evaluation": evaluation}


def seconds(part: str, size: Size, repeats: int, loops: int) -> timing.Samples:
    """Return the seconds per call in every turn, by name.

    Args:
        part: Name of a part in PARTS.
        size: Sizes of the part, as in SIZES.
        repeats: Number of turns.
        loops: Calls of a turn.
    """
    torch.manual_seed(train_step.SEED)
    return timing.in_turns(PARTS[part](size), repeats=repeats, loops=loops)


def peak(part: str, name: str, size: Size) -> int | None:
    """Return the peak memory of a call in bytes; call it in a fresh process.

    Args:
        part: Name of a part in PARTS.
        name: Name of a candidate of the part.
        size: Sizes of the part, as in SIZES.
    """
    torch.manual_seed(train_step.SEED)
    # a small batch first: it compiles and loads, and frees too little memory for a large batch to reuse
    PARTS[part](size | {"batch": 2})[name]()
    return peak_memory.peak(PARTS[part](size)[name])


def compared(part: str, size: Size, plan: compare.Plan) -> dict[str, Any]:
    """Return times and peak memory of all candidates of a part.

    Args:
        part: Name of a part in PARTS.
        size: Sizes of the part, as in SIZES.
        plan: Number of measurements, and settings of their processes.
    """
    samples = isolated.call(seconds, part, size, plan.repeats, plan.loops, surroundings=plan.surroundings)
    peaks = {name: [isolated.call(peak, part, name, size, surroundings=plan.surroundings)] for name in samples}
    result = compare.summary(samples, peaks)
    return {"part": part, "size": size, "allocator": plan.surroundings.allocator, **result}


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for every candidate.

    Args:
        results: Comparisons, as `compared` returns them.
    """
    rows = []
    for result in results:
        size = ", ".join(f"{name} {value}" for name, value in result["size"].items())
        for name, taken in result["seconds"].items():
            cost = f"{1000 * taken:.1f}", tables.times(result["time_ratio"].get(name))
            need = tables.megabytes(result["bytes"][name]), tables.times(result["memory_ratio"].get(name))
            rows.append((result["part"], size, result["allocator"], name, *cost, *need))
    return tables.table(("part", "size", "allocator", "by", "ms", "/ snnsim", "peak MiB", "/ snnsim"), rows)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = measurement_parser(__doc__, json="figures/bench-parts.json")
    add_allocators(parser)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="which parts")
    return parser.parse_args(words)


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
