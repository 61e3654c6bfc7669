"""Runs with neurons and recurrent connections of their own section, from the command line to the exported file."""

import json

import numpy as np
import pytest
import torch

from helpers.command_line import fails, flags, run
from helpers.random_programs import dense_spikes
from snnsim import Scheme, experiment, freeze, presets, quantize
from snnsim.config import Config
from snnsim.experiment import build, estimate, evaluate_run, plot_run, programs
from snnsim.learning.qat import Grid
from snnsim.nn import ALIF, AdLIF, CubaLIF, DelayedLinear, SiLIF, SparseLinear
from snnsim.program import Program
from snnsim.simulation import Probe, Simulator
from snnsim.training import trainer
from snnsim.training.run_folder import RunFolder

RECURRENT = {"network.recurrent": "delays", "network.recurrent.layers": [2], "network.recurrent.max_delay_ms": 50.0}
NEURONS = {"adlif": AdLIF, "silif": SiLIF, "alif": ALIF, "cuba_lif": CubaLIF}
KINDS = {
    **{name: {"network.neuron": name, "network.neuron.threshold": 0.1} for name in NEURONS},
    "axonal": RECURRENT | {"network.neuron.threshold": 0.1},
    "synaptic": RECURRENT
    | {"network.recurrent.delays": "synaptic", "network.delay_kind": "dendritic", "network.neuron.threshold": 0.1},
    "dense": {
        "network.recurrent": "dense",
        "network.neuron": "adlif",
        "network.neuron.threshold": 0.1,
        "network.delay_kind": "axonal",
    },
}

GRAPH = {
    "network.recurrent": {"kind": "conv", "layers": [2], "max_delay_ms": 50.0, "kernel": 5},
    "network.skip": [
        {"kind": "delays", "source": 0, "target": 2, "max_delay_ms": 40.0, "delays": "axonal"},
        {"kind": "delays", "source": 2, "target": 1, "max_delay_ms": 30.0},
        {"kind": "dense", "source": 1, "target": 3},
    ],
    "network.neuron.threshold": 0.1,
}
REFUSED = {
    "adlif": "adlif_hard", "silif": "adlif_soft", "alif": "alif_hard", "cuba_lif": "cuba_lif_hard",
    "dense": "adlif_hard",
}  # fmt: skip
"""Models of programs that the target spinnaker does not have."""


