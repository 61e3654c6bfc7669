"""Three encodings, in primitives of NIR, of synapses that each have a weight and a delay.

    seq     source → Linear E → Delay → Linear W → target             a column for each (source neuron, delay) used
    fan     source → Delay k → Linear W_k → target, for each k        branches, which the target adds up
    relay   source → Linear → LIF ⇄ Linear → Linear W → target        neuron (i, k) of the LIF repeats i after k steps

Shapes   E (column, source) of 0 and 1 · W (target, column) · a relay's loop (relay, relay) moves a spike on by one
Names    rank of a synapse: number of those before it with the same source, target and delay; each rank has columns of
         its own · metadata of a Linear: `zero` lists row and column of synapses of weight 0, which would be none, and
         `left` has the residuals of weights that were scaled
Units    Delay in seconds
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.export.nir.graph import GraphEdge, Node
from snnsim.export.nir.hdf5 import narrow
from snnsim.program.arrays import rank_within
from snnsim.program.edge import LONGEST_DELAY

RELAY_STRENGTH = 4.0
_MOST_RELAY_BYTES = 2**31


@dataclass(frozen=True, eq=False)
class Taps:
    """The synapses of an edge, as the file has them."""

    pre: np.ndarray
    post: np.ndarray
    delay: np.ndarray
    """In steps: one less than the Program's where the edge closes a loop."""
    weight: np.ndarray
    residual: np.ndarray
    """Weight of the Program less the weight of the file, scaled back; 0 where scaling is exact."""
    shape: tuple[int, int]
    """Target and source neurons."""

    def rank(self) -> np.ndarray:
        """Return the number of earlier synapses with the same source, target and delay, of each synapse."""
        return rank_within(self.pre, self.delay, self.post)

    def select(self, mask: np.ndarray) -> "Taps":
        """Return a part of the synapses.

        Args:
            mask: Whether each synapse is in the part, bool (synapse,).
        """
        return Taps(
            self.pre[mask], self.post[mask], self.delay[mask], self.weight[mask], self.residual[mask], self.shape
        )


@dataclass(frozen=True, eq=False)
class Wires:
    """The nodes between two populations."""

    nodes: dict[str, Node]
    edges: list[GraphEdge]
    starts: list[str]
    """Nodes that the source leads to."""
    ends: list[str]
    """Nodes that lead to the target, all of them Linear."""


@dataclass(frozen=True)
class Setting:
    """Properties of an edge that an encoding needs besides the synapses."""

    step: float
    """Seconds of a step in the file."""
    looped: bool
    """Whether the edge closes a loop."""
    shape: tuple[int, int]
    """Target and source neurons."""


@dataclass(frozen=True)
class Encoding:
    """Functions that write an edge, and read it back."""

    write: Callable[[Taps, str, Setting], Wires]
    read: Callable[[Mapping[str, Node], str, Setting], Taps]


def weight_node(taps: Taps, column: np.ndarray, columns: int) -> Node:
    """Return the Linear of synapses.

    Args:
        taps: The synapses.
        column: Column of each synapse in the matrix (synapse,).
        columns: Number of columns.
    """
    weight = np.zeros((taps.shape[0], columns))
    weight[taps.post, column] = taps.weight
    metadata: dict[str, Any] = {}
    if taps.residual.any():
        residual = np.zeros_like(weight)
        residual[taps.post, column] = taps.residual
        metadata["left"] = residual
    silent = taps.weight == 0
    if silent.any():
        metadata["zero"] = np.stack([taps.post[silent], column[silent]], 1)
    return Node("Linear", {"weight": narrow(weight)}, metadata)


