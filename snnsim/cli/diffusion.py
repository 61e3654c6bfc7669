"""The commands of spiking diffusion: sample, reproduce diffusion, and what train and evaluate do with its runs."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from snnsim.cli.options import COUNT, SEED, Folder, RunFolder, Seed
from snnsim.cli.printing import json_text
from snnsim.schema import Range
from snnsim.validation import shown

NAME = "diffusion"
"""Target of `snnsim train`."""
_RENAMED = {"data.path": "path", "training.epochs": "epochs", "training.batch_size": "batch_size", "training.lr": "lr"}
_NAMES = _RENAMED | {"training.seed": "seed"}
Threshold = Annotated[float, arg(metavar="FACTOR"), Range(above=0, at_most=100)]


@dataclass(frozen=True)
class Sample:
    """Draw pictures with the network of a run of `snnsim train diffusion`.

    - snnsim sample runs/diffusion -- 64 pictures in a grid, sample.png
    - snnsim sample runs/diffusion -n 16 -o grid.png --film film.gif --raster raster.png
    - snnsim sample runs/diffusion --sampler ddpm -- all steps of the diffusion, with noise
    - snnsim sample runs/diffusion --threshold 0.99 -- guidance: neurons that fire more easily
    """

    run: RunFolder
    """Folder of the run."""
    number: Annotated[int, arg(aliases=("-n",), metavar="N"), Range(at_least=1, at_most=100_000)] = 64
    """Number of pictures."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FILE")] = Path("sample.png")
    """File of the grid of pictures, .png."""
    sampler: Literal["ddim", "ddpm", "solver"] = "ddim"
    """ddim: deterministic, on a subset of the diffusion steps; ddpm: stochastic, on all of them; solver: DPM-Solver++ of the package diffusers."""
    steps: Annotated[int, arg(metavar="N"), COUNT] = 50
    """Number of sampling (denoising) steps of ddim and solver."""
    threshold: Threshold = 1.0
    """Factor of the thresholds of all neurons: below 1 they fire more easily."""
    label: Annotated[int | None, arg(metavar="CLASS", help_behavior_hint="(default: all in turn)")] = None
    """Class of all pictures, counted from 0, of a run with conditional=true."""
    seed: Annotated[Seed, SEED] = 0
    """Seed of the noise."""
    film: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """File of a film from noise to pictures, .gif."""
    raster: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """File of a raster of three layers while the first picture is drawn, .png, .svg or .pdf."""

    def __call__(self) -> None:
        """Draw."""
        from snnsim.experiment import diffusion

        sampler = diffusion.Sampler(self.sampler, self.steps, self.seed, self.label)
        files = diffusion.Files(self.output, self.film, self.raster)
        diffusion.sample(self.run, self.number, files, sampler, threshold=self.threshold)
        others = [str(path) for path in (self.film, self.raster) if path is not None]
        print(f"done: {', '.join([str(self.output), *others])}")


@dataclass(frozen=True)
class DiffusionVariants:
    """Compare variants of spiking diffusion: steps of the neurons, step scales, gradient paths, classes, the same network without spikes (ANN), and conversion.

    The results are results.csv and table.md in the folder, with the feature distance to real pictures, spikes, operations and energy, and a curve of guidance by the threshold. A command that was stopped goes on when it is started again.

    - snnsim reproduce diffusion -- digits of 8 x 8 pixels
    - snnsim reproduce diffusion --data-path FOLDER -- train-images-idx3-ubyte and its labels: many hours
    """

    data_path: Annotated[Path | None, arg(metavar="FOLDER", help_behavior_hint="(default: digits of scikit-learn)")] = (
        None
    )
    """Folder with IDX files of training pictures and labels; a part of them validates, and a test file is not read."""
    variants: Annotated[
        tuple[Literal["spiking-4", "spiking-8", "scaled-4", "sltt-4", "conditional-4", "silu", "converted"], ...],
        arg(metavar="NAME ...", help_behavior_hint="(default: all)"),
    ] = ()
    """Variants to train; a later command with others adds them to the folder."""
    epochs: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: 80, or 20 with --data-path)"), COUNT
    ] = None
    """Number of passes over all pictures."""
    seeds: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 1)"), COUNT] = None
    """Number of repetitions; a later command with more of them adds the missing ones to the folder."""
    output_dir: Folder = None
    """Folder of the results (default: runs/diffusion-digits or runs/diffusion-pictures)."""

    def __call__(self) -> None:
        """Compute the missing results, and print the table."""
        from snnsim.experiment import diffusion

        kind = "digits" if self.data_path is None else "pictures"
        names = ("variants", "epochs", "seeds")
        changes = {name: getattr(self, name) for name in names if getattr(self, name) not in (None, ())}
        output = self.output_dir or Path(f"runs/diffusion-{kind}")
        folder = diffusion.reproduce(replace(diffusion.BUDGETS[kind], **changes), output, self.data_path)
        print((folder / "table.md").read_text(encoding="utf-8"))
        print(f"done: {folder}: results.csv, table.md, and the runs")


