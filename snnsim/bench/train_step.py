"""One training step of ours or of a peer: forward, backward, both optimizers, constraints, as the training loop does.

Recordings are random counts, half as long to as long as `steps`, as dense as those of SHD.
"""

from dataclasses import dataclass, replace
from functools import partial

import torch

from snnsim import peak_memory
from snnsim.bench import baselines, timing
from snnsim.config import Config
from snnsim.data import registry
from snnsim.experiment import build, estimate
from snnsim.learning import decisions, rules
from snnsim.training import optimizers

SEED = 0
COUNTS = 0.5
"""Mean number of spikes of a channel in a step: SHD has about 8,000 in a recording."""
USUAL_STEPS = 100
MEMORY_STEPS = 3


@dataclass(frozen=True)
class Case:
    """What is trained on what; the batch size is the config's."""

    config: Config
    steps: int = USUAL_STEPS
    """Length of the recordings."""

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise ValueError(f"recordings must have at least 2 steps, not {self.steps}")
        if self.config.network.convolutions:
            raise ValueError(
                "bench compares networks without convolutions, which the peers' frame does not have; "
                f"{self.config.name} has {len(self.config.network.convolutions)}; choose another preset"
            )
        size = self.config.training.batch_size
        needed = estimate.of_training(self.config, classes=self.classes, recordings=size, steps=self.steps)
        estimate.require(self.config, needed)

    @property
    def classes(self) -> int:
        """How many classes the config's data have."""
        return registry.DATASETS[self.config.data.name].classes

    def batch(self, size: int | None = None) -> rules.Batch:
        """Return a batch of recordings."""
        size = self.config.training.batch_size if size is None else size
        generator = torch.Generator().manual_seed(SEED)
        frames = torch.poisson(torch.full((self.steps, size, self.config.data.channels), COUNTS), generator=generator)
        lengths = torch.randint(self.steps // 2, self.steps + 1, (size,), generator=generator)
        lengths[0] = self.steps
        frames *= (torch.arange(self.steps)[:, None] < lengths)[..., None]
        return rules.Batch(frames, lengths, torch.arange(size) % self.classes, float(size))


def with_width(config: Config, sigma: float | None) -> Config:
    """Return a config whose windows are `sigma` steps wide from the start; None is the width it is annealed to."""
    if build.width_schedule(config) is None:
        if sigma is not None:
            raise ValueError(f"sigma is the width of learned delays' windows; {config.name} has none of a width")
        return config
    return config.with_values({"network.sigma_start": build.last_width(config) if sigma is None else sigma})


class Training:
    """A network and its optimizers, to be moved on step by step."""

    def __init__(self, part: str, case: Case) -> None:
        settings = case.config.training
        self.pads = part != baselines.OURS and baselines.named(part).pads
        self.network = baselines.builder(part)(case.config, classes=case.classes).train()
        self.rule, self.decide = build.rule(case.config), decisions.get_decision(settings.decision)
        self.optimizers = optimizers.build(
            self.network,
            lr=settings.lr,
            lr_delay=settings.lr_delay,
            weight_decay=settings.weight_decay,
            # the schedules must not end before the measurement does
            steps=100_000,
        )
        self.generator = torch.Generator().manual_seed(SEED)

    def step(self, batch: rules.Batch) -> None:
        """Do what the training loop does with a batch."""
        if self.pads:
            batch = replace(batch, lengths=torch.full_like(batch.lengths, len(batch.frames)))
        self.optimizers.zero_grad()
        self.rule(self.network, batch, self.decide, self.generator)
        self.optimizers.step()
        self.network.constrain()


def seconds(names: list[str], case: Case, repeats: int, loops: int) -> timing.Samples:
    """Return the seconds per step in every turn, by name."""
    batch = case.batch()
    works = {name: partial(Training(name, case).step, batch) for name in names}
    return timing.in_turns(works, repeats=repeats, loops=loops)


def peak(name: str, case: Case) -> int | None:
    """Return the bytes that steps need above what is there before them; call in a fresh process."""
    training, batch = Training(name, case), case.batch()
    # what is compiled, loaded and allocated once is no part of a step; a small batch leaves no room for a large one
    training.step(case.batch(2))

    def work() -> None:
        for _ in range(MEMORY_STEPS):
            training.step(batch)

    return peak_memory.peak(work)
