"""The commands of a run: train, evaluate, plot."""

import os
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from snnsim.allocator import keep_memory
from snnsim.cli import diffusion
from snnsim.cli.options import (
    COUNT,
    NATURAL,
    DataPath,
    Device,
    Folder,
    Jobs,
    Milliseconds,
    MovedData,
    Number,
    Output,
    Rate,
    RunFolder,
    SetValues,
    assignments,
    without,
)
from snnsim.cli.printing import json_text
from snnsim.schema import Range


@dataclass(frozen=True)
class Train:
    """Train a network, evaluate it after every epoch on validation data, and draw figures of the result.

    - snnsim train digits -- generated speech, a few minutes
    - snnsim train shd --data-path FOLDER -- the recipe of DCLS-Delays on the Spiking Heidelberg Digits
    - snnsim train shd-no-delays --epochs 50 -- an ablation without delays
    - snnsim train images --epochs 5 -- convolutions on images; patterns: on moving dots; patterns-delays: with delays
    - snnsim train motion -- the motion of photographs in the events of a camera; motion-full: the published size
    - snnsim train digits --set network.neuron=meta -- stochastic neurons; also levy_baxter, and second_order
    - snnsim train digits --set network.neuron=adlif -- adaptive neurons; also silif, alif, and cuba_lif
    - snnsim train digits --set network.recurrent=delays -- recurrent connections with learned delays; also dense
    - snnsim train events --data-path my.npz -- your own event recordings; also frames, pictures and audio
    - snnsim train pictures --data-path FOLDER --set data.coding=latency -- also direct, rate and saccades
    - snnsim train digits --set network.neuron.tau_ms=20 -- any value of the config
    - snnsim train diffusion -- spiking diffusion that draws pictures; --set steps=8 and others: docs/diffusion.md
    - snnsim train runs/digits-20260131-120000 --resume -- resume a run that was stopped
    """

    target: Annotated[Positional[str], arg(metavar="PRESET|CONFIG.toml|RUN")]
    """A preset, a config file, or the folder of a run with its config. Presets are digits, motifs, shd and ssc, each also with -no-delays, -fixed-delays, -constant-sigma or -sparse; digits-recurrent, motifs-recurrent, shd-recurrent, digits-adlif, shd-delrec, ssc-delrec, shd-se-adlif, ssc-silif, shd-best, shd-small, shd-axonal, shd-dendritic, ssc-axonal, ssc-dendritic, motifs-xylo, images, patterns, patterns-delays, patterns-fixed-delays, segments, segments-heads, waves, waves-mean, chaotic, motion and motion-full; events, frames, pictures, audio and tonic:NAME for your own data; and diffusion."""
    data_path: DataPath = None
    """Folder of the files of SHD or SSC (.h5, .h5.gz, .h5.zip or .h5.xz); `snnsim data make shd --data-path FOLDER` downloads them. File or folder of your own data."""
    epochs: Number = None
    """Number of passes over all recordings."""
    batch_size: Number = None
    """Recordings per batch, over all processes."""
    lr: Rate = None
    """Highest learning rate of the weights."""
    rule: Annotated[
        Literal["bptt", "sltt", "sltt-k"] | None,
        arg(metavar="{bptt,sltt,sltt-k}", help_behavior_hint="(default: as configured)"),
    ] = None
    """Learning rule. bptt: backpropagation through time; sltt: without gradient paths from a membrane to its previous step; sltt-k: sltt from k random steps of a batch alone."""
    k: Number = None
    """Number of steps that sltt-k draws per batch."""
    window_ms: Milliseconds = None
    """Duration of the chunks of time that sltt computes one after the other, so that memory does not grow with the length of recordings; without it, sltt computes complete recordings."""
    output_dir: Folder = None
    """Folder of the run (default: runs/PRESET-DATE-TIME)."""
    resume: Annotated[str | None, arg(metavar="[RUN]", help_behavior_hint="")] = None
    """Resume a run that was stopped, to the same result as without the stop: the run of this folder; without a folder, that of the target or of --output-dir, or the newest of the preset."""
    seed: Number = None
    """Seed of the initial parameters, the order of the recordings and dropout."""
    folds: Annotated[str | None, arg(metavar="speakers|N", help_behavior_hint="")] = None
    """Train once for each fold of the training file, with the others for training: speakers leaves out one speaker at a time, N makes N groups of speakers. The median of the best epochs is then the number of epochs of networks that are trained on all recordings. The same command with --output-dir goes on after a stop."""
    seeds: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 1)"), COUNT] = None
    """Number of seeds, from --seed on, of each fold and of the networks that are trained on all recordings."""
    fold_seeds: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: as --seeds)"), COUNT] = None
    """Number of seeds of each fold."""
    jobs: Jobs = 1
    """Trainings of --folds and --seeds at a time, each with its share of the processors."""
    device: Device = "auto"
    """Device of the training; auto is a GPU if the machine has one."""
    set_values: SetValues = ()
    """Any other value of the config, such as network.taps=2."""

    def __call__(self) -> None:
        """Train.

        Raises:
            ValueError: If an option has no meaning for the target, or for several runs.
        """
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
        if diffusion.is_target(self.target):
            without(self, ("folds", "seeds", "fold_seeds", "jobs"), "diffusion, which trains one network")
            target, output, resumes = self.target, self.output_dir, self.resume is not None
            if self.resume is not None and self.resume != "auto":
                target, output = self.resume, None
            diffusion.train(target, values, self.set_values, output=output, resume=resumes, device=self.device)
            return
        values |= assignments(self.set_values)
        if self.folds is None and self.fold_seeds is not None:
            raise ValueError("--fold-seeds is the number of seeds of each fold, and needs --folds")
        if self.folds is not None or self.seeds is not None:
            self._train_folds(values)
            return
        without(self, ("jobs",), "a single training; --folds and --seeds start several")
        folder = experiment.train(self.target, values, output=self.output_dir, resume=self.resume, device=self.device)
        if int(os.environ.get("RANK", "0")) == 0:
            print(f"done: {folder.path}; next: snnsim evaluate {folder.path}")

    def _train_folds(self, values: dict[str, object]) -> None:
        """Train all folds and seeds.

        Raises:
            ValueError: If the number of folds is wrong, or an option has no meaning for several runs.
        """
        from snnsim.experiment.sweeps import folds

        if self.resume is not None:
            raise ValueError(
                "--folds and --seeds go on by themselves: repeat the command with --output-dir and without --resume"
            )
        plan = folds.Plan(_folds(self.folds), self.seeds or 1, self.fold_seeds)
        folder = folds.train(self.target, values, plan, output=self.output_dir, jobs=self.jobs, device=self.device)
        split = "valid" if self.folds is None else "test"
        print(f"done: {folder}; next: snnsim evaluate {folder} --split {split}")


