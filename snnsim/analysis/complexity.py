"""Lempel-Ziv complexity of 1976: the number of phrases of the exhaustive history.

    s = s₁ s₂ ... s_c      each phrase is the shortest new substring: without its last symbol, it is a copy of a
                           substring that begins earlier and may overlap the phrase; the end of s may cut off s_c
    C = c log₂(n) / n      → entropy rate in bits per symbol, for stationary ergodic sources as n → ∞

0001101001000101 = 0 · 001 · 10 · 100 · 1000 · 101, so c = 6. A suffix automaton of the string has the first end of
every substring; s[i..j] is a copy if its first end is before j. One pass along the string finds all phrases in linear
time; a larger alphabet costs more where many of its symbols follow the same substring.

Shapes   symbols (time,) · trains (time, ...), counts (...)
Names    c number of phrases · n number of symbols · C normalized complexity
Source   Lempel & Ziv 1976, IEEE Trans. Inf. Theory 22:75; the algorithm's usual form: Kaspar & Schuster 1987, Phys.
         Rev. A 36:842; automaton: Blumer et al. 1985, Theor. Comput. Sci. 40:31
Differs  the dictionary of Lempel & Ziv 1978 copies complete phrases alone
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from snnsim.validation import shown

NONE = -1
LONGEST = 2**29
"""Most symbols of a string: the automaton has up to twice as many states, whose indices have 32 bits."""


class Automaton(NamedTuple):
    """A suffix automaton."""

    states: np.ndarray
    """int32 (state, 4): length of its longest substring, suffix link, first end, first edge."""
    edges: np.ndarray
    """int32 (edge, 3): symbol, target, next edge of the same state."""


def lz76(symbols: ArrayLike | str) -> int:
    """Return the Lempel-Ziv (1976) complexity of a string.

    Args:
        symbols: Numbers or texts (time,), or a text, whose characters are the symbols.

    Raises:
        TypeError: If the symbols are neither numbers nor text.
        ValueError: If the symbols have more than one axis, or are NaN.
    """
    string = checked(list(symbols) if isinstance(symbols, str) else symbols, "lz76")
    if string.ndim != 1:
        raise ValueError(
            f"lz76: symbols must be one string, (time,); got shape {string.shape}. Use complexity.of_trains for one "
            "number per train, or complexity.interleaved to make one string of them"
        )
    return int(of_trains(string[:, None])[0])


def of_trains(trains: ArrayLike) -> np.ndarray:
    """Return the complexity of every train.

    Args:
        trains: Numbers or texts (time, ...).

    Returns:
        int64 (...).

    Raises:
        TypeError: If the symbols are neither numbers nor text.
        ValueError: If the trains are too long, or have NaN.
    """
    array = checked(trains, "of_trains")
    if array.ndim < 1 or len(array) > LONGEST:
        raise ValueError(f"of_trains: trains must be (time, ...), of at most {LONGEST} steps; got shape {array.shape}")
    numbered = np.unique(array, return_inverse=True)[1].astype(np.int32)
    rows = np.ascontiguousarray(numbered.reshape(len(array), math.prod(array.shape[1:])).T)
    count = np.zeros(len(rows), np.int64)
    _count_all(rows, _empty_automaton(len(array)), count)
    return count.reshape(array.shape[1:])


def normalized(trains: ArrayLike) -> np.ndarray:
    """Return the normalized complexity C = c log₂(n) / n of every train; that of a train of one step is 0.

    Args:
        trains: Numbers or texts (time, ...).

    Returns:
        float64 (...).

    Raises:
        TypeError: If the symbols are neither numbers nor text.
        ValueError: If the trains have no step, or have NaN.
    """
    array = checked(trains, "normalized")
    if array.ndim < 1 or len(array) == 0:
        raise ValueError(f"normalized: trains must be (time, ...) with a step or more; got shape {array.shape}")
    return np.asarray(of_trains(array) * (np.log2(len(array)) / len(array)))


def interleaved(trains: ArrayLike) -> np.ndarray:
    """Return one string of several trains: all symbols of the first step, then those of the next.

    Args:
        trains: Numbers or texts (time, ...).

    Returns:
        Numbers or texts (time · trains,).
    """
    return checked(trains, "interleaved").reshape(-1)


def joint(trains: ArrayLike) -> np.ndarray:
    """Return one string whose symbols number the rows of several trains.

    Args:
        trains: Numbers or texts (time, train).

    Returns:
        int64 (time,); two steps have equal numbers if all of their symbols are equal.

    Raises:
        TypeError: If the symbols are neither numbers nor text.
        ValueError: If the trains have another number of axes, or have NaN.
    """
    array = checked(trains, "joint")
    if array.ndim != 2:
        raise ValueError(f"joint: trains must be (time, train); got shape {array.shape}")
    symbol = np.zeros(len(array), np.int64)
    for column in array.T:
        own = np.unique(column, return_inverse=True)[1]
        # renumbered after every train, so that the numbers never overflow
        symbol = np.unique(symbol * (len(array) + 1) + own, return_inverse=True)[1]
    return symbol


def checked(symbols: Any, who: str) -> np.ndarray:
    """Return symbols as an array of comparable values; NaN is refused, as it does not equal itself.

    Args:
        symbols: Numbers or texts of any shape.
        who: Name of the function that was called, for the message.

    Raises:
        TypeError: If the symbols are neither numbers nor text.
        ValueError: If a symbol is NaN.
    """
    try:
        array = np.asarray(symbols)
    except (TypeError, ValueError, RuntimeError):
        array = np.asarray(None)
    if array.dtype.kind not in "biufcSU":
        raise TypeError(f"{who}: symbols must be an array of numbers or of text, not {shown(symbols)}")
    if array.dtype.kind in "fc" and np.isnan(array).any():
        raise ValueError(f"{who}: symbols must not be NaN; {int(np.isnan(array).sum())} of {array.size} are")
    return array


def _empty_automaton(length: int) -> Automaton:
    """Return an automaton with space for strings of `length` symbols."""
    return Automaton(np.empty((2 * length + 2, 4), np.int32), np.empty((3 * length + 4, 3), np.int32))


@njit(nogil=True, cache=True)
def _find(first: int, symbol: int, edges: np.ndarray) -> int:
    """Return the edge of a symbol in a list of edges, or NONE."""
    edge = first
    while edge != NONE and edges[edge, 0] != symbol:
        edge = edges[edge, 2]
    return edge


@njit(nogil=True, cache=True)
def _add(state: int, symbol: int, target: int, states: np.ndarray, edges: np.ndarray, used: int) -> int:
    """Add an edge to the list of a state, and return the number of edges."""
    edges[used, 0], edges[used, 1], edges[used, 2] = symbol, target, states[state, 3]
    states[state, 3] = used
    return used + 1


@njit(nogil=True, cache=True)
def _new(state: int, length: int, end: int, states: np.ndarray) -> int:
    """Write a new state without edges, and return its index."""
    states[state, 0], states[state, 1], states[state, 2], states[state, 3] = length, NONE, end, NONE
    return state


@njit(nogil=True, cache=True)
def _clone(before: int, symbol: int, original: int, clone: int, automaton: Automaton, used: int) -> int:
    """Move the shorter substrings of a state, which have further ends, to the new state `clone`.

    Return the number of edges.
    """
    states, edges = automaton.states, automaton.edges
    _new(clone, states[before, 0] + 1, states[original, 2], states)
    states[clone, 1] = states[original, 1]
    edge = states[original, 3]
    while edge != NONE:
        used = _add(clone, edges[edge, 0], edges[edge, 1], states, edges, used)
        edge = edges[edge, 2]
    states[original, 1] = clone
    while before != NONE:
        edge = _find(states[before, 3], symbol, edges)
        if edges[edge, 1] != original:
            break
        edges[edge, 1] = clone
        before = states[before, 1]
    return used


@njit(nogil=True, cache=True)
def _build(symbols: np.ndarray, automaton: Automaton) -> None:
    """Build the suffix automaton of a string, one symbol after the other."""
    states, edges = automaton.states, automaton.edges
    last, count, used = _new(0, 0, NONE, states), 1, 0
    for step in range(symbols.size):
        symbol = symbols[step]
        state = _new(count, step + 1, step, states)
        count += 1
        # every suffix of the string so far gets an edge for the new symbol, down to one that has such an edge
        before = last
        edge: Any = np.int64(NONE)
        while before != NONE:
            edge = _find(states[before, 3], symbol, edges)
            if edge != NONE:
                break
            used = _add(before, symbol, state, states, edges, used)
            before = states[before, 1]
        if before == NONE:
            states[state, 1] = 0
        else:
            target = edges[edge, 1]
            if states[target, 0] == states[before, 0] + 1:
                states[state, 1] = target
            else:
                # the target also has longer substrings, which do not end here
                states[state, 1] = count
                used = _clone(before, symbol, target, count, automaton, used)
                count += 1
        last = state


@njit(nogil=True, cache=True)
def _phrases(symbols: np.ndarray, automaton: Automaton) -> int:
    """Return the number of phrases of numbered symbols."""
    _build(symbols, automaton)
    states, edges = automaton.states, automaton.edges
    count, state = 0, 0
    for step in range(symbols.size):
        state = edges[_find(states[state, 3], symbols[step], edges), 1]
        if states[state, 2] == step:
            # the substring ends here for the first time, so a phrase is complete
            count, state = count + 1, 0
    return count + (state != 0)


@njit(nogil=True, cache=True)
def _count_all(trains: np.ndarray, automaton: Automaton, count: np.ndarray) -> None:
    """Write the number of phrases of every train into `count`; all trains use the same automaton."""
    for number in range(len(trains)):
        count[number] = _phrases(trains[number], automaton)
