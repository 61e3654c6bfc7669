"""How the trials of a sweep are compared: by the same runs, and by metrics that are numbers."""

import json

import pytest

from helpers.sweeps import inline, pretend, write_spec
from snnsim.experiment import train_run
from snnsim.experiment.sweeps import chosen, folds, opening, spec, sweep
from snnsim.experiment.sweeps.planned import Group, groups_in
from snnsim.files import write_json

pytest.importorskip("optuna")


def run(path):
    return sweep.run(path, jobs=1, device="cpu", retry=False)


def test_a_good_first_seed_does_not_keep_a_bad_second_one(monkeypatch, tmp_path):
    def result(run):
        return [0.9 if run.seed == 0 else 0.1] if run.config.network.taps == 3 else [0.8]

    runs = pretend(monkeypatch, result)
    path = write_spec(
        tmp_path, target='"motifs"', seeds=3, parameters=inline({"network.taps": [1, 2, 3]}),
        pruning="{startup_trials = 2}",
    )  # fmt: skip
    run(path)
    trials = opening.opened(spec.load(path)).trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE", "PRUNED"]
    # the mean over both seeds, 0.5, is below the median of the others
    assert [one.seed for one in runs if one.config.network.taps == 3] == [0, 1]


def test_trials_with_other_numbers_of_epochs_are_compared_by_the_same_runs(monkeypatch, tmp_path):
    # seeds are level in all epochs, and the mean over both is better than the first seed alone
    def result(run):
        return [0.5] * run.config.training.epochs if run.seed == 0 else [0.9]

    pretend(monkeypatch, result)
    path = write_spec(
        tmp_path, target='"motifs"', seeds=2, parameters=inline({"training.epochs": [2, 3, 4], "network.taps": [1]}),
        pruning="{startup_trials = 2}",
    )  # fmt: skip
    run(path)
    trials = opening.opened(spec.load(path)).trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 3
    assert [set(trial.intermediate_values) for trial in trials] == [{0, 1, 4}, {0, 1, 2, 4}, {0, 1, 2, 3, 4}]


def test_a_trial_whose_objective_is_no_number_has_failed(monkeypatch, tmp_path):
    runs = pretend(monkeypatch, lambda run: [float("nan") if run.seed else 0.5])
    values = {"target": '"motifs"', "sampler": '"random"', "trials": 1, "seeds": 2}
    path = write_spec(tmp_path, parameters=inline({"network.taps": [1, 2]}), **values)
    lines, _ = run(path)
    assert "failed" in lines[1]
    assert "the objective valid_accuracy is no number in the best epoch of a run" in lines[1]
    # the trial counts as one, so that the same command draws no other
    run(path)
    assert len(runs) == 2


def test_folds_whose_metric_is_undefined_choose_and_are_refitted(tmp_path):
    config = train_run.config_of("motifs").with_values({"training.epochs": 20})
    trained = Group.of(tmp_path / "folds", "", config, seeds=(0, 1), folds=None)
    for one, r2 in zip(trained.runs, (float("nan"), 0.5), strict=True):
        write_json(one.beside(".result.json"), {"best_epoch": 4, "valid_mse": 0.1, "valid_r2": r2})
    assert folds._refit(trained, tmp_path)["training.stop_after"] == 4
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert choice == {"epochs": 4, "best_epochs": [4, 4], "valid_mse": pytest.approx(0.1)}


def test_a_configuration_without_a_number_is_not_chosen(tmp_path):
    for number, value in enumerate((float("nan"), 0.4, 0.3)):
        group = Group.of(tmp_path / f"trial-{number}", "", train_run.config_of("motifs"), seeds=(0,), folds=None)
        group.write({})
        write_json(group.runs[0].beside(".result.json"), {"valid_r2": value})
    write_json(tmp_path / "sweep.json", {"name": "sweep", "objectives": [["valid_r2", "maximize"]]})
    assert [group.path.name for group in chosen.for_test(tmp_path, groups_in(tmp_path))] == ["trial-1"]
