"""Programs may come from anyone: their data are read if they exist, but never generated or downloaded."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from snnsim import experiment
from snnsim.config import Config
from snnsim.data import tonic_bridge
from snnsim.data.speech import audio_files
from snnsim.data.synthetic import moving_dots
from snnsim.data.synthetic.dataset import GridDataset
from snnsim.data.synthetic.spoken_digits import SpokenDigits
from snnsim.experiment import build, datasets, evaluate_run, programs
from snnsim.nn import freezing


def program_of(config):
    network = build.build_network(config, classes=3).eval()
    return freezing.freeze(
        network, time_step_ms=config.data.time_step_ms, classes=("low", "middle", "high"),
        decision="summed_softmax", provenance={"config": config.to_toml()},
    )  # fmt: skip


@pytest.fixture
def no_making(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("something is made or fetched")

    monkeypatch.setattr(SpokenDigits, "make", forbidden)
    monkeypatch.setattr(GridDataset, "make", forbidden)
    monkeypatch.setattr(tonic_bridge, "download", forbidden)


@pytest.mark.usefixtures("no_making")
@pytest.mark.parametrize("exists", [True, False])
def test_no_download_into_a_folder_of_a_program(tmp_path, exists):
    their_data = tmp_path / "their place"
    if exists:
        their_data.mkdir()
    config = Config().with_values({"data.name": "shd", "data.path": str(their_data), "network.hidden": [4]})
    words = rf"are not in {their_data}; nothing is made .*`snnsim data make shd --data-path '{their_data}'`.*--data"
    with pytest.raises(FileNotFoundError, match=words):
        programs.recordings(program_of(config), None, "test")
    assert their_data.exists() == exists
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileNotFoundError, match="nothing is made or downloaded"):
        programs.recordings(program_of(config), str(tmp_path / "mine"), "test")
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.usefixtures("no_making")
@pytest.mark.parametrize("name", ["digits", "motifs"])
def test_no_data_are_generated_for_a_program(name):
    config = Config().with_values({"data.name": name, "data.size": "full", "data.seed": 7, "network.hidden": [4]})
    size = "--size full " if name == "digits" else ""
    with pytest.raises(FileNotFoundError, match=f"`snnsim data make {name} {size}--seed 7`"):
        programs.recordings(program_of(config), None, "test")


@pytest.mark.usefixtures("no_making")
def test_a_folder_of_a_generated_data_set_is_read(shd_folder, tmp_path):
    config = Config().with_values({"data.name": "digits", "data.seed": 7, "network.hidden": [4]})
    for split in ("train", "test"):
        shutil.copy(shd_folder / f"shd_{split}.h5", tmp_path / f"digits_{split}.h5")
    (label,) = programs.recordings(program_of(config), str(tmp_path), "test").labels.values()
    assert np.array_equal(label, np.arange(30) % 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"are not in .*empty; nothing is made .*`snnsim data make digits .*--data-path"
    ):
        programs.recordings(program_of(config), str(tmp_path / "empty"), "test")


def test_a_folder_that_is_named_gets_a_generated_data_set(tmp_path, monkeypatch):
    recipe = moving_dots.Recipe(recordings=(("train", 4), ("valid", 3), ("test", 2)))
    monkeypatch.setattr(moving_dots, "PATTERNS", replace(moving_dots.PATTERNS, recipe=recipe))
    data = Config().with_values({"data.name": "patterns", "data.path": str(tmp_path / "new" / "mine")}).data
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        datasets.load_splits(Config(data=data), "test")
    paths = datasets.make(data)
    assert sorted(path.name for path in (tmp_path / "new" / "mine").iterdir()) == sorted(p.name for p in paths.values())
    written = paths["test"].stat().st_mtime_ns
    assert datasets.make(data)["test"].stat().st_mtime_ns == written


def test_existing_data_are_read(tiny):
    config = Config().with_values(
        {"data.name": "shd"} | {k: v for k, v in tiny.items() if not k.startswith("training")}
    )
    result = programs.recordings(program_of(config), None, "test")
    (label,) = result.labels.values()
    assert np.array_equal(label, np.arange(30) % 3)


def test_audio_of_a_program_is_not_encoded(tmp_path, monkeypatch):
    (tmp_path / "audio" / "low").mkdir(parents=True)
    monkeypatch.setattr(audio_files, "encode_files", lambda *_, **__: pytest.fail("audio is encoded"))
    config = Config().with_values({"data.name": "audio", "data.path": str(tmp_path / "audio"), "network.hidden": [4]})
    soundfile.write(tmp_path / "audio" / "low" / "a.wav", np.zeros(1000), 8000)
    with pytest.raises(FileNotFoundError, match="nothing is encoded because a program says so"):
        programs.recordings(program_of(config), None, "test")


@pytest.mark.usefixtures("without_pictures")
def test_a_result_is_returned_if_its_file_cannot_be_written(tiny, tmp_path, monkeypatch, capsys):
    folder = experiment.train("shd", tiny | {"training.epochs": 1}, output=tmp_path / "run", device="cpu")
    stored = experiment.evaluate(folder.path, progress=False)

    def read_only(*_):
        raise OSError(30, "Read-only file system")

    before = os.listdir(folder.path)
    monkeypatch.setattr(evaluate_run.RunFolder, "write_json", read_only)
    assert experiment.evaluate(folder.path, progress=False) == stored
    assert experiment.evaluate_program(folder.path)["total"] == stored["total"]
    captured = capsys.readouterr()
    assert captured.err.count(f"the result could not be stored in {folder.path} (Read-only file system)") == 2
    assert os.listdir(folder.path) == before
    assert json.loads(folder.evaluation("valid").read_text()) == stored
