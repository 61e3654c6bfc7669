"""Fixtures of the tests of the benchmarks."""

import importlib
from pathlib import Path

import pytest

from snnsim.bench import isolated

SCRIPTS = Path(__file__).parents[2] / "scripts" / "bench"


@pytest.fixture
def bench_script(monkeypatch):
    """Return the function that imports a script of scripts/bench by its name."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


@pytest.fixture
def in_this_process(monkeypatch):
    """Measure in this process, which saves the seconds of a start."""
    monkeypatch.setattr(isolated, "call", lambda function, *arguments, **_: function(*arguments))
