"""The command that measures: bench."""

import json
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, THREADS, Number, Output, SetValues
from snnsim.config import parse_assignment
from snnsim.schema import Range


@dataclass(frozen=True)
class Bench:
    """Measure one training step on this machine, in snnsim and in the same network of others' parts: time and peak memory.

    Spikes are random, as dense as those of SHD; no data are needed, nothing is learned. Times are taken in turns in one process, memory in a fresh process each, with the same threads and allocator for all. Needs pip install "snnsim[neighbors]".

    - snnsim bench -- the recipe of SHD, about two minutes on two cores
    - snnsim bench digits --batch-size 32 --json
    - snnsim bench shd --sigma 12 --peer recipe -- at the start of training, against the recipe's own composition
    """

    target: Annotated[Positional[str], arg(metavar="PRESET|CONFIG.toml|RUN")] = "shd"
    """A preset, a config file or a run, whose network is built."""
    batch_size: Number = None
    """Recordings per step."""
    peer: Annotated[
        tuple[Literal["spikingjelly", "snntorch", "recipe"], ...], arg(metavar="{spikingjelly,snntorch,recipe} ...")
    ] = ("spikingjelly", "snntorch")
    """Whom to compare with, the most important first: LIFNode of spikingjelly or Leaky of snnTorch with the delays of dcls in our frame (the same function of the same parameters), or spikingjelly and dcls as the recipe of DCLS-Delays puts them together (sequences grow from layer to layer)."""
    sigma: Annotated[
        float | None,
        arg(metavar="STEPS", help_behavior_hint="(default: the narrow end)"),
        Range(at_least=0, at_most=65_535),
    ] = None
    """Width of the delay windows in steps; by default that at the end of the annealing, as three quarters of the training run at it."""
    steps: Annotated[
        int | None,
        arg(metavar="N", help_behavior_hint="(default: data.max_time_ms, or 100)"),
        Range(at_least=2, at_most=2**31 - 1),
    ] = None
    """Length of the longest recordings in time steps; others are half as long or longer."""
    repeats: Annotated[int, arg(metavar="N"), COUNT] = 5
    """Turns that each is timed in, after one to warm up."""
    threads: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: torch's choice)"), THREADS] = None
    """Threads of torch and Numba."""
    allocator: Literal["tuned", "system"] = "tuned"
    """How memory is allocated, for all alike: as `snnsim train` has it, which keeps what is freed, or as the system's C library comes."""
    set_values: SetValues = ()
    """Any other value of the config, such as network.taps=2."""
    output: Output = None
    """File to write the JSON object to."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Measure."""
        from snnsim.bench import compare, isolated, train_step
        from snnsim.experiment import train_run
        from snnsim.files import written_whole

        values: dict[str, object] = {} if self.batch_size is None else {"training.batch_size": self.batch_size}
        values |= dict(parse_assignment(text) for text in self.set_values)
        config = train_step.with_width(train_run.config_of(self.target).with_values(values), self.sigma)
        around = isolated.Surroundings(compare.threads_for(self.threads), self.allocator)
        plan = compare.Plan(around, repeats=self.repeats)
        report = compare.report(config, list(self.peer), plan, steps_long=self.steps)
        text = json.dumps(report)
        if self.output is not None:
            with written_whole(self.output) as partial:
                partial.write_text(text + "\n", encoding="utf-8")
        print(text if self.json else compare.shown(report))
