"""Forecasts of chaotic series: autoregression, errors, resumption, tables, and the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.command_line import run
from snnsim.bench.chaotic import Budget, forecasting, least_squares, reporting, reproduce, running
from snnsim.bench.chaotic.settings import Cell, cells
from snnsim.data.synthetic import mackey_glass
from snnsim.data.synthetic.mackey_glass import HIGH, LOW, Recipe
from snnsim.experiment import build
from snnsim.nn.freezing import freeze
from snnsim.recipes import CHAOTIC
from snnsim.simulation import Simulator

TINY = Budget(taus=(17, 30), fitting="gradient", epochs=1, hidden=8, copies=1)


@pytest.fixture(scope="module")
def network():
    """Return a network that is not trained, whose delays are integers and whose neurons fire."""
    config = CHAOTIC.with_values({"network.hidden": (16,), "training.seed": 3})
    network = build.build_network(config, classes=1).eval()
    with torch.no_grad():
        for synapse in network.delayed_synapses():
            synapse.weight.mul_(3.0)
    return network


@pytest.fixture(scope="module")
def program(network):
    return freeze(network, time_step_ms=10.0, classes=("change",), task="step-regression")


def test_a_forecast_feeds_predictions_back_to_the_network_step_by_step(network, program):
    """The network of torch predicts the same series, from complete sequences that grow by its predictions."""
    series, recipe = mackey_glass.points(17, 60), Recipe()
    predicted = forecasting.forecast(program, series, 8, recipe)
    inputs = series.tolist()
    for _ in range(8):
        frames = torch.from_numpy(mackey_glass.raster(np.array(inputs), recipe)).float()[:, None]
        with torch.no_grad():
            change = float(network(frames)[-1, 0, 0]) / recipe.gain
        inputs.append(float(np.clip(inputs[-1] + change, LOW, HIGH)))
    np.testing.assert_allclose(predicted.values, inputs[60:], atol=1e-5)
    assert np.abs(np.diff(predicted.values)).max() > 1e-3
    # counts are those of the forecast alone, with the spikes of the hidden layer in it
    complete = Simulator(program).run(forecasting.events_of(np.array(inputs[:-1]), recipe))
    assert predicted.result.length.tolist() == [8]
    assert 0 < predicted.result.counts("hidden 1").sum() < complete.counts("hidden 1").sum()


def test_a_forecast_stays_in_the_range_of_the_channels(program):
    readout = program.populations[-1]
    raised = replace(readout, bias=readout.bias + 50.0)
    unstable = replace(program, populations=(*program.populations[:-1], raised))
    assert forecasting.forecast(unstable, np.full(5, 1.0), 6, Recipe()).values[-1] == HIGH


def test_another_program_is_refused(program):
    with pytest.raises(ValueError, match="must get two points or more, not one of step-regression on 128 channels"):
        forecasting.forecast(program, np.ones(1), 5, Recipe())
    with pytest.raises(ValueError, match="on 64 channels"):
        forecasting.forecast(program, np.ones(3), 5, Recipe(channels=64))


def test_smape_is_that_of_the_harness():
    assert forecasting.smape(np.array([1.0, 3.0]), np.array([1.0, 1.0])) == pytest.approx(50.0)
    assert forecasting.smape(np.array([0.5]), np.array([1.0])) == pytest.approx(200 / 3)


def test_errors_of_a_forecast_and_of_the_mean():
    target = np.array([1.0, 1.0, 1.0, 1.0])
    errors = running.measured(np.array([1.0, 1.1, 1.5, 1.0]), target, mean=3.0)
    assert errors["followed"] == pytest.approx(2 / 75)
    assert errors["smape_mean"] == pytest.approx(100.0)
    assert errors["mse"] == pytest.approx((0.01 + 0.25) / 4)
    assert running.measured(target, target, mean=1.0)["followed"] == pytest.approx(4 / 75)


def test_every_series_of_a_seed_starts_half_a_lyapunov_time_later():
    assert [cell.first for cell in cells(Budget(taus=(20,), seeds=3))] == [0, 37, 75]
    with pytest.raises(ValueError, match="from 17 to 30, not 16"):
        Budget(taus=(16,))
    with pytest.raises(ValueError, match="epochs 0"):
        Budget(epochs=0)
    with pytest.raises(ValueError, match="least_squares, gradient"):
        Budget(fitting="exact")


def test_a_stopped_experiment_goes_on_with_the_missing_cell(tmp_path, monkeypatch):
    fit, trained = running.fit, []

    def dying(*arguments, **options):
        trained.append(options["seed"])
        if len(trained) == 2:
            raise KeyboardInterrupt
        return fit(*arguments, **options)

    monkeypatch.setattr(running, "fit", dying)
    with pytest.raises(KeyboardInterrupt):
        reproduce(TINY, tmp_path / "run", progress=False)
    first = (tmp_path / "run" / "cells" / "17-0.json").read_bytes()
    reproduce(TINY, tmp_path / "run", progress=False)
    assert len(trained) == 3
    assert (tmp_path / "run" / "cells" / "17-0.json").read_bytes() == first
    # the cell of a killed command is that of an undisturbed one
    undisturbed = running.run(Cell(30, 0), TINY, running.RunFolder(tmp_path / "other"))
    row = json.loads((tmp_path / "run" / "cells" / "30-0.json").read_text(encoding="utf-8"))
    assert {**row, "cpu_seconds": 0} == {**undisturbed, "cpu_seconds": 0}
    assert (tmp_path / "run" / "networks" / "30-0.snn").is_file()
    with pytest.raises(ValueError, match="other epochs"):
        reproduce(replace(TINY, epochs=2), tmp_path / "run", progress=False)


def test_a_program_of_least_squares_has_the_smallest_penalized_error():
    series, recipe = mackey_glass.points(17, 200), replace(least_squares.recipe(17), channels=20)
    program = least_squares.fitted(series, recipe)
    change = np.diff(series)[least_squares.DELAYS - 1 :]

    def error(program):
        """Return the error that is minimized, from the membranes of the simulator and the weights of the program."""
        output = Simulator(program).run(forecasting.events_of(series[:-1], recipe)).output(0)[:, 0] / recipe.gain
        table = np.zeros((least_squares.DELAYS, recipe.channels))
        (edge,) = program.single_edges
        table[edge.delay, edge.pre()] = edge.weight * recipe.levels / recipe.gain
        rough = (
            least_squares.SMOOTHNESS * (np.diff(table, 2, axis=1) ** 2).sum() + least_squares.RIDGE * (table**2).sum()
        )
        return ((output[least_squares.DELAYS - 1 :] - change) ** 2).sum() + rough

    least = error(program)
    assert least < 1e-3 * (change**2).sum()
    (edge,), rng = program.edges, np.random.default_rng(0)
    random = 1e-3 * np.abs(edge.weight).max() * rng.standard_normal(len(edge.weight))
    # to both sides of the minimum, the error grows alike
    for direction in (random, 1e-3 * edge.weight):
        larger, smaller = (error(replace(program, edges=(replace(edge, weight=edge.weight + sign * direction),)))
                           for sign in (1, -1))  # fmt: skip
        assert abs(larger - smaller) < 1e-2 * (larger + smaller - 2 * least)
    readout = program.populations[0]
    assert error(replace(program, populations=(replace(readout, bias=readout.bias + 1e-4),))) > least


def test_a_forecast_of_least_squares_is_better_than_a_constant(tmp_path):
    row = running.run(Cell(17, 0), Budget(taus=(17,)), running.RunFolder(tmp_path))
    assert row["smape"] < 15 < row["smape_mean"]
    assert row["followed"] > 2
    # 4 channels spike in a step, with 24 delays each, and seldom once
    assert row["synaptic_operations"] == pytest.approx(96, abs=2)
    assert row["synaptic_operations"] - 3 < row["macs"] <= row["synaptic_operations"]
    repeated = running.run(Cell(17, 0), Budget(taus=(17,)), running.RunFolder(tmp_path))
    assert repeated["smape"] == row["smape"]


def test_tables_have_the_mean_of_all_delays_beside_the_published_networks():
    costs = dict.fromkeys(reporting.COLUMNS[6:], 0.5)
    rows = [
        {"tau": tau, "seed": seed, "smape": value, "smape_mean": 25.0, "mse": 0.1, "followed": 1.0, **costs}
        for tau, seed, value in ((17, 0, 10.0), (17, 1, 20.0), (18, 0, 30.0), (18, 1, 40.0))
    ]
    lines = reporting.table(rows).splitlines()
    assert lines[2].startswith("| 17 | 15.0 | 25.0 | 1.0 |")
    assert lines[2].endswith("| 2 |")
    assert lines[4].startswith("| all | 25.0 |")
    assert lines[8].startswith("| snnsim | 25.00 |")
    assert lines[9].startswith("| LSTM, published | 13.37 |")
    assert lines[10].startswith("| ESN, published | 14.79 |")
    assert reporting.as_csv(rows).splitlines()[1].startswith("17,0,10.0,25.0,0.1,1.0,0.5")


def test_the_command_prints_the_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(running, "trained", lambda *_: pytest.fail("a complete cell is not trained again"))
    row = {"tau": 17, "seed": 0, **dict.fromkeys(reporting.COLUMNS[2:], 1.0)}
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "17-0.json").write_text(json.dumps(row), encoding="utf-8")
    text = run(capsys, "reproduce", "chaotic", "--taus", "17", "--output-dir", str(tmp_path))
    assert "| 17 | 1.0 |" in text
    assert "results.csv" in text
