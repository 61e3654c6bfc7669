"""The protocol of folds and seeds: leave speakers out, choose the number of epochs, refit on all recordings."""

import json
import shutil
from statistics import median

import numpy as np
import pytest
import torch

from helpers.command_line import fails, flags, run
from helpers.sweeps import pretend, train_in_process
from snnsim import experiment
from snnsim.experiment import datasets, evaluate_run, train_run
from snnsim.experiment.sweeps import evaluation, folds, process
from snnsim.experiment.sweeps.folds import Plan
from snnsim.experiment.sweeps.planned import Group, groups_in
from snnsim.experiment.sweeps.process import Outcome
from snnsim.files import write_json
from snnsim.learning import decisions
from snnsim.training.evaluation import wilson

pytestmark = pytest.mark.usefixtures("without_pictures")
PICTURES = experiment.plot_run.AFTER_TRAINING


@pytest.fixture(scope="module")
def protocol(tiny, tmp_path_factory):
    """Return the folder of two folds and two seeds, trained for all tests of a module."""
    folder = tmp_path_factory.mktemp("protocol") / "folds"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment.plot_run, "AFTER_TRAINING", ())
        train_in_process(patch)
        folds.train("shd", tiny, Plan(2, seeds=2), output=folder, jobs=1, device="cpu")
    return folder


def of(protocol, name):
    return next(group for group in groups_in(protocol) if group.path.name == name)


def test_every_fold_has_every_seed_and_refitted_networks_every_seed(protocol):
    assert [(run.fold, run.seed) for run in of(protocol, "folds").runs] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [(run.fold, run.seed) for run in of(protocol, "refit").runs] == [(None, 0), (None, 1)]


def test_the_folds_of_a_run_are_those_of_its_config(protocol):
    held_out = {}
    for one in of(protocol, "folds").runs:
        config = evaluate_run.config_of(one.folder)
        assert (config.data.folds, config.data.fold, config.training.seed) == (2, one.fold, one.seed)
        parts = datasets.load_splits(config, "train", "valid")
        speaker = parts["train"].binned.speaker
        assert set(speaker[parts["train"].indices]).isdisjoint(speaker[parts["valid"].indices])
        held_out[one.fold] = set(parts["valid"].indices.tolist())
    assert held_out[0].isdisjoint(held_out[1])
    assert held_out[0] | held_out[1] == set(range(90))


def test_refitted_networks_learn_all_recordings_for_the_median_of_the_best_epochs(protocol):
    best = [result["best_epoch"] for result in of(protocol, "folds").results]
    choice = json.loads((protocol / "choice.json").read_text())
    assert choice["epochs"] == int(median(best) + 0.5)
    for one in of(protocol, "refit").runs:
        config = evaluate_run.config_of(one.folder)
        rows = one.folder.read_metrics()
        assert len(rows) == choice["epochs"] == config.training.stop_after
        # schedules are those of the folds
        assert config.training.epochs == 3
        assert not any(name.startswith("valid") for row in rows for name in row)
        assert datasets.load_splits(config, "train")["train"].indices.tolist() == list(range(90))
        with pytest.raises(ValueError, match="the run has no validation recordings"):
            datasets.load_splits(config, "valid")
        last, stored = (torch.load(path, weights_only=True) for path in (one.folder.last, one.folder.best))
        assert stored["metrics"]["epoch"] == choice["epochs"]
        assert all(torch.equal(stored["network"][name], value) for name, value in last["network"].items())


def test_a_run_that_stops_early_is_the_beginning_of_the_long_one(tiny, tmp_path, train_once):
    long = train_once({}).read_metrics()
    short = experiment.train("shd", tiny | {"training.stop_after": 2}, output=tmp_path / "short", device="cpu")
    rows = short.read_metrics()
    assert len(rows) == 2
    for row, other in zip(rows, long, strict=False):
        assert {**row, "seconds": 0, "peak_bytes": 0} == {**other, "seconds": 0, "peak_bytes": 0}
    assert experiment.is_finished(short.path)


