"""The command `bench`, which measures a training step."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, THREADS, Number, Output, SetValues, assignments
from snnsim.cli.printing import json_text
from snnsim.schema import Range


@dataclass(frozen=True)
class Bench:
    """Measure time and peak memory of one training step on this machine, in snnsim and in other libraries (baselines).

    The input is random spikes of the density of SHD, so no data are needed. Times are taken in turns in one process, memory in a new process for each library, all with the same threads and allocator. The baselines are installed by: pip install "snnsim[baselines]".

    - snnsim bench -- the recipe of SHD, about two minutes on two cores
    - snnsim bench digits --batch-size 32 --json
    - snnsim bench neurobench runs/NAME -- metrics of NeuroBench, a command of its own: see its --help
    - snnsim bench shd --sigma 12 --baseline recipe -- at the start of training, against the composition of the recipe
    """

    target: Annotated[Positional[str], arg(metavar="PRESET|CONFIG.toml|RUN")] = "shd"
    """Network to measure: a preset, a config file or the folder of a run."""
    batch_size: Number = None
    """Recordings per step."""
    baseline: Annotated[
        tuple[Literal["spikingjelly", "snntorch", "recipe"], ...], arg(metavar="{spikingjelly,snntorch,recipe} ...")
    ] = ("spikingjelly", "snntorch")
    """Libraries to compare with, the most important first. spikingjelly and snntorch: their neurons (LIFNode, Leaky) with the delays of dcls, the same function of the same parameters as snnsim's network. recipe: spikingjelly and dcls composed as in the recipe of DCLS-Delays, where sequences become longer from layer to layer."""
    sigma: Annotated[
        float | None,
        arg(metavar="STEPS", help_behavior_hint="(default: the final width)"),
        Range(at_least=0, at_most=65_535),
    ] = None
    """Width (sigma) of the delay windows in steps; by default the final width of the schedule, which holds for the last three quarters of the training."""
    steps: Annotated[
        int | None,
        arg(metavar="N", help_behavior_hint="(default: data.max_time_ms, or 100)"),
        Range(at_least=2, at_most=2**31 - 1),
    ] = None
    """Time steps of the longest recording; all others have at least half as many."""
    repeats: Annotated[int, arg(metavar="N"), COUNT] = 5
    """Number of timed turns of each library, after one to warm up."""
    threads: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: torch's choice)"), THREADS] = None
    """Number of threads of torch and Numba."""
    allocator: Literal["tuned", "system"] = "tuned"
    """Memory allocator of all libraries. tuned: keep freed memory, as `snnsim train` does. system: the setting of the C library."""
    set_values: SetValues = ()
    """Any other value of the config, such as network.taps=2."""
    output: Output = None
    """File for the JSON object."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Measure."""
        from snnsim.bench import compare, isolated, train_step
        from snnsim.experiment import train_run
        from snnsim.files import written_whole

        values: dict[str, object] = {} if self.batch_size is None else {"training.batch_size": self.batch_size}
        values |= assignments(self.set_values)
        config = train_step.with_width(train_run.config_of(self.target).with_values(values), self.sigma)
        surroundings = isolated.Surroundings(compare.threads_for(self.threads), self.allocator)
        plan = compare.Plan(surroundings, repeats=self.repeats)
        report = compare.report(config, list(self.baseline), plan, steps_long=self.steps)
        text = json_text(report)
        if self.output is not None:
            with written_whole(self.output) as partial:
                partial.write_text(text + "\n", encoding="utf-8")
        print(text if self.json else compare.shown(report))
