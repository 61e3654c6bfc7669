"""Parts that several targets share: names of populations in files, parallel edges, NEST's neurons, errors of readers.

A population's name may be any text. In a file it becomes a part of a path, never a path of its own. The names of a file
are distinct even where upper and lower case are the same, and none is long, reserved by a system, or leads elsewhere.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from snnsim import untrusted
from snnsim.program import INPUT, Edge, Population, Program

NEVER = 1e30
"""A threshold that no membrane reaches."""
_LONGEST = 80
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(10))}
"""Names of devices of Windows."""


def plain_names(program: Program) -> dict[str, str]:
    """Return a name of ASCII letters, digits and _ for the input and each population, by its name in the Program.

    Args:
        program: Program whose populations may have any names. No two of the returned names are the same.
    """
    return _distinct(program, lambda name: re.sub(r"[^0-9A-Za-z_]", "_", name))


def path_names(program: Program) -> dict[str, str]:
    """Return a name that is one part of a path for the input and each population, by its name in the Program.

    Args:
        program: Program whose populations may have any names; most of them are returned unchanged.
    """
    return _distinct(program, lambda name: name if _is_harmless(name) else re.sub(r"[^0-9A-Za-z_]", "_", name))


def _is_harmless(name: str) -> bool:
    return name.isprintable() and not set(name) & set('/\\:*?"<>|') and name.strip(" .") == name


def _distinct(program: Program, change: Callable[[str], str]) -> dict[str, str]:
    names, taken = {INPUT: INPUT}, {INPUT}
    for population in program.populations:
        wanted = name = _shortened(change(population.name))
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{wanted}_{number}"
        names[population.name] = name
        taken.add(name.lower())
    return names


def _shortened(name: str) -> str:
    short = name.encode()[:_LONGEST].decode(errors="ignore") if name.isprintable() else name[:_LONGEST]
    return f"{short}_" if short.lower() in _RESERVED else short


def joined_edges(edges: Iterable[Edge]) -> list[Edge]:
    """Return edges with the same synapses, of which no two have the same source and target.

    Args:
        edges: Edges of a Program, of which several may lead from one population to another.
    """
    joined: dict[tuple[str, str], Edge] = {}
    for edge in edges:
        ends = edge.source, edge.target
        if ends not in joined:
            joined[ends] = edge
            continue
        both = [(each.pre(), each.post, each.delay, each.weight) for each in (joined[ends], edge)]
        pre, post, delay, weight = (np.concatenate(rows) for rows in zip(*both, strict=True))
        joined[ends] = Edge.of(*ends, (pre, post, delay, weight), sources=len(edge.indptr) - 1)
    return list(joined.values())


def time_constant(decay: np.ndarray, step: float) -> np.ndarray:
    """Return τ with exp(−step / τ) = decay, (neuron,).

    No τ has the decays 0 and 1; their τ is one whose decay no float tells from them.

    Args:
        decay: Share of the voltage that a step keeps (neuron,).
        step: A step, in the unit of τ.
    """
    return np.where(decay == 1, 1e300, -step / np.log(np.clip(decay, 1e-300, 1 - 1e-16)))


def unit_gain(tau: np.ndarray, synapse: np.ndarray, step: float) -> np.ndarray:
    """Return the membrane that a current of 1 adds in a step of NEST's iaf_psc_exp with a capacitance of 1, (neuron,).

        τ τ_s / (τ − τ_s) (exp(−h/τ) − exp(−h/τ_s))        h exp(−h/τ) where the time constants are the same

    Args:
        tau: Time constants of the membranes (neuron,).
        synapse: Time constants τ_s of the currents (neuron,).
        step: A step h, in the unit of the time constants.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rate = tau * synapse / (tau - synapse)
        apart = rate * np.exp(-step / synapse) * np.expm1(step * (1 / synapse - 1 / tau))
    return np.where(tau == synapse, step * np.exp(-step / tau), apart)


def threshold_or_never(population: Population) -> np.ndarray:
    """Return the thresholds of neurons that fire, and NEVER for those of a readout, (neuron,).

    Args:
        population: Population in floats or integers, of a model that fires or of the readout's.
    """
    return population.threshold if population.fires else np.full(population.size, NEVER)


@contextmanager
def reading(path: Path, otherwise: str = "was not written by `snnsim export`") -> Iterator[None]:
    """Let a reader's errors name the file.

    Args:
        path: The file or folder.
        otherwise: The other reason for which it may be unreadable, besides damage.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the reader raises another ValueError or OSError.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        untrusted.refuse(path, otherwise, error)
