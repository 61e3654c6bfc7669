"""Data of users from the command line alone: checked, trained, evaluated, plotted, frozen, simulated and exported."""

import json

import numpy as np
import pytest

from helpers.command_line import fails, flags, run
from helpers.own_data import event_arrays, pictures, write, write_idx
from snnsim import cli
from snnsim.config import Config
from snnsim.data.sources import loading
from snnsim.experiment import plot_run

TINY = {
    "network.hidden": [8], "network.max_delay_ms": 30.0, "network.extra_ms": 0.0, "training.epochs": 1,
    "training.batch_size": 16, "data.test_share": 0.2,
}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plot_run, "AFTER_TRAINING", ())
    loading._opened.cache_clear()


def make_events(folder):
    return write(folder / "mine.npz", event_arrays(40))


def make_pictures(folder):
    write_idx(folder / "idx", "train", *pictures(40), packed=True)
    return folder / "idx"


def make_frames(folder):
    rng = np.random.default_rng(0)
    return write(folder / "mine.h5", {"frames": rng.normal(size=(40, 12, 3)), "labels": np.arange(40) % 2})


CASES = {
    "events": (make_events, {}, 12),
    "pictures": (make_pictures, {"data.coding": "direct", "data.coding.levels": 16}, 36),
    "frames": (make_frames, {"data.coding": "delta"}, 6),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_users_data_go_all_the_way(capsys, tmp_path, kind):
    make, values, channels = CASES[kind]
    path, folder = make(tmp_path), tmp_path / "run"
    assert "no error" in run(capsys, "data", "check", str(path))
    run(
        capsys,
        "train",
        kind,
        "--data-path",
        str(path),
        "--output-dir",
        str(folder),
        "--device",
        "cpu",
        *flags(TINY | values),
    )
    assert Config.load(folder / "config.toml").data.channels == channels
    result = json.loads(run(capsys, "evaluate", str(folder), "--split", "test", "--json"))
    simulated = json.loads(run(capsys, "evaluate", str(folder), "--split", "test", "--engine", "simulator", "--json"))
    assert simulated["correct"] == result["correct"]
    assert result["total"] >= 6
    run(capsys, "plot", str(folder), "raster", "-o", str(tmp_path / "raster.png"))
    run(capsys, "freeze", str(folder), "-o", str(tmp_path / "mine.snn"))
    run(capsys, "quantize", str(tmp_path / "mine.snn"), "--weights", "int8", "-o", str(tmp_path / "small.snn"))
    assert json.loads(run(capsys, "simulate", str(tmp_path / "small.snn"), "--json"))["recordings"] == result["total"]
    run(capsys, "export", str(tmp_path / "small.snn"), "--to", "c", "-o", str(tmp_path / "c"))
    assert (tmp_path / "c").is_dir()


@pytest.mark.usefixtures("without_pictures")
def test_augmentation_changes_the_spikes_of_a_users_data(capsys, tmp_path):
    words = ["--data-path", str(make_events(tmp_path)), "--output-dir", str(tmp_path / "run"), *flags(TINY)]
    run(capsys, "train", "events", *words, "--set", 'data.augment=[{kind="time_jitter"}]')
    assert (tmp_path / "run" / "config.toml").is_file()


def test_the_check_exits_with_1_and_lists_every_fault(capsys, tmp_path):
    arrays = event_arrays()
    arrays["times"][0], arrays["labels"][2] = -1, 9
    path = write(tmp_path / "mine.npz", arrays)
    with pytest.raises(SystemExit) as stop:
        cli.main(["data", "check", str(path)])
    assert stop.value.code == 1
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error")]
    assert len(errors) == 2
    assert "snnsim data check" in fails(capsys, "train", "events", "--data-path", str(path))


def test_the_check_takes_the_kind_from_the_content_or_the_option(capsys, tmp_path):
    assert "3 channels" in run(capsys, "data", "check", str(make_frames(tmp_path)))
    assert "pictures of 6 x 6" in run(capsys, "data", "check", str(make_pictures(tmp_path)))
    assert "kind of data 'x' is unknown" in fails(capsys, "data", "check", str(tmp_path), "--kind", "x")
    assert "there is no such file" in fails(capsys, "data", "check", str(tmp_path / "none.npz"))
    (tmp_path / "unnamed").mkdir()
    write(tmp_path / "unnamed" / "mine.npz", event_arrays())
    assert "labels      all: 3 classes" in run(capsys, "data", "check", str(tmp_path / "unnamed"))
    write(tmp_path / "unnamed" / "train.npz", event_arrays())
    write(tmp_path / "unnamed" / "test.npz", event_arrays() | {"labels": np.full(30, -1)})
    with pytest.raises(SystemExit):
        cli.main(["data", "check", str(tmp_path / "unnamed")])
    assert "error       test: labels must lie in" in capsys.readouterr().out


def test_own_kinds_are_listed_and_described(capsys):
    listed = run(capsys, "data", "list")
    for kind in ("events", "frames", "pictures", "audio", "tonic:NAME"):
        assert kind in listed
    assert "latency, direct, rate, saccades" in run(capsys, "data", "info", "pictures")


def test_a_missing_path_is_asked_for(capsys):
    message = fails(capsys, "train", "pictures")
    assert "data.path must lead to the pictures: IDX files" in message


def test_event_camera_files_are_converted(capsys, tmp_path):
    for name in "ab":
        path = tmp_path / "source" / name / "0.bin"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes([3, 4, 128, 0, 9]) * 5)
    text = run(capsys, "data", "convert", str(tmp_path / "source"), "-o", str(tmp_path / "out.h5"))
    assert "2 recordings, 10 events, 2 classes, sensor 34 x 34 x 2" in text
    message = fails(capsys, "data", "convert", str(tmp_path / "source"), "-o", str(tmp_path / "o.h5"), "--sensor", "3x")
    assert "--sensor must be such as 34x34 or 34x34x2" in message


def test_a_task_that_is_named_is_not_replaced_by_that_of_the_data(capsys, tmp_path):
    arrays = event_arrays(40)
    del arrays["labels"]
    steps = {"step_labels": np.zeros((40, 3), np.int64), "label_step": np.array(20_000)}
    path = write(tmp_path / "steps.npz", arrays | steps)
    command = ["train", "events", "--data-path", str(path), *flags(TINY), "--output-dir", str(tmp_path / "run")]
    assert "task class: the data have no classes" in fails(capsys, *command, "--set", "task=class")
    assert not (tmp_path / "run" / "last.pt").exists()
    run(capsys, *command)
    assert Config.load(tmp_path / "run" / "config.toml").task.kind == "step-class"
