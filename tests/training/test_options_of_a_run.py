"""A run with all options of training: what is evaluated and saved, and how it resumes; defaults are the old ones."""

import pytest
import torch

from snnsim import experiment
from snnsim.config import Config
from snnsim.config.training import Training
from snnsim.experiment import evaluate_run, updates
from snnsim.learning.options import EMA, SGD, Adam, AdamW, Constant, Cosine, OneCycle, Plateau, RateBounds
from snnsim.training import trainer
from snnsim.training.optimizers import Settings

pytestmark = pytest.mark.usefixtures("without_pictures")

OPTIONS = {
    "training.optimizer": {"kind": "adamw", "clip_norm": 1.5},
    "training.delay_optimizer": {"kind": "sgd", "momentum": 0.5},
    "training.schedule": {"kind": "plateau", "patience": 0, "factor": 0.5},
    "training.delay_schedule": "cosine_wave",
    "training.average": {"kind": "ema", "decay": 0.8},
    "training.label_smoothing": 0.1,
    "training.rates": {"kind": "bounds", "low": 0.05, "high": 0.2, "revive": 0.01},
    "training.weight_decay_norm": 1e-4,
    "network.dropout_mask": "step",
}


@pytest.fixture(scope="module")
def run(train_once):
    return train_once(OPTIONS)


def test_the_defaults_are_those_of_earlier_releases():
    old = "[training]\nlr = 0.005\nlr_delay = 0.1\nweight_decay = 1e-05\n"
    config = Config.from_toml(old)
    assert config == Config()
    assert updates.settings(config) == Settings()
    assert Settings() == Settings(
        lr=5e-3, lr_delay=0.1, weight_decay=1e-5, weight_decay_norm=0.0, weight_decay_delay=0.0,
        optimizer=Adam(betas=(0.9, 0.999), epsilon=1e-8), delay_optimizer=Adam(),
        schedule=OneCycle(rise=0.3, start=1 / 25, end=1 / 25 / 1e4, momentum=(0.85, 0.95)),
        delay_schedule=Cosine(end=0.0),
    )  # fmt: skip
    training = config.training
    assert (training.label_smoothing, training.rates, training.average, training.sync_batch_norm) == (
        0,
        None,
        None,
        False,
    )
    assert config.network.dropout_mask == "recording"


def test_options_are_sections_of_a_file():
    config = Config.from_toml("""
        [training]
        schedule = "constant"
        [training.optimizer]
        kind = "sgd"
        momentum = 0.8
        [training.average]
        kind = "ema"
        decay = 0.9
    """)
    assert config.training.optimizer == SGD(momentum=0.8)
    assert config.training.schedule == Constant()
    assert config.training.average == EMA(decay=0.9)
    assert Config.from_toml(config.to_toml()) == config
    changed = config.with_values({"training.optimizer": "adamw", "training.rates.kind": "bounds"})
    assert (changed.training.optimizer, changed.training.rates) == (AdamW(), RateBounds())
    assert changed.with_values({"training.schedule.kind": "plateau"}).training.schedule == Plateau()
    assert changed.with_values({"training.optimizer.betas": [0.8, 0.9]}).training.optimizer == AdamW(betas=(0.8, 0.9))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"optimizer": "rmsprop"}, "training.optimizer must be one of adam, adamw, sgd"),
        ({"optimizer": {"kind": "sgd", "betas": [0.9, 0.9]}}, "betas is unknown; the known keys of the kind sgd are"),
        ({"delay_schedule": {"kind": "cosine", "end": 2.0}}, "schedule.cosine.end must be at most 1"),
        (
            {"average": {"kind": "ema", "first_epoch": 151}},
            "first_epoch must be at most training.epochs = 150",
        ),
        ({"label_smoothing": 1.0}, "training.label_smoothing must be below 1"),
        ({"rule": "sltt", "window_ms": 100.0, "rates": "bounds"}, "training.rates must be none with window_ms"),
    ],
)
def test_wrong_options_are_refused_before_data_are_read(values, words):
    with pytest.raises(ValueError, match=words):
        Training(**values)


def test_the_average_is_evaluated_and_saved(run, tiny):
    best = torch.load(run.best, weights_only=True)
    rows = run.read_metrics()
    result = evaluate_run.evaluate(run.path, "valid", progress=False)
    row = rows[best["metrics"]["epoch"] - 1]
    assert (result["accuracy"], result["loss"]) == pytest.approx((row["valid_accuracy"], row["valid_loss"]))
    last = torch.load(run.last, weights_only=True)
    average = last["optimisers"]["average"]  # old name
    # 4 batches in each of 3 epochs
    assert average["count"] == 12
    name = "layers.0.synapse.delay"
    assert not torch.equal(average["values"][name], last["network"][name])
    if best["metrics"]["epoch"] == 3:
        assert torch.equal(average["values"][name], best["network"][name])
    assert tiny["training.epochs"] == len(rows) == 3


@pytest.mark.parametrize("kill_at", [6, 9])
def test_a_killed_run_resumes_to_the_same_result(run, tiny, tmp_path, monkeypatch, kill_at):
    step = trainer.Trainer._step

    def dying_step(self, *arguments):
        if 4 * self.state.epoch + self.state.step + 1 == kill_at:
            # a run that gets a signal saves its state before it ends
            self.save()
            raise KeyboardInterrupt
        step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "_step", dying_step)
        with pytest.raises(KeyboardInterrupt):
            experiment.train("shd", tiny | OPTIONS, output=tmp_path / "killed", device="cpu")
    resumed = experiment.train(str(tmp_path / "killed"), {}, resume="auto", device="cpu")
    for name in ("last", "best"):
        ours, theirs = (torch.load(getattr(each, name), weights_only=True) for each in (run, resumed))
        assert all(torch.equal(value, theirs["network"][key]) for key, value in ours["network"].items())
        if name == "last":
            both = (each["optimisers"]["average"]["values"] for each in (ours, theirs))  # old name
            assert all(torch.equal(*pair) for pair in zip(*(values.values() for values in both), strict=True))
    rows = [[row | {"seconds": 0, "peak_bytes": 0} for row in each.read_metrics()] for each in (run, resumed)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "values",
    [
        {"training.rule": "sltt-k", "training.k": 4},
        {"training.rule": "sltt", "training.window_ms": 60.0, "training.rates": None},
    ],
)
def test_other_rules_take_the_options(tiny, tmp_path, values):
    short = tiny | OPTIONS | {"training.epochs": 2, "network.hidden": (6,)}
    folder = experiment.train("shd", short | values, output=tmp_path / "run", device="cpu")
    assert len(folder.read_metrics()) == 2
