"""`snnsim bench`: its table, its JSON object and its errors."""

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


def test_json_has_times_memory_and_samples(capfd, tmp_path):
    shown = run(capfd, *TINY, "--baseline", "spikingjelly", "--json", "-o", str(tmp_path / "new" / "found.json"))
    report = json.loads(shown.out)
    assert len(shown.out.splitlines()) == 1
    assert report == json.loads((tmp_path / "new" / "found.json").read_text())
    assert report["peer"] == "spikingjelly + dcls"
    assert report["others"] == {}
    step, size = report["step"], report["memory"]
    samples = report["samples"]["step_s"]
    assert {name: len(taken) for name, taken in samples.items()} == {"snnsim": 2, "spikingjelly": 2}
    assert min(samples["snnsim"]) <= step["ours_s"] <= max(samples["snnsim"])
    assert min(samples["spikingjelly"]) <= step["peer_s"] <= max(samples["spikingjelly"])
    assert step["ratio"] > 0
    if peak_memory._SELF.is_dir():
        assert all(isinstance(size[name], int) and size[name] >= 0 for name in ("ours_bytes", "peer_bytes"))
    assert set(size) == {"ours_bytes", "peer_bytes", "ratio"}
    assert report["machine"]
    assert (report["threads"], report["allocator"], report["batch_size"], report["steps"]) == (1, "tuned", 3, 10)
    assert report["sigma"] == 0.5
    assert report["peers"].keys() == {"spikingjelly", "dcls"}
    assert report["config"]["network"]["hidden"] == [8]


@pytest.mark.usefixtures("in_this_process")
def test_table_of_all_baselines(capfd):
    shown = run(capfd, *TINY, "--sigma", "1.5", "--baseline", "snntorch", "spikingjelly", "recipe")
    lines = shown.out.splitlines()
    assert lines[0] == "motifs: 4 - 8 neurons, 10 steps, batch 3, windows 1.5 steps wide"
    assert lines[1].endswith(", 1 thread, tuned allocator")
    assert lines[3].split() == ["one", "training", "step", "seconds", "/", "snnsim", "peak", "MiB", "/", "snnsim"]
    titles = ["snnsim", "snntorch + dcls", "spikingjelly + dcls", "DCLS-Delays recipe"]
    assert [line[: len(title)] for line, title in zip(lines[4:8], titles, strict=True)] == titles
    assert "bench: 2 turns of snnsim, snntorch + dcls" in shown.err


@pytest.mark.usefixtures("in_this_process")
def test_the_first_baseline_is_compared_and_the_others_are_listed(capfd):
    report = json.loads(run(capfd, *TINY, "--json", "--baseline", "snntorch", "spikingjelly").out)
    assert report["peer"] == "snntorch + dcls"
    assert report["others"].keys() == {"spikingjelly + dcls"}
    assert report["others"]["spikingjelly + dcls"].keys() == {"step", "memory"}


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("preset", ["motifs-no-delays", "motifs-fixed-delays", "motifs-sparse"])
def test_presets_with_other_delays(capfd, preset):
    report = json.loads(run(capfd, preset, *TINY[1:], "--json").out)
    assert report["name"] == preset
    assert report["sigma"] == (0.5 if preset == "motifs-sparse" else None)
    assert report["peer"] == "spikingjelly + dcls"
    assert list(report["others"]) == ["snntorch + dcls"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shdd"], "'shdd' is neither a preset"),
        (["motifs", "--set", "network.windw=max"], "network.windw is unknown"),
        (["motifs", "--set", "network.window=v1"], "windows gauss and max, not v1; choose another config"),
        (["motifs", "--sigma", "0.1"], "sigma of the window 'gauss' must be finite, at least 0.27 steps, not 0.1"),
        (["motifs-no-delays", "--sigma", "1"], "motifs-no-delays has no windows with a width"),
        (["images"], "images has 2; choose another preset"),
        (["motifs", "--repeats", "0"], "repeats must be at least 1, not 0"),
        (["motifs", "--threads", "0"], "threads must be at least 1, not 0"),
        (["motifs", "--steps", "1"], "--steps must be at least 2, not 1"),
        (["motifs", "--batch-size", "0"], "training.batch_size must be at least 1, not 0"),
        (["motifs", "--baseline"], "name at least one baseline to compare with: spikingjelly, snntorch, recipe"),
    ],
)
@pytest.mark.usefixtures("in_this_process")
def test_a_wrong_option_is_named(capfd, words, message):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", *words])
    assert stopped.value.code == 2
    shown = capfd.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_missing_baselines_are_named_with_the_command_that_installs_them(capfd, monkeypatch):
    monkeypatch.setattr(baselines.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SystemExit):
        cli.main(["bench", *TINY])
    error = capfd.readouterr().err
    assert 'dcls and snntorch and spikingjelly must be installed: pip install "snnsim[baselines]"' in error
    assert error.startswith("snnsim: ")


def test_help_names_the_default_width(capfd):
    with pytest.raises(SystemExit):
        cli.main(["bench", "--help"])
    assert "three quarters of the training" in " ".join(capfd.readouterr().out.replace("│", " ").split())
