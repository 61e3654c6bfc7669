"""Plug-ins: an example package adds its parts by entry points, keeps the exported contracts, and runs end to end."""

import json
import tomllib
from pathlib import Path

import pytest

from helpers.command_line import fails, flags, run
from snnsim import export, plugins, testing
from snnsim.config import Config
from snnsim.data import registry
from snnsim.experiment import neurons
from snnsim.training import loggers

EXAMPLE = Path(__file__).parent / "example_package"
TABLES = (export.TARGETS, registry.DATASETS, neurons.MODELS, loggers.LOGGERS)


def forget():
    plugins._LOADED.clear()
    for table in TABLES:
        table._complete = None


def install(monkeypatch, folder, entry_points):
    """Write the metadata that an installation of the example leaves, and put both on the path."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = folder / f"snnsim_example-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    entries = project["entry-points"] if entry_points is None else entry_points
    lines = []
    for group, names in entries.items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in names.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.syspath_prepend(folder)
    forget()


@pytest.fixture
def installed(monkeypatch, tmp_path_factory):
    install(monkeypatch, tmp_path_factory.mktemp("site"), None)
    yield
    monkeypatch.undo()
    forget()


@pytest.mark.usefixtures("installed")
def test_the_example_keeps_the_contracts(tmp_path):
    import snnsim_example

    testing.check_neuron(snnsim_example.Refractory)
    testing.check_target("synapse-table", tmp_path / "target")
    testing.check_dataset("bursts", tmp_path / "data")
    testing.check_logger("lines", tmp_path, file="log.txt")
    assert (tmp_path / "run" / "log.txt").read_text().splitlines() == ["1 2.000", "2 1.000", "2 1.000", "3 0.500"]


@pytest.mark.usefixtures("installed")
def test_a_network_of_plug_ins_is_trained_and_exported(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "bursts" in run(capsys, "data", "list")
    settings = {
        "data.name": "bursts", "data.channels": 6, "network.hidden": [5], "network.neuron": "refractory",
        "network.neuron.decay": 0.25, "network.max_delay_ms": 40.0, "network.batch_norm": False,
        "training.epochs": 2, "training.batch_size": 20, "training.loggers": [{"kind": "lines"}, {"kind": "csv"}],
    }  # fmt: skip
    config = Config().with_values(settings)
    assert Config.from_toml(config.to_toml()) == config
    config.save(tmp_path / "config.toml")
    folder = tmp_path / "run"
    run(capsys, "train", str(tmp_path / "config.toml"), "--output-dir", str(folder), "--device", "cpu")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert (folder / "lines.txt").read_text() == "".join(f"{row['epoch']} {row['train_loss']:.3f}\n" for row in rows)
    assert (folder / "metrics.csv").read_text().count("\n") == 3
    # a Program has no such neurons, and says so by their name
    output = ["--output", str(tmp_path / "program.npz")]
    assert "not Refractory; a Program has no other model yet" in fails(capsys, "freeze", str(folder), *output)
    program = testing.targets.example_program()
    program.save(tmp_path / "program.npz")
    table = tmp_path / "net.synapses.csv"
    run(capsys, "export", str(tmp_path / "program.npz"), "--to", "synapse-table", "--output", str(table))
    assert len(table.read_text().splitlines()) == 1 + program.synapses


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"snnsim.targets": {"broken": "snnsim_example:NOTHING"}}, "AttributeError"),
        ({"snnsim.targets": {"npz": "snnsim_example:SYNAPSE_TABLE"}}, "snnsim has this name"),
        ({"snnsim.targets": {"wrong": "snnsim_example:BURSTS"}}, "it must be a Target, not Dataset"),
    ],
)
def test_a_wrong_target_is_left_out_with_a_warning(monkeypatch, tmp_path, entries, problem):
    install(monkeypatch, tmp_path, entries)
    try:
        with pytest.warns(plugins.PluginWarning, match=problem):
            names = list(export.TARGETS)
        assert "npz" in names
        assert len(names) == 9
        assert export.TARGETS["npz"].title == "plain arrays in NumPy's format"
    finally:
        monkeypatch.undo()
        forget()


def test_a_data_set_must_have_the_name_of_its_entry_point(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, {"snnsim.datasets": {"other": "snnsim_example:BURSTS"}})
    try:
        with pytest.warns(plugins.PluginWarning, match=r"snnsim-example 0\.1 is left out: its own name is 'bursts'"):
            assert "other" not in registry.DATASETS
        with pytest.raises(ValueError, match=r"data\.name must be one of digits, motifs"):
            Config().with_values({"data.name": "other"})
    finally:
        monkeypatch.undo()
        forget()


@pytest.mark.usefixtures("installed")
def test_contracts_find_what_breaks_them(tmp_path):
    import snnsim_example

    class Remembering(snnsim_example.Refractory):
        def rest(self, current):
            rest = super().rest(current)
            self.calls = getattr(self, "calls", 0) + 1
            return rest + 0.25 * (self.calls - 1)

    with pytest.raises(AssertionError):
        testing.check_neuron(Remembering)
    registry.DATASETS["bursts"] = registry.DATASETS["motifs"]
    with pytest.raises(AssertionError, match="has the name of its entry point"):
        testing.check_dataset("bursts", tmp_path)


def test_flags_of_lists_reach_the_config(capsys, tmp_path):
    assert "training.loggers[0] must be one of csv, wandb, mlflow" in fails(
        capsys, "train", "motifs", "--output-dir", str(tmp_path / "run"), *flags({"training.loggers": ["toaster"]})
    )
