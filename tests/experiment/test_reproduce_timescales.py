"""The experiment runs cell by cell, goes on where it was killed, and reports what it measured."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from snnsim import cli, kernels
from snnsim.experiment import timescales
from snnsim.experiment.timescales import learner, measuring, models, reporting, running, training
from snnsim.experiment.timescales.settings import Budget, Cell, cells

TINY = Budget(
    target=3,
    units=16, batch=32, steps=60, epochs=3, evaluated=4, stream=200, lesions=1, retrained=1, seeds=1, last=6,
    curricula=("single", "multi"), measured=(), optimizer="adam", rate=0.02,
)  # fmt: skip
LIF = replace(TINY, neuron="lif", delays="axonal", learned=("tau+weights+delays",), max_delay=6, optimizer="adam",
              bound="smooth", micro_steps=2, steps=2, rate=0.01)  # fmt: skip


SHORT = {
    "STEPS": 60,
    "DISCARDED": 20,
    "BEFORE_ACTIVITY": 20,
    "WEIGHT_NOISE": (0.01, 10.0),
    "TAU_NOISE": (0.1,),
    "BEYOND": (1,),
}


@pytest.fixture(scope="module", autouse=True)
def _short_measurements():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SHORT.items():
            patch.setattr(measuring, name, value)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return timescales.reproduce(TINY, tmp_path_factory.mktemp("timescales"), progress=False)


def rows_of(folder):
    return [json.loads(path.read_text()) for path in sorted((folder / "cells").glob("*.json"))]


def test_every_epoch_and_every_measured_network_has_a_line(folder):
    rows = rows_of(folder)
    with (folder / "epochs.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(row["epochs"] for row in rows) == 6
    assert {line["curriculum"] for line in lines} == {"single", "multi"}
    with (folder / "networks.csv").open() as file:
        measured = list(csv.DictReader(file))
    assert len(measured) == sum(len(row["measured"]) for row in rows) >= 1
    assert "lesions slowest relative" in measured[0]
    assert "| single | tau+weights | none |" in (folder / "table.md").read_text()
    for name in reporting.FIGURES:
        assert (folder / name).stat().st_size > 5_000


def test_a_killed_experiment_goes_on_to_the_same_result(folder, tmp_path, monkeypatch):
    train, count = learner.BitLearner.train, 0

    def killed(self, levels, epoch):
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return train(self, levels, epoch)

    monkeypatch.setattr(learner.BitLearner, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        timescales.reproduce(replace(TINY, epochs=2), tmp_path, progress=False)
    timescales.reproduce(TINY, tmp_path, progress=False)
    for one, other in zip(rows_of(folder), rows_of(tmp_path), strict=True):
        for row in (*one["history"], *other["history"]):
            row.pop("seconds")
        assert one == other


def test_other_settings_are_refused(folder):
    with pytest.raises(ValueError, match="holds an experiment with other units; take these again"):
        timescales.reproduce(replace(TINY, units=13), folder, progress=False)


def test_cells_are_named_apart():
    budget = replace(TINY, seeds=2, learned=("tau", "weights"), curricula=("single", "multi", "sliding"))
    names = [cell.name() for cell in cells(budget)]
    assert len(set(names)) == len(names) == 12


def test_cells_of_another_target_are_other_cells(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(running, "run", lambda cell, budget, _: trained.append(cell.target) or _empty(cell, budget))
    for target in (3, 4, 3):
        timescales.reproduce(replace(TINY, curricula=("none",), target=target), tmp_path, progress=False)
    assert trained == [3, 4]
    assert [row["target"] for row in rows_of(tmp_path)] == [3, 4]
    # checkpoints of the other curricula do not depend on it
    descriptions = [training.description(cell, TINY) for cell in cells(replace(TINY, curricula=("none", "single")))]
    assert [description.get("target") for description in descriptions] == [3, None]
    assert "target" not in descriptions[1]


@pytest.mark.parametrize("neuron", ["rate", "lstm", "gru"])
@pytest.mark.parametrize("curriculum", ["single", "sliding"])
def test_every_network_learns_from_the_newest_length(neuron, curriculum):
    cell, budget = Cell(curriculum, "tau+weights", 0), replace(TINY, neuron=neuron, steps=2, last=12)
    model = models.build(cell, budget)
    student = learner.BitLearner(model, cell, budget)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    levels = (2,) if curriculum == "single" else (2, 3, 4)
    assert student.train(levels, 1)["loss"] > 0
    assert all(bool((new != old).any()) for new, old in zip(model.parameters(), before, strict=True))
    assert set(student.accuracy(levels, 1)) == set(levels)


@pytest.mark.parametrize(("learned", "fixed"), [("tau", "weights"), ("weights", "tau"), ("delays", "tau")])
def test_parts_that_are_fixed_stay(learned, fixed):
    cell = Cell("single", learned, 0)
    model = models.build(cell, LIF)
    parts = {"tau": model.time_constant.raw, "weights": model.recurrent_weight, "delays": model.recurrent.delay}
    before = {name: part.detach().clone() for name, part in parts.items()}
    with kernels.plain():
        learner.BitLearner(model, cell, LIF).train((2,), 1)
    assert not torch.equal(parts[learned], before[learned])
    assert torch.equal(parts[fixed], before[fixed])
    assert (model.weights().diagonal() == 0).all()


def test_spiking_networks_read_two_lines_and_are_decided_at_the_last_micro_step():
    model = models.build(Cell("multi", "tau+weights+delays", 0), LIF).eval()
    bits = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (7, 3))).float()
    frames = model.frames(bits)
    assert frames.shape == (14, 3, 2)
    assert (frames.sum(-1) == 1).all()
    assert torch.equal(frames[::2, :, 1], bits)
    with kernels.plain(), torch.no_grad():
        every, last = (model.logits(bits, (0, 3), torch.Generator(), last=last) for last in (False, True))
        activity = model.activities(bits, torch.Generator())
        spikes = model.network.record(frames).spikes[1]
    assert every.shape == (7, 3, 2, 2)
    assert torch.equal(every[-1], last)
    # spikes happen where the recorded membranes reach the threshold
    fired = spikes[1::2]
    assert torch.equal((activity["membranes"] >= 1).float(), fired)
    assert 0 < fired.mean() < 1
    assert activity["spikes"].max() <= 2


def test_delays_of_a_spiking_network_are_measured():
    cell = Cell("single", "tau+weights+delays", 0)
    with kernels.plain():
        result = measuring.measure(models.build(cell, LIF).eval(), cell, replace(LIF, stream=60, lesions=1), 2)
    assert 0.5 <= result["delay memory"]["mean"] <= 3
    assert {"spikes", "membranes"} <= set(result["network tau"])
    assert len(result["course"]) == 10


def test_a_trained_network_depends_on_its_units(folder):
    """Without noise nothing changes, and with noise of its own norm a network loses its accuracy."""
    row = max(rows_of(folder), key=lambda row: row["passed"] or 0)
    measured = row["measured"][-1]
    assert measured["accuracy"] > 0.9
    curve = dict(map(tuple, measured["perturbation"]["weights"]))
    assert curve[min(curve)] > 0.9
    assert curve[max(curve)] < 0.7
    assert 0 < measured["lesions"]["fastest"]["relative"] <= 1.01
    assert set(row["beyond"]["accuracy"]) == {str(row["passed"] + distance) for distance in measuring.BEYOND}


def test_a_passed_network_is_read_back(folder):
    row = next(row for row in rows_of(folder) if row["passed"])
    cell = Cell(row["curriculum"], row["learned"], row["seed"])
    network = training.network(cell, TINY, folder / "cells" / cell.name() / f"passed-{row['passed']}.pt")
    assert not network.training
    with pytest.raises(ValueError, match="of another network"):
        training.network(cell, replace(TINY, units=14), folder / "cells" / cell.name() / f"passed-{row['passed']}.pt")


def test_the_command(tmp_path, monkeypatch, capsys):
    budgets = []
    monkeypatch.setattr(running, "run", lambda cell, budget, _: budgets.append(budget) or _empty(cell, budget))
    words = ["--epochs", "2", "--seeds", "1", "--units", "8", "--output-dir", str(tmp_path / "run")]
    cli.main(["reproduce", "timescales", "--neuron", "lif", "--delays", "synaptic", "--curricula", "multi", *words])
    assert "| multi | weights+delays | synaptic | none (2)" in capsys.readouterr().out
    assert (budgets[0].units, budgets[0].delays, budgets[0].optimizer) == (8, "synaptic", "adam")
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "timescales", "--delays", "axonal"])
    assert "delays are those of spiking networks" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "timescales", "--learned", "tau+delays"])
    assert "a network without delays cannot learn them" in capsys.readouterr().err


def _empty(cell, budget):
    epoch = {"tau mean": 1.0, "levels": [2], "accuracy": {"2": 0.5}, "passed": None}
    names = {"delays": budget.delays, "epochs": budget.epochs, "finished": False, "passed": None}
    return cell._asdict() | names | {"history": [epoch], "measured": [], "beyond": None}


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="learned part 'bias' is unknown"):
        replace(TINY, learned=("tau+bias",))
    with pytest.raises(ValueError, match="curriculum 'double' is unknown"):
        replace(TINY, curricula=("double",))
    with pytest.raises(ValueError, match="target must be from 2 to the largest N of 6, not 7"):
        replace(TINY, target=7, curricula=("none",))
    with pytest.raises(ValueError, match="units must be 1 or more"):
        replace(TINY, units=0)
