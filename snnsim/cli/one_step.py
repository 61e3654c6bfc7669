"""The command that trains convolutional networks down to one time step: reproduce one-step."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from snnsim.cli.options import COUNT, Folder


@dataclass(frozen=True)
class OneStep:
    """Convert a convolutional network, and train it from five time steps down to one, against networks without steps.

    A network with ReLU becomes a spiking one of 5 steps, whose thresholds and leaks are learned, then one of 4 steps, and so on down to 1, each from the one before. It is compared with conversion alone (percentiles, calibration, QCFS), with training at one step from random weights, and with binary activations for as many epochs. The results are results.csv, table.md and few-steps.png in the folder, with accuracy, spikes, operations and energy. A command that was stopped goes on from the last epoch when it is started again.

    - snnsim reproduce one-step -- digits of 8 x 8 pixels, minutes
    - snnsim reproduce one-step --data-path FOLDER -- train-images-idx3-ubyte and its labels, such as Fashion-MNIST: hours
    """

    data_path: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: digits of scikit-learn)")] = (
        None
    )
    """Folder with IDX files of training pictures and labels; a part of them validates, and a test file is not read."""
    arms: Annotated[
        tuple[Literal["ann", "converted", "qcfs", "ladder", "binary", "scratch"], ...],
        arg(metavar="NAME ...", help_behavior_hint="(default: all)"),
    ] = ()
    """Networks to compute. ann: with ReLU, always computed; converted: from ann, with thresholds by percentiles and by calibration; qcfs: trained with quantized activations (QCFS), then converted; ladder: spiking, trained at 5 time steps down to 1; binary: with binary activations, trained for as many epochs as ladder; scratch: spiking, trained at one time step from random weights. A later command with others adds them to the folder."""
    seeds: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 3)"), COUNT] = None
    """Number of repetitions; a later command with more of them adds the missing ones to the folder."""
    output_dir: Folder = None
    """Folder of the results (default: runs/one-step-digits or runs/one-step-pictures)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the table."""
        from snnsim.experiment import one_step

        budget = one_step.BUDGETS["digits" if self.data_path is None else "fashion"]
        changes = {name: getattr(self, name) for name in ("arms", "seeds") if getattr(self, name) not in (None, ())}
        kind = "digits" if self.data_path is None else "pictures"
        folder = one_step.reproduce(
            replace(budget, **changes), self.output_dir or Path(f"runs/one-step-{kind}"), self.data_path
        )
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, table.md, few-steps.png, and the networks")
