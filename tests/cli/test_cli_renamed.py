"""Old names of options and values work, with a note that says the new ones."""

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
def test_old_names_become_the_new_ones(words, new, capsys):
    assert options.renamed(words) == new
    said = capsys.readouterr().err
    assert said.startswith("snnsim: --engine ")
    assert " is now --engine " in said


@pytest.mark.parametrize(
    ("words", "new"),
    [
        (["bench", "--peer", "recipe", "snntorch"], ["bench", "--baseline", "recipe", "snntorch"]),
        (["bench", "--peer=recipe"], ["bench", "--baseline=recipe"]),
    ],
)
def test_old_options_become_the_new_ones(words, new, capsys):
    assert options.renamed(words) == new
    assert capsys.readouterr().err == "snnsim: --peer is now --baseline\n"


@pytest.mark.parametrize("words", [[], ["--engine"], ["simulate", "event", "--engine", "clock_driven"]])
def test_other_words_are_unchanged(words, capsys):
    assert options.renamed(words) == words
    assert capsys.readouterr().err == ""
