"""The command that converts a trained network without spikes: convert."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from snnsim.cli.options import COUNT, NATURAL, without
from snnsim.cli.programs import NewProgram


@dataclass(frozen=True)
class Convert:
    """Convert a trained convolutional network into a program of integrate-and-fire neurons, without further training (ANN-to-SNN conversion).

    - snnsim convert runs/one-step-digits --steps 8 -o digits.snn
    - snnsim convert runs/one-step-digits --network qcfs --steps 4 -o digits.snn

    The program has the names of all layers, and the initial potential of half a threshold. The thresholds come from training pictures.
    """

    run: Annotated[Positional[Path], arg(metavar="FOLDER")]
    """Folder of `snnsim reproduce one-step`."""
    output: NewProgram
    """The file to write."""
    steps: Annotated[int, arg(metavar="N"), COUNT] = 8
    """Number of time steps for which thresholds are chosen."""
    network: Literal["ann", "qcfs"] = "ann"
    """Network to convert: with ReLU, or with a trained quantized activation."""
    thresholds: Annotated[
        Literal["calibration", "percentile"], arg(help_behavior_hint="(default: calibration; qcfs has its own)")
    ] = "calibration"
    """Rule for the firing thresholds of ann. calibration: the least squared error between the rates and ReLU; percentile: a percentile of the activations."""
    percent: Annotated[float, arg(metavar="PERCENT")] = 99.0
    """Percentile of the activations that is the threshold, for --thresholds percentile."""
    seed: Annotated[int, arg(metavar="N"), NATURAL] = 0
    """Seed of the network in the folder."""
    data_path: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: digits of scikit-learn)")] = (
        None
    )
    """Folder with the IDX files that the network was trained on."""

    def __call__(self) -> None:
        """Convert, evaluate on validation pictures, and write the program."""
        from snnsim.conversion import Settings
        from snnsim.experiment.one_step import converting

        rule = "qcfs" if self.network == "qcfs" else self.thresholds
        if rule != "percentile":
            without(self, ("percent",), f"thresholds by {rule}; it is for --thresholds percentile")
        settings = Settings(self.steps, rule, self.percent)
        program, accuracies = converting.converted(self.run, settings, self.network, self.seed, self.data_path)
        program.save(self.output)
        before, after = (f"{100 * accuracy:.2f} %" for accuracy in accuracies)
        print(f"{self.output}: {program.size:,} neurons, {program.synapses:,} synapses, {self.steps} steps")
        print(f"accuracy on validation pictures: {before} before, {after} after conversion")
