"""Brian2, NEST, BMTK and PyNN run what is written for them, spike by spike as we do.

Each needs its package; SNNSIM_BACKENDS names the interpreter of an environment that has them.
"""

from dataclasses import replace

import numpy as np
import pytest

from helpers.interpreters import python_with
from snnsim import export, verification
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events, simulate
from snnsim.verification import BACKENDS, networks

pytestmark = pytest.mark.usefixtures("imported_backends")

MODULES = {
    "brian2": ["brian2"],
    "nest": ["nest"],
    "bmtk": ["bmtk", "nest"],
    "pynn-nest": ["pyNN", "nest"],
    "pynn-brian2": ["pyNN", "brian2"],
}
EVERYWHERE = ["recurrent", "taps", "biased"]


@pytest.fixture
def run(tmp_path):
    """Return a function that writes a Program for a backend, reads it back, and has the backend run it."""

    def verified(backend, program, *, recordings=2, rate=0.08, events=None):
        python = python_with(*MODULES[backend], install=BACKENDS[backend].packages)
        target = BACKENDS[backend].target
        path = tmp_path / f"made{export.TARGETS[target].suffix}"
        export.write(program, target, path)
        events = events or networks.recordings(program, recordings, steps=80, rate=rate)
        return verification.verify(path, export.read(target, path), events, backend=backend, python=python)

    return verified


NETWORKS = [(backend, network) for backend in MODULES for network in EVERYWHERE]
NETWORKS += [("brian2", network) for network in ("cuba_lif", "adlif", "silif", "alif")] + [
    ("nest", "cuba_lif"),
    ("bmtk", "cuba_lif"),
]


@pytest.mark.parametrize(("backend", "network"), NETWORKS)
def test_every_spike_is_the_same(run, backend, network):
    program = networks.NETWORKS[network]()
    report = run(backend, program)
    assert [layer.name for layer in report.layers] == [part.name for part in program.populations if part.fires]
    assert all(layer.spikes_equal == layer.spikes_total > 100 for layer in report.layers), report.layers
    assert report.equal
    assert report.version


@pytest.mark.parametrize("backend", MODULES)
def test_membranes_of_the_readout_and_names_with_spaces(run, backend):
    program = networks.biased()
    spaced = tuple(replace(part, name=part.name + " 1") for part in program.populations)
    edges = tuple(
        replace(edge, source=edge.source if edge.source == INPUT else edge.source + " 1", target=edge.target + " 1")
        for edge in program.edges
    )
    report = run(backend, replace(program, populations=spaced, edges=edges, readout="readout 1"), recordings=8)
    assert report.equal
    assert len(set(report.our_choices.tolist())) > 1
    np.testing.assert_array_equal(report.choices, report.our_choices)
    assert report.membrane_difference < 1e-6


@pytest.mark.parametrize("backend", MODULES)
def test_several_spikes_of_a_channel_in_a_step(run, backend):
    program = networks.recurrent()
    frames = np.random.default_rng(0).integers(0, 4, (60, 2, 20)) * (
        np.random.default_rng(1).random((60, 2, 20)) < 0.15
    )
    report = run(backend, program, events=Events.from_frames(frames))
    assert report.dropped_spikes == (0 if BACKENDS[backend].counts else (frames - 1).clip(0).sum())
    assert report.total("spikes_total") > 100
    assert report.equal


def test_brian2_subtracts_a_threshold(run):
    assert run("brian2", networks.toy(model="lif_soft")).equal


@pytest.mark.parametrize("backend", ["nest", "bmtk", "pynn-nest"])
def test_a_soft_reset_is_refused(run, backend):
    with pytest.raises(Exception, match=r"reset"):
        run(backend, networks.toy(model="lif_soft"))


@pytest.mark.parametrize("backend", MODULES)
def test_floats_long_delays_and_decays_at_their_ends(run, backend):
    """Every synapse takes 5 steps or more, and neurons forget all or nothing in a step."""
    report = run(backend, extremes(), rate=0.3)
    assert report.equal
    assert report.total("spikes_total") > 50


def test_integers_saturate_in_brian2_as_they_do_here(run):
    plain = networks.biased()
    small = replace(plain, fixed=replace(plain.fixed, word_bits=14))
    populations = tuple(
        replace(part, threshold=np.full(part.size, 5000) if part.fires else part.threshold)
        for part in small.populations
    )
    saturating = replace(small, populations=populations)
    assert run("brian2", saturating).equal
    events = networks.recordings(plain, 2, steps=80)
    counts = [simulate(replace(saturating, fixed=fixed), events).node_counts for fixed in (small.fixed, plain.fixed)]
    assert (counts[0] != counts[1]).any()


def extremes():
    rng = np.random.default_rng(0)
    pre, post = (part.ravel() for part in np.indices((6, 6)))
    synapses = (pre, post, rng.integers(5, 40, 36), rng.integers(-3, 6, 36) / 8)
    neurons = Population(
        "a", "lif_hard", np.array([0.0, 1.0, 0.5, 0.0, 1.0, 0.9]), *(np.ones(6) * n for n in (1.03, 0, 1))
    )
    edges = (Edge.of(INPUT, "a", synapses, sources=6), Edge.of("a", "a", synapses, sources=6))
    return Program(channels=6, populations=(neurons,), edges=edges, time_step_ms=2.5)


@pytest.mark.parametrize("backend", ["pynn-nest", "pynn-brian2"])
def test_an_edge_of_a_single_synapse(run, backend):
    edge = Edge.of(INPUT, "a", (np.array([1]), np.array([0]), np.array([3]), np.array([1.0])), sources=2)
    program = Program(channels=2, populations=(Population.of("a", 1, decay=0.5),), edges=(edge,), time_step_ms=1.0)
    events = Events.single(np.array([2, 5]), np.array([1, 1]), steps=12)
    report = run(backend, program, events=events)
    assert (report.layers[0].spikes_equal, report.layers[0].spikes_total) == (2, 2)
    assert report.equal


@pytest.mark.parametrize(
    ("model", "delay", "words"),
    [("adlif_hard", 5, "the model must be .* in NEST"), ("cuba_lif_hard", 1, "a loop of this program is too short")],
)
def test_neurons_that_nest_would_compute_otherwise_are_refused(run, model, delay, words):
    program = networks.adaptive(model)
    loop = program.edges[-1]
    synapses = (loop.pre(), loop.post, np.full(len(loop.post), delay), loop.weight)
    changed = Edge.of("first", "first", synapses, sources=16)
    with pytest.raises(RuntimeError, match=words):
        run("nest", replace(program, edges=(*program.edges[:-1], changed)))


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("noisy_hard", {"width": 0.5, "reset_value": 0.0}),
        ("lif_soft_initial", {"initial": 0.9}),
        ("delta", {}),
        ("sigma_delta", {}),
    ],
)
def test_neurons_that_brian2_has_no_equation_of_are_refused(run, model, parameters):
    rows = {name: np.full(2, value) for name, value in parameters.items()}
    ones = np.ones(2)
    part = Population("a", model, ones, ones, 0 * ones, ones, **rows)
    edge = Edge.of(INPUT, "a", ([0, 1], [0, 1], [0, 0], [1.0, 1.0]), sources=2)
    program = Program(channels=2, populations=(part,), edges=(edge,), time_step_ms=1.0)
    with pytest.raises(verification.UnsupportedError, match="population 'a': the model must be that of deterministic"):
        run("brian2", program)
