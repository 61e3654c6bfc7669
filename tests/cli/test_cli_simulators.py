"""Folders for simulators by the command line, and the script that has all networks run everywhere."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from helpers.command_line import run
from snnsim import export, verification
from snnsim.program import Program
from snnsim.verification import BACKENDS, Difference, Layer, Report, networks

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def file(tmp_path):
    networks.biased().save(tmp_path / "net.snn")
    return str(tmp_path / "net.snn")


@pytest.mark.parametrize("target", ["sonata", "spinnaker", "npz", "hdf5"])
def test_export_and_import(capsys, tmp_path, file, target):
    path, back = tmp_path / f"net{export.TARGETS[target].suffix}", tmp_path / "back.snn"
    assert run(capsys, "export", file, "--to", target, "-o", str(path)).startswith(f"{path}: ")
    assert run(capsys, "import", str(path), "-o", str(back)) == f"{back}: 31 neurons, 530 synapses\n"
    assert Program.load(back).digest() == networks.biased().digest()


@pytest.mark.parametrize(("target", "models"), [("sonata", "lif_hard or cuba_lif_hard"), ("spinnaker", "lif_hard")])
def test_a_soft_reset_is_shown(capsys, tmp_path, target, models):
    networks.toy(model="lif_soft").save(tmp_path / "soft.snn")
    with pytest.raises(SystemExit):
        run(capsys, "export", str(tmp_path / "soft.snn"), "--to", target, "--check")
    assert capsys.readouterr().out.count(f"the model must be {models}, not 'lif_soft'") == 2


def report(backend, program, recordings, *, wrong):
    layers = tuple(Layer(part.name, 10 - wrong, 10, 100 - wrong, 100) for part in program.populations if part.fires)
    differences = (Difference(0, "first", 3, 1, 2e-8),) if wrong else ()
    return Report(backend, "7", recordings, layers, None, None, differences=differences)


def verifier(installed):
    """Return what `verify` would do if these were installed, and the last of them wrong by a spike."""

    def run_one(_path, program, events, *, backend, python, trust=False, parallel=None):
        assert not trust
        assert parallel in (None, verification.Parallel())
        if backend not in installed:
            raise ImportError(f"verify: {backend} is not installed (in {python}); pip install its-package")
        return report(backend, program, len(events), wrong=backend == installed[-1])

    return run_one


def test_installed_backends_verify_and_missing_ones_are_named(capsys, tmp_path, file, monkeypatch):
    run(capsys, "export", file, "--to", "npz", "-o", str(tmp_path / "net.npz"))
    monkeypatch.setattr(verification, "verify", verifier(["brian2"]))
    monkeypatch.setattr(sys, "argv", ["snnsim"])
    words = ("verify", str(tmp_path / "net.npz"), "--random", "--recordings", "2")
    lines = run(capsys, *words).splitlines()
    assert lines[0] == "brian2 7, 2 recordings:"
    assert lines[1] == "  first: 9 of 10 spikes equal, 99 of 100 cells (a neuron in a step)"
    assert lines[3].startswith("  1 recordings differ; at the first difference, membrane and threshold are 2.0e-08")
    monkeypatch.setattr(verification, "verify", verifier([]))
    with pytest.raises(SystemExit):
        run(capsys, *words)
    assert "nest is not installed" in capsys.readouterr().err


def test_threads_and_processes_are_those_of_backends_that_have_them(capsys, tmp_path, file, monkeypatch):
    run(capsys, "export", file, "--to", "npz", "-o", str(tmp_path / "net.npz"))
    calls = []

    def verify(_path, program, events, *, backend, parallel, **_):
        calls.append((backend, parallel))
        return report(backend, program, len(events), wrong=False)

    monkeypatch.setattr(verification, "verify", verify)
    words = (
        "verify",
        str(tmp_path / "net.npz"),
        "--random",
        "--threads",
        "3",
        "--processes",
        "2",
        "--launcher",
        "srun -n",
    )
    run(capsys, *words)
    assert calls == [("nest", verification.Parallel(3, 2, "srun -n"))]


def test_the_matrix_explains_numbers_and_gaps(capsys, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    parity = importlib.import_module("parity")
    monkeypatch.setattr(parity, "verify", verifier(["brian2", "netx", "nest"]))
    networks.toy(seed=1).save(tmp_path / "own.snn")
    file = tmp_path / "parity.json"
    backends = ["nest", "brian2", "pynn-nest", "netx"]
    words = ["--network", "toy", "soft", "taps", "--program", str(tmp_path / "own.snn"), "--recordings", "2"]
    monkeypatch.setattr(sys, "argv", ["parity.py", "--backend", *backends, *words, "--json", str(file)])
    parity.main()
    table = capsys.readouterr().out.partition("| backend")[2].splitlines()
    rows = {line.split()[1]: line.split("|")[3:-1] for line in table if line.startswith("| ")}
    assert [each.strip() for each in rows["brian2"]] == ["20 / 20"] * 4
    assert [each.strip() for each in rows["nest"]] == ["18 / 20 <sup>1</sup>"] * 4
    assert [each.strip()[0] for each in rows["pynn-nest"]] == ["–"] * 4
    notes = [line.partition(" ")[2] for line in table if line[:1].isdigit()]
    assert notes[0] == "1 recordings differ, first with a membrane 2e-08 to 2e-08 of a threshold away from it"
    assert "breaks reset" in notes
    assert "not installed: pip install its-package" in notes
    assert "after join_taps" in notes
    stored = json.loads(file.read_text())
    assert stored["networks"] == ["toy", "soft", "taps", "own"]
    assert stored["command"][-4:] == ["--recordings", "2", "--json", "parity.json"]
    assert "runs/own.snn" in stored["command"]
    assert stored["cells"]["netx"]["taps"]["repairs"] == ["join_taps"]


def test_every_backend_has_a_script_and_a_target():
    assert BACKENDS
    for name, backend in BACKENDS.items():
        assert backend.script(name).is_file(), name
        assert backend.target in export.TARGETS
