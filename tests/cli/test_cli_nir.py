import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from helpers.command_line import fails, run
from snnsim import verification
from snnsim.program import INPUT, Edge, Population, Program


@pytest.fixture(autouse=True)
def program(tmp_path):
    """Return a Program in a file."""
    edge = Edge.of(INPUT, "a", (np.arange(3), np.arange(3), np.array([0, 2, 5]), np.ones(3)), sources=3)
    program = Program(channels=3, populations=(Population.of("a", 3, decay=0.5),), edges=(edge,), time_step_ms=10.0)
    program.save(tmp_path / "net.snn")
    return program


def test_export_and_import_of_nir(capsys, tmp_path, program):
    path, back = tmp_path / "net.nir", tmp_path / "back.snn"
    said = run(capsys, "export", str(tmp_path / "net.snn"), "--to", "nir", "--encoding", "fan", "-o", str(path))
    assert said == f"{path}: a graph of NIR, with a delay per synapse; 3 neurons, 3 synapses\n"
    assert run(capsys, "import", str(path), "-o", str(back)) == f"{back}: 3 neurons, 3 synapses\n"
    assert Program.load(back).digest() == program.digest()


def test_options_reach_the_file(capsys, tmp_path):
    path = str(tmp_path / "net.nir")
    words = ("--encoding", "relay", "--dt", "0.002", "--resistance", "euler")
    run(capsys, "export", str(tmp_path / "net.snn"), "--to", "nir", *words, "-o", path)
    with h5py.File(path) as file:
        known = file["node/metadata"]
        assert (known["encoding"][()], known["dt"][()], known["resistance"][()]) == (b"relay", 0.002, b"euler")
    said = fails(
        capsys, "export", str(tmp_path / "net.snn"), "--to", "npz", "--dt", "0.1", "-o", str(tmp_path / "a.npz")
    )
    assert "npz is written without the option dt; it takes none" in said


def test_import_prints_the_assumptions_of_a_foreign_graph(capsys, tmp_path):
    path, back = tmp_path / "net.nir", tmp_path / "back.snn"
    run(capsys, "export", str(tmp_path / "net.snn"), "--to", "nir", "--dt", "0.002", "-o", str(path))
    with h5py.File(path, "r+") as file:
        del file["node/metadata"]
    said = run(capsys, "import", str(path), "--dt", "0.002", "-o", str(back)).splitlines()
    assert said[:2] == [f"{back}: 3 neurons, 3 synapses", "  a step is 0.002 s"]
    imported = Program.load(back)
    assert imported.time_step_ms == 2
    np.testing.assert_array_equal(imported.edges[0].delay, [0, 2, 5])
    # without it, the delays of 0, 4 and 10 ms are steps of the importers' 0.1 ms
    run(capsys, "import", str(path), "-o", str(back))
    np.testing.assert_array_equal(Program.load(back).edges[0].delay, [0, 40, 100])


def test_export_to_nir_prints_what_the_format_lacks(capsys, tmp_path, program):
    soft = replace(program, populations=(replace(program.populations[0], model="lif_soft"),))
    soft.save(tmp_path / "soft.snn")
    with pytest.raises(SystemExit):
        run(capsys, "export", str(tmp_path / "soft.snn"), "--to", "nir", "--check")
    assert "population 'a': the model must be lif_hard or cuba_lif_hard, not 'lif_soft'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("encoding", "expected"), [("seq", ["nirtorch"]), ("relay", ["snntorch", "spikingjelly", "norse"])]
)
def test_verify_runs_the_backends_that_read_the_encoding(capsys, tmp_path, monkeypatch, encoding, expected):
    def verified(_path, _program, events, *, backend, **_python):
        return verification.Report(backend, "1", len(events), (), None, None)

    monkeypatch.setattr(verification, "verify", verified)
    path = str(tmp_path / "net.nir")
    run(capsys, "export", str(tmp_path / "net.snn"), "--to", "nir", "--encoding", encoding, "-o", path)
    lines = run(capsys, "verify", path, "--json").splitlines()
    assert [json.loads(line)["backend"] for line in lines] == expected
    # the old names of the option and of the field
    lines = run(capsys, "verify", path, "--json", "--consumer", expected[0]).splitlines()
    assert [json.loads(line)["consumer"] for line in lines] == expected[:1]