def test_no_more_epochs_than_those_of_the_schedules_are_trained(tiny, tmp_path):
    values = tiny | {"training.epochs": 1, "training.stop_after": 5}
    assert len(experiment.train("shd", values, output=tmp_path / "run", device="cpu").read_metrics()) == 1


@pytest.mark.parametrize(("best", "epochs"), [((1, 2, 10, 3), 3), ((4, 9, 5), 5), ((7,), 7), ((3, 4), 4)])
def test_the_choice_is_the_median_of_the_best_epochs(tmp_path, best, epochs):
    config = train_run.config_of("motifs").with_values({"training.epochs": 20, "training.patience": 6})
    trained = Group.of(tmp_path / "folds", "", config, seeds=tuple(range(len(best))), folds=None)
    for one, epoch in zip(trained.runs, best, strict=True):
        write_json(one.beside(".result.json"), {"best_epoch": epoch, "valid_accuracy": epoch / 100})
    refitted = config.with_values(folds._refit(trained, tmp_path))
    assert (refitted.training.stop_after, refitted.training.patience, refitted.data.validate) == (epochs, 0, False)
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert (choice["epochs"], choice["best_epochs"]) == (epochs, list(best))
    assert choice["valid_accuracy"] == pytest.approx(sum(best) / len(best) / 100)


