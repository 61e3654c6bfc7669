"""A training step of snnsim or of a baseline, as in the training loop: forward, backward, optimizers, constraints.

Recordings are random counts of the density of SHD; their lengths are random between `steps` / 2 and `steps`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from snnsim import peak_memory
from snnsim.bench import baselines, timing
from snnsim.config import Config
from snnsim.data import registry
from snnsim.experiment import build, estimate
from snnsim.learning import decisions, losses
from snnsim.training import optimizers

SEED = 0
COUNTS = 0.5
"""Mean number of spikes of a channel in a step: SHD has about 8,000 in a recording."""
USUAL_STEPS = 100
MEMORY_STEPS = 3


@dataclass(frozen=True)
class Case:
    """Network and recordings of a training step; the config has the batch size."""

    config: Config
    steps: int = USUAL_STEPS
    """Steps of the longest recording."""
    counts: float = COUNTS
    """Mean number of spikes of a channel in a step."""

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise ValueError(f"recordings must have at least 2 steps, not {self.steps}")
        if self.config.network.convolutions:
            raise ValueError(
                "bench compares networks without convolutions, which the baselines do not have; "
                f"{self.config.name} has {len(self.config.network.convolutions)}; choose another preset"
            )
        size = self.config.training.batch_size
        needed = estimate.of_training(self.config, classes=self.classes, recordings=size, steps=self.steps)
        estimate.require(self.config, needed)

    @property
    def classes(self) -> int:
        """Number of classes of the config's data."""
        return registry.DATASETS[self.config.data.name].classes

    def batch(self, size: int | None = None) -> losses.Batch:
        """Return a batch of random recordings.

        Args:
            size: Number of recordings; None takes the batch size of the config.
        """
        size = self.config.training.batch_size if size is None else size
        generator = torch.Generator().manual_seed(SEED)
        frames = torch.poisson(
            torch.full((self.steps, size, self.config.data.channels), self.counts), generator=generator
        )
        lengths = torch.randint(self.steps // 2, self.steps + 1, (size,), generator=generator)
        lengths[0] = self.steps
        frames *= (torch.arange(self.steps)[:, None] < lengths)[..., None]
        return losses.Batch(frames, lengths, torch.arange(size) % self.classes, float(size))


def with_width(config: Config, sigma: float | None) -> Config:
    """Return a config whose delay windows have a fixed width at the beginning.

    Args:
        config: The config.
        sigma: Width in steps; None is the last width of the schedule.

    Raises:
        ValueError: If a width is named and the config has no delay windows with a width.
    """
    if build.width_schedule(config) is None:
        if sigma is not None:
            raise ValueError(f"--sigma is the width of delay windows; {config.name} has no windows with a width")
        return config
    return config.with_values({"network.sigma_start": build.last_width(config) if sigma is None else sigma})


class Training:
    """A network and its optimizers, trained step by step.

    Args:
        name: "snnsim", or the name of a baseline.
        case: Network and recordings.
        device: Device of the parameters; the batches of `step` must be there, too.
    """

    def __init__(self, name: str, case: Case, device: str = "cpu") -> None:
        settings = case.config.training
        self.pads = name != baselines.OURS and baselines.get_baseline(name).pads
        # a SpikingNetwork, or a baseline with the same methods
        build_network: Callable[..., Any] = baselines.builder(name)
        self.network = build_network(case.config, classes=case.classes).train().to(device)
        self.rule, self.decide = build.rule(case.config), decisions.get_decision(settings.decision)
        self.optimizers = optimizers.build(
            self.network,
            lr=settings.lr,
            lr_delay=settings.lr_delay,
            weight_decay=settings.weight_decay,
            # more than the measurement takes, so that the schedules do not end
            steps=100_000,
        )
        self.generator = torch.Generator().manual_seed(SEED)

    def step(self, batch: losses.Batch) -> None:
        """Train on a batch, as the training loop does.

        Args:
            batch: Recordings with their lengths and labels.
        """
        if self.pads:
            batch = replace(batch, lengths=torch.full_like(batch.lengths, len(batch.frames)))
        self.optimizers.zero_grad()
        self.rule(self.network, batch, self.decide, self.generator)
        self.optimizers.step()
        self.network.constrain()


def seconds(names: list[str], case: Case, repeats: int, loops: int) -> timing.Samples:
    """Return the seconds per step in every turn, by name.

    Args:
        names: "snnsim" and names of baselines.
        case: Network and recordings.
        repeats: Number of turns.
        loops: Steps of a turn.
    """
    batch = case.batch()
    works = {name: partial(Training(name, case).step, batch) for name in names}
    return timing.in_turns(works, repeats=repeats, loops=loops)


def peak(name: str, case: Case) -> int | None:
    """Return the peak memory of steps in bytes, above the memory before them; call it in a new process.

    Args:
        name: "snnsim", or the name of a baseline.
        case: Network and recordings.
    """
    training, batch = Training(name, case), case.batch()
    # a small batch first: it compiles and loads, and frees too little memory for a large batch to reuse
    training.step(case.batch(2))

    def work() -> None:
        for _ in range(MEMORY_STEPS):
            training.step(batch)

    return peak_memory.peak(work)