def weight_entries(node: Node) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return target, column, weight and residual of the synapses of a Linear, by target and column.

    Args:
        node: A Linear, with its weight (target, column). Its metadata may have the places of weights of 0 and the
            residuals.
    """
    weight = np.asarray(node.numbers["weight"], np.float64)
    present = weight != 0
    if "zero" in node.metadata:
        present[tuple(np.asarray(node.metadata["zero"]).T)] = True
    post, column = np.nonzero(present)
    residual = node.metadata.get("left")
    return post, column, weight[post, column], np.zeros(len(post)) if residual is None else residual[post, column]


def _selection(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], value: float) -> Node:
    """Return a Linear whose rows each pass one column on, times a value."""
    weight = np.zeros(shape, np.float32)
    weight[rows, columns] = value
    return Node("Linear", {"weight": weight})


def _write_seq(taps: Taps, prefix: str, setting: Setting) -> Wires:
    key = np.stack([taps.pre, taps.delay, taps.rank()])
    used, column = np.unique(key, axis=1, return_inverse=True)
    count = used.shape[1]
    copy, delay, weight = (f"{prefix}_{name}" for name in ("copy", "delay", "weight"))
    nodes = {
        copy: _selection(np.arange(count), used[0], (count, taps.shape[1]), 1.0),
        delay: Node("Delay", {"delay": narrow(used[1] * setting.step)}),
        weight: weight_node(taps, column.reshape(-1), count),
    }
    return Wires(nodes, [(copy, delay), (delay, weight)], [copy], [weight])


def _read_seq(nodes: Mapping[str, Node], prefix: str, setting: Setting) -> Taps:
    source = np.asarray(nodes[f"{prefix}_copy"].numbers["weight"]).argmax(1)
    delay = _delay_steps(nodes[f"{prefix}_delay"], setting)
    post, column, weight, residual = weight_entries(nodes[f"{prefix}_weight"])
    return Taps(source[column], post, delay[column], weight, residual, setting.shape)


def _write_fan(taps: Taps, prefix: str, setting: Setting) -> Wires:
    used, branch = np.unique(np.stack([taps.delay, taps.rank()]), axis=1, return_inverse=True)
    wires = Wires({}, [], [], [])
    for number, (steps, _) in enumerate(used.T):
        delay, weight = (f"{prefix}_b{number:06}_{name}" for name in ("delay", "weight"))
        branch_taps = taps.select(branch.reshape(-1) == number)
        wires.nodes[delay] = Node("Delay", {"delay": narrow(np.full(taps.shape[1], steps * setting.step))})
        wires.nodes[weight] = weight_node(branch_taps, branch_taps.pre, taps.shape[1])
        wires.edges.append((delay, weight))
        wires.starts.append(delay)
        wires.ends.append(weight)
    return wires


def _read_fan(nodes: Mapping[str, Node], prefix: str, setting: Setting) -> Taps:
    branches = []
    for name in sorted(name for name in nodes if name.startswith(f"{prefix}_b") and name.endswith("_delay")):
        delay = _delay_steps(nodes[name], setting)
        post, pre, weight, residual = weight_entries(nodes[name.removesuffix("_delay") + "_weight"])
        branches.append((pre, post, delay[pre], weight, residual))
    if not branches:
        raise KeyError(f"{prefix}_b000000_delay")
    pre, post, delay, weight, residual = (np.concatenate(rows) for rows in zip(*branches, strict=True))
    return Taps(pre, post, delay, weight, residual, setting.shape)


def _write_relay(taps: Taps, prefix: str, setting: Setting) -> Wires:
    """Return relays, or a Linear alone where no synapse has a delay.

    The Flatten changes nothing. It keeps backends from taking a LIF and a Linear for a recurrent layer of theirs.
    """
    rank = taps.rank()
    copy, relay, shift, turn, weight = (f"{prefix}_{name}" for name in ("copy", "relay", "shift", "turn", "weight"))
    if not (taps.delay.any() or rank.any()):
        nodes = {weight: weight_node(taps, taps.pre, taps.shape[1])}
        if not setting.looped:
            return Wires(nodes, [], [weight], [weight])
        return Wires(nodes | {turn: _identity(taps.shape[1])}, [(turn, weight)], [turn], [weight])
    # a chain of relays for each source neuron and rank, as long as its longest delay
    chains, chain = np.unique(np.stack([taps.pre, rank]), axis=1, return_inverse=True)
    chain = chain.reshape(-1)
    length = np.zeros(chains.shape[1], np.int64)
    np.maximum.at(length, chain, taps.delay + 1)
    start = np.cumsum(length) - length
    count = int(length.sum())
    _check_relays(count, prefix)
    later = np.setdiff1d(np.arange(count), start)
    nodes = {
        copy: _selection(start, chains[0], (count, taps.shape[1]), RELAY_STRENGTH),
        relay: _relay_neurons(count, setting),
        shift: _selection(later, later - 1, (count, count), RELAY_STRENGTH),
        turn: _identity(count),
        weight: weight_node(taps, start[chain] + taps.delay, count),
    }
    edges = [(copy, relay), (relay, shift), (shift, turn), (turn, relay), (relay, weight)]
    return Wires(nodes, edges, [copy], [weight])


def _read_relay(nodes: Mapping[str, Node], prefix: str, setting: Setting) -> Taps:
    post, column, weight, residual = weight_entries(nodes[f"{prefix}_weight"])
    if f"{prefix}_relay" not in nodes:
        return Taps(column, post, np.zeros(len(post), np.int64), weight, residual, setting.shape)
    copy = np.asarray(nodes[f"{prefix}_copy"].numbers["weight"])
    start = np.flatnonzero(copy.any(1))
    chain = np.searchsorted(start, np.arange(len(copy)), side="right") - 1
    source, delay = copy[start].argmax(1)[chain], np.arange(len(copy)) - start[chain]
    return Taps(source[column], post, delay[column], weight, residual, setting.shape)


def _relay_neurons(count: int, setting: Setting) -> Node:
    rows = {"tau": 2 * setting.step, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
    return Node("LIF", {name: narrow(np.full(count, value)) for name, value in rows.items()})


def _identity(size: int) -> Node:
    return Node("Flatten", {"start_dim": 0, "end_dim": 0, "input_type": np.array([size])})


def _check_relays(count: int, prefix: str) -> None:
    if count**2 * 4 > _MOST_RELAY_BYTES:
        raise ValueError(
            f"export to nir: {prefix} would have {count:,} relays, and backends would hold their loop as a matrix of "
            f"{count**2 * 4 / 2**30:.0f} GiB; use the encoding seq, shorter delays, or fewer neurons"
        )


def _delay_steps(node: Node, setting: Setting) -> np.ndarray:
    steps = np.rint(np.asarray(node.numbers["delay"], np.float64) / setting.step)
    if not ((steps >= 0) & (steps <= LONGEST_DELAY)).all():
        raise ValueError(f"delays must be from 0 to {LONGEST_DELAY} steps")
    return steps.astype(np.int64)


ENCODINGS = {
    "seq": Encoding(_write_seq, _read_seq),
    "fan": Encoding(_write_fan, _read_fan),
    "relay": Encoding(_write_relay, _read_relay),
}
"""The encodings by name."""
