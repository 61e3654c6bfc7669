"""The study of a sweep: which runs are carried out, by how many workers, and what a kill leaves behind."""

import itertools
import sys
import threading
from statistics import mean

import pytest

from helpers.sweeps import inline, pretend, write_spec
from snnsim.experiment.sweeps import opening, pareto, spec, sweep, workers
from snnsim.experiment.sweeps.process import Outcome, Watch
from snnsim.experiment.sweeps.spec import Objective
from snnsim.experiment.sweeps.workers import work
from snnsim.files import write_json

optuna = pytest.importorskip("optuna")
IDLE = Watch(lambda: False, lambda _: False)
GRID = {"network.taps": [1, 2], "training.lr": [0.1, 0.2, 0.3]}


@pytest.fixture
def grid(tmp_path):
    """Return the path of a spec of a grid with two seeds."""
    return write_spec(tmp_path, target='"motifs"', seeds=2, parameters=inline(GRID))


def run(path, **options):
    return sweep.run(path, **({"jobs": 1, "device": "cpu", "retry": False} | options))


def points(runs):
    return [(run.config.network.taps, run.config.training.lr, run.seed) for run in runs]


PRODUCT = list(itertools.product(*GRID.values(), (0, 1)))


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_grid_is_trained_once_at_every_point_and_seed(monkeypatch, grid, jobs):
    runs = pretend(monkeypatch, lambda run: [run.config.training.lr + run.seed / 100])
    lines, troubles = run(grid, jobs=jobs)
    assert sorted(points(runs)) == PRODUCT
    if jobs == 1:
        assert points(runs) == PRODUCT
    assert not troubles
    opened = opening.opened(spec.load(grid), create=False)
    for trial in opened.trials():
        assert trial.state.name == "COMPLETE"
        assert trial.value == pytest.approx(opened.values(trial)["training.lr"] + 0.005)
    assert [line.split()[:2] for line in lines if " * " in line] == [["2", "*"], ["5", "*"]]
    # nothing is left to do
    run(grid)
    assert len(runs) == len(PRODUCT)
    assert sweep.show(grid) == lines


