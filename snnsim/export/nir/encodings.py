"""Three ways to say, in primitives of NIR, that each synapse has a weight and a delay of its own.

    seq     source → Linear E → Delay → Linear W → target             a column for each (source neuron, delay) used
    fan     source → Delay k → Linear W_k → target, for each k        branches, which the target adds up
    relay   source → Linear → LIF ⇄ Linear → Linear W → target        neuron (i, k) of the LIF repeats i after k steps

Shapes   E (column, source) of 0 and 1 · W (target, column) · a relay's loop (relay, relay) moves a spike on by one
Names    wait: steps that a synapse waits in the file · place: which of several synapses it is that have source, target
         and wait in common; each place has columns of its own
Units    Delay in seconds
Zeros    a synapse of weight 0 would be none: the node's metadata names it (`zero`: row, column); `left` is what is
         missing in its weights where they were scaled
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.export.nir.files import Node, narrow
from snnsim.program.parts import LONGEST_DELAY

RELAY_STRENGTH = 4.0
_MOST_RELAY_BYTES = 2**31


@dataclass(frozen=True, eq=False)
class Taps:
    """The synapses of an edge, as the file has them."""

    pre: np.ndarray
    post: np.ndarray
    wait: np.ndarray
    weight: np.ndarray
    left: np.ndarray
    """What is missing in a scaled weight when it is scaled back; 0 if nothing."""
    shape: tuple[int, int]
    """Target and source neurons."""

    def place(self) -> np.ndarray:
        """Return which synapse it is of those between the same neurons after the same wait."""
        key = (self.pre * (self.wait.max(initial=0) + 1) + self.wait) * self.shape[0] + self.post
        order = np.argsort(key, kind="stable")
        first = np.concatenate([[True], key[order][1:] != key[order][:-1]])
        start = np.maximum.accumulate(np.where(first, np.arange(len(key)), 0))
        place = np.empty(len(key), np.int64)
        place[order] = np.arange(len(key)) - start
        return place


@dataclass(frozen=True, eq=False)
class Wires:
    """The nodes between two populations."""

    nodes: dict[str, Node]
    edges: list[tuple[str, str]]
    starts: list[str]
    """What the source leads to."""
    ends: list[str]
    """What leads to the target, all of them Linear."""


@dataclass(frozen=True)
class Encoding:
    """How an edge is written, and read back."""

    write: Callable[[Taps, str, "Setting"], Wires]
    read: Callable[[Mapping[str, Node], str, "Setting"], Taps]


@dataclass(frozen=True)
class Setting:
    """What an encoding must know besides the synapses."""

    step: float
    """Seconds of a step in the file."""
    looped: bool
    """Whether the edge closes a loop."""
    shape: tuple[int, int]


def matrix(taps: Taps, column: np.ndarray, columns: int) -> Node:
    """Return the Linear of synapses, each in a column of its own or of its target's."""
    weight = np.zeros((taps.shape[0], columns))
    weight[taps.post, column] = taps.weight
    metadata: dict[str, Any] = {}
    if taps.left.any():
        left = np.zeros_like(weight)
        left[taps.post, column] = taps.left
        metadata["left"] = left
    silent = taps.weight == 0
    if silent.any():
        metadata["zero"] = np.stack([taps.post[silent], column[silent]], 1)
    return Node("Linear", {"weight": narrow(weight)}, metadata)


