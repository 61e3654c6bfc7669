"""Programs of stochastic neurons: the spikes of the network for any seed, in both engines and in any pieces."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.networks import BATCH, NEURONS, STEPS, eighths, small_convolutional_network, small_images, small_network
from helpers.random_programs import dense_spikes, everything
from snnsim.export import arrays, checks
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn import LevyBaxter, MetaNeuron, SecondOrder
from snnsim.nn.freezing import freeze
from snnsim.nn.meta import Recovery
from snnsim.nn.network import SpikingNetwork
from snnsim.program import Population, Program
from snnsim.quantization import quantize
from snnsim.quantization.quantize import Scheme
from snnsim.simulation import ENGINES, Events, Probe, Simulator, simulate

SEED = 11


def noisy(reset="hard", **settings):
    settings = {"tau": 2.0, "threshold": 0.25, "width": 0.2, "reset_value": -0.1, **settings}
    return lambda features: MetaNeuron(reset=reset, learn="neuron", features=features, **settings)


def spread(network):
    """Change the parameters so that those of each neuron differ."""
    with torch.no_grad():
        for layer in network.layers:
            for parameter in layer.neuron.parameters():
                parameter += torch.linspace(-0.3, 0.3, parameter.numel()).to(parameter)


def trained(**settings) -> tuple[SpikingNetwork, Program, torch.Tensor]:
    network, frames = small_network(extra_steps=3, neuron=noisy(**settings)), eighths(STEPS, BATCH, NEURONS, low=0)
    frames = frames.mul(2).floor()
    network(frames)
    spread(network)
    return network.eval(), freeze(network, time_step_ms=10.0), frames


@torch.no_grad()
def assert_same_spikes(network, program, frames, *, seed, **settings):
    record = network.record(frames, draws=None if seed is None else Draws.of(seed))
    everywhere = Probe(spikes=True, membranes=everything(program))
    result = simulate(program, Events.from_frames(frames.numpy()), record=everywhere, seed=seed, **settings)
    for recording in range(BATCH):
        expected = torch.cat([layer[:, recording] for layer in record.spikes[1:]], -1)
        spikes = dense_spikes(result, program, recording)
        np.testing.assert_array_equal(spikes[:, : expected.shape[1]], expected)
        np.testing.assert_allclose(result.output(recording), record.output[:, recording], rtol=1e-9, atol=1e-12)
    assert 0.05 < spikes.mean() < 0.95
    return result


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("seed", [None, SEED])
def test_spikes_are_those_of_the_network(engine, reset, seed):
    assert_same_spikes(*trained(reset=reset), seed=seed, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_pixels_of_a_field_draw_as_in_the_network(engine):
    network = small_convolutional_network(delays=True, extra_steps=2)
    for layer, features in zip(network.layers, (5, 4, 6), strict=True):
        layer.neuron = noisy("soft")(features).double()
    for seed in range(3):
        network.train()(small_images(seed=seed))
    spread(network)
    network.eval()
    assert_same_spikes(network, freeze(network, time_step_ms=1.0), small_images(seed=9), seed=SEED, engine=engine)


def counts(program, frames, **settings):
    return simulate(program, Events.from_frames(frames.numpy()), **settings).node_counts


def test_spikes_depend_on_seed_and_recording_but_not_on_threads_and_engine():
    _, program, frames = trained()
    same = frames[:, :1].expand(-1, 4, -1)
    expected = counts(program, same, seed=SEED, threads=1)
    assert len({tuple(row) for row in expected[:, program.channels :].tolist()}) == 4
    assert not np.array_equal(expected, counts(program, same, seed=SEED + 1))
    for engine, threads in itertools.product(ENGINES, (1, 3)):
        np.testing.assert_array_equal(counts(program, same, seed=SEED, engine=engine, threads=threads), expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_pieces_have_the_spikes_of_one_run(engine, precision):
    _, program, frames = trained()
    events, record = Events.from_frames(frames.numpy()), Probe(spikes=True)
    simulator = Simulator(program, engine=engine, precision=precision)
    expected, _ = simulator.feed(events, simulator.start(BATCH), record, seed=SEED)
    state, spikes = simulator.start(BATCH), []
    for begin, end in ((0, 4), (4, 5), (5, STEPS)):
        result, state = simulator.feed(events.part(begin, end), state, record, seed=SEED)
        spikes.append(dense_spikes(result, program, 1))
    np.testing.assert_array_equal(np.concatenate(spikes), dense_spikes(expected, program, 1))


def test_load_returns_the_saved_program(tmp_path):
    _, program, frames = trained()
    program.save(tmp_path / "noisy.snn")
    read = Program.load(tmp_path / "noisy.snn")
    assert read.same_as(program)
    assert [population.model for population in read.populations] == ["noisy_hard", "noisy_hard", "readout"]
    np.testing.assert_array_equal(counts(read, frames, seed=SEED), counts(program, frames, seed=SEED))


def test_the_version_of_a_file_is_that_of_its_models(tmp_path):
    def version(program):
        program.save(tmp_path / "program.snn")
        with np.load(tmp_path / "program.snn") as stored:
            return json.loads(stored["header"].tobytes())["version"]

    assert version(trained()[1]) == 2
    # older readers know all models of this program
    assert version(freeze(small_network(), time_step_ms=1.0)) == 1


def test_meta_neurons_without_noise_become_lif():
    network = small_network(neuron=lambda _: MetaNeuron(tau=2.0, threshold=0.25, width=0.0))
    program = freeze(network, time_step_ms=1.0)
    assert [population.model for population in program.populations] == ["lif_hard", "lif_hard", "readout"]
    assert not any(population.noisy for population in program.populations)


@pytest.mark.parametrize(
    "neuron",
    [
        MetaNeuron(recovery=Recovery()),
        MetaNeuron(estimator="expectation"),
        LevyBaxter(),
        SecondOrder(),
    ],
)
def test_neurons_without_a_model_are_refused(neuron):
    with pytest.raises(
        TypeError, match=r"freeze: the neurons of 'hidden 1' must be LIF, .* LeakyReadout, or MetaNeuron"
    ):
        freeze(small_network(neuron=lambda _: neuron), time_step_ms=1.0)


def test_noisy_populations_need_width_and_reset_value():
    plain = Population.of("a", 3, decay=0.5)
    with pytest.raises(
        ValueError,
        match=r"population 'a': the model 'noisy_hard' must have the arrays .*, width, reset_value and no oth",
    ):
        replace(plain, model="noisy_hard")
    with pytest.raises(
        ValueError, match=r"population 'a': .* besides decay, threshold, bias, scale, got width, reset_value"
    ):
        replace(plain, width=np.ones(3), reset_value=np.ones(3))
    with pytest.raises(ValueError, match=r"population 'a': width must have one value for each neuron"):
        replace(plain, model="noisy_hard", width=np.ones(2), reset_value=np.ones(3))
    with pytest.raises(ValueError, match=r"population 'a': width must be 0 or more"):
        Program(1, (replace(plain, model="noisy_soft", width=-np.ones(3), reset_value=np.ones(3)),), (), 1.0)
    program = quantize(freeze(small_network(), time_step_ms=1.0), Scheme())
    stochastic = replace(program.populations[0], model="noisy_hard", width=np.ones(8), reset_value=np.zeros(8))
    with pytest.raises(ValueError, match="'hidden 1': the model 'noisy_hard' has no integer arithmetic"):
        replace(program, populations=(stochastic, *program.populations[1:]))


def test_noisy_models_have_no_integer_arithmetic():
    _, program, _ = trained()
    with pytest.raises(ValueError, match=r"quantize: all models must have integer .*'hidden 1', 'hidden 2' have none"):
        quantize(program, Scheme())
    shorter = quantize(program, Scheme(weights=None, delays="2bit"))
    assert shorter.longest_delay() <= 3
    assert shorter.populations[0].noisy


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
def test_plain_arrays_keep_the_noise(kind, tmp_path):
    _, program, frames = trained()
    getattr(arrays, f"write_{kind}")(program, tmp_path / "plain")
    read = getattr(arrays, f"read_{kind}")(tmp_path / "plain")
    np.testing.assert_array_equal(counts(read, frames, seed=SEED), counts(program, frames, seed=SEED))


def test_targets_without_noise_refuse_noisy_models():
    _, program, _ = trained()
    messages = [str(violation) for violation in checks.reset(program, models=("lif_hard", "lif_soft"))]
    assert len(messages) == 2
    assert "population 'hidden 1': neurons must " in messages[0]