def _folds(text: str | None) -> int | Literal["speakers"] | None:
    if text is None:
        return None
    if text == "speakers":
        return "speakers"
    if not text.isdecimal() or not 2 <= int(text) <= 10_000:
        raise ValueError(f"--folds must be speakers, or a number from 2 to 10,000, not {text}")
    return int(text)


@dataclass(frozen=True)
class Evaluate:
    """Print the metrics and the activity of the best network of a run, with integer delays.

    The interval is the 95 % confidence interval. For one class per recording, it is the Wilson score interval; for
    classes of steps, and for regression, the recordings are the sample. Spikes are per neuron and step. The result is also written into the folder of the run. Choose between networks by the validation split; the test split is for the final figure.
    Of a sweep, or of folds and seeds, the result of each configuration is the mean over its networks, with standard
    deviation and range; the accuracy of the ensemble of its seeds is printed separately. On the test split, only the
    refitted networks, or the best configuration by validation, are evaluated.
    """

    run: RunFolder
    """Folder of the run, or of a sweep."""
    split: Literal["train", "valid", "test"] = "valid"
    """Part of the data."""
    data_path: MovedData = None
    """File or folder of the data, if they have moved since training."""
    device: Device = "auto"
    """Device of the network; the simulator runs on the CPU."""
    engine: Literal["network", "simulator"] = "network"
    """network: the network in torch; simulator: its program in the simulator of `snnsim simulate`."""
    seeds: Annotated[int, arg(metavar="N"), Range(at_least=1, at_most=10_000)] = 5
    """Number of evaluations with different random numbers, for networks of stochastic neurons (meta, levy_baxter)."""
    json: bool = False
    """Print one JSON object."""

    def __call__(self) -> None:
        """Evaluate.

        Raises:
            ValueError: If an option has no meaning for the run, or for several runs.
        """
        keep_memory()
        if diffusion.is_target(str(self.run)):
            without(self, ("split", "data_path", "device", "engine", "seeds"), "a run of diffusion")
            diffusion.evaluate(self.run, as_json=self.json)
            return
        from snnsim import experiment
        from snnsim.experiment.sweeps import evaluation, planned

        if planned.groups_in(self.run):
            without(self, ("engine", "seeds"), f"{self.run}, which has several runs; name the folder of one")
            facts = evaluation.evaluate(self.run, self.split, data_path=self.data_path, device=self.device)
            print(json_text(facts) if self.json else "\n".join(evaluation.lines(facts)))
            return
        if self.engine == "simulator":
            result = experiment.evaluate_program(self.run, self.split, data_path=self.data_path)
        else:
            result = experiment.evaluate(
                self.run, self.split, data_path=self.data_path, device=self.device, seeds=self.seeds
            )
        if self.json:
            print(json_text(result))
            return
        print(f"{self.split}: {result['summary']}, best epoch {result['epoch']}")
        layers = ", ".join(f"hidden {number} {value:.4f}" for number, value in enumerate(result["activity"], 1))
        print(f"spikes per neuron per step: {layers}")
        if "chance" in result:
            drawn, deviation = result["chance"], result["chance"]["sd"]
            of_shares = drawn["metric"] == "accuracy"
            form, prefix = (".2%", "") if of_shares else (".4g", f"{drawn['metric']} ")
            spread = "" if deviation is None else f" ± {deviation:{form}} (standard deviation)"
            print(
                f"over {len(drawn['accuracies' if of_shares else 'values'])} seeds: {prefix}{drawn['mean']:{form}}{spread}; "
                f"without randomness: {drawn['without']:{form}}"
            )


