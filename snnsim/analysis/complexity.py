"""Lempel-Ziv complexity of 1976: the number of phrases of the exhaustive history.

    s = s₁ s₂ ... s_c      each phrase the shortest that has not begun earlier: without its last symbol it can be copied
                           from a place before it, and the copy may run into the phrase itself; the end may cut off s_c
    C = c log₂(n) / n      → entropy rate in bits per symbol, for stationary ergodic sources as n → ∞

0001101001000101 = 0 · 001 · 10 · 100 · 1000 · 101, so c = 6. A suffix automaton of the whole string knows of every
substring where it first ends; s[i..j] can be copied if that is before j. One walk along the string finds all phrases.

Shapes   symbols (time,) · trains (time, ...), counts (...)
Names    c number of phrases · n number of symbols · C normalized complexity
Cost     linear in n; a symbol more of the alphabet costs where many of them follow the same substring
Source   Lempel & Ziv 1976, IEEE Trans. Inf. Theory 22:75; the algorithm's usual form: Kaspar & Schuster 1987, Phys.
         Rev. A 36:842; automaton: Blumer et al. 1985, Theor. Comput. Sci. 40:31
Differs  not the dictionary of Lempel & Ziv 1978, whose phrases copy whole phrases alone
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from snnsim.validation import shown

NONE = -1
LONGEST = 2**29
"""Symbols of a string: states, of which there may be twice as many, are counted in 32 bits."""


def lz76(symbols: ArrayLike | str) -> int:
    """Return the Lempel-Ziv (1976) complexity of a string: of its characters, or of an array (time,) of any values."""
    found = checked(list(symbols) if isinstance(symbols, str) else symbols, "lz76")
    if found.ndim != 1:
        raise ValueError(
            f"lz76: symbols must be one string, (time,); got shape {found.shape}. Use complexity.of_trains for one "
            "number per train, or complexity.interleaved to make one string of them"
        )
    return int(of_trains(found[:, None])[0])


def of_trains(trains: ArrayLike) -> np.ndarray:
    """Return the complexity of every train, int64 (...), of trains (time, ...)."""
    found = checked(trains, "of_trains")
    if found.ndim < 1 or len(found) > LONGEST:
        raise ValueError(f"of_trains: trains must be (time, ...), of at most {LONGEST} steps; got shape {found.shape}")
    numbered = np.unique(found, return_inverse=True)[1].astype(np.int32)
    each = np.ascontiguousarray(numbered.reshape(len(found), math.prod(found.shape[1:])).T)
    count = np.zeros(len(each), np.int64)
    _count_all(each, *_room(len(found)), count)
    return count.reshape(found.shape[1:])


def normalized(trains: ArrayLike) -> np.ndarray:
    """Return C = c log₂(n) / n of every train, float64 (...), of trains (time, ...); a train of one symbol has 0."""
    found = checked(trains, "normalized")
    if found.ndim < 1 or len(found) == 0:
        raise ValueError(f"normalized: trains must be (time, ...) with a step or more; got shape {found.shape}")
    return of_trains(found) * (np.log2(len(found)) / len(found))


def interleaved(trains: ArrayLike) -> np.ndarray:
    """Return one string of several trains (time, ...): all symbols of the first step, then those of the second."""
    return checked(trains, "interleaved").reshape(-1)


def joint(trains: ArrayLike) -> np.ndarray:
    """Return one string (time,) whose symbols are the columns of trains (time, train): equal numbers, equal columns."""
    found = checked(trains, "joint")
    if found.ndim != 2:
        raise ValueError(f"joint: trains must be (time, train); got shape {found.shape}")
    symbol = np.zeros(len(found), np.int64)
    for column in found.T:
        own = np.unique(column, return_inverse=True)[1]
        symbol = np.unique(symbol * (len(found) + 1) + own, return_inverse=True)[1]
    return symbol


def checked(given: Any, who: str) -> np.ndarray:
    """Return an array of values of which any two are equal or not; NaN is not equal to itself."""
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, RuntimeError):
        found = np.asarray(None)
    if found.dtype.kind not in "biufcSU":
        raise TypeError(f"{who}: symbols must be an array of numbers or of text, not {shown(given)}")
    if found.dtype.kind in "fc" and np.isnan(found).any():
        raise ValueError(f"{who}: symbols must not be NaN; {int(np.isnan(found).sum())} of {found.size} are")
    return found


def _room(length: int) -> tuple[Any, ...]:
    """Return what an automaton of so many symbols is written into: states, and edges in linked lists."""
    states, edges = 2 * length + 2, 3 * length + 4
    # a state: length of its longest substring, suffix link, where it first ends, first edge
    # an edge: symbol, target, next edge
    return np.empty((states, 4), np.int32), np.empty((edges, 3), np.int32)


@njit(nogil=True, cache=True)
def _find(first, symbol, edges):
    """Return the edge of a symbol in a list of edges, or NONE."""
    edge = first
    while edge != NONE and edges[edge, 0] != symbol:
        edge = edges[edge, 2]
    return edge


@njit(nogil=True, cache=True)
def _add(state, symbol, target, states, edges, used):
    edges[used, 0], edges[used, 1], edges[used, 2] = symbol, target, states[state, 3]
    states[state, 3] = used
    return used + 1


@njit(nogil=True, cache=True)
def _new(state, length, end, states):
    states[state, 0], states[state, 1], states[state, 2], states[state, 3] = length, NONE, end, NONE
    return state


@njit(nogil=True, cache=True)
def _clone(before, symbol, original, place, room, used):
    """Split off the shorter substrings of a state, which also end elsewhere, into the state `place`."""
    states, edges = room
    clone = _new(place, states[before, 0] + 1, states[original, 2], states)
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
def _build(symbols, states, edges):
    last, count, used = _new(0, 0, NONE, states), 1, 0
    for place in range(symbols.size):
        symbol = symbols[place]
        state = _new(count, place + 1, place, states)
        count += 1
        before, edge = last, np.int64(NONE)
        while before != NONE:
            edge = _find(states[before, 3], symbol, edges)
            if edge != NONE:
                break
            used = _add(before, symbol, state, states, edges, used)
            before = states[before, 1]
        if before == NONE:
            states[state, 1] = 0
        else:
            known = edges[edge, 1]
            if states[known, 0] == states[before, 0] + 1:
                states[state, 1] = known
            else:
                states[state, 1] = count
                used = _clone(before, symbol, known, count, (states, edges), used)
                count += 1
        last = state


@njit(nogil=True, cache=True)
def _phrases(symbols, states, edges):
    """Return the number of phrases of numbered symbols."""
    _build(symbols, states, edges)
    count, state = 0, 0
    for place in range(symbols.size):
        state = edges[_find(states[state, 3], symbols[place], edges), 1]
        if states[state, 2] == place:
            # what ends here has not been before
            count, state = count + 1, 0
    return count + (state != 0)


@njit(nogil=True, cache=True)
def _count_all(trains, states, edges, count):
    for number in range(len(trains)):
        count[number] = _phrases(trains[number], states, edges)