def built(values):
    return build.build_network(presets.named("motifs").with_values({"network.hidden": [12, 10]} | values), classes=10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("without_pictures")
def test_a_run_is_trained_evaluated_frozen_simulated_and_exported(kind, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(capsys, "train", "shd", *flags(tiny | {"training.epochs": 1} | KINDS[kind]), "--output-dir", "run")
    result = json.loads(run(capsys, "evaluate", "run", "--split", "test", "--json"))
    run(capsys, "freeze", "run", "-o", "run.snn")
    simulated = [
        json.loads(run(capsys, "simulate", "run.snn", "--split", "test", "--engine", engine, "--json"))
        for engine in ("clock_driven", "event_driven")
    ]
    assert simulated[0]["correct"] == simulated[1]["correct"]
    # the network computes in float32, the program in float64
    assert simulated[0]["correct"] == pytest.approx(result["correct"], abs=2)
    run(capsys, "quantize", "run.snn", "--weights", "int8", "--delays", "4bit", "-o", "int8.snn")
    assert len(Program.load("int8.snn").edges) == len(Program.load("run.snn").edges)
    run(capsys, "export", "int8.snn", "--to", "npz", "-o", "int8.npz")
    if kind in REFUSED:
        error = fails(capsys, "export", "int8.snn", "--to", "spinnaker", "-o", "spinnaker")
        assert f"not '{REFUSED[kind]}'; train with network.neuron = 'lif'" in error
    if "network.recurrent" in KINDS[kind]:
        error = fails(capsys, "export", "int8.snn", "--to", "loihi2", "-o", "int8.net")
        assert "one edge must lead to it, from 'hidden 1'; there are 2: hidden 1, hidden 2" in error


@pytest.mark.parametrize("kind", [*KINDS, "graph"])
def test_the_frozen_network_has_the_spikes_of_the_trained_one(kind, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(plot_run, "AFTER_TRAINING", ())
    values = tiny | {"training.epochs": 1} | (KINDS | {"graph": GRAPH})[kind]
    if isinstance(values.get("network.recurrent"), str):
        values["network.recurrent.dropout"] = 0.0
    folder = experiment.train("shd", values, output=tmp_path / "run", device="cpu")
    loaded = evaluate_run.load(folder.path, "test")
    network = loaded.network.double()
    program = programs.freeze(folder.path)
    frames, lengths = loaded.part.binned.dense(loaded.part.indices)
    with torch.no_grad():
        record = network.record(torch.from_numpy(frames).double(), torch.from_numpy(lengths).long())
    assert all(spikes.any() for spikes in record.spikes)
    events = programs.recordings(program, None, "test").events
    result = Simulator(program).run(events, Probe(spikes=True))
    assert [population.name for population in program.populations] == ["hidden 1", "hidden 2", "readout"]
    for number, length in enumerate(result.length.tolist()):
        expected = torch.cat([spikes[:length, number] for spikes in record.spikes[1:]], -1).numpy()
        np.testing.assert_array_equal(dense_spikes(result, program, number)[:, : expected.shape[1]], expected)


class Killed(Exception):
    pass


@pytest.mark.parametrize("kind", ["adlif", "axonal", "synaptic"])
@pytest.mark.usefixtures("without_pictures")
def test_a_killed_run_resumes_to_the_same_result(kind, tiny, tmp_path, monkeypatch):
    values = tiny | {"training.epochs": 2} | KINDS[kind]
    folder = experiment.train("shd", values, output=tmp_path / "undisturbed", device="cpu")
    step = trainer.Trainer._step

    def dying_step(self, *arguments):
        if (self.state.epoch, self.state.step) == (1, 1):
            raise Killed
        step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "_step", dying_step)
        with pytest.raises(Killed):
            experiment.train("shd", values, output=tmp_path / "killed", device="cpu")
    resumed = experiment.train("shd", {}, resume=str(tmp_path / "killed"), device="cpu")
    ours, theirs = (torch.load(each.last, weights_only=True)["network"] for each in (folder, resumed))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.usefixtures("without_pictures")
def test_windows_of_recurrent_delays_narrow_on_their_own(tiny, tmp_path):
    values = tiny | RECURRENT | {"training.epochs": 2, "training.sigma_epochs": 0.5, "network.sigma_start": 2.0}
    folder = experiment.train("shd", values | {"network.recurrent.sigma_start": 1.5}, output=tmp_path / "run")
    rows = folder.read_metrics()
    assert [row["sigma"] for row in rows] == [2.0, 0.5]
    assert [row["sigma_recurrent"] for row in rows] == [1.5, 0.5]
    # without learned delays elsewhere, too
    fixed = Config.load(folder.config).with_values({"network.delays": "fixed"})
    assert build.width_schedule(fixed) is None
    assert build.recurrent_width_schedule(fixed)(0) == 1.5


@pytest.mark.parametrize("delays", ["none", "fixed"])
@pytest.mark.usefixtures("without_pictures")
def test_windows_of_skip_connections_narrow_without_other_learned_delays(delays, tiny, tmp_path):
    skip = {"kind": "delays", "source": 0, "target": 2, "max_delay_ms": 40.0}
    values = tiny | {"network.delays": delays, "network.sigma_start": 2.0, "network.skip": [skip]}
    values |= {"training.epochs": 2, "training.sigma_epochs": 0.5}
    folder = experiment.train("shd", values, output=tmp_path / "run", device="cpu")
    assert [row["sigma"] for row in folder.read_metrics()] == [2.0, 0.5]
    assert torch.load(folder.last, weights_only=True)["network"]["skips.0.synapse.sigma"] == 0.5
    fixed = Config.load(folder.config).with_values({"network.skip": [skip | {"learn_delay": False}]})
    assert build.width_schedule(fixed) is None


def test_delays_of_loops_are_drawn_with_their_step(tiny, tmp_path, monkeypatch):
    layers = []
    draw = plot_run.plots.delays
    monkeypatch.setattr(
        plot_run.plots, "delays", lambda parts, **settings: layers.extend(parts) or draw(parts, **settings)
    )
    monkeypatch.setattr(plot_run, "AFTER_TRAINING", ("delays", "raster", "curves"))
    folder = experiment.train("shd", tiny | RECURRENT | {"training.epochs": 1}, output=tmp_path / "run", device="cpu")
    assert [layer.name for layer in layers] == ["hidden 1", "hidden 2", "hidden 2, recurrent", "readout"]
    assert layers[2].max_delay == 5
    assert layers[2].before.min() >= 1
    assert layers[2].before.shape == (100,)
    assert not plot_run.missing(RunFolder(folder.path), Config.load(folder.config))


@pytest.mark.parametrize("kind", NEURONS)
@pytest.mark.parametrize("preset", ["motifs", "images", "patterns-delays"])
def test_the_config_names_the_neurons(kind, preset):
    config = presets.named(preset).with_values({"network.neuron": kind})
    network = build.build_network(config, classes=10)
    assert all(type(layer.neuron) is NEURONS[kind] for layer in network.layers)
    network(torch.ones(4, 2, config.data.channels)).sum().backward()
    assert all(part.grad.isfinite().all() for part in network.parameters() if part.grad is not None)


def test_settings_reach_the_neurons():
    settings = {"network.neuron": "adlif", "network.neuron.tau_ms": 30.0, "network.neuron.coupling": [0.0, 0.5]}
    adlif = built(settings).layers[0].neuron
    assert float(adlif.tau()) == pytest.approx(3.0)
    assert adlif.tau.share is None
    assert (adlif.coupling.low, adlif.coupling.high) == (0.0, 0.5)
    assert adlif.coupling().shape == (12,)
    assert built(settings | {"network.neuron.learn": "layer"}).layers[0].neuron.coupling().shape == (1,)
    alif = built({"network.neuron": {"kind": "alif", "tau_adaptation_ms": 50, "reset": "soft"}}).layers[1].neuron
    assert float(alif.adaptation_decay()) == pytest.approx(0.8)
    assert not alif.reset.hard
    cuba = built({"network.neuron": "cuba_lif", "network.neuron.learn_decay": "neuron"}).layers[0].neuron
    assert cuba.synapse_decay().shape == (12,)
    assert built({"network.neuron": "silif"}).layers[0].neuron.surrogate.name == "boxcar"


@torch.no_grad()
def test_settings_reach_the_recurrent_connections():
    network = built(RECURRENT | {"network.recurrent.dropout": 0.3})
    assert network.layers[0].recurrent is None
    loop = network.layers[1].recurrent
    assert isinstance(loop.synapse, DelayedLinear)
    assert loop.dropout.p == 0.3
    # 50 ms are five steps, of which the loop has one
    assert loop.max_delay == 5
    assert loop.synapse.delay.shape == (1, 10, 1)
    weight = loop.synapse.weight[..., 0]
    torch.testing.assert_close(weight @ weight.mT, torch.eye(10))
    fixed = built(RECURRENT | {"network.recurrent.layers": [], "network.recurrent.learn_delay": False})
    assert all(not layer.recurrent.synapse.learns_delay for layer in fixed.layers)
    assert isinstance(built({"network.recurrent": "dense"}).layers[0].recurrent.synapse, SparseLinear)
    assert built({"network.delay_kind": "dendritic"}).layers[0].synapse.delay.shape == (12, 1, 1)


@torch.no_grad()
def test_settings_reach_skip_connections_and_kernels_along_neurons():
    network = built(GRAPH)
    early, back, late = network.skips
    assert [(skip.source, skip.target) for skip in network.skips] == [(0, 2), (2, 1), (1, 3)]
    assert early.synapse.delay.shape == (1, 20, 1)
    # 40 ms are four steps; 30 ms are three, of which the loop has one
    assert (early.synapse.max_delay, back.synapse.max_delay) == (4, 2)
    assert isinstance(late.synapse, SparseLinear)
    loop = network.layers[1].recurrent.synapse
    assert (loop.targets, loop.weight.numel(), loop.max_delay) == (10, 5, 4)
    config = presets.named("motifs").with_values({"network.hidden": [12, 10]} | GRAPH)
    assert estimate.of_network(config, classes=10)["connections of skip 1 to 3 in training"] == 4 * 4 * 12 * 10
    assert build.architecture(config, classes=10)["skip"][1]["target"] == 1
    assert build.architecture(presets.named("motifs"), classes=10)["skip"] is None
    chunked = config.with_values({"training.rule": "sltt", "training.window_ms": 100.0, "training.loops": "cut"})
    assert build.rule(chunked).keywords["loops"] == "cut"


@pytest.mark.parametrize("grid", ["2bit", "2bit:2", "5bit"])
def test_rounded_recurrent_delays_are_those_of_the_quantized_program(grid):
    network = built(RECURRENT)
    Grid(None, grid).apply(network)
    program = freeze(network, time_step_ms=10.0)
    quantized = quantize(program, Scheme(delays=grid))
    for edge, rounded in zip(program.edges, quantized.edges, strict=True):
        np.testing.assert_array_equal(edge.delay, rounded.delay)


def test_recurrent_connections_leave_the_other_parameters_unchanged():
    plain, recurrent = built({}).state_dict(), built(RECURRENT).state_dict()
    assert all(torch.equal(plain[name], recurrent[name]) for name in plain)


@pytest.mark.parametrize("kind", ["axonal", "synaptic", "dense"])
def test_the_network_is_counted_exactly(kind):
    config = presets.named("shd").with_values({"network.hidden": [12, 10]} | KINDS[kind])
    copies = 0
    for synapse in build.build_network(config, classes=5).synapses():
        copies += 4 * synapse.weight.numel() + (4 * synapse.delay.numel() if hasattr(synapse, "delay") else 0)
    assert sum(estimate.of_network(config, classes=5).values()) == 4 * copies
    training = estimate.of_training(config, classes=5, recordings=4, steps=10)
    assert "currents of hidden 2 to itself" in training


def test_runs_of_older_versions_have_the_same_architecture():
    described = build.architecture(presets.named("motifs"), classes=10)
    assert described["delay_kind"] is None
    assert described["recurrent"] is None
    described = build.architecture(presets.named("digits-adlif"), classes=20)
    assert described["neuron"]["kind"] == "adlif"
    other = presets.named("digits-adlif").with_values({"network.neuron.kind": "silif"})
    assert build.architecture(other, classes=20)["neuron"]["kind"] == "silif"


def test_the_introduction_names_the_kinds():
    assert build.kinds(presets.named("digits")) == "learned delays of 0 to 24 steps"
    recurrent = build.kinds(presets.named("digits-recurrent"))
    assert recurrent == "learned delays of 0 to 24 steps, hidden 2 recurrent with delays of 1 to 40 steps"
    skip = presets.named("digits").with_values({"network.skip": [{"kind": "dense", "source": 0, "target": 3}]})
    assert build.kinds(skip).endswith(", input to readout")
    dense = presets.named("digits-adlif").with_values({"network.recurrent": "dense", "network.delays": "none"})
    assert build.kinds(dense) == "no delays, adlif neurons, hidden 1, hidden 2 recurrent with delays of 1 step"
