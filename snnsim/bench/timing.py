"""Time in turns: A B A B in one process, so that what disturbs the machine disturbs all of them alike.

ratio = median over turns of (peer's seconds / our seconds)
"""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from tqdm import tqdm

Samples = dict[str, list[float]]


def in_turns(works: Mapping[str, Callable[[], object]], *, repeats: int, loops: int = 1) -> Samples:
    """Return the seconds that each work took in each of `repeats` turns, the mean over `loops` calls.

    Each is called once before, for what is compiled, loaded and allocated once.
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
    """Return how many times as long theirs take, by the median over turns."""
    return median(their / our for our, their in zip(ours, theirs, strict=True))
