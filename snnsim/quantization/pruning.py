"""Leaving synapses out: the weakest of each edge, and those whose delay lies outside of a range."""

from dataclasses import replace
from typing import Any

import numpy as np

from snnsim.program import Edge, Program


def prune(program: Program, *, share: float = 0.0, delays: tuple[int, int] | None = None) -> Program:
    """Return the Program without the `share` of each edge's synapses that have the smallest weights, and without those
    whose delay is not from delays[0] to delays[1]; its provenance counts them.
    """
    if not 0 <= share < 1:
        raise ValueError(f"prune: share must be at least 0 and below 1, not {share}; it is what is left out")
    if delays is not None and not 0 <= delays[0] <= delays[1]:
        raise ValueError(f"prune: delays must be a shortest and a longest one, in steps, not {delays}")
    changes, edges = [], []
    for edge in program.edges:
        inside = np.ones(len(edge.weight), bool)
        if delays is not None:
            inside = (edge.delay >= delays[0]) & (edge.delay <= delays[1])
        weak = _weakest(edge, share)
        kept = inside & ~weak
        changes.append(_change(edge, inside, weak, kept))
        edges.append(_part(edge, kept))
    facts = {"share": share, "delays": delays and list(delays), "edges": changes}
    return replace(program, edges=tuple(edges)).came_from(pruning=facts)


def _weakest(edge: Edge, share: float) -> np.ndarray:
    weak = np.zeros(len(edge.weight), bool)
    order = np.argsort(np.abs(edge.weight.astype(np.float64)), kind="stable")
    weak[order[: int(share * len(order))]] = True
    return weak


def _change(edge: Edge, inside: np.ndarray, weak: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
    return {
        "edge": f"{edge.source} -> {edge.target}",
        "synapses": len(kept),
        "kept": int(kept.sum()),
        "outside_delays": int((~inside).sum()),
        "weak": int(weak.sum()),
    }


def _part(edge: Edge, kept: np.ndarray) -> Edge:
    count = np.concatenate([[0], np.cumsum(kept)])
    return replace(
        edge, first=count[edge.first], post=edge.post[kept], delay=edge.delay[kept], weight=edge.weight[kept]
    )
