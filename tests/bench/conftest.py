"""Fixtures of the tests of the benchmarks."""

import pytest

from snnsim.bench import isolated


@pytest.fixture
def in_this_process(monkeypatch):
    """Measure in this process, which saves the seconds of a start."""
    monkeypatch.setattr(isolated, "call", lambda function, *arguments, **_: function(*arguments))