def test_ensembles_sum_scores_fold_by_fold(tmp_path, monkeypatch):
    config = train_run.config_of("motifs")
    group = Group.of(tmp_path / "sweep" / "folds", "", config, seeds=(0, 1, 2), folds=2)
    group.write({})
    # the sum decides for class 1, the most votes and the largest score for class 0
    scores = {0: [[0.6, 0.5]], 1: [[0.6, 0.5]], 2: [[0.0, 0.5]]}
    for one in group.runs:
        write_json(one.beside(".result.json"), {"valid_accuracy": 0.5})
    monkeypatch.setattr(evaluation, "scored", lambda run, *_, **__: (np.array(scores[run.seed]), np.array([1])))
    (facts,) = evaluation.evaluate(tmp_path / "sweep", "valid")
    assert facts["accuracies"] == [0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    assert (facts["ensemble"]["correct"], facts["ensemble"]["total"]) == (2, 2)
    assert (facts["recordings"], facts["runs"], facts["mean"]) == (2, 6, pytest.approx(1 / 3))
    # an incomplete group says so, and a single network is no ensemble
    for one in group.runs[1:]:
        one.beside(".result.json").unlink()
    (facts,) = evaluation.evaluate(tmp_path / "sweep", "valid")
    assert (facts["runs"], facts["of"], facts["sd"], "ensemble" in facts) == (1, 6, None, False)
    assert evaluation.lines([facts])[0].endswith("5 runs are not finished")


def test_the_same_command_goes_on_and_adds_seeds(protocol, tiny, tmp_path, monkeypatch):
    folder = tmp_path / "copy"
    shutil.copytree(protocol, folder)
    runs = train_in_process(monkeypatch)
    folds.train("shd", tiny, Plan(2, seeds=2), output=folder, jobs=1, device="cpu")
    assert runs == []
    for name in ("folds/seed-1-fold-0", "refit/seed-0"):
        shutil.rmtree(folder / name)
        (folder / f"{name}.result.json").unlink()
    folds.train("shd", tiny, Plan(2, seeds=3, fold_seeds=2), output=folder, jobs=1, device="cpu")
    assert [f"{run.group.name}/{run.name}" for run in runs] == [
        "folds/seed-1-fold-0", "refit/seed-0", "refit/seed-2"
    ]  # fmt: skip
    for changed in (tiny | {"training.lr": 0.5}, tiny | {"network.dropout": 0.5}):
        with pytest.raises(ValueError, match="has runs with another config, or with 2 folds"):
            folds.train("shd", changed, Plan(2), output=folder, jobs=1, device="cpu")
    with pytest.raises(ValueError, match="has runs with another config, or with 2 folds"):
        folds.train("shd", tiny, Plan(3), output=folder, jobs=1, device="cpu")


def test_a_choice_that_networks_were_refitted_by_stays(protocol, tiny, tmp_path, monkeypatch):
    folder = tmp_path / "copy"
    shutil.copytree(protocol, folder)
    chosen = (folder / "choice.json").read_text()
    epochs = json.loads(chosen)["epochs"]
    for one in of(folder, "folds").runs:
        # a median of these would be another one
        write_json(one.beside(".result.json"), one.result | {"best_epoch": 3 if epochs == 1 else 1})
    runs = pretend(monkeypatch, lambda _: [0.5])
    folds.train("shd", tiny, Plan(2, seeds=3), output=folder, jobs=1, device="cpu")
    assert [one.name for one in runs] == ["seed-2-fold-0", "seed-2-fold-1", "seed-2"]
    assert [one.config.training.stop_after for one in of(folder, "refit").runs] == [epochs] * 3
    assert (folder / "choice.json").read_text() == chosen


@pytest.mark.parametrize(
    ("values", "plan", "read"),
    [
        ({"training.stop_after": 2}, Plan(None, seeds=2), [(2, True, None)] * 2),
        ({"data.validate": False}, Plan(None), [(None, False, None)]),
        ({"data.folds": 3, "data.fold": 1}, Plan(None), [(None, True, 3)]),
        ({"training.stop_after": 2}, Plan(2), [(2, True, 2), (2, True, 2), (1, False, None)]),
    ],
)
def test_values_of_the_command_reach_its_runs(tiny, tmp_path, monkeypatch, values, plan, read):
    runs = pretend(monkeypatch, lambda _: [0.5])
    folds.train("shd", tiny | values, plan, output=tmp_path / "folds", jobs=1, device="cpu")
    configs = [one.config for one in runs]
    assert [(one.training.stop_after, one.data.validate, one.data.folds) for one in configs] == read


@pytest.mark.parametrize("value", [{"data.folds": 3}, {"data.fold": 1}, {"data.validate": False}])
def test_values_that_the_folds_set_are_refused(tiny, tmp_path, value):
    with pytest.raises(ValueError, match=rf"--folds sets {next(iter(value))} for each of its runs; leave it out"):
        folds.train("shd", tiny | value, Plan(2), output=tmp_path / "folds", jobs=1, device="cpu")
    assert not (tmp_path / "folds").exists()


def test_speakers_are_left_out_one_at_a_time(tiny):
    config = train_run.config_of("shd").with_values(tiny)
    assert folds.number_of(config, "speakers") == 5
    with pytest.raises(ValueError, match="the training file has 5 speakers for 6 folds"):
        folds.number_of(config, 6)
    with pytest.raises(
        ValueError, match="a training file that names two speakers or more, and that of motifs does not"
    ):
        folds.number_of(train_run.config_of("motifs"), "speakers")
    # the validation file of a data set stays out of its folds
    assert folds.number_of(train_run.config_of("motifs"), 4) == 4


def test_a_failed_run_is_named_and_nothing_is_refitted(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "_trained", lambda *_: Outcome("failed", "the loss is nan"))
    with pytest.raises(
        ValueError, match=r"2 of 2 runs are not finished \(folds/seed-0-fold-0: failed; the loss is nan"
    ):
        folds.train("shd", tiny, Plan(2), output=tmp_path / "folds", jobs=1, device="cpu")
    assert not (tmp_path / "folds" / "refit").exists()


def scores_of(run, split):
    """Return scores and labels of a run, without the code of sweeps."""
    loaded = evaluate_run.load(run.folder.path, split)
    decide = decisions.get_decision(loaded.config.training.decision)
    frames, lengths = loaded.part.binned.dense(loaded.part.indices)
    with torch.no_grad():
        lengths = torch.from_numpy(lengths).long()
        scores = decide(loaded.network(torch.from_numpy(frames), lengths), loaded.network.valid(lengths))
    return scores.double().numpy(), loaded.part.binned.label[loaded.part.indices]


def test_statistics_are_over_networks_and_ensembles_stand_apart(protocol):
    (facts,) = evaluation.evaluate(protocol, "valid", device="cpu")
    accuracies, correct = [], 0
    for fold in range(2):
        scores, labels = zip(
            *(scores_of(run, "valid") for run in of(protocol, "folds").runs if run.fold == fold), strict=True
        )
        accuracies += [np.mean(one.argmax(1) == labels[0]) for one in scores]
        correct += np.sum(sum(scores).argmax(1) == labels[0])
    assert facts["configuration"] == "folds"
    np.testing.assert_allclose(facts["accuracies"], accuracies)
    assert facts["mean"] == pytest.approx(np.mean(accuracies))
    assert facts["sd"] == pytest.approx(np.std(accuracies, ddof=1))
    assert (facts["min"], facts["max"]) == pytest.approx((min(accuracies), max(accuracies)))
    # two seeds of the same recordings are no more recordings
    assert facts["recordings"] == 90
    assert facts["ci95"] == pytest.approx(wilson(round(np.mean(accuracies) * 90), 90))
    assert (facts["ensemble"]["correct"], facts["ensemble"]["total"], facts["ensemble"]["networks"]) == (correct, 90, 2)
    stored = [result["valid_accuracy"] for result in of(protocol, "folds").results]
    assert stored == pytest.approx(facts["accuracies"])


def test_test_recordings_are_for_refitted_networks_alone(protocol, capsys):
    facts = json.loads(run(capsys, "evaluate", str(protocol), "--split", "test", "--json"))
    assert [one["configuration"] for one in facts] == ["refit"]
    assert facts[0]["recordings"] == facts[0]["ensemble"]["total"] == 30
    text = run(capsys, "evaluate", str(protocol), "--split", "test")
    assert text.startswith("refit, test: mean ")
    assert text.splitlines()[1].startswith("  ensemble of 2 seeds by summed scores: ")
    alone = evaluate_run.evaluate(of(protocol, "refit").runs[0].folder.path, "test", device="cpu")
    assert alone["accuracy"] == pytest.approx(facts[0]["accuracies"][0])


def test_the_command_line(capsys, tiny, tmp_path, monkeypatch):
    runs = train_in_process(monkeypatch)
    words = ["train", "shd", "--output-dir", str(tmp_path / "seeds"), "--device", "cpu", *flags(tiny)]
    text = run(capsys, *words, "--seeds", "2", "--seed", "4", "--epochs", "1")
    assert text.splitlines()[-1].startswith(f"done: {tmp_path / 'seeds'}; next: snnsim evaluate")
    assert [one.name for one in runs] == ["seed-4", "seed-5"]
    assert [one.path.name for one in groups_in(tmp_path / "seeds")] == ["seeds"]
    for more, message in (
        (["--folds", "1"], "--folds must be speakers, or a number from 2 to 10,000, not 1"),
        (["--folds", "2", "--resume"], "repeat the command with --output-dir and without --resume"),
        (["--seeds", "2", "--fold-seeds", "2"], "--fold-seeds is the number of seeds of each fold, and needs --folds"),
        (["--seeds", "0"], "--seeds must be at least 1, not 0"),
    ):
        assert message in fails(capsys, *words, *more)
    assert "is the folder of a run; choose another" in fails(
        capsys,
        *[word if word != str(tmp_path / "seeds") else str(runs[0].folder.path) for word in words],
        "--seeds",
        "2",
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data.folds": 3, "data.fold": 3}, "data.fold must be below the number of folds, 3, not 3"),
        ({"data.fold": 1}, "data.fold must be below the number of folds"),
        ({"data.folds": 3, "data.validate": False}, "data.folds must be none without data.validate, not 3"),
        ({"data.validate": False, "training.patience": 3}, "training.patience must be 0 without data.validate, not 3"),
        (
            {"data.validate": False, "training.schedule": "plateau"},
            "training.schedule.kind must be another than plateau without data.validate, not 'plateau'",
        ),
    ],
)
def test_contradictory_configs_are_named(values, message):
    with pytest.raises(ValueError, match=message):
        train_run.config_of("motifs").with_values(values)


def test_pictures_of_a_refitted_run_show_a_training_recording(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(experiment.plot_run, "AFTER_TRAINING", PICTURES)
    values = tiny | {"training.epochs": 1, "data.validate": False}
    folder = experiment.train("shd", values, output=tmp_path / "run", device="cpu")
    assert experiment.plot_run.missing(folder, evaluate_run.config_of(folder)) == []
