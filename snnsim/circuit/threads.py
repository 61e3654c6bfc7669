"""The number of threads of a compiled loop over blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba

from snnsim.kernels.common.threads import forked, torch_threads
from snnsim.validation import integer, require


@contextmanager
def threads_of(count: int) -> Iterator[None]:
    """Give compiled loops a number of threads while the block runs; a forked process has one.

    Args:
        count: Number of threads.

    Raises:
        TypeError: If the number is no integer.
        ValueError: If Numba has fewer threads.
    """
    count = integer(count, who="threads", name="threads", at_least=1)
    config: Any = numba.config
    most = config.NUMBA_NUM_THREADS
    require(
        count <= most, f"threads: threads must be at most {most}, not {count}; NUMBA_NUM_THREADS in the environment "
        "sets the limit"
    )  # fmt: skip
    with torch_threads():
        numba.set_num_threads(1 if forked() else count)
        yield
