"""Compare a training step of ours with peers': times in one process in turns, each one's memory in a fresh process."""

import sys
from dataclasses import asdict, dataclass
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
    """How often is measured, and in what surroundings."""

    around: isolated.Surroundings
    repeats: int = 5
    """Turns of each."""
    loops: int = 1
    """Steps of a turn."""
    processes: int = 1
    """Fresh processes for each one's memory."""

    def __post_init__(self) -> None:
        for name in ("repeats", "loops", "processes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


def compare(case: train_step.Case, names: list[str], plan: Plan) -> dict[str, Any]:
    """Return times and peak memory of ours and of peers, by name; a ratio above 1 means that the peer needs more."""
    if not names:
        raise ValueError(f"name at least one peer to compare with: {', '.join(baselines.PEERS)}")
    baselines.check_installed(names)
    everyone = [OURS, *names]
    say(f"{plan.repeats} turns of {', '.join(map(baselines.title, everyone))}")
    samples = isolated.call(train_step.seconds, everyone, case, plan.repeats, plan.loops, around=plan.around)
    peaks: dict[str, list[int | None]] = {}
    for name in everyone:
        say(f"memory of {baselines.title(name)}")
        peaks[name] = [isolated.call(train_step.peak, name, case, around=plan.around) for _ in range(plan.processes)]
    return summary(samples, peaks)


def summary(samples: timing.Samples, peaks: dict[str, list[int | None]]) -> dict[str, Any]:
    """Return medians and ratios of what was measured, with all samples."""
    size = {name: None if None in found else median(found) for name, found in peaks.items()}
    return {
        "seconds": {name: median(found) for name, found in samples.items()},
        "time_ratio": {name: timing.ratio(samples[OURS], found) for name, found in samples.items() if name != OURS},
        "bytes": size,
        "memory_ratio": {name: _over(found, size[OURS]) for name, found in size.items() if name != OURS},
        "samples": samples,
        "bytes_samples": peaks,
    }


def _over(theirs: float | None, ours: float | None) -> float | None:
    return None if theirs is None or not ours else theirs / ours


def against(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a comparison with one peer, as `snnsim bench --json` prints it."""
    step = {"ours_s": found["seconds"][OURS], "peer_s": found["seconds"][name], "ratio": found["time_ratio"][name]}
    memory = {"ours_bytes": found["bytes"][OURS], "peer_bytes": found["bytes"][name]}
    return {"step": step, "memory": memory | {"ratio": found["memory_ratio"][name]}}


def report(config: Config, names: list[str], plan: Plan, *, steps_long: int | None) -> dict[str, Any]:
    """Return what `snnsim bench --json` prints: the first peer, the others, and all that it takes to repeat it."""
    case = train_step.Case(config, usual_steps(config) if steps_long is None else steps_long)
    found = compare(case, names, plan)
    first, *others = names
    return {
        "peer": baselines.title(first),
        **against(found, first),
        "others": {baselines.title(name): against(found, name) for name in others},
        "name": config.name,
        "batch_size": config.training.batch_size,
        "steps": case.steps,
        "sigma": None if build.width_schedule(config) is None else build.first_width(config),
        "allocator": plan.around.allocator,
        **environment(train_step.SEED),
        "threads": plan.around.threads,
        "peers": baselines.versions(names),
        "samples": {"step_s": found["samples"], "memory_bytes": found["bytes_samples"]},
        "config": asdict(config),
    }


def usual_steps(config: Config) -> int:
    """Return how long a recording of the config's data may be, in steps; where that is open, as long as SHD's are."""
    data = config.data
    return train_step.USUAL_STEPS if data.max_time_ms is None else round(data.max_time_ms / data.time_step_ms)


def shown(report: dict[str, Any]) -> str:
    """Return a report as a table with a line before and after it."""
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
            "peak: memory above parameters, gradients and optimizers, each in a process of its own",
        ]
    )


def say(text: str) -> None:
    """Tell a person who waits what is going on, without touching what is printed."""
    print(f"bench: {text}", file=sys.stderr, flush=True)  # noqa: T201


def threads_for(chosen: int | None) -> int:
    """Return the number of threads to measure with."""
    return torch.get_num_threads() if chosen is None else chosen
