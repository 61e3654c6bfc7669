import json

import numpy as np
import pytest

from helpers.command_line import fails, flags, run
from snnsim.data import cache
from snnsim.program import Program

pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture
def trained(capsys, tmp_path, tiny):
    # a network that hardly fires gives all classes the same score, and rounding then chooses among them
    lively = tiny | {"network.neuron.threshold": 0.3, "training.lr": 0.02}
    run(capsys, "train", "shd", "--output-dir", str(tmp_path / "run"), "--device", "cpu", *flags(lively))
    return tmp_path / "run"


def test_freeze_info_and_simulate(capsys, trained, tmp_path, shd_folder):
    file = str(tmp_path / "net.snn")
    assert run(capsys, "freeze", str(trained), "-o", file) == f"{file}: 25 neurons, 1,830 synapses\n"
    program = Program.load(file)
    assert program.provenance["run"] == str(trained)
    assert program.classes == ("low", "middle", "high")
    known = json.loads(run(capsys, "info", file, "--json"))
    assert known["digest"] == program.digest()
    assert [edge["synapses"] for edge in known["edges"]] == [1680, 120, 30]
    text = run(capsys, "info", file)
    assert "hidden 1 -> hidden 2: 120 synapses, delays 0 to 6 steps" in text
    assert "readout: 3 neurons (readout)" in text
    # a second is 100 steps of 10 ms
    assert (known["inference"]["steps"], known["inference"]["activity"]) == (100, 0.1)
    assert known["inference"]["neuron_updates"] == 25 * (100 + program.extra_steps)
    chosen = json.loads(run(capsys, "info", file, "--json", "--steps", "30", "--activity", "1"))["inference"]
    assert chosen["synaptic_operations"] == 30 * 1680 + (30 + program.extra_steps) * 150
    assert f"an inference of 100 steps and {program.extra_steps} extra ones: " in text
    expected = json.loads(run(capsys, "evaluate", str(trained), "--split", "test", "--json"))
    for words in (
        [],
        ["--data", str(shd_folder / "shd_test.h5")],
        ["--data", str(shd_folder), "--engine", "event_driven"],
    ):
        result = json.loads(run(capsys, "simulate", file, "--json", "--threads", "2", *words))
        assert result["accuracy"] == expected["accuracy"]
        assert result["recordings"] == result["total"] == 30
        assert result["loss"] == pytest.approx(expected["loss"], rel=1e-5)
        assert list(result["activity"].values()) == pytest.approx(expected["activity"], rel=1e-3)
        assert result["synaptic_events"] <= result["synaptic_operations"]
        assert result["events_per_second"] == pytest.approx(result["synaptic_events"] / result["seconds"])
        assert result["nanojoules_per_recording"]["loihi"] == pytest.approx(
            23.6e-3 * result["synaptic_operations"] / 30
        )
    text = run(capsys, "simulate", file, "--precision", "float32", "--split", "valid")
    assert "39 recordings in" in text
    assert "nJ: 23.6 pJ each, the least energy of a synaptic operation, simulated before there was silicon" in text
    assert "of 39, 95 % interval" in text


def test_evaluate_with_the_simulator(capsys, trained):
    expected = json.loads(run(capsys, "evaluate", str(trained), "--json"))
    result = json.loads(run(capsys, "evaluate", str(trained), "--engine", "simulator", "--json"))
    assert result["engine"] == "simulator"
    for name in ("accuracy", "correct", "total", "ci95", "epoch", "split"):
        assert result[name] == expected[name]
    assert result["activity"] == pytest.approx(expected["activity"], rel=1e-3)
    assert json.loads((trained / "evaluation-valid-event.json").read_text()) == result
    assert "of 39, 95 % interval" in run(capsys, "evaluate", str(trained), "--engine", "simulator")


def test_a_wrong_option_is_named(capsys, trained, tmp_path, shd_folder):
    file = str(tmp_path / "net.snn")
    assert "nowhere is not the folder of a run" in fails(capsys, "freeze", "nowhere", "-o", file)
    assert f"there is no program {file}" in fails(capsys, "simulate", file)
    assert f"{trained} is a folder, and a program is a file" in fails(capsys, "info", str(trained))
    run(capsys, "freeze", str(trained), "-o", file)
    assert "--steps must be at least 1, not -3" in fails(capsys, "info", file, "--steps", "-3")
    assert "--threads must be at least 1, not -1" in fails(capsys, "simulate", file, "--threads", "-1")
    # neither a file nor a folder: nothing is made, nothing downloaded
    assert "nowhere: there is no such file" in fails(capsys, "simulate", file, "--data", str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
    assert "activity must be from 0 to 1" in fails(capsys, "info", file, "--activity", "1.5")
    program = Program.load(file)
    Program(**{**vars(program), "provenance": {}}).save(file)
    assert "does not name its training data; give a file in the format of SHD" in fails(capsys, "simulate", file)
    Program(**{**vars(program), "classes": ("a", "b", "c")}).save(file)
    error = fails(capsys, "simulate", file, "--data", str(shd_folder / "shd_test.h5"))
    assert "the recordings must have the program's classes a, b, c; theirs are low, middle, high" in error
    (tmp_path / "net.snn").write_bytes(b"cake")
    assert "is damaged, or no program of snnsim" in fails(capsys, "info", file)


def test_simulating_no_recordings_is_an_error(capsys, trained, tmp_path, shd_folder, monkeypatch):
    file = str(tmp_path / "net.snn")
    run(capsys, "freeze", str(trained), "-o", file)
    read = cache.binned
    monkeypatch.setattr(cache, "binned", lambda *arguments, **grid: read(*arguments, **grid).select(np.arange(0)))
    error = fails(capsys, "simulate", file, "--data", str(shd_folder / "shd_test.h5"))
    assert "there must be recordings to run, and the data have none" in error
