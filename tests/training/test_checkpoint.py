import errno
import zipfile
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from snnsim import experiment
from snnsim.training import checkpoint
from snnsim.training.train_state import TrainState

pytestmark = pytest.mark.usefixtures("without_pictures")

SHAPE = {"hidden": [3], "channels": 5}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "last.pt"
    checkpoint.save(path, SHAPE, {"network": {"weight": torch.ones(3)}})
    return path


def test_a_saved_checkpoint_is_loaded(saved):
    assert torch.equal(checkpoint.load(saved, SHAPE)["network"]["weight"], torch.ones(3))


def test_another_architecture_is_named(saved):
    with pytest.raises(ValueError, match=r"of another network: hidden is \[3\] in the checkpoint, \[4\]"):
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
    with pytest.raises(OSError, match=r"could not be written .*No space left.* unchanged"):
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


def test_every_changed_bit_of_a_number_is_detected(tmp_path):
    path = tmp_path / "last.pt"
    weight = torch.arange(6.0)
    checkpoint.save(path, SHAPE, {"network": {"weight": weight}})
    raw = path.read_bytes()
    start = raw.index(weight.numpy().tobytes())
    words = r"last\.pt is damaged .*: its part .* has another checksum .*\. If it is last"
    for bit in range(8 * weight.nbytes):
        changed = bytearray(raw)
        changed[start + bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=words):
            checkpoint.load(path, SHAPE)


def test_a_compressed_archive_is_not_unpacked(tmp_path, saved):
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in archive.namelist():
            bomb.writestr(name, archive.read(name) + bytes(10**7))
    with pytest.raises(ValueError, match="is compressed"):
        checkpoint.load(tmp_path / "bomb.pt", SHAPE)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite_are_named(tmp_path, value):
    network = {"bias": torch.ones(2), "weight": torch.tensor([1, value])}
    checkpoint.save(tmp_path / "best.pt", SHAPE, {"network": network})
    with pytest.raises(ValueError, match=r"best\.pt: its parameter weight has values that are not finite.*alpha"):
        checkpoint.load(tmp_path / "best.pt", SHAPE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": None}, "network must be a table of names, not None"),
        ({"network": {"weight": 3}}, r"network must hold arrays alone; \['weight'\] is none"),
        ({"architecture": [1]}, "architecture must be a table of names, not a list"),
        ({"conditions": 3}, "conditions must be a table, not 3"),
        ({"snnsim_checkpoint": "1"}, "snnsim_checkpoint must be an integer of at least 1, not '1'"),
    ],
)
def test_a_checkpoint_with_wrong_content_is_refused(saved, changes, words):
    torch.save(torch.load(saved, weights_only=True) | changes, saved)
    with pytest.raises((ValueError, TypeError), match=words):
        checkpoint.load(saved, SHAPE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": "1"}, "standing.epoch must be a whole number of at least 0, not '1'; the file is damaged"),
        ({"epoch": True}, "standing.epoch must be a whole number"),
        ({"loss": 1}, "standing.loss must be a number, not 1"),
        ({"history": [{}]}, "standing.history must be a list of tables"),
        ({"epoch": 2}, "standing must have a line of history for each of its 2 epochs, not 0"),
        ({"other": 2}, "standing has other, which this snnsim does not know"),
    ],
)
def test_a_checkpoint_with_a_wrong_train_state_is_refused(tmp_path, changes, words):
    with pytest.raises(ValueError, match=rf"checkpoint .*last\.pt: {words}"):
        TrainState.of(asdict(TrainState()) | changes, tmp_path / "last.pt")
    with pytest.raises(ValueError, match="standing must be a table"):
        TrainState.of(None, tmp_path / "last.pt")
    with pytest.raises(ValueError, match="standing lacks best_epoch, epoch"):
        TrainState.of({}, tmp_path / "last.pt")


def test_a_changed_bit_in_the_directory_changes_no_number(tmp_path):
    path, damaged = tmp_path / "last.pt", tmp_path / "damaged.pt"
    weight = torch.arange(40.0)
    checkpoint.save(path, {"sizes": [1]}, {"network": {"weight": weight}})
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    loaded = 0
    for bit in range(8 * start, 8 * len(content), 3):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        damaged.write_bytes(changed)
        try:
            payload = checkpoint.load(damaged, None)
        except ValueError:
            continue
        loaded += 1
        assert torch.equal(payload["network"]["weight"], weight)
    assert loaded


def test_a_part_that_claims_to_be_a_folder_changes_no_number(tmp_path):
    path = tmp_path / "last.pt"
    weight = torch.arange(40.0)
    checkpoint.save(path, {"sizes": [1]}, {"network": {"weight": weight}})
    changed = bytearray(path.read_bytes())
    start = changed.rindex(b"/data/0") - len(b"/data/0")
    entry = changed.rindex(b"PK\x01\x02", 0, start + 40)
    changed[entry + 38] ^= 0x10
    path.write_bytes(changed)
    assert torch.equal(checkpoint.load(path, None)["network"]["weight"], weight)
