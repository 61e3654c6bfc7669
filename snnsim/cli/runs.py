"""The commands of a run: train, evaluate, plot."""

import json
import os
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from snnsim.allocator import keep_memory
from snnsim.cli.options import (
    NATURAL,
    DataPath,
    Device,
    Folder,
    Milliseconds,
    MovedData,
    Number,
    Output,
    Rate,
    RunFolder,
    SetValues,
)
from snnsim.config import parse_assignment
from snnsim.schema import Range


@dataclass(frozen=True)
class Train:
    """Train a network, evaluate it after every epoch on validation data, and draw what it learned.

    - snnsim train digits -- made on this machine, a few minutes
    - snnsim train shd --data-path FOLDER -- the recipe of DCLS-Delays on the Spiking Heidelberg Digits
    - snnsim train shd-no-delays --epochs 50 -- an ablation
    - snnsim train images --epochs 5 -- convolutions, on pictures; patterns on events, patterns-delays with delays
    - snnsim train digits --set network.neuron=meta -- neurons that fire by chance; levy_baxter, second_order
    - snnsim train digits --set network.tau_ms=20 -- any value of the config
    - snnsim train runs/digits-20260131-120000 --resume -- go on with a run that was stopped
    """

    target: Annotated[Positional[str], arg(metavar="PRESET|CONFIG.toml|RUN")]
    """A preset: digits, motifs, shd, ssc, or one of these with -no-delays, -fixed-delays, -constant-sigma or -sparse; motifs-xylo, images, patterns, patterns-delays or patterns-fixed-delays; a config file; or a run, whose config is taken."""
    data_path: DataPath = None
    """Where the files of SHD or SSC are, .h5 or .h5.gz, .h5.zip, .h5.xz; `snnsim data make shd --data-path FOLDER` downloads them."""
    epochs: Number = None
    """How often all recordings are seen."""
    batch_size: Number = None
    """Recordings per batch, over all processes."""
    lr: Rate = None
    """Highest learning rate of the weights."""
    rule: Annotated[
        Literal["bptt", "sltt", "sltt-k"] | None,
        arg(metavar="{bptt,sltt,sltt-k}", help_behavior_hint="(default: as configured)"),
    ] = None
    """Routes that errors take: bptt, all; sltt, none from a membrane to that of the step before; sltt-k, the same, of k steps."""
    k: Number = None
    """Steps of a batch that sltt-k draws."""
    window_ms: Milliseconds = None
    """Windows in which sltt goes through time, so that memory does not grow with it; whole recordings otherwise."""
    output_dir: Folder = None
    """Folder of the run (default: runs/PRESET-DATE-TIME)."""
    resume: Annotated[str | None, arg(metavar="[RUN]", help_behavior_hint="")] = None
    """Go on with a run that was stopped, to the same result: the one named here, or else the target or --output-dir, or the preset's newest."""
    seed: Number = None
    """Seed of the initial parameters, the order of the recordings and dropout."""
    device: Device = "auto"
    """Where to train; auto is a GPU if there is one."""
    set_values: SetValues = ()
    """Any other value of the config, such as network.taps=2."""

    def __call__(self) -> None:
        """Train."""
        keep_memory()
        from snnsim import experiment

        named = {
            "data.path": self.data_path,
            "training.epochs": self.epochs,
            "training.batch_size": self.batch_size,
            "training.lr": self.lr,
            "training.rule": self.rule,
            "training.k": self.k,
            "training.window_ms": self.window_ms,
            "training.seed": self.seed,
        }
        values: dict[str, object] = {name: value for name, value in named.items() if value is not None}
        values |= dict(parse_assignment(text) for text in self.set_values)
        folder = experiment.train(self.target, values, output=self.output_dir, resume=self.resume, device=self.device)
        if int(os.environ.get("RANK", "0")) == 0:
            print(f"done: {folder.path}; next: snnsim evaluate {folder.path} --split test")


@dataclass(frozen=True)
class Evaluate:
    """Print how many recordings a run's best network gets right, with whole delays.

    The interval is the binomial 95 % interval; spikes are per neuron and step. The result is also written into
    the run's folder. Choose between networks by the validation split; the test split is for the final figure.
    """

    run: RunFolder
    """Folder of the run."""
    split: Literal["train", "valid", "test"] = "valid"
    """Part of the data."""
    data_path: MovedData = None
    """Where the data are, if they have moved since training."""
    device: Device = "auto"
    """Where to run the network; the simulator runs the frozen network on the CPU."""
    engine: Literal["network", "simulator"] = "network"
    """The network in torch, or its program in the event-driven simulator."""
    seeds: Annotated[int, arg(metavar="N"), Range(at_least=1, at_most=10_000)] = 5
    """How many draws of what a network of meta or levy_baxter neurons leaves to chance are compared."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Evaluate."""
        keep_memory()
        from snnsim import experiment

        if self.engine == "simulator":
            found = experiment.evaluate_program(self.run, self.split, data_path=self.data_path)
        else:
            found = experiment.evaluate(
                self.run, self.split, data_path=self.data_path, device=self.device, seeds=self.seeds
            )
        if self.json:
            print(json.dumps(found))
            return
        low, high = found["ci95"]
        print(
            f"{self.split}: {found['accuracy']:.2%} correct ({found['correct']} of {found['total']}, "
            f"95 % interval {low:.2%} to {high:.2%}), best epoch {found['epoch']}"
        )
        layers = ", ".join(f"hidden {number} {value:.4f}" for number, value in enumerate(found["activity"], 1))
        print(f"spikes per neuron per step: {layers}")
        if "chance" in found:
            drawn, spread = found["chance"], found["chance"]["sd"]
            around = "" if spread is None else f" ± {spread:.2%} (standard deviation)"
            print(
                f"over {len(drawn['accuracies'])} draws: {drawn['mean']:.2%}{around}; without chance: "
                f"{drawn['without']:.2%}"
            )


@dataclass(frozen=True)
class Plot:
    """Draw a picture of a run.

    - raster: every layer's spikes over one recording, and how delays gather them at one neuron.
    - delays: their distribution before and after training.
    - curves: loss, accuracy, schedules and activity over the epochs.
    - animation: the raster as a film.
    """

    run: RunFolder
    """Folder of the run."""
    kind: Positional[Literal["raster", "delays", "curves", "animation"]]
    """What to draw."""
    output: Output = None
    """File to write: .png, .svg or .pdf, for an animation .gif or .mp4 (default: in the run's folder)."""
    split: Literal["train", "valid", "test"] = "valid"
    """Where the recording is from."""
    index: Annotated[int, arg(metavar="N"), NATURAL] = 0
    """Which recording of the split."""
    data_path: MovedData = None
    """Where the data are, if they have moved since training."""

    def __call__(self) -> None:
        """Draw."""
        from snnsim import experiment

        choice = experiment.Choice(self.split, self.index, self.data_path)
        drawn = experiment.plot(self.run, self.kind, self.output, choice)
        print(drawn if drawn is not None else f"{self.run} has no delays to draw")