def entries(node: Node) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return target, column, weight and what is left of the synapses of such a Linear, by target and column."""
    weight = np.asarray(node.numbers["weight"], np.float64)
    present = weight != 0
    if "zero" in node.metadata:
        present[tuple(np.asarray(node.metadata["zero"]).T)] = True
    post, column = np.nonzero(present)
    left = node.metadata.get("left")
    return post, column, weight[post, column], np.zeros(len(post)) if left is None else left[post, column]


def _picked(rows: int, columns: np.ndarray, shape: tuple[int, int], value: float) -> Node:
    weight = np.zeros(shape, np.float32)
    weight[rows, columns] = value
    return Node("Linear", {"weight": weight})


def _seq(taps: Taps, prefix: str, setting: Setting) -> Wires:
    key = np.stack([taps.pre, taps.wait, taps.place()])
    used, column = np.unique(key, axis=1, return_inverse=True)
    count = used.shape[1]
    copy, delay, weight = (f"{prefix}_{part}" for part in ("copy", "delay", "weight"))
    nodes = {
        copy: _picked(np.arange(count), used[0], (count, taps.shape[1]), 1.0),
        delay: Node("Delay", {"delay": narrow(used[1] * setting.step)}),
        weight: matrix(taps, column.reshape(-1), count),
    }
    return Wires(nodes, [(copy, delay), (delay, weight)], [copy], [weight])


def _read_seq(nodes: Mapping[str, Node], prefix: str, setting: Setting) -> Taps:
    source = np.asarray(nodes[f"{prefix}_copy"].numbers["weight"]).argmax(1)
    wait = _steps(nodes[f"{prefix}_delay"], setting)
    post, column, weight, left = entries(nodes[f"{prefix}_weight"])
    return Taps(source[column], post, wait[column], weight, left, setting.shape)


def _fan(taps: Taps, prefix: str, setting: Setting) -> Wires:
    used, branch = np.unique(np.stack([taps.wait, taps.place()]), axis=1, return_inverse=True)
    wires = Wires({}, [], [], [])
    for number, (wait, _) in enumerate(used.T):
        delay, weight = (f"{prefix}_b{number:06}_{part}" for part in ("delay", "weight"))
        part = chosen(taps, branch.reshape(-1) == number)
        wires.nodes[delay] = Node("Delay", {"delay": narrow(np.full(taps.shape[1], wait * setting.step))})
        wires.nodes[weight] = matrix(part, part.pre, taps.shape[1])
        wires.edges.append((delay, weight))
        wires.starts.append(delay)
        wires.ends.append(weight)
    return wires


def _read_fan(nodes: Mapping[str, Node], prefix: str, setting: Setting) -> Taps:
    parts = []
    for name in sorted(name for name in nodes if name.startswith(f"{prefix}_b") and name.endswith("_delay")):
        wait = _steps(nodes[name], setting)
        post, pre, weight, left = entries(nodes[name.removesuffix("_delay") + "_weight"])
        parts.append((pre, post, wait[pre], weight, left))
    return Taps(*(np.concatenate(rows) for rows in zip(*parts, strict=True)), setting.shape)


def _relay(taps: Taps, prefix: str, setting: Setting) -> Wires:
    """Return relays, or a Linear alone where nothing waits; the Flatten changes nothing.

    It keeps importers from taking a LIF and a Linear for a recurrent layer of theirs.
    """
    place = taps.place()
    copy, relay, shift, turn, weight = (f"{prefix}_{part}" for part in ("copy", "relay", "shift", "turn", "weight"))
    if not (taps.wait.any() or place.any()):
        nodes = {weight: matrix(taps, taps.pre, taps.shape[1])}
        if not setting.looped:
            return Wires(nodes, [], [weight], [weight])
        return Wires(nodes | {turn: _same(taps.shape[1])}, [(turn, weight)], [turn], [weight])
    chains, chain = np.unique(np.stack([taps.pre, place]), axis=1, return_inverse=True)
    chain = chain.reshape(-1)
    length = np.zeros(chains.shape[1], np.int64)
    np.maximum.at(length, chain, taps.wait + 1)
    start = np.cumsum(length) - length
    count = int(length.sum())
    _check_relays(count, prefix)
    later = np.setdiff1d(np.arange(count), start)
    nodes = {
        copy: _picked(start, chains[0], (count, taps.shape[1]), RELAY_STRENGTH),
        relay: _relays(count, setting),
        shift: _picked(later, later - 1, (count, count), RELAY_STRENGTH),
        turn: _same(count),
        weight: matrix(taps, start[chain] + taps.wait, count),
    }
    edges = [(copy, relay), (relay, shift), (shift, turn), (turn, relay), (relay, weight)]
    return Wires(nodes, edges, [copy], [weight])


def _read_relay(nodes: Mapping[str, Node], prefix: str, setting: Setting) -> Taps:
    post, column, weight, left = entries(nodes[f"{prefix}_weight"])
    if f"{prefix}_relay" not in nodes:
        return Taps(column, post, np.zeros(len(post), np.int64), weight, left, setting.shape)
    copy = np.asarray(nodes[f"{prefix}_copy"].numbers["weight"])
    start = np.flatnonzero(copy.any(1))
    chain = np.searchsorted(start, np.arange(len(copy)), side="right") - 1
    source, wait = copy[start].argmax(1)[chain], np.arange(len(copy)) - start[chain]
    return Taps(source[column], post, wait[column], weight, left, setting.shape)


def _relays(count: int, setting: Setting) -> Node:
    rows = {"tau": 2 * setting.step, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0}
    return Node("LIF", {name: narrow(np.full(count, value)) for name, value in rows.items()})


def _same(size: int) -> Node:
    return Node("Flatten", {"start_dim": 0, "end_dim": 0, "input_type": np.array([size])})


def _check_relays(count: int, prefix: str) -> None:
    if count**2 * 4 > _MOST_RELAY_BYTES:
        raise ValueError(
            f"export to nir: {prefix} would have {count:,} relays, and importers would hold their loop as a matrix of "
            f"{count**2 * 4 / 2**30:.0f} GiB; use the encoding seq, shorter delays, or fewer neurons"
        )


def _steps(node: Node, setting: Setting) -> np.ndarray:
    steps = np.rint(np.asarray(node.numbers["delay"], np.float64) / setting.step)
    if not ((steps >= 0) & (steps <= LONGEST_DELAY)).all():
        raise ValueError(f"delays must be from 0 to {LONGEST_DELAY} steps")
    return steps.astype(np.int64)


def chosen(taps: Taps, which: np.ndarray) -> Taps:
    """Return some of the synapses."""
    rows = (getattr(taps, name)[which] for name in ("pre", "post", "wait", "weight", "left"))
    return Taps(*rows, taps.shape)


ENCODINGS = {
    "seq": Encoding(_seq, _read_seq),
    "fan": Encoding(_fan, _read_fan),
    "relay": Encoding(_relay, _read_relay),
}
