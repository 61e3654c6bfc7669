"""One training step of snnsim and of neighbours' parts on the network of the `shd` preset: time, peak memory.

    time     both in one process, in turns, after a warm-up; the ratio is the median over turns of
             neighbours / snnsim
    memory   each in processes of its own: highest resident size during steps, less that before them, when
             libraries, parameters, gradients and optimisers are there already; the median over processes

Both are taken under the allocator as users run it, and under one that keeps the memory it has (glibc: no mmap,
no trimming), as page faults are a large part of a step. A step is what the training loop does: forward,
backward, both optimisers, constraints. Recordings are 50 to 100 steps long, the longest 100.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from common import PARTS, table, write

from snnsim import presets
from snnsim.config import Config
from snnsim.learning import decisions, rules
from snnsim.network import SpikingNetwork
from snnsim.training import optimisers

CLASSES, STEPS, SEED = 20, 100, 0
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}
ALLOCATORS: dict[str, dict[str, str]] = {"as users run it": {}, "memory kept": KEPT}
MEMORY_STEPS = 3
PASSED_ON = ("steps", "repeats", "threads")


class Training:
    """A network and its optimisers, to be moved on step by step."""

    def __init__(self, part: str, config: Config) -> None:
        self.network: SpikingNetwork = PARTS[part](config, classes=CLASSES).train()
        self.decide = decisions.named(config.training.decision)
        # the schedules must not end before the measurement does
        rates = {"lr": config.training.lr, "lr_delay": config.training.lr_delay}
        decay = config.training.weight_decay
        self.optimisers = optimisers.build(self.network, **rates, weight_decay=decay, steps=100_000)
        self.generator = torch.Generator().manual_seed(SEED)

    def step(self, batch: rules.Batch) -> None:
        """Do what the training loop does with a batch."""
        self.optimisers.zero_grad()
        rules.bptt(self.network, batch, self.decide, self.generator)
        self.optimisers.step()
        self.network.constrain()


def recordings(config: Config, *, size: int, steps: int = STEPS) -> rules.Batch:
    """Return a batch of random counts, of recordings that are between half as long and as long as `steps`."""
    generator = torch.Generator().manual_seed(SEED)
    frames = torch.poisson(torch.full((steps, size, config.data.channels), 0.5), generator=generator)
    lengths = torch.randint(steps // 2, steps + 1, (size,), generator=generator)
    lengths[0] = steps
    frames *= (torch.arange(steps)[:, None] < lengths)[..., None]
    return rules.Batch(frames, lengths, torch.arange(size) % CLASSES, float(size))


def seconds(config: Config, batch: rules.Batch, *, steps: int, repeats: int) -> dict[str, list[float]]:
    """Return the seconds per step of every turn, by part."""
    trainings = {part: Training(part, config) for part in PARTS}
    samples: dict[str, list[float]] = {part: [] for part in PARTS}
    for training in trainings.values():
        training.step(batch)
    for _ in range(repeats):
        for part, training in trainings.items():
            began = time.perf_counter()
            for _ in range(steps):
                training.step(batch)
            samples[part].append((time.perf_counter() - began) / steps)
    return samples


def peak(part: str, config: Config, batch: rules.Batch) -> int:
    """Return the bytes that steps need above what is there before them; call once in a fresh process."""
    training = Training(part, config)
    # what is compiled, loaded and allocated once is no part of a step
    training.step(recordings(config, size=2, steps=10))
    # freed memory that the allocator has kept would be used again unseen
    ctypes.CDLL(None).malloc_trim(0)
    before = _status("VmRSS")
    for _ in range(MEMORY_STEPS):
        training.step(batch)
    return _status("VmHWM") - before


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/self/status has no {name}; peak memory is measured on Linux only")


def measured(what: str, allocator: str, size: int, options: argparse.Namespace) -> Any:
    """Return what a fresh process measures under an allocator."""
    flags = {"measure": what, "batch": size, **{name: getattr(options, name) for name in PASSED_ON}}
    found = subprocess.run(
        [sys.executable, __file__, *(f"--{name}={value}" for name, value in flags.items())],
        env={name: value for name, value in os.environ.items() if name not in KEPT} | ALLOCATORS[allocator],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(found.stdout)


def compared(allocator: str, size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return times and peak memory of both under an allocator."""
    samples = measured("time", allocator, size, options)
    peaks = {part: [measured(part, allocator, size, options) for _ in range(options.processes)] for part in PARTS}
    memory = {part: median(found) for part, found in peaks.items()}
    ratios = [theirs / ours for ours, theirs in zip(samples["snnsim"], samples["neighbours"], strict=True)]
    return {
        "allocator": allocator,
        "batch": size,
        "seconds_per_step": {part: median(taken) for part, taken in samples.items()},
        "time_ratio": median(ratios),
        "peak_bytes": memory,
        "memory_ratio": memory["neighbours"] / memory["snnsim"],
        "samples": samples,
        "peak_samples": peaks,
    }


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table."""
    theirs = "neighbours", "ratio"
    head = ("allocator", "batch", "snnsim s/step", *theirs, "snnsim peak MiB", *theirs)
    rows = []
    for result in results:
        times = [f"{value:.3f}" for value in result["seconds_per_step"].values()]
        peaks = [f"{value / 2**20:.0f}" for value in result["peak_bytes"].values()]
        ratios = f"{result['time_ratio']:.2f}", f"{result['memory_ratio']:.2f}"
        rows.append((result["allocator"], result["batch"], *times, ratios[0], *peaks, ratios[1]))
    return table(head, rows)


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[128, 256], help="recordings per step")
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn")
    parser.add_argument("--repeats", type=int, default=9, help="turns of each")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch and numba")
    parser.add_argument("--processes", type=int, default=3, help="processes in which each one's memory is measured")
    parser.add_argument("--json", type=Path, default=Path("figures/bench-step.json"), help="file for the figures")
    parser.add_argument("--quick", action="store_true", help="3 turns of 1 step, memory once, for a first look")
    parser.add_argument("--measure", choices=("time", *PARTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.steps, options.repeats, options.processes = 1, 3, 1
    return options


def main() -> None:
    """Measure, print a table, and write all samples; with --measure, print one measurement as JSON."""
    options = arguments()
    torch.set_num_threads(options.threads)
    if options.measure is None:
        results = [compared(name, size, options) for name in ALLOCATORS for size in options.batch]
        print(shown(results))
        write(options.json, {"results": results}, seed=SEED)
        return
    config = presets.named("shd")
    batch = recordings(config, size=options.batch[0])
    if options.measure == "time":
        print(json.dumps(seconds(config, batch, steps=options.steps, repeats=options.repeats)))
    else:
        print(json.dumps(peak(options.measure, config, batch)))


if __name__ == "__main__":
    main()
