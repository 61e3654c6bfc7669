"""Fixtures of the tests of verification."""

import importlib

import pytest

from helpers.forked_backends import ForkedBackends

VERIFY = importlib.import_module("snnsim.verification.verify")


@pytest.fixture(scope="session")
def forked_backends():
    """Return processes that have imported the backends."""
    forked = ForkedBackends()
    yield forked
    forked.close()


@pytest.fixture
def imported_backends(forked_backends, monkeypatch):
    """Run backends in forks of processes that have imported them; NEST starts MPI, which no fork may use."""
    alone = VERIFY._process

    def process(command, variables, seconds):
        has_nest = any(name in command[1] for name in ("nest", "bmtk"))
        run = alone if has_nest or len(command) != 5 else forked_backends.run
        return run(command, variables, seconds)

    monkeypatch.setattr(VERIFY, "_process", process)
