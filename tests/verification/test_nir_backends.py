"""Importers of NIR files run them spike by spike as we do: stock ones the relays, nirtorch the Delays.

Each needs its packages; SNNSIM_BACKENDS names the interpreter of an environment that has them.
"""

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from helpers.interpreters import python_with
from snnsim import export, verification
from snnsim.program import INPUT
from snnsim.simulation import Events, Probe, simulate
from snnsim.verification import BACKENDS, networks

pytestmark = pytest.mark.usefixtures("imported_backends")

MODULES = {name: ["nir", "nirtorch", name] for name in ("nirtorch", "snntorch", "spikingjelly", "norse")}
ENCODINGS = [("nirtorch", "seq"), ("nirtorch", "fan")] + [(name, "relay") for name in MODULES if name != "nirtorch"]


@pytest.fixture
def run(tmp_path):
    """Return a function that writes a Program, reads it back, and has an importer run it."""

    def verified(backend, encoding, program, **options):
        python = python_with(*MODULES[backend], install=BACKENDS[backend].packages)
        path = tmp_path / "made.nir"
        export.write(program, "nir", path, encoding=encoding, **options)
        events = networks.recordings(program, 2, steps=80)
        return verification.verify(path, export.read("nir", path), events, backend=backend, python=python)

    return verified


@pytest.mark.parametrize("network", ["toy", "recurrent", "taps", "cuba_lif"])
@pytest.mark.parametrize(("backend", "encoding"), ENCODINGS)
def test_every_spike_is_the_same(run, backend, encoding, network):
    program = networks.NETWORKS[network]()
    report = run(backend, encoding, program)
    assert [layer.name for layer in report.layers] == [part.name for part in program.populations]
    assert all(layer.spikes_equal == layer.spikes_total > 100 for layer in report.layers), report.layers
    assert report.equal
    assert report.version


@pytest.mark.parametrize(("backend", "encoding"), ENCODINGS)
def test_biases_and_the_readout_are_those_of_their_steps(run, backend, encoding):
    # every importer has an idea of its own of what may differ between neurons; decays may not
    program = networks.biased()
    parts = tuple(replace(part, decay=np.full(part.size, 3000)) for part in program.populations)
    program = replace(program, populations=parts)
    report = run(backend, encoding, program)
    assert report.equal
    assert report.total("spikes_total") > 100
    np.testing.assert_array_equal(report.choices, report.our_choices)


@pytest.mark.parametrize(
    ("backend", "encoding", "options", "words"),
    [
        ("snntorch", "seq", {}, "has the encoding 'seq', and here it must be relay"),
        ("snntorch", "relay", {"dt": 0.01}, "snnTorch's step is 0.0001 s"),
        ("snntorch", "relay", {}, "one r dt / tau for all neurons"),
        ("norse", "relay", {"resistance": "euler"}, "Norse knows no r"),
    ],
)
def test_what_an_importer_would_run_otherwise_is_refused(run, backend, encoding, options, words):
    with pytest.raises(RuntimeError, match=words):
        run(backend, encoding, networks.biased(), **options)


def test_norse_is_not_given_ways_that_join(run):
    toy = networks.toy()
    rng = np.random.default_rng(0)
    skip = networks.random_edge(rng, INPUT, "second", (20, 10))
    with pytest.raises(RuntimeError, match=r"Norse would compute .* before"):
        run("norse", "relay", replace(toy, edges=(*toy.edges, skip)))


WRITTEN = """
import nir, numpy as np, sys
lif = nir.LIF(tau=np.array([.02, .04]), r=np.full(2, 2.), v_leak=np.zeros(2), v_threshold=np.ones(2))
nodes = {
    "input": nir.Input(np.array([1, 3])), "conv": nir.Conv1d(3, np.ones((2, 1, 3)), 1, 0, 1, 1, np.zeros(2)),
    "flatten": nir.Flatten({"input": np.array([2, 1])}, 0, -1), "lif": lif, "rec": nir.Linear(-np.eye(2)),
    "delay": nir.Delay(np.array([.01, .02])), "output": nir.Output(np.array([2])),
}
names = ["input", "conv", "flatten", "lif", "delay", "rec"]
nir.write(sys.argv[1], nir.NIRGraph(nodes, [*zip(names, names[1:]), ("rec", "lif"), ("lif", "output")]))
graph = nir.read(sys.argv[2])
print(len(graph.nodes), len(graph.edges), graph.metadata["encoding"], graph.nodes["p0_n_first"].v_reset.max())
"""


@pytest.mark.parametrize("encoding", ["seq", "fan", "relay"])
def test_nir_reads_ours_and_we_read_its_own(tmp_path, encoding):
    python = python_with("nir", install="nir")
    export.write(networks.recurrent(), "nir", tmp_path / "ours.nir", encoding=encoding)
    command = [python, "-c", WRITTEN, str(tmp_path / "its.nir"), str(tmp_path / "ours.nir")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert said[2:] == [encoding, "0.0"]
    program = export.read("nir", tmp_path / "its.nir", dt=0.01)
    # tau of 2 and 4 steps, r of 2: three spikes at once are 3 and 1.5; the loop takes a step more than its Delays
    frames = np.zeros((4, 1, 3), np.int64)
    frames[0] = 1
    result = simulate(program, Events.from_frames(frames), record=Probe(spikes=True, membranes={"lif": None}))
    np.testing.assert_array_equal(result.spikes("lif"), [[0, 0], [0, 1]])
    np.testing.assert_allclose(result.membrane("lif"), [[3, 1.5], [0, 0], [-1, 0], [-0.5, -0.5]])
