"""Optuna's samplers, distributions and pruners for the values of a spec."""

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.experiment.sweeps.space import Choices, Parameter
from snnsim.experiment.sweeps.spec import Spec


def optuna() -> Any:
    """Return the package optuna.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import optuna as package
    except ImportError as error:
        raise ImportError("sweep: optuna must be installed; it is not; run `pip install snnsim[sweep]`") from error
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def storage(journal: Path) -> Any:
    """Return the storage of a study.

    Args:
        journal: The file; other processes and machines may use it at the same time.
    """
    journals = optuna().storages.journal
    # symbolic links are the lock that also old network disks have; Windows lets few users make them
    guard = journals.JournalFileOpenLock(str(journal)) if os.name == "nt" else None
    return optuna().storages.JournalStorage(journals.JournalFileBackend(str(journal), lock_obj=guard))


def sampler(wanted: Spec, number: int) -> Any:
    """Return the sampler of a trial.

    Args:
        wanted: The spec.
        number: Number of the trial.
    """
    samplers = optuna().samplers
    seed = int(np.random.SeedSequence((wanted.seed, number)).generate_state(1)[0])
    kinds: dict[str, Callable[[], Any]] = {
        "grid": lambda: samplers.RandomSampler(seed=seed),
        "random": lambda: samplers.RandomSampler(seed=seed),
        # running trials count as bad ones, so that workers try different places
        "tpe": lambda: samplers.TPESampler(seed=seed, constant_liar=True),
        "nsga2": lambda: samplers.NSGAIISampler(seed=seed),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kinds[wanted.sampler]()


def distribution(one: Parameter) -> Any:
    """Return the distribution of a parameter.

    Args:
        one: The parameter.
    """
    distributions = optuna().distributions
    if isinstance(one, Choices):
        return distributions.CategoricalDistribution(one.encoded)
    if one.integer:
        return distributions.IntDistribution(int(one.low), int(one.high), log=one.log, step=int(one.step or 1))
    return distributions.FloatDistribution(one.low, one.high, log=one.log, step=one.step)


def pruner(wanted: Spec) -> Any:
    """Return the pruner of a spec.

    Args:
        wanted: The spec.
    """
    pruners = optuna().pruners
    if wanted.pruning is None:
        return pruners.NopPruner()
    return pruners.MedianPruner(n_startup_trials=wanted.pruning.startup_trials, n_warmup_steps=0)


def encoded(parameters: Mapping[str, Parameter], point: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a trial as Optuna stores them.

    Args:
        parameters: The parameters of the spec.
        point: Values by the names of the parameters.
    """
    stored = {}
    for name, value in point.items():
        one = parameters[name]
        stored[name] = one.encoded[one.values.index(value)] if isinstance(one, Choices) else value
    return stored
