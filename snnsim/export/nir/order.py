"""In which order populations are computed, where loops are cut, and what holds a graph together.

Importers compute the nodes of a step one after the other. Where nodes form a loop, one of them takes what another gave
in the step before, so every loop costs a step. With populations in the order below, that is an edge from a population
to itself or back to an earlier one of the same loop, and no other:

    delay in the file  =  d − 1  of such an edge,  d  of all others

Order    a population after all that lead to it, unless they are in a loop with it; those of a loop in the Program's
         order; the names of nodes begin with a population's place in it, since files give nodes by name
Links    edges without weight: every population can be reached from the input, and reaches the output, or importers
         would not compute it, or wait for it without end
Source   nirtorch 2.6, nir_interpreter.py (`_find_input_nodes`)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snnsim.program import INPUT


@dataclass(frozen=True)
class Plan:
    """How the populations and edges of a Program become nodes."""

    order: tuple[str, ...]
    """Populations as they are computed."""
    loops: frozenset[int]
    """Numbers of the edges that cost a step."""
    links: tuple[tuple[str, str], ...]
    """Edges without weight, by source and target."""
    final: str
    """The population that leads to the output."""
    edges: tuple[tuple[str, str], ...]

    def neurons(self, name: str) -> str:
        """Return the node of a population."""
        if name == INPUT:
            return "input"
        return f"{self._place(name)}_n_{re.sub('[^0-9A-Za-z]+', '_', name)}"

    def parts(self, edge: int) -> str:
        """Return what names of an edge's nodes begin with: before the target's, or behind the source's in a loop."""
        source, target = self.edges[edge]
        place = f"{self._place(source)}_r" if edge in self.loops else f"{self._place(target)}_e"
        return f"{place}{edge:0{len(str(len(self.edges)))}}"

    def link(self, number: int) -> str:
        """Return the node of a link."""
        return f"{self._place(self.links[number][1])}_e_link{number}"

    def first(self, target: str) -> int | None:
        """Return the first edge that reaches a population within a step, which is where its bias is."""
        return next((n for n, edge in enumerate(self.edges) if edge[1] == target and n in self._prompt), None)

    @property
    def _prompt(self) -> set[int]:
        return {number for number, edge in enumerate(self.edges) if edge[0] and number not in self.loops}

    def _place(self, name: str) -> str:
        return f"p{self.order.index(name):0{len(str(len(self.order)))}}"


def planned(names: Sequence[str], edges: Sequence[tuple[str, str]], readout: str | None) -> Plan:
    """Return the plan of populations in the Program's order; an edge without synapses is ("", target)."""
    final = readout or names[-1]
    ahead = tuple((name, final) for name in names if name != final and all(name != source for source, _ in edges))
    reach = _reach(names, [*edges, *ahead])
    before = {name: int((reach[:, n] & ~reach[n]).sum()) for n, name in enumerate(names)}
    order = tuple(sorted(names, key=lambda name: (before[name], names.index(name))))
    loops = frozenset(n for n, (source, target) in enumerate(edges) if _closes(source, target, names, reach))
    prompt = {target for n, (source, target) in enumerate(edges) if source and n not in loops}
    behind = tuple((INPUT, name) for name in names if name not in prompt)
    return Plan(order, loops, behind + ahead, final, tuple(edges))


def computed(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> tuple[list[str], set[tuple[str, str]]]:
    """Return nodes as importers compute them in a step, from the first on, and the edges that take the step before.

    A node waits until all that leads to it is there. If it has several inputs, those that it leads to itself need not
    be there; if it waited for itself alone, it would wait without end, and then need not either.
    """
    reach, place = _reach(names, edges), {name: number for number, name in enumerate(names)}
    sources: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        sources[target].append(source)
    # in the order in which they are computed
    order: dict[str, None] = {}
    late: set[tuple[str, str]] = set()
    waiting, patient = list(names), True
    while waiting:
        left = []
        for name in waiting:
            missing = [source for source in sources[name] if source not in order]
            own = all(reach[place[name], place[source]] for source in missing)
            excused = own and (len(sources[name]) > 1 or not patient)
            if missing and not excused:
                left.append(name)
                continue
            order[name] = None
            late |= {(source, name) for source in missing}
            patient = True
        patient = len(left) < len(waiting)
        waiting = left
    return list(order), late


def _reach(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> np.ndarray:
    """Return which name leads to which (source, target), over any number of edges."""
    place = {name: number for number, name in enumerate(names)}
    reach = np.zeros((len(names), len(names)), bool)
    for source, target in edges:
        if source in place:
            reach[place[source], place[target]] = True
    packed = np.packbits(reach, axis=1)
    for middle in range(len(names)):
        leads = packed[:, middle // 8] & (128 >> middle % 8) != 0
        packed[leads] |= packed[middle]
    return np.unpackbits(packed, axis=1, count=len(names)).astype(bool)


def _closes(source: str, target: str, names: Sequence[str], reach: np.ndarray) -> bool:
    if source not in names:
        return False
    one, other = names.index(source), names.index(target)
    return one >= other and bool(reach[other, one] or one == other)
