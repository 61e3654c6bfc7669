import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import snnsim
from helpers.command_line import fails, flags, run
from snnsim import cli
from snnsim.data import heidelberg, registry
from snnsim.experiment import plot_run


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, tiny):
    """Return the folder of a run that all tests share."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plot_run, "AFTER_TRAINING", ())
        cli.main(["train", "shd", "--epochs", "2", "--output-dir", str(folder), "--device", "cpu", *flags(tiny)])
    return folder


@pytest.fixture
def trained(run_folder, tmp_path):
    """Return a copy of the run, which a test may change."""
    shutil.copytree(run_folder, tmp_path / "run")
    return tmp_path / "run"


def test_train_evaluate_and_plot(capsys, trained, tmp_path):
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    # --set comes after the flag, and wins
    assert len(rows) == 3
    result = json.loads(run(capsys, "evaluate", str(trained), "--split", "test", "--json"))
    assert result["total"] == 30
    assert result["accuracy"] == result["correct"] / result["total"]
    assert result["ci95"][0] <= result["accuracy"] <= result["ci95"][1]
    assert result["split"] == "test"
    assert len(result["activity"]) == 2
    assert json.loads((trained / "evaluation-test.json").read_text()) == result
    text = run(capsys, "evaluate", str(trained))
    assert "of 39, 95 % interval" in text
    assert "hidden 2 0." in text
    for kind, suffix, magic in (("raster", "svg", b"<?xml"), ("delays", "pdf", b"%PDF"), ("curves", "png", b"\x89PNG")):
        file = tmp_path / f"{kind}.{suffix}"
        assert run(capsys, "plot", str(trained), kind, "-o", str(file)).strip() == str(file)
        assert file.read_bytes().startswith(magic)


@pytest.mark.parametrize("words", [["train", "no-such-preset"], ["evaluate", "nowhere"]])
def test_train_and_evaluate_keep_freed_memory(capsys, monkeypatch, words):
    calls = []
    monkeypatch.setattr("snnsim.cli.runs.keep_memory", lambda: calls.append(words))
    fails(capsys, *words)
    assert calls == [words]


def test_plots_of_two_recordings_differ(capsys, trained, tmp_path):
    for index in (0, 1, 1):
        run(capsys, "plot", str(trained), "raster", "-o", str(tmp_path / f"{index}.png"), "--index", str(index))
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()
    assert "--index must be from 0 to 38 in the valid split, not 99" in fails(
        capsys, "plot", str(trained), "raster", "--index", "99"
    )


def test_plot_animation_writes_a_gif(capsys, trained):
    assert run(capsys, "plot", str(trained), "animation").strip() == str(trained / "figures" / "animation.gif")
    assert (trained / "figures" / "animation.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.usefixtures("without_pictures")
def test_left_out_events_are_counted(capsys, tmp_path, tiny):
    values = tiny | {"training.epochs": 1, "data.max_time_ms": 50.0}
    shown = run(capsys, "train", "shd", "--output-dir", str(tmp_path / "run"), *flags(values))
    assert "events of the training file lie at or after data.max_time_ms and are left out" in shown


def test_a_network_without_delays_says_so(capsys, tmp_path, tiny):
    folder = str(tmp_path / "run")
    run(capsys, "train", "shd-no-delays", "--output-dir", folder, *flags(tiny | {"training.epochs": 1}))
    assert "has no delays to draw" in run(capsys, "plot", folder, "delays")


@pytest.mark.usefixtures("without_pictures")
def test_version(capsys):
    cli.main(["--version"])
    assert capsys.readouterr().out == f"snnsim {snnsim.__version__}\n"


def test_a_run_can_be_the_config_of_another_run(capsys, trained, tmp_path):
    run(capsys, "train", str(trained), "--epochs", "1", "--lr", "0.01", "--output-dir", str(tmp_path / "next"))
    assert "epochs = 1\n" in (tmp_path / "next" / "config.toml").read_text()
    run(capsys, "train", str(trained / "config.toml"), "--epochs", "1", "--output-dir", str(tmp_path / "third"))
    assert len((tmp_path / "third" / "metrics.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "shdd"], "'shdd' is neither a preset (digits, "),
        (["train", "missing.toml"], "there is no config file missing.toml"),
        (["train", "shd", "--set", "network.windw=max"], "network.windw is unknown; the known keys there are hidden"),
        (["train", "shd", "--set", "network.window=box"], "must be one of gauss, max, v1, v0, not 'box'"),
        (["train", "shd", "--set", "network.neuron.surrogate=relu"], "must be one of atan, triangle, sigmoid"),
        (["train", "shd", "--set", "oops"], "--set takes section.key=value, not 'oops'"),
        (["train", "shd", "--epochs", "0"], "training.epochs must be at least 1, not 0"),
        (["train", "shd", "--device", "cuda:9"], "is not available"),
        (["train", "shd", "--resume", "nowhere"], "there is no folder nowhere; name the folder of a run"),
        (["evaluate", "nowhere"], "nowhere is not the folder of a run; it has no config.toml"),
        (["plot", "nowhere", "curves"], "has no metrics.jsonl"),
        (["data", "info", "mnist"], "data set 'mnist' is unknown; the known ones are shd, ssc, digits, motifs, "),
        (["data", "encode", "nowhere.wav", "-o", "out.h5"], "nowhere.wav"),
    ],
)
def test_a_wrong_word_is_named(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    error = fails(capsys, *words)
    assert error.startswith("snnsim: ")
    assert message in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_data_is_named_without_a_download(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("snnsim.data.tonic_bridge.download", lambda *_: pytest.fail("a download was begun"))
    (tmp_path / "holiday.jpg").touch()
    error = fails(capsys, "train", "shd", "--data-path", str(tmp_path), "--output-dir", str(tmp_path / "run"))
    assert "shd_train.h5" in error
    assert "holiday.jpg" in error
    assert not (tmp_path / "run").exists()


def test_damaged_data_are_named_without_a_run_folder(capsys, tmp_path, shd_folder):
    data = tmp_path / "data"
    data.mkdir()
    (data / "shd_train.h5").write_bytes((shd_folder / "shd_train.h5").read_bytes()[:5000])
    error = fails(capsys, "train", "shd", "--data-path", str(data), "--output-dir", str(tmp_path / "run"))
    assert "shd_train.h5" in error
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_network_is_named(capsys, trained):
    config = trained / "config.toml"
    config.write_text(config.read_text().replace("max_delay_ms = 60.0", "max_delay_ms = 50.0"))
    error = fails(capsys, "evaluate", str(trained))
    assert "is of another network: max_delay_ms is 60.0 in the checkpoint, 50.0 in the config" in error


def test_data_commands(capsys, shd_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    listing = run(capsys, "data", "list")
    assert [line.split()[0] for line in listing.splitlines()[::2]] == [*registry.DATASETS, *registry.SOURCES]
    assert "not there" in listing
    assert run(capsys, "data", "path", "shd", "--data-path", str(shd_folder)).strip() == str(shd_folder)
    info = run(capsys, "data", "info", "shd", "--data-path", str(shd_folder))
    assert f"in {shd_folder}" in info
    assert "CC BY 4.0" in info
    words = run(capsys, "data", "make", "motifs").split()
    assert words[::2] == ["train", "valid", "test"]
    assert len(heidelberg.read(words[1])) == 2000
    assert "motifs_test.h5" in run(capsys, "data", "make", "motifs")


def test_encoded_audio_is_a_readable_data_set(capsys, tmp_path):
    rng = np.random.default_rng(0)
    for word in ("yes", "no"):
        (tmp_path / "audio" / word).mkdir(parents=True)
        soundfile.write(tmp_path / "audio" / word / "one.wav", 0.1 * rng.standard_normal(4800), 16000)
    out = run(capsys, "data", "encode", str(tmp_path / "audio"), "-o", str(tmp_path / "mine_train.h5"))
    assert "2 recordings" in out
    assert "2 classes" in out
    assert heidelberg.read(tmp_path / "mine_train.h5").classes == ("no", "yes")


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["bench", "--help"], ["data", "--help"], ["data", "encode", "--help"]]
)
def test_every_command_has_help(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 0
    assert "usage: snnsim" in capsys.readouterr().out


def test_help_imports_no_torch():
    code = "import sys, contextlib, snnsim.cli\nwith contextlib.suppress(SystemExit): snnsim.cli.main(['--help'])\n"
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_python_m_snnsim_is_the_command():
    shown = subprocess.run([sys.executable, "-m", "snnsim", "data", "list"], capture_output=True, text=True, check=True)
    assert "Spiking Heidelberg Digits" in shown.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "shd", "--resume"], ["train", "shd", "--resume=auto"]),
        (["train", "shd", "--resume", "--device", "cpu"], ["train", "shd", "--resume=auto", "--device", "cpu"]),
        (["train", "shd", "--resume", "runs/x"], ["train", "shd", "--resume", "runs/x"]),
        (["train", "--resume", "runs/x", "--lr", "1"], ["train", "runs/x", "--resume=runs/x", "--lr", "1"]),
        (["train", "--resume=runs/x"], ["train", "runs/x", "--resume=runs/x"]),
        (["train", "--resume=runs/x", "shd"], ["train", "--resume=runs/x", "shd"]),
    ],
)
def test_resume_without_a_value_is_auto(words, expected):
    assert cli._resume_alone(words) == expected
