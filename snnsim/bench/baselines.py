"""Who is measured, by name; a peer's packages are imported when its network is built, and nowhere else in snnsim."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from torch import nn

from snnsim.config import Config
from snnsim.experiment import build
from snnsim.training.run_folder import version

OURS = "snnsim"


@dataclass(frozen=True)
class Peer:
    """A network of others' parts: what it is called, what it needs, where it is built."""

    title: str
    packages: dict[str, str]
    """What is installed, by what is imported."""
    room: str
    function: str = "network_like"
    pads: bool = False
    """Whether all steps of all recordings count, as if none were shorter."""


_JELLY = {"spikingjelly": "spikingjelly", "DCLS": "dcls"}
_TORCH = {"snntorch": "snntorch", "DCLS": "dcls"}
PEERS = {
    "spikingjelly": Peer("spikingjelly + dcls", _JELLY, "with_spikingjelly"),
    "snntorch": Peer("snntorch + dcls", _TORCH, "with_snntorch"),
    "recipe": Peer("DCLS-Delays recipe", _JELLY, "with_spikingjelly", "recipe_like", pads=True),
}


def title(name: str) -> str:
    """Return what a table calls ours or a peer."""
    return OURS if name == OURS else named(name).title


def named(name: str) -> Peer:
    """Return a peer by its name."""
    if name not in PEERS:
        raise ValueError(f"peer {name!r} is unknown; the known ones are {', '.join(PEERS)}")
    return PEERS[name]


def check_installed(names: list[str]) -> None:
    """Raise if a package that these peers need is not installed."""
    needed = {package for name in names for package in named(name).packages.items()}
    missing = sorted(package for module, package in needed if importlib.util.find_spec(module) is None)
    if missing:
        raise ImportError(
            f'to compare with others, {" and ".join(missing)} must be installed: pip install "snnsim[neighbors]"'
        )


def versions(names: list[str]) -> dict[str, str | None]:
    """Return the versions of the peers' packages, None where that is not known."""
    packages = {package for name in names for package in named(name).packages.values()}
    return {package: version(package) for package in sorted(packages)}


def builder(name: str) -> Callable[..., nn.Module]:
    """Return what makes the network of a config, for ours or a peer: `builder(name)(config, classes=...)`."""
    return build.build_network if name == OURS else partial(_build, name)


def _build(name: str, config: Config, *, classes: int) -> nn.Module:
    check_installed([name])
    peer = named(name)
    like = getattr(import_module(f"snnsim.bench.{peer.room}"), peer.function)
    built: nn.Module = like(build.build_network(config, classes=classes))
    return built
