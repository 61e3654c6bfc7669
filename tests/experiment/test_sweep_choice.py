"""The configuration that is evaluated with the test recordings, and how often a recording counts there."""

import re

import numpy as np
import pytest

from snnsim.experiment import train_run
from snnsim.experiment.sweeps import chosen, evaluation
from snnsim.experiment.sweeps.planned import Group, groups_in
from snnsim.files import write_json
from snnsim.training.evaluation import wilson


def trial(folder, number, *, seeds=(0,), folds=None, **result):
    """Write the results of a trial, as if it had been trained."""
    config = train_run.config_of("motifs")
    group = Group.of(folder / f"trial-{number}", "", config, seeds=seeds, folds=folds)
    group.write({})
    for run in group.runs:
        write_json(run.beside(".result.json"), result)


@pytest.mark.parametrize(("direction", "best"), [("maximize", "trial-1"), ("minimize", "trial-0")])
def test_the_best_trial_by_the_first_objective_is_chosen(tmp_path, direction, best):
    for number, value in enumerate((0.2, 0.8, 0.5)):
        trial(tmp_path, number, **{"valid_speaker accuracy": value})
    write_json(tmp_path / "sweep.json", {"name": "sweep", "objectives": [["valid_speaker accuracy", direction]]})
    assert [group.path.name for group in chosen.for_test(tmp_path, groups_in(tmp_path))] == [best]


def test_a_single_configuration_needs_no_metric_to_be_chosen(tmp_path):
    trial(tmp_path, 0, valid_mse=0.5)
    assert [group.path.name for group in chosen.for_test(tmp_path, groups_in(tmp_path))] == ["trial-0"]
    trial(tmp_path, 1, valid_mse=0.4)
    with pytest.raises(ValueError, match="the objective valid_accuracy is no metric of the runs; those are valid_mse"):
        chosen.for_test(tmp_path, groups_in(tmp_path))


def test_a_test_recording_counts_once_for_all_folds(tmp_path, monkeypatch):
    trial(tmp_path, 0, seeds=(0, 1), folds=2, valid_accuracy=0.5)
    label = np.arange(20) % 2
    # the networks of the first fold decide all recordings correctly, those of the second one half of them
    scores = {0: np.eye(2)[label], 1: np.eye(2)[np.zeros(20, int)]}
    monkeypatch.setattr(evaluation, "scored", lambda run, *_, **__: (scores[run.fold], label))
    (facts,) = evaluation.evaluate(tmp_path, "test")
    many = facts["ensemble"]
    assert (many["correct"], many["total"], many["recordings"], many["accuracy"]) == (30, 40, 20, 0.75)
    assert many["ci95"] == facts["ci95"] == list(wilson(15, 20))
    (line,) = evaluation.lines([facts])[1:]
    assert re.search(r"75\.00% \(30 of 40 decisions about 20 recordings, 95 % interval", line)
    # the validation recordings of folds are different ones
    (facts,) = evaluation.evaluate(tmp_path, "valid")
    assert facts["ensemble"]["ci95"] == list(wilson(30, 40))
    assert "(30 of 40, 95 % interval" in evaluation.lines([facts])[1]
