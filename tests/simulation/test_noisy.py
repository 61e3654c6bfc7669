"""Programs whose neurons fire by chance: the very spikes of the network, by seed, in every engine and any pieces."""

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
    how = {"tau": 2.0, "threshold": 0.25, "width": 0.2, "reset_value": -0.1, **settings}
    return lambda features: MetaNeuron(reset=reset, learn="neuron", features=features, **how)


def spread(network):
    """Give each neuron numbers of its own."""
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
def computes_the_same(network, program, frames, *, seed, **how):
    record = network.record(frames, draws=None if seed is None else Draws.of(seed))
    everywhere = Probe(spikes=True, membranes=everything(program))
    result = simulate(program, Events.from_frames(frames.numpy()), record=everywhere, seed=seed, **how)
    for recording in range(BATCH):
        expected = torch.cat([layer[:, recording] for layer in record.spikes[1:]], -1)
        found = dense_spikes(result, program, recording)
        np.testing.assert_array_equal(found[:, : expected.shape[1]], expected)
        np.testing.assert_allclose(result.output(recording), record.output[:, recording], rtol=1e-9, atol=1e-12)
    assert 0.05 < found.mean() < 0.95
    return result


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("seed", [None, SEED])
def test_spikes_are_those_of_the_network(engine, reset, seed):
    computes_the_same(*trained(reset=reset), seed=seed, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_pixels_of_a_field_draw_as_in_the_network(engine):
    network = small_convolutional_network(delays=True, extra_steps=2)
    for layer, features in zip(network.layers, (5, 4, 6), strict=True):
        layer.neuron = noisy("soft")(features).double()
    for seed in range(3):
        network.train()(small_images(seed=seed))
    spread(network)
    network.eval()
    computes_the_same(network, freeze(network, time_step_ms=1.0), small_images(seed=9), seed=SEED, engine=engine)


def counts(program, frames, **how):
    return simulate(program, Events.from_frames(frames.numpy()), **how).node_counts


def test_seeds_and_recordings_differ_and_threads_and_engines_do_not():
    _, program, frames = trained()
    same = frames[:, :1].expand(-1, 4, -1)
    found = counts(program, same, seed=SEED, threads=1)
    assert len({tuple(row) for row in found[:, program.channels :].tolist()}) == 4
    assert not np.array_equal(found, counts(program, same, seed=SEED + 1))
    for engine, threads in itertools.product(ENGINES, (1, 3)):
        np.testing.assert_array_equal(counts(program, same, seed=SEED, engine=engine, threads=threads), found)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_pieces_are_the_whole(engine, precision):
    _, program, frames = trained()
    whole, record = Events.from_frames(frames.numpy()), Probe(spikes=True)
    simulator = Simulator(program, engine=engine, precision=precision)
    expected, _ = simulator.feed(whole, simulator.start(BATCH), record, seed=SEED)
    state, spikes = simulator.start(BATCH), []
    for begin, end in ((0, 4), (4, 5), (5, STEPS)):
        result, state = simulator.feed(whole.part(begin, end), state, record, seed=SEED)
        spikes.append(dense_spikes(result, program, 1))
    np.testing.assert_array_equal(np.concatenate(spikes), dense_spikes(expected, program, 1))


def test_a_file_gives_back_what_was_written(tmp_path):
    _, program, frames = trained()
    program.save(tmp_path / "noisy.snn")
    found = Program.load(tmp_path / "noisy.snn")
    assert found.digest() == program.digest()
    assert [part.model for part in found.populations] == ["noisy_hard", "noisy_hard", "readout"]
    np.testing.assert_array_equal(counts(found, frames, seed=SEED), counts(program, frames, seed=SEED))


def test_versions_say_what_a_reader_must_know(tmp_path):
    def version(program):
        program.save(tmp_path / "program.snn")
        with np.load(tmp_path / "program.snn") as stored:
            return json.loads(stored["header"].tobytes())["version"]

    assert version(trained()[1]) == 2
    # one without chance can be read by whoever could read it before
    assert version(freeze(small_network(), time_step_ms=1.0)) == 1


def test_without_noise_it_is_a_program_of_lif():
    network = small_network(neuron=lambda _: MetaNeuron(tau=2.0, threshold=0.25, width=0.0))
    program = freeze(network, time_step_ms=1.0)
    assert [part.model for part in program.populations] == ["lif_hard", "lif_hard", "readout"]
    assert not any(part.noisy for part in program.populations)


@pytest.mark.parametrize(
    "neuron",
    [
        MetaNeuron(recovery=Recovery()),
        MetaNeuron(estimator="expectation"),
        LevyBaxter(),
        SecondOrder(),
    ],
)
def test_what_has_no_rule_is_refused(neuron):
    with pytest.raises(TypeError, match="freeze: the neurons of 'hidden 1' must be LIF, LeakyReadout, or MetaNeuron"):
        freeze(small_network(neuron=lambda _: neuron), time_step_ms=1.0)


def test_what_a_noisy_population_must_have():
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
    chancy = replace(program.populations[0], model="noisy_hard", width=np.ones(8), reset_value=np.zeros(8))
    with pytest.raises(ValueError, match="'hidden 1': the model 'noisy_hard' has no integer arithmetic"):
        replace(program, populations=(chancy, *program.populations[1:]))


def test_chance_has_no_arithmetic_in_integers():
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
    found = getattr(arrays, f"read_{kind}")(tmp_path / "plain")
    np.testing.assert_array_equal(counts(found, frames, seed=SEED), counts(program, frames, seed=SEED))


def test_targets_without_chance_say_so():
    _, program, _ = trained()
    found = [str(violation) for violation in checks.reset(program, models=("lif_hard", "lif_soft"))]
    assert len(found) == 2
    assert "population 'hidden 1': neurons must not fire by chance, and these have noise; train with" in found[0]
