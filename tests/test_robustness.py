"""The script that compares neurons on disturbed recordings: small runs, their table, figure and numbers."""

import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "robustness.py"


@pytest.fixture
def robustness():
    spec = importlib.util.spec_from_file_location("robustness", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(neuron, seed, accuracy):
    plain = {"neuron": neuron, "seed": seed, "activity": [0.1, 0.2], "total": 10, "accuracies": [accuracy]}
    return [
        plain | {"kind": "as they are", "value": 0.0, "accuracy": accuracy},
        plain | {"kind": "jittered", "value": 5.0, "accuracy": accuracy / 2},
        plain | {"kind": "deleted", "value": 0.5, "accuracy": accuracy / 4},
    ]


def test_the_table_has_means_and_standard_deviations(robustness):
    results = [*rows("lif", 0, 0.8), *rows("lif", 1, 0.6), *rows("meta", 0, 0.9), *rows("meta", 1, 0.9)]
    lines = [line.split() for line in robustness.shown(results, ["lif", "meta"]).splitlines()]
    assert ["as", "they", "are", "70.0%", "±", "14.1%", "90.0%", "±", "0.0%"] in lines
    assert ["jittered", "5", "ms", "35.0%", "±", "7.1%", "45.0%", "±", "0.0%"] in lines
    assert ["deleted", "50%", "17.5%", "±", "3.5%", "22.5%", "±", "0.0%"] in lines
    assert ["spikes", "per", "neuron", "and", "step", "0.1500", "0.1500"] in lines


@pytest.mark.slow
def test_small_runs_from_the_command_line_to_the_figure(robustness, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        robustness,
        "PERTURBED",
        {name: (function, values[-1:], label) for name, (function, values, label) in robustness.PERTURBED.items()},
    )
    asked = ["robustness.py", "--preset", "motifs", "--epochs", "1", "--seeds", "0", "--draws", "2", "--output", "out"]
    monkeypatch.setattr("sys.argv", [*asked, "--set", "network.hidden=[8]", "training.batch_size=512"])
    robustness.main()
    content = json.loads((tmp_path / "figures" / "robustness-motifs.json").read_text(encoding="utf-8"))
    assert (tmp_path / "figures" / "robustness-motifs.png").is_file()
    assert [row["neuron"] for row in content["results"]] == 4 * ["lif"] + 4 * ["meta"]
    assert [len(row["accuracies"]) for row in content["results"]] == 4 * [1] + 4 * [2]
    # what is trained is kept: a second call gives the same without training
    first = capsys.readouterr().out
    robustness.main()
    repeated = capsys.readouterr().out
    assert repeated.count("epoch") == 0 < first.count("epoch")
    assert json.loads((tmp_path / "figures" / "robustness-motifs.json").read_text(encoding="utf-8")) == content
    monkeypatch.setattr("sys.argv", [*asked, "--set", "network.hidden=[9]"])
    with pytest.raises(ValueError, match="holds a run of another config; choose another --output"):
        robustness.main()
