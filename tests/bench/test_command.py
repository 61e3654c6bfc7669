"""`snnsim bench`: what it prints, and what it says when it cannot."""

import json

import pytest

from snnsim import cli, peak_memory
from snnsim.bench import baselines

pytest.importorskip("spikingjelly")
pytest.importorskip("DCLS")

TINY = ["motifs", "--set=network.hidden=[8]", "--set=network.max_delay_ms=40.0", "--set=data.channels=4"]
TINY += ["--batch-size=3", "--steps=10", "--repeats=2", "--threads=1"]


def run(capfd, *words: str):
    cli.main(["bench", *words])
    return capfd.readouterr()


def test_one_json_object_with_all_that_was_measured(capfd, tmp_path):
    shown = run(capfd, *TINY, "--peer", "spikingjelly", "--json", "-o", str(tmp_path / "new" / "found.json"))
    found = json.loads(shown.out)
    assert len(shown.out.splitlines()) == 1
    assert found == json.loads((tmp_path / "new" / "found.json").read_text())
    assert found["peer"] == "spikingjelly + dcls"
    assert found["others"] == {}
    step, size = found["step"], found["memory"]
    samples = found["samples"]["step_s"]
    assert {name: len(taken) for name, taken in samples.items()} == {"snnsim": 2, "spikingjelly": 2}
    assert min(samples["snnsim"]) <= step["ours_s"] <= max(samples["snnsim"])
    assert min(samples["spikingjelly"]) <= step["peer_s"] <= max(samples["spikingjelly"])
    assert step["ratio"] > 0
    if peak_memory._SELF.is_dir():
        assert all(isinstance(size[name], int) and size[name] >= 0 for name in ("ours_bytes", "peer_bytes"))
    assert set(size) == {"ours_bytes", "peer_bytes", "ratio"}
    assert found["machine"]
    assert (found["threads"], found["allocator"], found["batch_size"], found["steps"]) == (1, "tuned", 3, 10)
    assert found["sigma"] == 0.5
    assert found["peers"].keys() == {"spikingjelly", "dcls"}
    assert found["config"]["network"]["hidden"] == [8]


@pytest.mark.usefixtures("here")
def test_a_table_of_all_peers(capfd):
    shown = run(capfd, *TINY, "--sigma", "1.5", "--peer", "snntorch", "spikingjelly", "recipe")
    lines = shown.out.splitlines()
    assert lines[0] == "motifs: 4 - 8 neurons, 10 steps, batch 3, windows 1.5 steps wide"
    assert lines[1].endswith(", 1 thread, tuned allocator")
    assert lines[3].split() == ["one", "training", "step", "seconds", "/", "snnsim", "peak", "MiB", "/", "snnsim"]
    titles = ["snnsim", "snntorch + dcls", "spikingjelly + dcls", "DCLS-Delays recipe"]
    assert [line[: len(title)] for line, title in zip(lines[4:8], titles, strict=True)] == titles
    assert "bench: 2 turns of snnsim, snntorch + dcls" in shown.err


@pytest.mark.usefixtures("here")
def test_the_first_peer_is_the_one_compared_with_and_the_others_stand_beside_it(capfd):
    found = json.loads(run(capfd, *TINY, "--json", "--peer", "snntorch", "spikingjelly").out)
    assert found["peer"] == "snntorch + dcls"
    assert found["others"].keys() == {"spikingjelly + dcls"}
    assert found["others"]["spikingjelly + dcls"].keys() == {"step", "memory"}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("preset", ["motifs-no-delays", "motifs-fixed-delays", "motifs-sparse"])
def test_other_presets(capfd, preset):
    found = json.loads(run(capfd, preset, *TINY[1:], "--json").out)
    assert found["name"] == preset
    assert found["sigma"] == (0.5 if preset == "motifs-sparse" else None)
    assert found["peer"] == "spikingjelly + dcls"
    assert list(found["others"]) == ["snntorch + dcls"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shdd"], "'shdd' is neither a preset"),
        (["motifs", "--set", "network.windw=max"], "network.windw is unknown"),
        (["motifs", "--set", "network.window=v1"], "windows gauss and max, not v1; choose another config"),
        (["motifs", "--sigma", "0.1"], "sigma of the window 'gauss' must be finite, at least 0.27 steps, not 0.1"),
        (["motifs-no-delays", "--sigma", "1"], "motifs-no-delays has none of a width"),
        (["images"], "images has 2; choose another preset"),
        (["motifs", "--repeats", "0"], "repeats must be at least 1, not 0"),
        (["motifs", "--threads", "0"], "threads must be at least 1, not 0"),
        (["motifs", "--steps", "1"], "--steps must be at least 2, not 1"),
        (["motifs", "--batch-size", "0"], "training.batch_size must be at least 1, not 0"),
        (["motifs", "--peer"], "name at least one peer to compare with: spikingjelly, snntorch, recipe"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_slip_is_named(capfd, words, message):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", *words])
    assert stopped.value.code == 2
    shown = capfd.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_without_the_neighbors_one_is_told_how_to_get_them(capfd, monkeypatch):
    monkeypatch.setattr(baselines.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SystemExit):
        cli.main(["bench", *TINY])
    error = capfd.readouterr().err
    assert 'dcls and snntorch and spikingjelly must be installed: pip install "snnsim[neighbors]"' in error
    assert error.startswith("snnsim: ")


def test_help_says_which_width_is_measured(capfd):
    with pytest.raises(SystemExit):
        cli.main(["bench", "--help"])
    assert "three quarters of the training" in " ".join(capfd.readouterr().out.replace("│", " ").split())
