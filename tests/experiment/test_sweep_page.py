"""The specs of docs/sweeps.md and of scripts/sweeps are valid, and the first one of the page runs in a small form."""

import json
import re
from pathlib import Path

import pytest

from helpers.sweeps import pretend, train_in_process
from snnsim.experiment import build
from snnsim.experiment.sweeps import evaluation, spec, sweep
from snnsim.training import optimizers

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/sweeps.md").read_text(encoding="utf-8")
SPECS = {name: text for text, name in re.findall(r"^```toml\n(# ([\w-]+\.toml)\n.*?)^```$", PAGE, re.M | re.S)}
SCRIPTS = sorted((ROOT / "scripts/sweeps").glob("*.toml"))


@pytest.fixture
def page_spec(tmp_path, monkeypatch):
    """Return a function from the name of a spec of the page, and changes of its text, to its path."""
    monkeypatch.chdir(tmp_path)

    def write(name, changes=()):
        text = SPECS[name]
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


@pytest.mark.parametrize(("name", "trials"), [("spec.toml", 4), ("search.toml", 40), ("ablation.toml", 3)])
def test_specs_of_the_page_are_valid(page_spec, name, trials):
    assert set(SPECS) == {"spec.toml", "search.toml", "ablation.toml"}
    assert spec.load(page_spec(name)).trials == trials


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_specs_of_the_scripts_are_valid(path):
    assert len(SCRIPTS) >= 2
    read = spec.load(path)
    assert read.name == path.stem
    assert read.folds == 4
    assert len(read.seeds) >= 3


def test_compared_delays_have_equal_numbers_of_trained_parameters():
    read = spec.load(ROOT / "scripts/sweeps/shd-delays.toml")

    def parameters(name):
        return optimizers.trained_parameters(build.build_network(read.bases[name], classes=20))

    text = (ROOT / "scripts/sweeps/shd-delays.toml").read_text()
    for kind in ("feed-forward", "recurrent"):
        learned, random = parameters(f"{kind}, learned"), parameters(f"{kind}, random")
        assert learned == pytest.approx(random, rel=0.002)
        assert f"{learned:,} and {random:,} {kind}" in text


@pytest.mark.usefixtures("without_pictures")
def test_the_spec_of_the_page_runs(page_spec, tmp_path, monkeypatch, tiny):
    pytest.importorskip("optuna")
    runs = train_in_process(monkeypatch)
    own = tiny | {"training.epochs": 1, "training.batch_size": 64}
    values = [f"{name} = {json.dumps(value)}" for name, value in own.items() if name != "network.hidden"]
    small = [
        ("seeds = 3", "seeds = 2"),
        ('target = "motifs"', 'target = "shd"'),
        ("training.epochs = 30", "\n".join(values)),
        ("[64], [128]", "[3], [4]"),
    ]
    lines, troubles = sweep.run(page_spec("spec.toml", small), jobs=1, device="cpu", retry=False)
    assert troubles == []
    assert len(runs) == 8
    assert (
        lines[-1] == f"* no other trial is better in every objective; drawn in {Path('runs/motifs-delays/pareto.png')}"
    )
    assert (tmp_path / "runs/motifs-delays/pareto.png").read_bytes().startswith(b"\x89PNG")
    facts = evaluation.evaluate(Path("runs/motifs-delays"), "valid", device="cpu")
    assert [(one["runs"], one["ensemble"]["networks"]) for one in facts] == [(2, 2)] * 4
    # the test recordings are for the best configuration by validation alone
    best = max(facts, key=lambda one: one["mean"])
    (chosen,) = evaluation.evaluate(Path("runs/motifs-delays"), "test", device="cpu")
    assert chosen["configuration"] == best["configuration"]


def test_the_search_of_the_page_runs(page_spec, monkeypatch):
    pytest.importorskip("optuna")
    runs = pretend(monkeypatch, lambda run: [run.config.training.lr] * 5)
    lines, _ = sweep.run(page_spec("search.toml", [("trials = 40", "trials = 8")]), jobs=1, device="cpu", retry=False)
    assert len(runs) == 8
    assert all(0.001 <= run.config.training.lr <= 0.02 for run in runs)
    assert {round(10 * run.config.network.dropout, 9) % 1 for run in runs} == {0.0}
    # two trials after the first six are compared with their median
    assert sum("pruned" in line for line in lines) <= 2