@dataclass(frozen=True)
class Plot:
    """Draw a figure of a run.

    - raster: spikes of every layer over one recording, and their delayed arrivals at one neuron.
    - delays: distribution of the delays before and after training.
    - curves: loss, metrics, schedules and activity over the epochs.
    - animation: the raster as a film.
    - predictions: the confusion of classes, or numbers against their targets, on a split.
    - kernels: kernels of a convolution over delays, as slices of space; as a film with --output NAME.gif.
    - flow: optical flow and decision over a movie, for a folder of `snnsim reproduce motion`.
    """

    run: RunFolder
    """Folder of the run."""
    kind: Positional[Literal["raster", "delays", "curves", "animation", "predictions", "kernels", "flow"]]
    """Kind of figure."""
    output: Output = None
    """File to write: .png, .svg or .pdf, for an animation .gif or .mp4 (default: in the folder of the run)."""
    split: Literal["train", "valid", "test"] = "valid"
    """Part of the data with the recording."""
    index: Annotated[int, arg(metavar="N"), NATURAL] = 0
    """Index of the recording in the split."""
    data_path: MovedData = None
    """File or folder of the data, if they have moved since training."""

    def __call__(self) -> None:
        """Draw."""
        from snnsim import experiment

        choice = experiment.Choice(self.split, self.index, self.data_path)
        drawn = experiment.plot(self.run, self.kind, self.output, choice)
        reason = "has no delays to draw, or the run that it starts from is gone"
        print(drawn if drawn is not None else f"{self.run} {reason}")
