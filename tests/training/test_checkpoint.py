import errno
from pathlib import Path

import pytest
import torch

from snnsim import experiment
from snnsim.training import checkpoint

pytestmark = pytest.mark.usefixtures("without_pictures")

SHAPE = {"hidden": [3], "channels": 5}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "last.pt"
    checkpoint.save(path, SHAPE, {"network": {"weight": torch.ones(3)}})
    return path


def test_what_was_saved_is_loaded(saved):
    assert torch.equal(checkpoint.load(saved, SHAPE)["network"]["weight"], torch.ones(3))


def test_another_architecture_is_named(saved):
    with pytest.raises(ValueError, match=r"of another network: hidden \[3\] there, \[4\] here"):
        checkpoint.load(saved, SHAPE | {"hidden": [4]})


def test_a_newer_version_is_named(saved):
    payload = torch.load(saved, weights_only=True) | {"snnsim_checkpoint": checkpoint.VERSION + 1}
    torch.save(payload, saved)
    with pytest.raises(ValueError, match="newer than the 1 that this snnsim knows; upgrade"):
        checkpoint.load(saved, SHAPE)


def test_a_truncated_file_is_named(saved):
    saved.write_bytes(saved.read_bytes()[:-200])
    with pytest.raises(ValueError, match="is damaged or not a checkpoint"):
        checkpoint.load(saved, SHAPE)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all"])
def test_a_foreign_file_is_named(tmp_path, content):
    (tmp_path / "foreign.pt").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged or not a checkpoint"):
        checkpoint.load(tmp_path / "foreign.pt", SHAPE)


def test_another_programs_checkpoint_is_named(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "theirs.pt")
    with pytest.raises(ValueError, match="is not a checkpoint of snnsim"):
        checkpoint.load(tmp_path / "theirs.pt", SHAPE)


def test_a_checkpoint_runs_no_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "sprung").touch, ())

    torch.save(Trap(), tmp_path / "trap.pt")
    with pytest.raises(ValueError, match="damaged or not a checkpoint"):
        checkpoint.load(tmp_path / "trap.pt", SHAPE)
    assert not (tmp_path / "sprung").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        checkpoint.load(tmp_path / "last.pt", SHAPE)


def test_a_full_disk_leaves_the_old_checkpoint(saved, monkeypatch):
    before = saved.read_bytes()

    def full(_, path):
        Path(path).write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"could not be written .*No space left.* untouched"):
        checkpoint.save(saved, SHAPE, {"network": {}})
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["last.pt"]


def test_a_disk_that_fills_up_during_training_loses_no_epoch(tiny, tmp_path, monkeypatch):
    written = 0
    save = torch.save

    def filling(payload, path):
        nonlocal written
        written += 1
        if written == 4:
            Path(path).write_bytes(b"half of it")
            raise RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed")
        save(payload, path)

    monkeypatch.setattr(torch, "save", filling)
    with pytest.raises(OSError, match="Is the disk full"):
        experiment.train("shd", tiny, output=tmp_path / "run", device="cpu")
    monkeypatch.setattr(torch, "save", save)
    assert torch.load(tmp_path / "run" / "last.pt", weights_only=True)["standing"]["epoch"] == 1
    resumed = experiment.train(str(tmp_path / "run"), {}, resume="auto", device="cpu")
    assert [row["epoch"] for row in resumed.read_metrics()] == [1, 2, 3]
