"""Run folders that were damaged or made up: read as they were written, or refused by a clear error."""

import json
import random
import shutil
from dataclasses import asdict

import pytest
import torch

from helpers.fuzzing import cases
from snnsim.config import Config
from snnsim.experiment import build, evaluate_run
from snnsim.training import checkpoint, lock, optimizers, train_state
from snnsim.training.run_folder import RunFolder

CONFIG = Config().with_values({"network.hidden": [3], "data.channels": 4, "network.max_delay_ms": 20.0})
ARCHITECTURE = build.architecture(CONFIG, classes=2)
NONSENSE = [None, True, -1, 0.5, float("nan"), float("inf"), 10**30, "", "x", b"x", [], [1], {}, {"a": 1}, 1 << 70]


def built():
    network = build.build_network(CONFIG, classes=2)
    return network, optimizers.build(network, lr=1e-3, lr_delay=1e-2, weight_decay=0.0, steps=4)


@pytest.fixture(scope="module")
def original():
    """Return the content of a checkpoint after a step."""
    network, optimizer = built()
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    row = {"epoch": 1, "valid_accuracy": 0.5, "valid_loss": 1.0, "activity": [0.1]}
    state = train_state.TrainState(epoch=1, best_epoch=1, history=[row])
    return {
        "network": network.state_dict(), "optimisers": optimizer.state_dict(), "standing": asdict(state),  # old name
        "metrics": row, "conditions": {"threads": 1},
    }  # fmt: skip


def read(path):
    """Return what a resumed run takes from a checkpoint."""
    network, optimizer = built()
    content = checkpoint.load(path, ARCHITECTURE)
    state = train_state.TrainState.of(content.get("standing"), path)
    checkpoint.into(path, network, content)
    optimizer.load_state_dict(content.get("optimisers"), path)  # old name
    return {
        "network": network.state_dict(),
        "optimisers": optimizer.state_dict(),  # old name
        "standing": asdict(state),
    }


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def mutated(draw, raw):
    """Return bytes with a bit, some bytes or a piece changed."""
    damaged, position = bytearray(raw), draw.randrange(len(raw))
    kind = draw.randrange(6)
    if kind == 0:
        damaged[position] ^= 1 << draw.randrange(8)
    elif kind == 1:
        damaged[position] = draw.randrange(256)
    elif kind == 2:
        del damaged[position:]
    elif kind == 3:
        del damaged[position : position + draw.randrange(1, 100)]
    elif kind == 4:
        damaged[position:position] = draw.randbytes(draw.randrange(1, 20))
    else:
        end = position + draw.choice([4, 64, 512])
        damaged[position:end] = bytes(len(damaged[position:end]))
    return bytes(damaged)


def test_bytes_of_a_checkpoint(tally, tmp_path, original):
    draw, path = random.Random(0), tmp_path / "last.pt"
    checkpoint.save(path, ARCHITECTURE, original)
    raw, expected = path.read_bytes(), read(path)
    for number in range(cases(100)):
        path.write_bytes(mutated(draw, raw))
        content = tally.call(lambda: read(path), case=("last.pt", number))
        # what is between the members of the archive may change; no number may
        assert content is None or same(content, expected), number
    assert tally.counts["refused"] > tally.counts["accepted"]


def test_single_bits_of_a_checkpoint(tally, tmp_path, original):
    draw, path = random.Random(1), tmp_path / "last.pt"
    checkpoint.save(path, ARCHITECTURE, original)
    raw, expected = path.read_bytes(), read(path)
    for number in range(cases(100)):
        bit = draw.randrange(8 * len(raw))
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        content = tally.call(lambda: read(path), case=("bit", bit, number))
        assert content is None or same(content, expected), bit


def paths(tree, where=()):
    """Yield the path of every value in nested tables and lists."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, value in pairs:
        yield (*where, name)
        yield from paths(value, (*where, name))


def changed(draw, tree):
    """Return nested tables with one thing in them replaced, removed or added."""
    tree = copied(tree)
    *above, name = draw.choice(list(paths(tree)))
    part = tree
    for step in above:
        part = part[step]
    kind = draw.randrange(4)
    if kind == 0:
        del part[name]
    elif kind == 1 and isinstance(part[name], torch.Tensor):
        value = part[name].double()
        part[name] = draw.choice([value * float("nan"), value.flatten(), value.repeat(2, *[1] * (value.ndim - 1))]
                                 if value.ndim else [value * float("inf")])  # fmt: skip
    elif kind == 2 and isinstance(part, dict):
        part[draw.choice(["strange", 3, "", None])] = draw.choice(NONSENSE)
    else:
        part[name] = draw.choice(NONSENSE)
    return tree


def copied(tree):
    if isinstance(tree, dict):
        return {name: copied(value) for name, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


def test_contents_of_a_checkpoint(tally, tmp_path, original):
    draw, path = random.Random(2), tmp_path / "last.pt"
    payload = {"snnsim_checkpoint": 1, "architecture": ARCHITECTURE, **original}
    for number in range(cases(100)):
        torch.save(content := changed(draw, payload), path)
        tally.call(lambda: read(path), case=(number, content))


def test_files_of_a_run_folder(tally, tmp_path, original):
    draw, home = random.Random(3), tmp_path / "run"
    folder = RunFolder(home)
    CONFIG.save(folder.config)
    folder.write_json(home / "environment.json", {"seed": 0})
    folder.write_metrics([{"epoch": 1, "valid_accuracy": 0.5}, {"epoch": 2, "valid_accuracy": 0.7}])
    checkpoint.save(folder.best, ARCHITECTURE, original)

    def use():
        config = evaluate_run.config_of(folder)
        evaluate_run.parameters(home)
        return config, folder.read_metrics()

    files = ["config.toml", "metrics.jsonl", "environment.json", "best.pt"]
    for number in range(cases(100)):
        shutil.copytree(home, tmp_path / "kept", dirs_exist_ok=True)
        path = home / draw.choice(files)
        kind = draw.randrange(8)
        if kind == 0:
            path.unlink()
        elif kind == 1:
            path.write_bytes(draw.choice([b"", b"\0", b"[]", b"{}", b"[" * 10**5, b"\xff\xfe", b"null\n", b"1e999"]))
        elif kind == 2:
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(mutated(draw, path.read_bytes()))
        result = tally.call(use, case=(path.name, kind, number))
        if result is not None:
            assert evaluate_run.config_of(folder) == result[0]
            assert [row["epoch"] for row in result[1]] == list(range(1, len(result[1]) + 1))
        shutil.rmtree(home)
        (tmp_path / "kept").rename(home)


def test_locks_of_a_run_folder(tally, tmp_path, monkeypatch):
    draw, path = random.Random(4), tmp_path / lock.NAME
    monkeypatch.setattr(lock, "_PAUSE_S", 0.0)
    with lock.held(tmp_path, say=print):
        entry = json.loads(path.read_text())
    tmp_path.mkdir(exist_ok=True)
    for number in range(cases(60)):
        content = changed(draw, entry) if number % 2 else entry
        raw = json.dumps(content, default=str).encode()
        path.write_bytes(mutated(draw, raw) if number % 3 else raw)

        def take():
            with lock.held(tmp_path, say=lambda _: None):
                (tmp_path / "kept").touch()

        tally.call(take, case=(number, path.read_bytes()))
        path.unlink(missing_ok=True)
