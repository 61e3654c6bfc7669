"""What the tests of the benchmarks share."""

import pytest

from snnsim.bench import isolated


@pytest.fixture
def here(monkeypatch):
    """Measure in this process, which saves seconds."""
    monkeypatch.setattr(isolated, "call", lambda function, *arguments, **_: function(*arguments))
