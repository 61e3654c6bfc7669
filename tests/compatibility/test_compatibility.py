"""Files that an earlier version wrote are read, and give the numbers that this version computed."""

import json
import shutil
from pathlib import Path

import pytest

from helpers.compatibility import EXPORTS, PROGRAMS, behavior, run_numbers
from snnsim import experiment, export
from snnsim.experiment import programs
from snnsim.program import Program
from snnsim.training.run_folder import RunFolder

VERSIONS = sorted(path.name for path in Path(__file__).parent.glob("version_*"))


@pytest.fixture(scope="module", params=VERSIONS)
def stored(request, tmp_path_factory):
    """Return the folder of the files of a version, and the numbers that it computed from them."""
    folder, version = tmp_path_factory.mktemp(request.param), Path(__file__).parent / request.param
    shutil.unpack_archive(version / "files.zip", folder)
    return folder, json.loads((version / "numbers.json").read_text())


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(stored, name):
    folder, numbers = stored
    assert behavior(Program.load(folder / name)) == numbers["programs"][name]


@pytest.mark.parametrize("name", EXPORTS)
def test_exports(stored, name):
    folder, numbers = stored
    target, _ = EXPORTS[name]
    assert export.targets.target_of(folder / name) == target
    assert behavior(export.read(target, folder / name)) == numbers["exports"][name]


def test_a_run_is_evaluated_and_frozen(stored):
    folder, numbers = stored
    result = experiment.evaluate(folder / "run", "test", data_path=str(folder / "data"), device="cpu", progress=False)
    assert {name: result[name] for name in ("correct", "total")} == {
        name: numbers["evaluation"][name] for name in ("correct", "total")
    }
    # products of matrices may be rounded otherwise on other machines
    assert result["loss"] == pytest.approx(numbers["evaluation"]["loss"], rel=1e-5)
    program = programs.freeze(folder / "run", data_path=str(folder / "data"))
    assert behavior(program) == numbers["programs"]["float.snn"]


@pytest.mark.usefixtures("without_pictures")
def test_an_interrupted_run_is_resumed(stored, tmp_path, monkeypatch):
    folder, numbers = stored
    shutil.copytree(folder, tmp_path / "files")
    # the config names the folder of the data relative to the folder of the files
    monkeypatch.chdir(tmp_path / "files")
    assert len(RunFolder(Path("run")).read_metrics()) < len(numbers["finished"])
    experiment.train("run", {}, resume="auto", device="cpu")
    rows, expected = run_numbers(Path("run")), numbers["finished"]
    assert [row.keys() for row in rows] == [row.keys() for row in expected]
    for name in ("epoch", "lr", "lr_delay", "sigma"):
        assert [row[name] for row in rows] == [row[name] for row in expected]
    # training losses are equal on the machine that wrote the files; on others a rounding may move a spike
    for name in ("train_loss", "valid_loss"):
        assert [row[name] for row in rows] == pytest.approx([row[name] for row in expected], rel=0.05), name
