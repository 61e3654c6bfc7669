"""The skip and feedback connections of a config, with their initial parameters."""

from collections.abc import Iterator
from typing import NamedTuple

import torch

from snnsim.config import Config
from snnsim.config.skips import AnySkip, DelayedSkip
from snnsim.nn import DelayedLinear, Skip, SparseLinear
from snnsim.units import to_steps


class Sizes(NamedTuple):
    """A connection of a config, with the number of neurons at its ends."""

    skip: AnySkip
    sources: int
    targets: int


def sizes(config: Config, *, classes: int) -> Iterator[Sizes]:
    """Yield the skip and feedback connections of a config.

    Args:
        config: Config of the run: `network.skip`, widths of the layers and number of channels.
        classes: Number of classes, the neurons of the readout.
    """
    widths = (config.data.channels, *config.network.hidden, classes)
    for skip in config.network.skip:
        yield Sizes(skip, widths[skip.source], widths[skip.target])


def build(config: Config, *, classes: int, width: float, generator: torch.Generator) -> list[Skip]:
    """Return the skip and feedback connections of a network.

    Args:
        config: The config of the run.
        classes: Number of classes, the neurons of the readout.
        width: First width of the delay windows in steps.
        generator: Generator of initial parameters.
    """
    return [
        Skip(one.skip.source, one.skip.target, _synapse(config, one, width, generator))
        for one in sizes(config, classes=classes)
    ]


def _synapse(config: Config, one: Sizes, width: float, generator: torch.Generator) -> DelayedLinear | SparseLinear:
    kind = one.skip
    if not isinstance(kind, DelayedSkip):
        return SparseLinear(one.sources, one.targets, generator=generator)
    return DelayedLinear(
        one.sources,
        one.targets,
        max_delay(config, kind),
        window=config.network.window,
        delays=kind.delays,
        sigma=width,
        learn_delay=kind.learn_delay,
        generator=generator,
    )


def learns_delays(config: Config) -> bool:
    """Return whether delays of skip or feedback connections are learned.

    Args:
        config: Config of the run; without `network.skip`, none are.
    """
    return any(isinstance(skip, DelayedSkip) and skip.learn_delay for skip in config.network.skip)


def max_delay(config: Config, skip: DelayedSkip) -> int:
    """Return the longest delay of a connection's synapse in steps; in a loop, a delay of 0 is one step.

    Args:
        config: Config of the run, with the time step.
        skip: The connection.
    """
    steps = round(to_steps(skip.max_delay_ms, config.data.time_step_ms))
    return max(1, steps) - 1 if skip.is_feedback else steps
