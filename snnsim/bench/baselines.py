"""Baselines by name. The packages of a baseline are imported when its network is built, and nowhere else in snnsim."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from torch import nn

from snnsim.config import Config
from snnsim.experiment import build
from snnsim.training.run_folder import version
from snnsim.validation import lookup

OURS = "snnsim"


@dataclass(frozen=True)
class Baseline:
    """The network of a config, built of the parts of other libraries."""

    title: str
    packages: dict[str, str]
    """Name of the installed package by the name of the imported module."""
    module: str
    """Module of `snnsim.bench` that builds the network."""
    function: str = "network_like"
    """Function of the module."""
    pads: bool = False
    """Whether the loss counts all steps of all recordings, padded ones included."""


_JELLY = {"spikingjelly": "spikingjelly", "DCLS": "dcls"}
_TORCH = {"snntorch": "snntorch", "DCLS": "dcls"}
BASELINES = {
    "spikingjelly": Baseline("spikingjelly + dcls", _JELLY, "with_spikingjelly"),
    "snntorch": Baseline("snntorch + dcls", _TORCH, "with_snntorch"),
    "recipe": Baseline("DCLS-Delays recipe", _JELLY, "with_spikingjelly", "recipe_like", pads=True),
}


def title(name: str) -> str:
    """Return the name of a library in tables.

    Args:
        name: A name of BASELINES, or OURS.
    """
    return OURS if name == OURS else get_baseline(name).title


def get_baseline(name: str) -> Baseline:
    """Return a baseline by its name.

    Args:
        name: A name of BASELINES.
    """
    return lookup(BASELINES, name, "baseline")


def check_installed(names: list[str]) -> None:
    """Check that the packages of baselines are installed.

    Args:
        names: Names of baselines.

    Raises:
        ImportError: If a package is missing; the message has the command that installs it.
    """
    needed = {package for name in names for package in get_baseline(name).packages.items()}
    missing = sorted(package for module, package in needed if importlib.util.find_spec(module) is None)
    if missing:
        raise ImportError(
            f'to compare with baselines, {" and ".join(missing)} must be installed: pip install "snnsim[baselines]"'
        )


def versions(names: list[str]) -> dict[str, str | None]:
    """Return the versions of the packages of baselines, by package; None where a version is unknown.

    Args:
        names: Names of BASELINES.
    """
    packages = {package for name in names for package in get_baseline(name).packages.values()}
    return {package: version(package) for package in sorted(packages)}


def builder(name: str) -> Callable[..., nn.Module]:
    """Return the function that builds the network of a config: `builder(name)(config, classes=...)`.

    Args:
        name: "snnsim", or the name of a baseline.
    """
    return build.build_network if name == OURS else partial(_build, name)


def _build(name: str, config: Config, *, classes: int) -> nn.Module:
    check_installed([name])
    baseline = get_baseline(name)
    convert = getattr(import_module(f"snnsim.bench.{baseline.module}"), baseline.function)
    network: nn.Module = convert(build.build_network(config, classes=classes))
    return network
