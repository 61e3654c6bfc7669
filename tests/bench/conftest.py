"""What the tests of the benchmarks share."""

import pytest

from snnsim.bench import fresh


@pytest.fixture
def here(monkeypatch):
    """Measure in this process, which saves seconds."""
    monkeypatch.setattr(fresh, "call", lambda function, *arguments, **_: function(*arguments))
