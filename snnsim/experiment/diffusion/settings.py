"""Settings of a training of spiking diffusion, as a TOML file of the run's folder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w

from snnsim import schema
from snnsim.config import toml_files
from snnsim.diffusion.activations import Activation
from snnsim.files import written_whole
from snnsim.schema import Range
from snnsim.validation import require

SECTION = "diffusion"
"""Section of the config.toml of a run, which tells it from runs of other trainings."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is trained, on which pictures, and how."""

    path: str | None = None
    """Folder with train-images-idx3-ubyte and its labels; None takes the digits of scikit-learn, 8 x 8 pixels."""
    valid: Annotated[int, Range(at_least=1)] = 360
    """Number of pictures that are not trained on."""
    width: Annotated[int, Range(at_least=2, at_most=1024)] = 32
    """Channels of the first level of the U-Net, even."""
    multipliers: tuple[Annotated[int, Range(at_least=1, at_most=64)], ...] = (1, 2)
    """Channels of each level in widths."""
    blocks: Annotated[int, Range(at_least=1, at_most=16)] = 1
    """Blocks of a level."""
    activation: Activation = "spiking"
    """spiking, silu (the same network without spikes), or qcfs (for conversion)."""
    steps: Annotated[int, Range(at_least=1, at_most=1024)] = 4
    """Steps of the neurons; levels of qcfs."""
    temporal: bool = True
    """Whether gradients pass from step to step through the voltage: bptt; without, sltt."""
    conditional: bool = False
    """Whether the network draws a chosen class."""
    recompute: bool = False
    """Whether blocks are computed again in the backward pass, which saves memory and costs time."""
    dropout: Annotated[float, Range(at_least=0, at_most=0.9)] = 0.1
    """Probability of dropout."""
    noise_steps: Annotated[int, Range(at_least=2, at_most=100_000)] = 1000
    """Steps of the diffusion."""
    epochs: Annotated[int, Range(at_least=1, at_most=1_000_000)] = 80
    """Passes over the pictures."""
    scaled_epochs: Annotated[int, Range(at_least=0, at_most=1_000_000)] = 0
    """Further epochs, in which the scale of every convolution and step is learned too."""
    batch_size: Annotated[int, Range(at_least=1, at_most=100_000)] = 64
    """Pictures of a batch."""
    lr: Annotated[float, Range(above=0)] = 2e-3
    """Learning rate of Adam, after a linear rise over the first epoch."""
    clip_norm: Annotated[float, Range(above=0)] = 1.0
    """Largest norm of the gradient."""
    decay: Annotated[float, Range(at_least=0, at_most=1)] = 0.995
    """Decay of the moving average of the parameters, which is sampled from."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: convolutions and linear maps of the training multiply in bfloat16, and neurons, losses and parameters
    keep 32 bits."""
    seed: Annotated[int, Range(at_least=0, at_most=2**32 - 1)] = 0
    """Seed of parameters, order, noise and dropout."""

    def __post_init__(self) -> None:
        schema.settle(self, f"{SECTION}.")
        require(self.width % 2 == 0, f"{SECTION}.width must be even, not {self.width}")
        require(bool(self.multipliers), f"{SECTION}.multipliers must have a number for each level")

    @property
    def neuron_steps(self) -> int:
        """Steps that the network is trained with."""
        return self.steps if self.activation == "spiking" else 1

    def with_values(self, values: Mapping[str, object]) -> "Settings":
        """Return the settings with values replaced.

        Args:
            values: New values by their names, with or without "diffusion." before them.
        """
        names = {name.removeprefix(f"{SECTION}."): value for name, value in values.items()}
        for name in names:
            schema.known(Settings, name, f"{SECTION}.{name}")
        changes: dict[str, Any] = names
        return replace(self, **changes)

    def save(self, path: Path) -> None:
        """Write the settings as a TOML file.

        Args:
            path: Path of the file.
        """
        with written_whole(path) as partial:
            partial.write_text(tomli_w.dumps({SECTION: schema.plain(self)}), encoding="utf-8")


PICTURES = Settings(valid=6000, multipliers=(1, 2, 2), epochs=20, batch_size=128)
"""Settings for pictures of 28 x 28 pixels."""


def is_of_diffusion(path: Path) -> bool:
    """Return whether a folder is a run of diffusion.

    Args:
        path: Any path.
    """
    file = path / "config.toml"
    return file.is_file() and SECTION in toml_files.table(toml_files.text_of(file), str(file))


def load(path: Path) -> Settings:
    """Return the settings of a file.

    Args:
        path: config.toml of a run, or a file with a section `diffusion`.

    Raises:
        ValueError: If the file has no such section, or a value is wrong.
    """
    table = toml_files.table(toml_files.text_of(path), str(path)).get(SECTION)
    if not isinstance(table, Mapping):
        raise ValueError(f"{path} must have a section [{SECTION}]; it is the config of another training")
    try:
        built: Settings = schema.build(Settings, table, f"{SECTION}.")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return built
