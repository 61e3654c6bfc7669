"""An example of a plug-in: a target, a neuron model, a data set and a logger, without a change of snnsim."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from snnsim.config.loggers import LoggerKind
from snnsim.config.neurons import SpikingNeurons
from snnsim.data.recordings import Recordings
from snnsim.data.registry import Dataset
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.files import recordings
from snnsim.export import Target
from snnsim.export.checks import Violation
from snnsim.files import written_whole
from snnsim.nn.protocols import Neuron
from snnsim.plugins import KindPlugin
from snnsim.program import Program
from snnsim.surrogate import Surrogate


# ---- a target: one line of text for each synapse ----
def write_table(program: Program, path: Path, *, separator: str = ",") -> None:
    """Write source, target, delay and weight of every synapse."""
    lines = [separator.join(("source", "target", "pre", "post", "delay", "weight"))]
    for edge in program.edges:
        for pre, post, delay, weight in zip(edge.pre(), edge.post, edge.delay, edge.weight, strict=True):
            lines.append(separator.join(map(str, (edge.source, edge.target, pre, post, delay, weight))))
    with written_whole(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_table(program: Program) -> Iterator[Violation]:
    """Yield a violation for every population whose parameters a table of synapses does not hold."""
    for population in program.populations:
        if population.bias.any():
            yield Violation("no_bias", f"population {population.name!r}", "it has a bias", "train without a bias")


SYNAPSE_TABLE = Target("a table of synapses, as text", ".synapses.csv", write_table, check_table)


# ---- a neuron model: LIF that is silent for a step after a spike ----
class Refractory(Neuron[Tensor]):
    """Leaky integrate-and-fire with a hard reset, which ignores the current of the step after a spike."""

    def __init__(self, *, decay: float = 0.5, threshold: float = 1.0, surrogate: Surrogate | None = None) -> None:
        super().__init__()
        self.surrogate = Surrogate("atan") if surrogate is None else surrogate
        self.logit = torch.nn.Parameter(torch.tensor([decay]).logit())
        self.register_buffer("threshold", torch.tensor([threshold]), persistent=False)

    def rest(self, current: Tensor) -> Tensor:
        return current.new_zeros(2, *current.shape[1:])

    def firing_threshold(self) -> Tensor:
        return self.threshold

    def advance(self, current: Tensor, state: Tensor, draws: Any = None) -> tuple[Tensor, Tensor, Tensor]:
        voltage, silent = state
        membrane = self.logit.sigmoid().to(current.dtype) * voltage + current * (1 - silent)
        spikes = self.surrogate.spike(membrane - self.threshold.to(current.dtype))
        return spikes, membrane, torch.stack([membrane * (1 - spikes), spikes])


@dataclass(frozen=True, kw_only=True)
class RefractorySection(SpikingNeurons):
    """Its settings in a config."""

    kind: Literal["refractory"] = "refractory"
    decay: float = 0.5


def build_neurons(values: dict[str, Any], features: int, synapse: Any, generator: Any) -> Refractory:
    """Return the neurons of a layer."""
    return Refractory(**values)


REFRACTORY = KindPlugin(RefractorySection, build_neurons)


# ---- a data set: bursts at an early or a late time ----
def make_bursts(seed: int, sizes: tuple[tuple[str, int], ...]) -> dict[str, Recordings]:
    """Return the recordings of every split."""
    splits = {}
    for number, (split, count) in enumerate(sizes):
        generator = np.random.default_rng((seed, number))
        label = np.arange(count) % 2
        raster = generator.random((count, 20, 6)) < 0.05
        for recording, late in enumerate(label):
            raster[recording, 12 * late : 12 * late + 4] |= generator.random((4, 6)) < 0.6
        splits[split] = recordings(raster, label, ("early", "late"), time_step_ms=10.0)
    return splits


SIZES = (("train", 40), ("valid", 10), ("test", 10))
BURSTS = Dataset(
    name="bursts", title="Bursts at an early or a late time", classes=2, channels=6, recordings=dict(SIZES),
    disk_bytes=100_000, license="none needed: made on this machine",
    generator=lambda size: GridDataset("bursts", SIZES, 1, make_bursts),
)  # fmt: skip


# ---- a logger: a line of text for each epoch ----
@dataclass(frozen=True, kw_only=True)
class LinesSection(LoggerKind):
    """Its settings in a config."""

    kind: Literal["lines"] = "lines"
    file: str = "lines.txt"


class Lines:
    """Appends the loss of every epoch to a file."""

    def __init__(self, section: LinesSection) -> None:
        self.file, self.path = section.file, Path()

    def start(self, run: Any) -> None:
        self.path = run.folder / self.file

    def add(self, row: Any) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{row['epoch']} {row['train_loss']:.3f}\n")

    def close(self) -> None:
        """Do nothing, as every line is written."""


LINES = KindPlugin(LinesSection, Lines)
