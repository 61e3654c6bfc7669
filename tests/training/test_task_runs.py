"""Runs with other tasks than one class for each recording: trained, resumed, evaluated, plotted, frozen, quantized."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from snnsim import cli, experiment
from snnsim.config import Config
from snnsim.data.synthetic import segments, waves
from snnsim.experiment import programs
from snnsim.program import Program
from snnsim.quantization import Scheme, quantize
from snnsim.training import trainer

TINY = {"training.epochs": 2, "training.batch_size": 16, "network.hidden": (12,), "network.extra_ms": 20.0}
PRESETS = ("segments", "segments-heads", "waves", "waves-mean")
COUNTS = (("train", 32), ("valid", 12), ("test", 12))


@pytest.fixture(scope="module", autouse=True)
def runs(tmp_path_factory):
    """Train every preset on few recordings, for all tests of the module."""
    folder, patch = tmp_path_factory.mktemp("runs"), pytest.MonkeyPatch()
    patch.setenv("SNNSIM_CACHE", str(folder / "cache"))
    for module, name in ((segments, "SEGMENTS"), (waves, "WAVES")):
        few = replace(module.Recipe(), recordings=COUNTS, steps=48)
        patch.setattr(module, name, replace(getattr(module, name), recipe=few))
    trained = {name: experiment.train(name, TINY, output=folder / name, device="cpu").path for name in PRESETS}
    yield trained
    patch.undo()


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("name", PRESETS)
def test_a_resumed_run_is_an_undisturbed_one(runs, tmp_path, monkeypatch, name):
    step = trainer.Trainer._step

    class Killed(Exception):
        pass

    def dying(self, *arguments):
        if (self.state.epoch, self.state.step) == (1, 1):
            self.save()
            raise Killed
        step(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, "_step", dying)
    with pytest.raises(Killed):
        experiment.train(name, TINY, output=tmp_path / "killed", device="cpu")
    monkeypatch.undo()
    resumed = experiment.train(name, {}, resume=str(tmp_path / "killed"), device="cpu")
    first = torch.load(runs[name] / "last.pt", weights_only=True)
    second = torch.load(resumed.last, weights_only=True)
    assert all(torch.equal(value, second["network"][key]) for key, value in first["network"].items())
    assert first["standing"]["history"][1]["train_loss"] == second["standing"]["history"][1]["train_loss"]


@pytest.mark.parametrize("name", PRESETS)
def test_the_simulator_measures_what_the_network_does(runs, name):
    network = experiment.evaluate(runs[name], "valid", device="cpu", progress=False)
    program = programs.evaluate(runs[name], "valid")
    assert program["summary"] == network["summary"]
    assert program["loss"] == pytest.approx(network["loss"], rel=1e-4)
    assert network["task"] == program["task"] == Config.load(runs[name] / "config.toml").task.kind


@pytest.mark.parametrize("name", PRESETS)
def test_figures_show_the_task(runs, tmp_path, name):
    for kind in ("raster", "predictions", "curves", "delays"):
        path = tmp_path / f"{kind}.png"
        assert experiment.plot(str(runs[name]), kind, str(path)) == path
        assert imread(path).std() > 0


@pytest.mark.parametrize("name", PRESETS)
def test_programs_hold_the_task(runs, tmp_path, name):
    program = programs.freeze(runs[name])
    program.save(tmp_path / "one.snn")
    read = Program.load(tmp_path / "one.snn")
    assert read.same_as(program)
    of_split = programs.recordings(read, None, "test")
    report = programs.compared(read, quantize(read, Scheme("int8")), of_split)
    assert report["before"]["summary"] != ""
    assert ("rms_change" in report) == name.startswith("waves")
    facts = [
        programs.simulate(read, of_split, programs.Machine(engine))["summary"]
        for engine in ("clock_driven", "event_driven")
    ]
    assert facts[0] == facts[1]


def test_predictions_are_those_of_the_task(runs):
    program = programs.freeze(runs["segments"])
    of_split = programs.recordings(program, None, "test")
    predictions = programs.Machine().simulator(program).run(of_split.events).predictions()
    assert [each.shape for each in predictions] == [each.shape for each in of_split.labels["readout"]]
    numbers = programs.freeze(runs["waves-mean"])
    events = programs.recordings(numbers, None, "test").events
    assert programs.Machine().simulator(numbers).run(events).predictions().shape == (12, 2)


def test_the_command_line_prints_the_metrics_of_the_task(runs, capsys, tmp_path):
    cli.main(["evaluate", str(runs["segments-heads"])])
    assert "step: " in capsys.readouterr().out
    cli.main(["evaluate", str(runs["waves"])])
    assert "MSE" in capsys.readouterr().out
    cli.main(["freeze", str(runs["waves"]), "-o", str(tmp_path / "waves.snn")])
    cli.main(["quantize", str(tmp_path / "waves.snn"), "-o", str(tmp_path / "waves-int8.snn")])
    assert "numbers changed by" in capsys.readouterr().out


def test_data_without_the_target_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no target 'phase'; set task.target to one of: segment \(classes of steps\)"):
        experiment.train("segments", TINY | {"task.target": "phase"}, output=tmp_path / "other", device="cpu")
    values = TINY | {"task": {"kind": "step-regression", "target": "segment"}}
    with pytest.raises(ValueError, match="must be numbers of steps, not classes of steps"):
        experiment.train("segments", values, output=tmp_path / "other", device="cpu")
    with pytest.raises(ValueError, match="the data have no classes; they have the targets"):
        experiment.train("waves", TINY | {"task": "class"}, output=tmp_path / "other", device="cpu")


def test_segments_are_named_by_their_lags():
    recipe = segments.Recipe()
    recordings = segments.make(0, replace(recipe, recordings=(("train", 40),), noise=0.0))["train"]
    target = recordings.targets["segment"]
    assert {-1, 0, 1, 2} == set(target.values.tolist())
    for number in range(len(recordings)):
        time_ms, unit = recordings.events(number)
        raster = np.zeros((recipe.steps + 1, recordings.units), bool)
        raster[(time_ms // recipe.time_step_ms).astype(int), unit] = True
        for step, label in enumerate(target.rows(number)):
            if label >= 0:
                earlier = raster[step - recipe.lags[label], 0::2]
                assert (raster[step, 1::2] == earlier).all()


def test_waves_are_late_and_their_means_are_those_of_the_signals():
    recipe, rng = waves.Recipe(), np.random.default_rng(0)
    values = waves.signals(5, rng, recipe)
    assert np.abs(values).max() <= 1
    late = waves.late(values, recipe)
    for group, lag in enumerate(recipe.lags):
        assert np.isnan(late[:, :lag, group]).all()
        np.testing.assert_array_equal(late[:, lag:, group], values[:, : recipe.steps - lag, group])