def test_two_processes_share_one_journal(monkeypatch, grid):
    barrier = threading.Barrier(2, timeout=60)

    def together(_run):
        # each of the first two runs waits for the other, so that both workers have one
        if len(runs) <= 2:
            barrier.wait()
        return [0.5]

    runs = pretend(monkeypatch, together)
    # studies opened apart share the file alone, as processes and machines do
    tasks = [sweep.Trials(opening.opened(spec.load(grid))) for _ in range(2)]
    threads = [threading.Thread(target=work, args=(task,), kwargs={"jobs": 1, "device": "cpu"}) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    finished = [trial.number for trial in opening.opened(spec.load(grid)).trials("COMPLETE")]
    assert finished == list(range(6))
    assert sorted(set(points(runs))) == PRODUCT


def test_the_next_command_goes_on_after_a_kill(monkeypatch, grid):
    def killed(run):
        if (run.config.training.lr, run.seed) == (0.2, 1):
            raise ProcessLookupError
        return [0.5]

    runs = pretend(monkeypatch, killed)
    _, troubles = run(grid)
    assert [line.partition(";")[0] for line in troubles] == ["trial-0001/seed-1: killed", "trial-0004/seed-1: killed"]
    running = opening.opened(spec.load(grid)).trials("RUNNING")
    assert [trial.number for trial in running] == [1, 4]
    rest = pretend(monkeypatch, lambda _: [0.5])
    assert run(grid)[1] == []
    assert points(rest) == [(1, 0.2, 1), (2, 0.2, 1)]
    assert len(runs) == len(PRODUCT)
    assert len(opening.opened(spec.load(grid)).trials("COMPLETE")) == 6


def test_a_trial_whose_worker_was_killed_while_it_took_it_is_replaced(monkeypatch, tmp_path):
    bounds = inline({"training.lr": {"low": 0.1, "high": 0.2}, "network.taps": [1, 2]})
    path = write_spec(tmp_path, target='"motifs"', sampler='"random"', trials=3, parameters=bounds)
    opened = opening.opened(spec.load(path))
    # what is left of a process that was killed after the first of two values
    opened.optuna.ask({"training.lr": optuna.distributions.FloatDistribution(0.1, 0.2)})
    runs = pretend(monkeypatch, lambda _: [0.5])
    run(path)
    assert len(runs) == 3
    states = [trial.state.name for trial in opened.trials()]
    assert states == ["FAIL", "COMPLETE", "COMPLETE", "COMPLETE"]
    run(path)
    assert len(opened.trials()) == 4


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_an_interrupted_search_draws_the_same_values(monkeypatch, tmp_path, sampler):
    bounds = {"training.lr": {"low": 0.001, "high": 1.0, "log": True}, "network.taps": {"low": 1, "high": 9}}
    drawn = []
    for name in ("straight", "interrupted"):
        folder = tmp_path / name
        folder.mkdir()
        path = write_spec(folder, target='"motifs"', sampler=f'"{sampler}"', trials=13, parameters=inline(bounds))
        runs = pretend(monkeypatch, lambda run: [run.config.training.lr])
        if name == "interrupted":
            task = sweep.Trials(opening.opened(spec.load(path)))
            for _ in range(5):
                begun = task.next()
                if begun is not None and begun.group.name != "trial-0004":
                    task.settle(begun, workers.carry_out(begun, IDLE))
        run(path)
        drawn.append(sorted({(one.group.name, one.config.training.lr, one.config.network.taps) for one in runs}))
    assert drawn[0] == drawn[1]
    assert len({rate for _, rate, _ in drawn[0]}) == 13


def test_more_trials_are_added_and_other_changes_refused(monkeypatch, tmp_path):
    runs = pretend(monkeypatch, lambda _: [0.5])
    values = {"target": '"motifs"', "sampler": '"random"', "parameters": inline({"network.taps": [1, 2]})}
    run(write_spec(tmp_path, trials=2, **values))
    run(write_spec(tmp_path, trials=5, **values))
    assert len(runs) == 5
    for changed in ({"seeds": 2}, {"set": inline({"training.epochs": 3})}, {"objectives": '["valid_loss"]'}):
        with pytest.raises(ValueError, match="was begun with other"):
            run(write_spec(tmp_path, trials=5, **(values | changed)))
    assert len(runs) == 5


def test_bad_trials_are_pruned_by_the_same_runs_of_others(monkeypatch, tmp_path):
    def result(run):
        level = {1: 0.5, 2: 0.6, 3: 0.1, 4: 0.7}[run.config.network.taps]
        return [level + epoch / 100 for epoch in range(4)]

    runs = pretend(monkeypatch, result)
    path = write_spec(
        tmp_path, target='"motifs"', seeds=2, parameters=inline({"network.taps": [1, 2, 3, 4]}),
        pruning="{startup_trials = 2, warmup_epochs = 1}",
    )  # fmt: skip
    run(path)
    trials = opening.opened(spec.load(path)).trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]
    # the third trial is pruned in the epoch after the warm-up, and its second seed is not trained
    assert [(one.config.network.taps, one.seed) for one in runs] == [
        (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (4, 0), (4, 1)
    ]  # fmt: skip
    assert list(trials[2].intermediate_values) == [1]
    epochs = runs[0].config.training.epochs
    # the second seed goes on behind the epochs of the first, with the mean over both
    expected = {1: 0.51, 2: 0.52, 3: 0.53} | {epochs + 1 + n: mean([0.53, 0.51 + n / 100]) for n in range(3)}
    assert trials[0].intermediate_values == pytest.approx(expected)


@pytest.mark.parametrize("ends", ["finish", "report", "prune", "fail"])
def test_a_trial_that_another_worker_has_just_ended_stays_as_it_is(monkeypatch, grid, ends):
    mine, other = (opening.opened(spec.load(grid)) for _ in range(2))
    group = mine.begin()
    for run in group.runs:
        write_json(run.beside(".result.json"), {"seed": run.seed, "fold": None, "valid_accuracy": 0.5})

    # Optuna reads the state of a trial before it writes; the other worker ends the trial in between
    def ended_by_the_other(function):
        def called(*arguments):
            other.finish(group, 0)
            return function(*arguments)

        return called

    written = {"finish": "set_trial_state_values", "report": "set_trial_intermediate_value"}
    name = written.get(ends, "set_trial_state_values" if ends == "prune" else "set_trial_user_attr")
    monkeypatch.setattr(mine.storage, name, ended_by_the_other(getattr(mine.storage, name)))
    if ends == "finish":
        mine.finish(group, 0)
    elif ends == "report":
        assert mine.report(0, {0: 0.4, 1: 0.6})
    else:
        mine.end(0, error=None if ends == "prune" else "the loss is nan")
    for opened in (mine, other):
        trial = opened.trials()[0]
        assert (trial.state.name, trial.values, trial.intermediate_values) == ("COMPLETE", [0.5], {})
        assert "error" not in trial.user_attrs


@pytest.mark.parametrize("error", ["the loss is nan", None])
def test_runs_of_a_trial_that_has_ended_stop(grid, error):
    task = sweep.Trials(opening.opened(spec.load(grid)))
    first, second = task.next(), task.next()
    assert first.group == second.group
    rows = [{"valid_accuracy": 0.5}]
    assert not task.prune(second, rows)
    task.settle(first, Outcome("pruned") if error is None else Outcome("failed", error))
    assert task.prune(second, rows)
    task.settle(second, Outcome("pruned"))
    trial = task.study.trials()[0]
    assert (trial.state.name, trial.user_attrs.get("error")) == ("PRUNED" if error is None else "FAIL", error)


def test_a_study_whose_beginning_was_killed_has_its_folds(tmp_path):
    path = write_spec(tmp_path, target='"motifs"', folds=2)
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "journal.log").touch()
    assert opening.opened(spec.load(path)).folds == 2
    # later workers do not read the data
    assert opening.opened(spec.load(path)).folds == 2


