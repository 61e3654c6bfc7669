"""A thread that is one value ahead: the same values, errors in their place, a clean end."""

import threading
import time
from contextlib import closing

import pytest

from snnsim.data.prefetch import prefetched


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_the_values_are_the_same_and_the_thread_ends():
    assert list(prefetched(iter(range(100)))) == list(range(100))
    assert list(prefetched(iter([]))) == []
    assert list(prefetched(iter([None, StopIteration]))) == [None, StopIteration]
    assert not threads()


def test_one_value_is_computed_ahead_and_no_more():
    computed = []

    def values():
        for number in range(10):
            computed.append(number)
            yield number

    with closing(prefetched(values())) as ahead:
        assert next(ahead) == 0
        deadline = time.monotonic() + 10
        while len(computed) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.05)
        assert computed == [0, 1]
    assert not threads()
    assert computed == [0, 1]


def test_values_are_computed_by_one_thread_beside_the_consumer():
    names = set(prefetched(threading.current_thread().name for _ in range(5)))
    assert len(names) == 1
    assert threading.current_thread().name not in names


def test_an_error_is_raised_in_the_place_of_its_value():
    def values():
        yield 1
        raise MemoryError("too large")

    ahead = prefetched(values())
    assert next(ahead) == 1
    with pytest.raises(MemoryError, match="too large") as error:
        next(ahead)
    assert any(entry.name == "values" for entry in error.traceback)
    assert not threads()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_of_the_consumer_ends_the_thread(error):
    def consume():
        with closing(prefetched(iter(range(100)))) as ahead:
            for value in ahead:
                if value == 3:
                    raise error

    with pytest.raises(error):
        consume()
    assert not threads()
