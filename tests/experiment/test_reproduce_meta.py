"""The experiment runs cell by cell, can be continued, and reports the results of the cells."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from snnsim import cli
from snnsim.experiment import meta
from snnsim.experiment.meta import learners, reporting, running, settings, tasks
from snnsim.experiment.meta.settings import Budget, Cell, Trial
from snnsim.nn import LIF

TINY = Budget(
    sources=("bernoulli",), neurons=("lif",), seeds=1, trials=1, epochs=1, train=12, valid=6, test=8, hidden=6
)
CHOICE = learners.Choice("lif", False, Trial(0.01, 1.0, 5.0, 0.1), 0)


def test_all_cells_are_run_once_and_reported(tmp_path, monkeypatch):
    calls = []
    run = running.run
    monkeypatch.setattr(running, "run", lambda cell, *rest: calls.append(cell) or run(cell, *rest))
    folder = meta.reproduce(TINY, tmp_path, progress=False)
    assert calls == settings.cells(TINY)
    assert len(calls) == len(set(calls)) == 1 + 3 * 2
    with (folder / "results.csv").open() as file:
        lines = list(csv.DictReader(file))
    # STDP has no decision of its own, nor have the source's own trains
    assert len(lines) == 2 + 2 * (3 + 2 + 3)
    assert {line["decision"] for line in lines} == set(settings.DECISIONS)
    assert "| bernoulli | lif | tempotron | own |" in (folder / "table.md").read_text()
    assert (folder / "gains.png").stat().st_size > 10_000


def test_a_killed_experiment_is_continued(tmp_path, monkeypatch):
    run, count = running.run, 0

    def killed(*arguments):
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return run(*arguments)

    monkeypatch.setattr(running, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        meta.reproduce(TINY, tmp_path / "killed", progress=False)
    saved = {path.name: path.read_bytes() for path in (tmp_path / "killed" / "cells").iterdir()}
    assert len(saved) == 3
    count = 4
    meta.reproduce(TINY, tmp_path / "killed", progress=False)
    assert count == 4 + 4
    for name, content in saved.items():
        assert (tmp_path / "killed" / "cells" / name).read_bytes() == content
    monkeypatch.setattr(running, "run", run)
    meta.reproduce(TINY, tmp_path / "uninterrupted", progress=False)
    assert decided(tmp_path / "killed") == decided(tmp_path / "uninterrupted")


def decided(folder):
    return {path.name: json.loads(path.read_text())["decisions"] for path in (folder / "cells").iterdir()}


def test_other_settings_are_refused_but_more_seeds_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "run", lambda cell, *_: row_of(cell, 0.5))
    meta.reproduce(TINY, tmp_path, progress=False)
    with pytest.raises(ValueError, match="holds an experiment with other trials, epochs; take these again"):
        meta.reproduce(replace(TINY, trials=2, epochs=2), tmp_path, progress=False)
    meta.reproduce(replace(TINY, seeds=2), tmp_path, progress=False)
    assert len(list((tmp_path / "cells").iterdir())) == 14
    saved = json.loads((tmp_path / "settings.json").read_text())
    assert (saved["budget"]["seeds"], saved["seed"]) == (2, 0)


def test_a_source_that_is_named_twice_counts_once(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "run", lambda cell, *_: row_of(cell, 0.5 + cell.seed / 10))
    once, twice = (
        (meta.reproduce(replace(TINY, sources=sources, seeds=2), tmp_path / str(len(sources)), progress=False))
        for sources in (("bernoulli",), ("bernoulli", "bernoulli"))
    )
    assert (twice / "table.md").read_text() == (once / "table.md").read_text()
    assert (twice / "results.csv").read_text() == (once / "results.csv").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "must be a JSON file, and is damaged"), ("[]", "is of no experiment"), ("{}", "is of no experiment")],
)
def test_settings_of_something_else_are_named(tmp_path, content, message):
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(ValueError, match=rf"reproduce: .*settings\.json {message}"):
        meta.reproduce(TINY, tmp_path, progress=False)
    assert (tmp_path / "settings.json").read_text() == content


def row_of(cell, test):
    result = {"valid": test, "test": test, "trial": {"rate": 0.01}}
    return cell._asdict() | {"decisions": {"rate": result, "lz": result}, "seconds": 2.0}


def test_the_table_has_means_gains_and_intervals():
    """Gains of 0.1 and 0.2: 15 points, ± 12.706 · 10 / 2 points (Student's t, one degree of freedom)."""
    rows = [row_of(Cell("markov", "none", "none", False, seed), 0.5) for seed in (0, 1)]
    for seed, fixed, learned in ((0, 0.6, 0.7), (1, 0.6, 0.8)):
        rows.append(row_of(Cell("markov", "lif", "stdp", False, seed), fixed))
        rows.append(row_of(Cell("markov", "lif", "stdp", True, seed), learned))
    table = reporting.table(rows)
    assert "| markov | 50.0 ± 0.0 | 50.0 ± 0.0 |" in table
    wanted = "| markov | lif | stdp | lz | 60.0 ± 0.0 | 75.0 ± 7.1 | +15.0 (-48.5 to +78.5) | 2.0 / 2.0 |"
    assert wanted in table


def test_the_best_by_validation_is_tested_and_no_other(monkeypatch):
    valid = {0.1: [1, 1, 0, 0], 0.2: [1, 1, 1, 0], 0.3: [1, 1, 1, 0]}
    chosen = [Trial(rate, 1.0, 5.0, 0.1) for rate in valid]
    monkeypatch.setattr(running, "trials", lambda *_: chosen)
    parts = [tasks.Part(np.zeros((3, 4, 1), np.float32), np.ones(4, int), first) for first in (0, 4, 8)]
    tested = []

    def learned(_, __, trial, ___):
        def predict(part):
            if part is parts[2]:
                tested.append(trial.rate)
            return np.array(valid[trial.rate])

        return learners.Learned(None, predict)

    monkeypatch.setattr(running, "_learned", learned)
    monkeypatch.setattr(running, "_predictors", lambda learned, _: {"own": learned.own})
    result = running.run(Cell("markov", "lif", "stdp", False, 0), tasks.Task(*parts, 2), TINY)
    assert result["decisions"]["own"]["valid"] == 0.75
    assert result["decisions"]["own"]["trial"]["rate"] == 0.2
    assert tested == [0.2]


def test_both_sides_have_the_same_trials_and_recordings():
    assert settings.trials(replace(TINY, trials=5), 3)[:2] == settings.trials(replace(TINY, trials=2), 3)
    assert settings.trials(TINY, 3) != settings.trials(TINY, 4)
    for trial in settings.trials(replace(TINY, trials=200), 0):
        assert 1e-3 <= trial.rate <= 5e-2
        assert 1.2 <= trial.tau <= 20
    first, second = (tasks.make("poisson", (4, 3, 2), 7) for _ in range(2))
    for one, other in zip(first[:3], second[:3], strict=True):
        np.testing.assert_array_equal(one.spikes, other.spikes)
    assert [part.first for part in first[:3]] == [0, 4, 7]


@pytest.mark.parametrize(("source", "tells"), [("bernoulli", True), ("markov", False), ("poisson", False)])
def test_spike_counts_tell_only_the_classes_of_bernoulli(source, tells):
    """Counts over the whole time tell the classes of the first source alone."""
    task = tasks.make(source, (600, 600, 2), 0)
    count = [part.spikes.sum(0) for part in (task.train, task.valid)]
    mean = [count[0][task.train.label == number].mean(0) for number in (0, 1)]
    near = ((count[1] - mean[1]) ** 2).sum(1) < ((count[1] - mean[0]) ** 2).sum(1)
    accuracy = (near == task.valid.label).mean()
    assert (accuracy > 0.8) if tells else (abs(accuracy - 0.5) < 0.1)


@pytest.mark.parametrize("source", tasks.ENCODERS)
def test_pictures_are_split(source):
    task = tasks.make(source, (50, 20, 10), 0)
    assert task.classes == 10
    assert task.train.spikes.shape == (100, 50, 64)
    assert [len(part.label) for part in task[:3]] == [50, 20, 10]
    with pytest.raises(ValueError, match="there are 1797 pictures, fewer than 2000"):
        tasks.make(source, (1000, 500, 500), 0)


@pytest.mark.parametrize("neuron", settings.NEURONS)
@pytest.mark.parametrize("rule", settings.RULES)
def test_every_rule_learns_every_neuron(neuron, rule):
    """Learned parameters begin where fixed ones stay; the trains are a function of the seed."""
    task = tasks.make("bernoulli", (12, 6, 8), 0)
    for is_learned in (False, True):
        choice = learners.Choice(neuron, is_learned, Trial(0.02, 3.0, 4.0, 0.2), 1)
        result, second = (learners.LEARNERS[rule](task, choice, TINY).trains(task.test) for _ in range(2))
        assert result.shape == (100, 8, 6 if rule != "tempotron" else 2)
        np.testing.assert_array_equal(result, second)


@pytest.mark.parametrize("neuron", settings.NEURONS)
def test_fixed_parameters_stay_and_learned_ones_move(neuron):
    def own(learned):
        choice = CHOICE._replace(neuron=neuron, learned=learned)
        return dict(learners.neuron(choice, sources=3, features=2).named_parameters())

    assert own(False) == {}
    assert own(True)


def test_excitability_brings_neurons_to_their_share():
    """Neurons that hardly fire come nearer to 0.1 spikes a step when their excitability is learned."""
    task = tasks.make("bernoulli", (60, 6, 40), 0)
    rate = {}
    for is_learned in (False, True):
        choice = learners.Choice("lif", is_learned, Trial(0.02, 0.5, 1.5, 0.1), 1)
        rate[is_learned] = learners.by_timing(task, choice, replace(TINY, epochs=8)).trains(task.test).mean()
    assert rate[False] < 0.01
    assert abs(rate[True] - 0.1) < 0.05


def test_a_tempotron_learns_its_training_recordings():
    task = tasks.make("bernoulli", (100, 10, 100), 0)
    choice = learners.Choice("lif", False, Trial(0.02, 1.0, 20.0, 0.1), 1)
    result = learners.tempotron(task, choice, replace(TINY, epochs=15))
    assert (result.own(task.train) == task.train.label).mean() > 0.75


def test_the_command_reproduce(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(meta.BUDGETS, "small", replace(TINY, rules=("tempotron",)))
    cli.main(["reproduce", "meta", "--output-dir", str(tmp_path / "run"), "--seeds", "2"])
    assert "| bernoulli | lif | tempotron | lz |" in capsys.readouterr().out
    assert len(list((tmp_path / "run" / "cells").iterdir())) == 6
    cli.main(["reproduce", "meta", "--output-dir", str(tmp_path / "other"), "--sources", "poisson", "--seeds", "1"])
    shown = capsys.readouterr().out
    assert "| poisson | lif | tempotron | lz |" in shown
    assert "bernoulli" not in shown
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "meta", "--output-dir", str(tmp_path / "run"), "--trials", "0"])
    assert "--trials must be at least 1, not 0" in capsys.readouterr().err


def test_unknown_neurons_and_sources_are_refused():
    with pytest.raises(ValueError, match="neurons izhikevich are unknown; the known ones are lif, meta, levy-baxter"):
        replace(TINY, neurons=("izhikevich",))
    with pytest.raises(ValueError, match="source 'gamma' is unknown; the known ones are bernoulli"):
        tasks.make("gamma", (1, 1, 1), 0)


def test_first_parameters_are_those_of_the_trial():
    result = learners.neuron(CHOICE, sources=3, features=2)
    assert isinstance(result, LIF)
    assert torch.isclose(result.decay(), torch.tensor(0.8)).all()
