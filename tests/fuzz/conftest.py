"""Prints how many inputs each fuzzer has tried."""

import pytest

from helpers.fuzzing import Tally


@pytest.fixture
def tally(record_property):
    """Return the counts of one fuzzer; a fuzzer that tried nothing fails."""
    tally = Tally()
    record_property("fuzz", tally.counts)
    yield tally
    assert tally.tried, "no input was tried"


def pytest_terminal_summary(terminalreporter):
    """Print a line for each fuzzer."""
    reports = terminalreporter.getreports("passed")
    rows = [(report.nodeid, dict(report.user_properties)["fuzz"]) for report in reports if report.user_properties]
    if rows:
        terminalreporter.section("inputs tried")
    for name, counts in rows:
        text = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()))
        terminalreporter.write_line(f"{name}: {sum(counts.values())} inputs: {text}")
