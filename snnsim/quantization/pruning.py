"""Pruning: the weakest synapses of each edge are left out, and synapses whose delay is out of a range.

The weights of a convolution are pruned, with all synapses that share them; counts are those of synapses.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from snnsim.program import ConvEdge, Edge, Program
from snnsim.validation import instance, real


def prune(program: Program, *, share: float = 0.0, delays: tuple[int, int] | None = None) -> Program:
    """Return the Program without its weakest synapses, and without synapses whose delay is out of a range.

    Args:
        program: A Program in floats or in integers.
        share: Share of each edge's weights to leave out, the smallest by absolute values; from 0 to below 1.
        delays: The shortest and the longest delay that remain, in steps; None for all delays.

    Returns:
        The Program; its provenance counts the synapses that were left out under "pruning", edge by edge.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If the share or the delays are out of their range.
    """
    instance(program, Program, who="prune", name="program")
    share = real(share, who="prune", name="share")
    if not 0 <= share < 1:
        raise ValueError(
            f"prune: share must be at least 0 and below 1, not {share}; it is the share of synapses to leave out"
        )
    if delays is not None:
        pair = tuple(delays) if isinstance(delays, tuple | list) and len(delays) == 2 else ()
        integers = all(isinstance(delay, int | np.integer) and not isinstance(delay, bool) for delay in pair)
        if not (pair and integers and 0 <= pair[0] <= pair[1]):
            raise ValueError(f"prune: delays must be a shortest and a longest one, in steps, not {delays}")
        delays = int(pair[0]), int(pair[1])
    changes = []
    edges: list[Edge | ConvEdge] = []
    for edge in program.edges:
        inside = np.ones(len(edge.weight), bool)
        if delays is not None:
            inside = (edge.delay >= delays[0]) & (edge.delay <= delays[1])
        weak = _weakest(edge, share)
        pruned = edge.selected(inside & ~weak)
        changes.append(_change(edge, pruned, inside, weak))
        edges.append(pruned)
    facts = {"share": share, "delays": delays and list(delays), "edges": changes}
    return replace(program, edges=tuple(edges)).came_from(pruning=facts)


def _weakest(edge: Edge | ConvEdge, share: float) -> np.ndarray:
    weak = np.zeros(len(edge.weight), bool)
    # stable, so that the earlier of two equal weights is left out on every machine
    order = np.argsort(np.abs(edge.weight.astype(np.float64)), kind="stable")
    # a share such as 0.29 is a little less in floats
    weak[order[: int(share * len(order) * (1 + 2**-50))]] = True
    return weak


def _change(edge: Edge | ConvEdge, pruned: Edge | ConvEdge, inside: np.ndarray, weak: np.ndarray) -> dict[str, Any]:
    return {
        "edge": f"{edge.source} -> {edge.target}",
        "synapses": edge.synapses,
        "kept": pruned.synapses,
        "outside_delays": edge.selected(~inside).synapses,
        "weak": edge.selected(weak).synapses,
    }
