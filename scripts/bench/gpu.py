"""Times and memory on a GPU: neurons, training steps, and long delays, against spikingjelly with its fastest kernels.

    neurons   LIF forward and backward, (steps, recordings, neurons): the Triton kernels of snnsim, and LIFNode of
              spikingjelly in its multi-step mode, which chooses its fastest kernel (Triton, CUDA) by itself
    step      a training step of the `shd` preset at batch 128 and 256: spikingjelly + dcls
    delays    2 x 256 and 2 x 512 neurons, 700 channels, batch 256, 1,127 steps, longest delays of 64 to 1,024 steps:
              spikingjelly + dcls. These are the sizes at which mlGeNN published the time of an epoch and its memory

Times are taken in turns in one process after a warm-up, each turn until the device has finished; slow sizes have one
turn. A ratio is the median over turns of spikingjelly / snnsim. Memory is the largest that torch had allocated on the
device during a step. An epoch is the step times the batches of SHD's 8,156 recordings, without loading. Steps and
delays are measured with products in float32, and again in TF32. A size at which a library runs out of memory has no
time.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import torch
from common import write
from torch import Tensor, nn

from snnsim import LIF, presets
from snnsim.bench import baselines, compare, tables, timing, train_step

BASELINE = "spikingjelly"
PARTS = ("neurons", "step", "delays")
RECORDINGS = 8156
"""Recordings of the training file of SHD."""
DENSITY = 0.011
"""Spikes of one of 700 channels in a step of 1 ms: SHD has about 8,000 in a recording."""
NEURONS = [(100, 256, 256), (1000, 256, 512), (1000, 16, 512)]
BATCHES = [128, 256]
WIDTHS = [256, 512]
DELAYS = [64, 128, 256, 512, 1024]
LONG_STEPS, LONG_BATCH = 1127, 256
SLOW_S = 3.0
"""Seconds of a call above which a size has a single turn."""

Works = dict[str, Callable[[], object]]


def neuron_works(shape: Sequence[int], device: str) -> Works:
    """Return the forward and backward pass of the same LIF neurons by snnsim and by spikingjelly.

    Args:
        shape: Steps, recordings and neurons.
        device: Device of the currents.
    """
    from snnsim.bench import with_spikingjelly

    current, grad = (torch.randn(tuple(shape), device=device) for _ in range(2))
    ours = LIF(tau=1.5, surrogate="atan").to(device)
    modules = {baselines.OURS: ours, BASELINE: with_spikingjelly.Neuron(ours).to(device)}
    return {name: partial(_forward_backward, module, current.clone(), grad) for name, module in modules.items()}


def _forward_backward(module: nn.Module, current: Tensor, grad: Tensor) -> None:
    spikes: Tensor = module(current.requires_grad_())
    current.grad = None
    spikes.backward(grad)


def step_case(batch: int) -> train_step.Case:
    """Return the training step of the `shd` preset.

    Args:
        batch: Number of recordings.
    """
    shd = presets.named("shd").with_values({"training.batch_size": batch})
    return train_step.Case(train_step.with_width(shd, None))


def delays_case(width: int, delay: int, steps: int = LONG_STEPS, batch: int = LONG_BATCH) -> train_step.Case:
    """Return a training step with steps of 1 ms and long delays.

    Args:
        width: Neurons of both hidden layers.
        delay: Longest delay in steps.
        steps: Steps of the recordings.
        batch: Number of recordings.
    """
    values = {
        "data.channels": 700,
        "data.time_step_ms": 1.0,
        "network.max_delay_ms": float(delay),
        "network.hidden": [width] * 2,
        "network.extra_ms": 0.0,
        "training.batch_size": batch,
    }
    config = train_step.with_width(presets.named("shd").with_values(values), None)
    return train_step.Case(config, steps, DENSITY)


def step_works(case: train_step.Case, device: str) -> Works:
    """Return the training steps of snnsim and of spikingjelly + dcls.

    Args:
        case: Network and recordings.
        device: Device of networks and recordings.
    """
    batch = case.batch().to(torch.device(device))
    names = (baselines.OURS, BASELINE)
    return {name: partial(train_step.Training(name, case, device).step, batch) for name in names}


def measured(works: Works, repeats: int, device: str) -> dict[str, Any]:
    """Return times, ratios and memory by name; None for those that ran out of memory.

    Args:
        works: Functions by name.
        repeats: Turns of each function.
        device: Device on which they run.
    """
    peaks = {name: _peak(work, device) for name, work in works.items()}
    running = {name: partial(_finished, work, device) for name, work in works.items() if peaks[name] is not None}
    slow = any(_seconds(work) > SLOW_S for work in running.values())
    samples = timing.in_turns(running, repeats=1 if slow else repeats)
    ours = samples.get(baselines.OURS)
    others = {name: values for name, values in samples.items() if name != baselines.OURS}
    return {
        "seconds": {name: median(samples[name]) if name in samples else None for name in works},
        "time_ratio": {name: timing.ratio(ours, values) for name, values in others.items()} if ours else {},
        "bytes": peaks,
        "samples": samples,
    }


def _finished(work: Callable[[], object], device: str) -> None:
    work()
    if device == "cuda":
        torch.cuda.synchronize()


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _peak(work: Callable[[], object], device: str) -> int | None:
    """Return the peak memory of a call in bytes, 0 where the device is the CPU, and None where it is exhausted."""
    if device != "cuda":
        work()
        return 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        _finished(work, device)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None
    return torch.cuda.max_memory_allocated()


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the results of all chosen parts; each is written at once.

    Args:
        options: Options of `arguments`.
    """
    results: list[dict[str, Any]] = []
    for part in options.parts:
        for precision in ("float32",) if part == "neurons" else options.precisions:
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
            for size, works in _sizes(part, options):
                compare.say(f"{part} {size}, {precision}")
                row = {"part": part, "size": size, "precision": precision, "device": _device_name(options.device)}
                results.append(row | measured(works(), options.repeats, options.device))
                write(options.json, {"results": results}, names=[BASELINE])
    return results


