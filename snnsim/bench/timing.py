"""Interleaved timing: A B A B in one process, so that disturbances of the machine affect all candidates alike.

ratio = median over turns of (seconds of the baseline / seconds of snnsim)
"""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from tqdm import tqdm

Samples = dict[str, list[float]]


def in_turns(works: Mapping[str, Callable[[], object]], *, repeats: int, loops: int = 1) -> Samples:
    """Return the seconds of every function in every turn.

    Every function is called once before the first turn, so that no turn measures compilation or first allocations.

    Args:
        works: Functions by name.
        repeats: Number of turns.
        loops: Calls of a function in a turn, of which the mean is taken.
    """
    samples: Samples = {name: [] for name in works}
    turns = tqdm(range(repeats + 1), desc="turns", unit="turn", leave=False, disable=None)
    for turn in turns:
        for name, work in works.items():
            began = time.perf_counter()
            for _ in range(loops if turn else 1):
                work()
            if turn:
                samples[name].append((time.perf_counter() - began) / loops)
    return samples


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median over turns of the seconds of a baseline by those of snnsim.

    Args:
        ours: Seconds of snnsim in each turn.
        theirs: Seconds of the baseline in each turn, as many.
    """
    return median(their / our for our, their in zip(ours, theirs, strict=True))