def is_target(target: str) -> bool:
    """Return whether `snnsim train` of a target trains diffusion.

    Args:
        target: The target, a name, a file or a folder.
    """
    if target == NAME:
        return True
    path = Path(target)
    if not path.exists():
        return False
    from snnsim.experiment.diffusion import settings

    if path.is_dir():
        return settings.is_of_diffusion(path)
    return path.suffix == ".toml" and settings.SECTION in _table(path)


def _table(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        # the reader of configs has the message
        return {}


def train(
    target: str,
    options: Mapping[str, object],
    texts: Iterable[str],
    *,
    output: Path | None,
    resume: bool,
    device: str,
) -> None:
    """Train, and print the folder.

    Args:
        target: Target of `snnsim train`.
        options: Values of its options that were set, by the names of a config.
        texts: Values of --set, "key=value".
        output: Folder of the run.
        resume: Whether the run goes on.
        device: Device of the network, or "auto".

    Raises:
        ValueError: If an option has no meaning for diffusion, or a value of --set is none.
    """
    from snnsim.experiment import diffusion

    other = [name for name in options if name not in _NAMES]
    if other:
        raise ValueError(
            f"train diffusion: {', '.join(other)} cannot be set for diffusion; leave it out. docs/diffusion.md lists the "
            "settings that --set takes"
        )
    values = {_NAMES[name]: value for name, value in options.items()} | dict(map(_assignment, texts))
    folder = diffusion.train(target, values, output=output, resume=resume, device=device)
    if int(os.environ.get("RANK", "0")) == 0:
        print(f"done: {folder.path}; next: snnsim sample {folder.path}")


def _assignment(text: str) -> tuple[str, object]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise ValueError(f"--set takes key=value, not {shown(text)}")
    if value.lower() == "none":
        return name, None
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except ValueError:
        return name, value


def evaluate(run: Path, *, as_json: bool) -> None:
    """Measure the pictures that a run draws, and print the result.

    Args:
        run: Folder of the run.
        as_json: Whether it is printed as one JSON object.
    """
    from snnsim.experiment.diffusion import Sampler, evaluation

    result = evaluation.evaluate(run, 360, Sampler())
    evaluation.write(run, result)
    if as_json:
        print(json_text(result))
        return
    print(
        f"feature distance to validation pictures: {result['distance']:.3g} for {result['pictures']} drawn pictures, "
        f"{result['floor']:.3g} for training pictures, {result['noise']:.3g} for noise"
    )
    print(
        f"distance to the nearest training picture: {result['nearest']:.2f} times that of validation pictures; "
        f"classifier: confidence {result['confidence']:.3f}, entropy of the classes {result['entropy']:.2f} bits"
    )
    print(
        f"one evaluation of the network: {result['operations']:,.0f} operations, {result['multiplications']:,.0f} "
        f"multiplications, {result['spikes_per_neuron']:.3f} spikes per neuron, {result['energy_nj']:,.0f} nJ"
    )
