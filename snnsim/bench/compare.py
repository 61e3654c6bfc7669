"""Comparison of a training step of snnsim with baselines: times in turns in one process, memory in fresh processes."""

import sys
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any

import torch

from snnsim.bench import baselines, isolated, tables, timing, train_step
from snnsim.bench.baselines import OURS
from snnsim.config import Config
from snnsim.experiment import build
from snnsim.training.run_folder import environment


@dataclass(frozen=True)
class Plan:
    """Number of measurements, and the settings of their processes."""

    surroundings: isolated.Surroundings
    repeats: int = 5
    """Turns of each network."""
    loops: int = 1
    """Steps of a turn."""
    processes: int = 1
    """Fresh processes in which the memory of each network is measured."""

    def __post_init__(self) -> None:
        for name in ("repeats", "loops", "processes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


def compare(case: train_step.Case, names: list[str], plan: Plan) -> dict[str, Any]:
    """Return times and peak memory of snnsim and of baselines, by name.

    A ratio above 1 means that the baseline needs more.

    Args:
        case: Network and batch of the step.
        names: Names of the baselines.
        plan: Number of measurements, and the settings of their processes.

    Raises:
        ValueError: If no baseline is named.
    """
    if not names:
        raise ValueError(f"name at least one baseline to compare with: {', '.join(baselines.BASELINES)}")
    baselines.check_installed(names)
    networks, call = [OURS, *names], partial(isolated.call, surroundings=plan.surroundings)
    say(f"{plan.repeats} turns of {', '.join(map(baselines.title, networks))}")
    samples = call(train_step.seconds, networks, case, plan.repeats, plan.loops)
    peaks: dict[str, list[int | None]] = {}
    for name in networks:
        say(f"memory of {baselines.title(name)}")
        peaks[name] = [call(train_step.peak, name, case) for _ in range(plan.processes)]
    return summary(samples, peaks)


def summary(samples: timing.Samples, peaks: dict[str, list[int | None]]) -> dict[str, Any]:
    """Return medians, ratios and samples of measurements.

    Args:
        samples: Seconds of every turn by network.
        peaks: Bytes of every process by network, None where the system does not tell.
    """
    sizes = {name: _median(values) for name, values in peaks.items()}
    return {
        "seconds": {name: median(values) for name, values in samples.items()},
        "time_ratio": {name: timing.ratio(samples[OURS], values) for name, values in samples.items() if name != OURS},
        "bytes": sizes,
        "memory_ratio": {name: _ratio(size, sizes[OURS]) for name, size in sizes.items() if name != OURS},
        "samples": samples,
        "bytes_samples": peaks,
    }


def _median(sizes: list[int | None]) -> float | None:
    numbers = [size for size in sizes if size is not None]
    return median(numbers) if len(numbers) == len(sizes) else None


def _ratio(theirs: float | None, ours: float | None) -> float | None:
    return None if theirs is None or not ours else theirs / ours


def against(result: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the comparison with one baseline as `snnsim bench --json` prints it.

    Args:
        result: Value of `summary`.
        name: Name of the baseline, which the keys call "peer".
    """
    step = {"ours_s": result["seconds"][OURS], "peer_s": result["seconds"][name], "ratio": result["time_ratio"][name]}
    memory = {"ours_bytes": result["bytes"][OURS], "peer_bytes": result["bytes"][name]}
    return {"step": step, "memory": memory | {"ratio": result["memory_ratio"][name]}}


def report(config: Config, names: list[str], plan: Plan, *, steps_long: int | None) -> dict[str, Any]:
    """Return the object that `snnsim bench --json` prints.

    Args:
        config: Config of the network.
        names: Names of the baselines; the first one is compared at the top level, the others under "others".
        plan: Number of measurements, and the settings of their processes.
        steps_long: Steps of the longest recordings; None takes those of the config.
    """
    case = train_step.Case(config, usual_steps(config) if steps_long is None else steps_long)
    result = compare(case, names, plan)
    first, *others = names
    return {
        "peer": baselines.title(first),
        **against(result, first),
        "others": {baselines.title(name): against(result, name) for name in others},
        "name": config.name,
        "batch_size": config.training.batch_size,
        "steps": case.steps,
        "sigma": None if build.width_schedule(config) is None else build.first_width(config),
        "allocator": plan.surroundings.allocator,
        **environment(train_step.SEED),
        "threads": plan.surroundings.threads,
        "peers": baselines.versions(names),
        "samples": {"step_s": result["samples"], "memory_bytes": result["bytes_samples"]},
        "config": asdict(config),
    }


def usual_steps(config: Config) -> int:
    """Return the longest duration of a config's recordings in steps.

    Args:
        config: The config. Without a limit of the duration, the result is that of SHD.
    """
    data = config.data
    return train_step.USUAL_STEPS if data.max_time_ms is None else round(data.max_time_ms / data.time_step_ms)


def shown(report: dict[str, Any]) -> str:
    """Return a report as lines of text with a table.

    Args:
        report: The result of `report`.
    """
    network = report["config"]["network"]
    sizes = " - ".join(map(str, (report["config"]["data"]["channels"], *network["hidden"])))
    width = "" if report["sigma"] is None else f", windows {report['sigma']:g} steps wide"
    threads = report["threads"]
    compared = {report["peer"]: report, **report["others"]}
    rows = [(OURS, f"{report['step']['ours_s']:.3f}", "", tables.megabytes(report["memory"]["ours_bytes"]), "")]
    for title, pair in compared.items():
        step, memory = pair["step"], pair["memory"]
        need = tables.megabytes(memory["peer_bytes"]), tables.times(memory["ratio"])
        rows.append((title, f"{step['peer_s']:.3f}", tables.times(step["ratio"]), *need))
    head = ("one training step", "seconds", "/ snnsim", "peak MiB", "/ snnsim")
    return "\n".join(
        [
            f"{report['name']}: {sizes} neurons, {report['steps']} steps, batch {report['batch_size']}{width}",
            f"{report['machine']}, {threads} thread{'s' * (threads > 1)}, {report['allocator']} allocator",
            "",
            tables.table(head, rows),
            "",
            "seconds: medians of turns taken one after the other in one process",
            "peak: memory above parameters, gradients and optimizers, each in a separate process",
        ]
    )


def say(text: str) -> None:
    """Print a line of progress to the standard error, so that the standard output has the result alone.

    Args:
        text: The line, without a line break.
    """
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201


def threads_for(chosen: int | None) -> int:
    """Return the number of threads to measure with.

    Args:
        chosen: The number that a user asks for; None takes the number of threads of torch.
    """
    return torch.get_num_threads() if chosen is None else chosen
