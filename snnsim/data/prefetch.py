"""The next value of an iterator, computed by a thread while the present one is in use.

The thread is one value ahead and no more, so two values are in memory at a time. It runs beside a training step as far
as its code releases Python's global lock: NumPy and the compiled loops of data do.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def prefetched(values: Iterator[T]) -> Generator[T, None, None]:
    """Yield the values of an iterator in their order; a thread computes the next one meanwhile.

    An error of the iterator is raised in the place of the value that it was to give. After `close`, or an error of the
    consumer, the thread ends with the value that it works on.

    Args:
        values: The iterator; the thread alone advances it.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        following = thread.submit(next, values, end)
        while (value := following.result()) is not end:
            following = thread.submit(next, values, end)
            yield value  # type: ignore[misc]
