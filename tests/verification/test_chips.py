"""Files for chips, run by the emulators of others: every spike and every membrane of the readout as ours."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.interpreters import python_with
from helpers.loihi_programs import chain, graph, sigma_delta_chain, sparse
from snnsim import export, verification
from snnsim.simulation import Events, Simulator
from snnsim.verification import networks

pytestmark = pytest.mark.usefixtures("imported_backends")

INSTALL = {
    "brian2-loihi": ("brian2_loihi", '"brian2-loihi" "brian2" "numpy<2.4"'),
    "lava": ("lava", '"lava-nc>=0.10" --ignore-requires-python'),
    "netx": ("lava.lib.dl.netx", '"lava-dl>=0.6" "lava-nc>=0.10" --ignore-requires-python'),
}


def busy(program, events):
    """Return whether a population has an exponential synapse, and `firing`."""
    return any(part.second_decay is not None for part in program.populations) and firing(program, events)


def firing(program, events):
    """Return whether all populations fire, and not in every step."""
    result = Simulator(program).run(events)
    parts = [part for part in program.populations if part.fires]
    return all(0 < result.counts(part.name).sum() < 0.5 * part.size * result.length.sum() for part in parts)


@pytest.mark.parametrize(
    ("backend", "target", "draw"),
    [("brian2-loihi", "loihi1", graph), ("lava", "loihi1", graph), ("netx", "loihi2", chain)],
)
def test_every_spike_is_the_same(tmp_path, backend, target, draw):
    module, packages = INSTALL[backend]
    python = python_with(module, install=packages)
    rng = np.random.default_rng(1)
    events = Events.from_frames(rng.integers(1, 4, (40, 4, 6)) * (rng.random((40, 4, 6)) < 0.3))
    drawn = (draw(np.random.default_rng(seed), 9) for seed in range(1000))
    program = replace(next(each for each in drawn if busy(each, events)), decision="last_membrane")
    path = tmp_path / f"net{export.TARGETS[target].suffix}"
    export.write(program, target, path)
    report = verification.verify(path, program, events, backend=backend, python=python)
    assert report.equal, report
    assert report.total("spikes_total") > 20
    np.testing.assert_array_equal(report.choices, report.our_choices)


@pytest.mark.parametrize("backend", ["brian2-loihi", "lava"])
def test_populations_may_have_names_that_are_no_path(tmp_path, backend):
    module, packages = INSTALL[backend]
    python = python_with(module, install=packages)
    program = networks.toy()
    names = {"first": "Input", "second": "a/b"}
    parts = tuple(replace(part, name=names[part.name]) for part in program.populations)
    edges = tuple(
        replace(edge, source=names.get(edge.source, edge.source), target=names[edge.target]) for edge in program.edges
    )
    export.write(replace(program, populations=parts, edges=edges), "loihi1", tmp_path / "net.loihi1")
    read, events = export.read("loihi1", tmp_path / "net.loihi1"), networks.recordings(program, 1, steps=60)
    report = verification.verify(tmp_path / "net.loihi1", read, events, backend=backend, python=python)
    assert [layer.name for layer in report.layers] == ["Input", "a/b"]
    assert report.equal
    assert report.total("spikes_total") > 20


def test_every_message_is_the_same(tmp_path):
    python = python_with(INSTALL["netx"][0], install=INSTALL["netx"][1])
    rng = np.random.default_rng(1)
    program = sigma_delta_chain(rng)
    events = Events.from_frames(rng.integers(-3, 4, (40, 3, 6)) * (rng.random((40, 3, 6)) < 0.4))
    export.write(program, "loihi2", tmp_path / "net.net")
    report = verification.verify(tmp_path / "net.net", program, events, backend="netx", python=python)
    assert report.equal, report
    assert report.total("spikes_total") > 20
    assert report.membrane_difference == 0


def test_xylo_fires_where_we_do(tmp_path):
    python = python_with("rockpool", "xylosim", install="rockpool xylosim")
    rng = np.random.default_rng(1)
    events = Events.from_frames((rng.random((40, 20, 6)) < 0.4).astype(int))
    draws = (sparse(np.random.default_rng(seed)) for seed in range(1000))
    program = next(each for each in draws if firing(each, events))
    program = replace(program, decision="last_membrane")
    export.write(program, "xylo", tmp_path / "net.xylo")
    report = verification.verify(tmp_path / "net.xylo", program, events, backend="xylo", python=python)
    assert report.equal, report
    assert report.total("spikes_total") > 20
    np.testing.assert_array_equal(report.choices, report.our_choices)
