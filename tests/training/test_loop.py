import json
from importlib.metadata import version

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from snnsim import experiment, kernels
from snnsim.config import Config
from snnsim.learning import rules
from snnsim.training import trainer


@pytest.fixture(scope="module")
def trained(train_once):
    return train_once({"training.epochs": 12, "training.lr": 0.02, "network.dropout": 0.0})


def test_a_network_learns_and_logs_metrics(trained, tiny):
    history = trained.read_metrics()
    assert [row["epoch"] for row in history] == list(range(1, 13))
    assert max(row["valid_accuracy"] for row in history) > 0.9
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[0]["sigma"] > history[-1]["sigma"] == pytest.approx(0.5)
    assert history[-1]["lr"] < 1e-5 < history[3]["lr"]
    assert history[0]["lr_delay"] > history[-1]["lr_delay"]
    config = Config.load(trained.config)
    assert config.training.epochs == 12
    assert config.network.hidden == tiny["network.hidden"]
    environment = json.loads((trained.path / "environment.json").read_text())
    assert environment["seed"] == 0
    assert environment["packages"]["torch"] == version("torch")


def test_the_best_epoch_is_kept(trained):
    best = torch.load(trained.best, weights_only=True)["metrics"]
    history = trained.read_metrics()
    assert best == max(history, key=lambda row: (row["valid_accuracy"], -row["valid_loss"], -row["epoch"]))
    evaluated = experiment.evaluate(trained.path, "valid", progress=False)
    assert evaluated["accuracy"] == best["valid_accuracy"]
    assert evaluated["epoch"] == best["epoch"]


def test_tensorboard_reads_the_same_numbers(trained):
    events = EventAccumulator(str(trained.tensorboard))
    events.Reload()
    rows = trained.read_metrics()
    logged = {event.step: event.value for event in events.Scalars("valid_accuracy")}
    assert logged == pytest.approx({row["epoch"]: row["valid_accuracy"] for row in rows})
    assert "activity/layer 2" in events.Tags()["scalars"]


def test_a_training_ends_with_figures(tiny, tmp_path):
    folder = experiment.train("shd", tiny | {"training.epochs": 1}, output=tmp_path / "run", device="cpu")
    assert {path.name for path in (folder.path / "figures").iterdir()} == {"curves.png", "delays.png", "raster.png"}


@pytest.mark.usefixtures("without_pictures")
def test_training_stops_early(tiny, tmp_path):
    # nothing is learned at this rate, so no epoch after the first gets better than it by accuracy and loss for long
    values = tiny | {"training.epochs": 40, "training.lr": 1e-12, "training.lr_delay": 1e-12, "training.patience": 2}
    history = experiment.train("shd", values, output=tmp_path / "run", device="cpu").read_metrics()
    assert len(history) < 40
    best = max(range(len(history)), key=lambda i: (history[i]["valid_accuracy"], -history[i]["valid_loss"], -i))
    assert len(history) == best + 1 + 2


def test_a_loss_that_is_not_a_number_stops_the_run(tiny, tmp_path, monkeypatch):
    def broken(_, batch, *__, **___):
        return rules.StepResult(torch.tensor(float("nan")), torch.zeros(len(batch.labels), 3))

    monkeypatch.setitem(rules.RULES, "bptt", broken)
    with pytest.raises(ValueError, match="the loss of batch 1 of epoch 1 is nan; a smaller learning rate"):
        experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")


@pytest.mark.usefixtures("without_pictures")
def test_parameters_that_are_not_finite_stop_the_run(tiny, tmp_path, monkeypatch):
    # a readout of finite numbers may hide what is not finite in front of it
    step, done = trainer.Trainer._step, 0

    def poisoned_step(self, *arguments):
        nonlocal done
        done += 1
        if done == 6:
            self.network.layers[0].norm.running_var[1] = float("nan")
        step(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, "_step", poisoned_step)
    words = r"layers\.0\.norm\.running_var has values that are not finite after batch 2 of epoch 2"
    with pytest.raises(ValueError, match=words):
        experiment.train("shd", tiny, output=tmp_path / "poisoned", device="cpu")
    monkeypatch.undo()
    # the checkpoint is from before: the run goes on from there
    folder = experiment.train(str(tmp_path / "poisoned"), {}, resume="auto", device="cpu")
    assert [row["epoch"] for row in folder.read_metrics()] == [1, 2, 3]


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("preset", ["shd-no-delays", "shd-fixed-delays", "shd-sparse", "shd-constant-sigma"])
def test_every_ablation_trains(tiny, tmp_path, preset):
    values = tiny | {"training.epochs": 1}
    folder = experiment.train(preset, values, output=tmp_path / "run", device="cpu")
    assert len(folder.read_metrics()) == 1
    state = torch.load(folder.last, weights_only=True)["network"]
    delays = [value for name, value in state.items() if name.endswith("delay")]
    assert len(delays) == (0 if preset == "shd-no-delays" else 3)
    if preset == "shd-fixed-delays":
        assert all(torch.equal(delay, delay.round()) for delay in delays)
    if preset == "shd-sparse":
        weight = state["layers.0.synapse.weight"]
        assert 0.7 < float((weight == 0).double().mean()) < 0.9


@pytest.mark.usefixtures("without_pictures")
def test_mixed_precision_trains(tiny, tmp_path):
    values = tiny | {"training.precision": "bfloat16", "training.epochs": 10, "training.lr": 0.02}
    folder = experiment.train("shd", values, output=tmp_path / "run", device="cpu")
    assert max(row["valid_accuracy"] for row in folder.read_metrics()) > 0.8
    state = torch.load(folder.last, weights_only=True)["network"]
    assert state["layers.0.synapse.weight"].dtype == torch.float32


@pytest.mark.usefixtures("without_pictures")
def test_fast_and_plain_kernels_train_alike(tiny, tmp_path):
    values = tiny | {"training.epochs": 6, "training.lr": 0.02, "network.hidden": (40, 30)}
    fast = experiment.train("shd", values, output=tmp_path / "fast", device="cpu").read_metrics()
    with kernels.plain():
        plain = experiment.train("shd", values, output=tmp_path / "plain", device="cpu").read_metrics()
    assert len(fast) == len(plain) == 6
    assert fast[-1]["train_loss"] < 0.9 * fast[0]["train_loss"]
    losses = {name: [[row[name] for row in rows] for rows in (fast, plain)] for name in ("train_loss", "valid_loss")}
    for one, other in losses.values():
        assert one == pytest.approx(other, rel=2e-3)
    # the same numbers to the last digit in all epochs would mean that the same form ran twice
    one, other = losses["train_loss"]
    assert one != other
