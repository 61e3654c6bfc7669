"""Fast forms of the equations of neurons, synapses and engines, each beside its naive definition."""

from typing import Any

__all__ = ["plain"]


def __getattr__(name: str) -> Any:
    # the simulator of programs uses kernels without torch
    if name != "plain":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from snnsim.kernels.common.dispatch import plain

    return plain