def _sizes(part: str, options: argparse.Namespace) -> list[tuple[dict[str, int], Callable[[], Works]]]:
    """Return the sizes of a part, each with a function that prepares its works."""
    device = options.device
    if part == "neurons":
        names = ("steps", "batch", "neurons")
        shapes = [tuple(min(value, options.most) for value in shape) for shape in NEURONS]
        return [(dict(zip(names, shape, strict=True)), partial(neuron_works, shape, device)) for shape in shapes]
    if part == "step":
        batches = [min(batch, options.most) for batch in BATCHES]
        return [({"batch": batch}, lambda batch=batch: step_works(step_case(batch), device)) for batch in batches]
    grid = [(min(width, options.most), min(delay, options.most)) for width in WIDTHS for delay in DELAYS]
    long = min(LONG_STEPS, 2 * options.most), min(LONG_BATCH, options.most)
    batch = {"batch": long[1]}
    return [
        (
            {"width": width, "delay": delay} | batch,
            lambda sizes=(width, delay): step_works(delays_case(*sizes, *long), device),
        )
        for width, delay in dict.fromkeys(grid)
    ]


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else device


def shown(results: Sequence[dict[str, Any]]) -> str:
    """Return the results as a table with a line for every library and size.

    Args:
        results: Results of `measure`.
    """
    rows = []
    for result in results:
        size = " ".join(f"{name} {value}" for name, value in result["size"].items())
        for name, taken in result["seconds"].items():
            batches = None if result["part"] == "neurons" else ceil(RECORDINGS / result["size"]["batch"])
            epoch = "-" if batches is None or taken is None else f"{taken * batches:.1f}"
            duration = "out of memory" if taken is None else f"{taken * 1e3:.2f}"
            ratio = tables.times(result["time_ratio"].get(name))
            row = (result["part"], size, result["precision"], name, duration, ratio, epoch)
            rows.append((*row, tables.megabytes(result["bytes"][name])))
    head = ("part", "size", "products", "library", "ms", "/ snnsim", "s an epoch", "peak MiB")
    return tables.table(head, rows)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line.

    Args:
        words: Words of the command line; None takes those of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument("--precisions", nargs="+", choices=("float32", "tf32"), default=["float32", "tf32"])
    parser.add_argument("--repeats", type=int, default=5, help="turns of each library")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu tries the script out")
    parser.add_argument("--most", type=int, default=1024, help="upper bound of all sizes, to try the script out")
    parser.add_argument("--json", type=Path, default=Path("figures/bench-gpu.json"), help="file for the figures")
    parser.add_argument("--show", action="store_true", help="print the table of the JSON file again")
    options = parser.parse_args(words)
    if options.device == "cuda" and not options.show and not torch.cuda.is_available():
        parser.error("torch finds no GPU; choose --device cpu --most 16 to try the script out")
    return options


def main() -> None:
    """Measure, or read the results of before; print a table."""
    options = arguments()
    known = json.loads(options.json.read_text(encoding="utf-8"))["results"] if options.show else measure(options)
    print(shown(known))


if __name__ == "__main__":
    main()
