"""The experiment runs cell by cell, goes on where it was stopped, and reports what it measured."""

import csv
import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from snnsim import cli
from snnsim.experiment import microcircuit
from snnsim.experiment.microcircuit import Budget, running
from snnsim.experiment.microcircuit.beside_nest import run_nest

TINY = Budget(scale=0.01, seconds=0.4, warm_up_s=0.1, seeds=1)
needs_nest = pytest.mark.skipif(find_spec("nest") is None, reason="NEST is not installed")


def lines_of(folder):
    with (folder / "results.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_run_has_a_line_for_each_population(tmp_path):
    folder = microcircuit.reproduce(TINY, tmp_path, progress=False)
    lines = lines_of(folder)
    assert [line["population"] for line in lines] == ["L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"]
    assert (folder / "raster.png").stat().st_size > 1000
    with np.load(folder / "cells" / "snnsim-0.npz") as arrays:
        for line in lines:
            assert float(line["rate"]) == pytest.approx(arrays[f"{line['population']}/rate"].mean(), abs=1e-3)
        assert arrays["L4E/rate"].shape == (219,)
    assert "bytes a synapse" in (folder / "table.md").read_text()


def test_more_seeds_add_theirs_and_other_sizes_are_refused(tmp_path, monkeypatch):
    folder = microcircuit.reproduce(TINY, tmp_path, progress=False)
    first = json.loads((folder / "cells" / "snnsim-0.json").read_text())
    monkeypatch.setattr(running, "_compile", lambda _: None)
    microcircuit.reproduce(replace(TINY, seeds=2), tmp_path, progress=False)
    assert json.loads((folder / "cells" / "snnsim-0.json").read_text()) == first
    assert {line["seed"] for line in lines_of(folder)} == {"0", "1"}
    with pytest.raises(ValueError, match="holds an experiment with other scale"):
        microcircuit.reproduce(replace(TINY, scale=0.02), tmp_path, progress=False)


@needs_nest
def test_nest_runs_the_same_description(tmp_path):
    folder = microcircuit.reproduce(replace(TINY, scale=0.02, nest=True, seconds=1.0), tmp_path, progress=False)
    table = (folder / "table.md").read_text()
    assert "KS distance" in table
    rates = {}
    for line in lines_of(folder):
        rates.setdefault(line["simulator"], []).append(float(line["rate"]))
    # the standard error of a rate over neurons is below 10 %, but for populations of 30 neurons
    np.testing.assert_allclose(rates["snnsim"], rates["nest"], rtol=0.35, atol=0.3)


def test_without_nest_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("snnsim.experiment.microcircuit.beside_nest.find_spec", lambda _: None)
    with pytest.raises(ImportError, match="NEST must be installed; pip install nest-simulator"):
        run_nest(None, seed=0, steps=1)


@pytest.mark.parametrize(
    "change", [{"scale": 0.0}, {"scale": 1.5}, {"drive": "noise"}, {"seconds": 0.0}, {"seeds": 0}, {"threads": 0}]
)
def test_sizes_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=r"reproduce|drive"):
        replace(TINY, **change)


def test_the_command_prints_the_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["reproduce", "microcircuit", "--scale", "0.01", "--seconds", "0.1", "--seeds", "1"])
    assert "real-time factor" in capsys.readouterr().out
    assert (tmp_path / "runs" / "microcircuit-0.01-poisson" / "raster.png").is_file()


def test_a_scale_out_of_range_is_refused_by_the_command(capsys):
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "microcircuit", "--scale", "2"])
    assert "--scale must be" in capsys.readouterr().err
