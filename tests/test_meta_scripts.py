"""The scripts that measure complexity, the Tempotron and plasticity: small forms of each, and what they write."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts" / "meta"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Return what runs a script, and gives its module, what it wrote and what it printed."""
    monkeypatch.syspath_prepend(str(SCRIPTS))

    def run(name, *words):
        monkeypatch.setattr("sys.argv", [f"scripts/meta/{name}.py", *words, "--json", str(tmp_path / f"{name}.json")])
        # the tests' own folders must not hide a script of the same name
        module = importlib.import_module(name)
        assert Path(module.__file__).parent == SCRIPTS
        module.main()
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        return module, json.loads((tmp_path / f"{name}.json").read_text()), capsys.readouterr().out

    return run


def test_complexity_and_entropy(run):
    _, content, printed = run("complexity", "--symbols", "3000", "--seeds", "0", "1")
    assert len(content["estimates"]) == 11
    assert np.array(content["estimates"][0]["found"]).shape == (2, len(content["estimates"][0]["lengths"]))
    assert "Bernoulli(0.5)" in printed
    assert "3,000 symbols, p = 0.5" in printed


def test_the_capacity_curve_is_resumed(run, monkeypatch):
    words = "--sources", "30", "--seeds", "3", "--epochs", "200"
    module, content, printed = run("tempotron", *words)
    assert [row["load"] for row in content["results"]] == list(module.LOADS)
    assert content["results"][0]["learned"] == 3
    assert "3/3 (44% to 100%)" in printed
    monkeypatch.delattr(module, "cell")
    _, repeated, _ = run("tempotron", *words)
    assert repeated["results"] == content["results"]


def test_stdp_finds_no_pattern_in_a_short_stream(run, monkeypatch):
    words = "--seconds", "10", "--seeds", "0"
    module, content, printed = run("stdp", *words)
    (row,) = content["results"]
    assert 30 < len(row["latency_ms"]) < 80
    assert len(row["block_latency_ms"]) == -(-len(row["latency_ms"]) // module.BLOCK)
    assert not row["found"]
    assert "found by 0 of 1" in printed
    monkeypatch.delattr(module, "one")
    assert run("stdp", *words)[1]["results"] == content["results"]


def test_a_seed_is_judged_by_its_last_seconds(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    judged = importlib.import_module("stdp").judged
    windows = [float(at) for at in range(0, 400, 2)]
    latency = [None if at < 100 else 5.0 for at in windows]
    good = judged(latency, windows, [20.0, 249.0], 400.0)
    assert (good["found"], good["hits"], good["late_latency_ms"], good["last_false_before_s"]) == (
        True,
        1.0,
        5.0,
        249.0,
    )
    assert not judged(latency, windows, [250.0], 400.0)["found"]
    latency[-2:] = [None, None]
    assert not judged(latency, windows, [], 400.0)["found"]
