"""Values of options by their names of before: they work, and the new ones are said."""

import pytest

from snnsim.cli import options


@pytest.mark.parametrize(
    ("words", "new"),
    [
        (["simulate", "a.snn", "--engine", "touched"], ["simulate", "a.snn", "--engine", "event_driven"]),
        (["simulate", "--engine=clock", "a.snn"], ["simulate", "--engine=clock_driven", "a.snn"]),
        (["evaluate", "run", "--engine", "event", "--json"], ["evaluate", "run", "--engine", "simulator", "--json"]),
    ],
)
def test_old_values_become_the_new_ones(words, new, capsys):
    assert options.renamed(words) == new
    said = capsys.readouterr().err
    assert said.startswith("snnsim: --engine ")
    assert " is now --engine " in said


@pytest.mark.parametrize("words", [[], ["--engine"], ["simulate", "event", "--engine", "clock_driven"]])
def test_all_else_stays(words, capsys):
    assert options.renamed(words) == words
    assert capsys.readouterr().err == ""
