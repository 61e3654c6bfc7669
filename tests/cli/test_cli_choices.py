"""Commands offer every choice that their experiment has."""

from typing import get_args, get_type_hints

import pytest

from snnsim.cli.delta import Delta
from snnsim.cli.diffusion import DiffusionVariants
from snnsim.cli.motion import Motion
from snnsim.cli.one_step import OneStep
from snnsim.cli.reproduce import Meta
from snnsim.cli.timescales import Timescales
from snnsim.experiment.delta import settings as delta
from snnsim.experiment.diffusion import comparison
from snnsim.experiment.meta import tasks
from snnsim.experiment.motion import settings as motion
from snnsim.experiment.one_step import settings as one_step
from snnsim.learning import curricula


@pytest.mark.parametrize(
    ("command", "option", "known"),
    [
        (Delta, "tasks", delta.TASKS),
        (Delta, "methods", delta.METHODS),
        (DiffusionVariants, "variants", comparison.VARIANTS),
        (Meta, "sources", (*tasks.SOURCES, *tasks.ENCODERS)),
        (Motion, "models", motion.MODELS),
        (OneStep, "arms", one_step.ARMS),
        (Timescales, "curricula", curricula.KINDS),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_an_option_has_every_choice(command, option, known):
    choices, _ = get_args(get_type_hints(command)[option])
    assert set(get_args(choices)) == set(known)
