"""From a config to the optimizers, schedules and average of its training."""

from dataclasses import fields

from snnsim.config import Config
from snnsim.training.optimizers import Settings


def settings(config: Config) -> Settings:
    """Return the optimizers, schedules and average of a config.

    Args:
        config: Config of the run, whose section `training` has them.
    """
    return Settings(**{each.name: getattr(config.training, each.name) for each in fields(Settings)})