def test_a_failed_trial_is_named_and_tried_again_on_request(monkeypatch, grid):
    def failing(run):
        if run.config.training.lr == 0.3:
            raise ValueError("the loss is nan")
        return [0.5]

    runs = pretend(monkeypatch, failing)
    lines, troubles = run(grid)
    assert troubles == ["trial-0002/seed-0: failed; the loss is nan", "trial-0005/seed-0: failed; the loss is nan"]
    assert any(line.endswith("training.lr=0.3: the loss is nan") and "failed" in line for line in lines)
    run(grid)
    assert len(runs) == 10
    rest = pretend(monkeypatch, lambda _: [0.5])
    run(grid, retry=True)
    assert points(rest) == [point for point in PRODUCT if point[1] == 0.3]
    run(grid, retry=True)
    assert len(rest) == 4


def test_a_sweep_whose_first_trainings_all_fail_begins_no_other(monkeypatch, grid):
    def failing(_):
        raise ValueError("there is no train file")

    runs = pretend(monkeypatch, failing)
    with pytest.raises(ValueError, match=r"the first 3 trainings failed, and no other is begun: trial-0002.*no train"):
        run(grid)
    assert len(runs) == 3


def test_runs_of_a_sweep_whose_journal_is_gone_are_not_taken_for_others(monkeypatch, grid, tmp_path):
    runs = pretend(monkeypatch, lambda _: [0.5])
    run(grid)
    (tmp_path / "sweep" / "journal.log").unlink()
    with pytest.raises(ValueError, match=r"trial-0000 is of another sweep, whose journal\.log is gone"):
        run(grid)
    assert len(runs) == len(PRODUCT)


def test_an_objective_that_no_run_has_is_named(monkeypatch, tmp_path):
    pretend(monkeypatch, lambda _: [0.5])
    with pytest.raises(ValueError, match="the objective valid_mae is no metric of the runs; those are valid_accuracy"):
        run(write_spec(tmp_path, target='"motifs"', objectives='["valid_mae"]'))


def test_the_pareto_front_is_that_of_the_definition():
    objectives = (Objective("valid_accuracy", "maximize"), Objective("parameters", "minimize"))
    better = [(0.9, 5), (0.8, 3), (0.9, 4), (0.7, 3), (0.8, 3)]
    trials = [optuna.trial.create_trial(values=list(values), params={}, distributions={}) for values in better]
    for number, trial in enumerate(trials):
        trial.number = number
    assert pareto.front(trials, objectives) == {1, 2, 4}
    assert not pareto.dominates((0.8, 3), (0.8, 3), objectives)
    assert pareto.points(trials, objectives).best == [False, True, True, False, True]


def test_show_begins_nothing(tmp_path, grid):
    with pytest.raises(FileNotFoundError, match="there is no study in"):
        sweep.show(grid)
    assert list(tmp_path.iterdir()) == [grid]


def test_a_missing_optuna_is_named(monkeypatch, grid):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"pip install snnsim\[sweep\]"):
        run(grid)
