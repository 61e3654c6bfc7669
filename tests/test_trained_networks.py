"""The trained networks in the folder models/: whole, described, small, and free of what their maker's machine was."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.command_line import run
from snnsim.config import Config
from snnsim.data import heidelberg
from snnsim.data.recordings import Recordings
from snnsim.program import Program

FOLDER = Path(__file__).parents[1] / "models"
FILES = sorted(FOLDER.glob("*.snn"))
FAMILIES = ("shd-best", "shd-small")


def name_of(path):
    return next(name for name in FAMILIES if path.name.startswith(name))


def test_every_model_comes_in_floats_and_in_integers():
    names = {path.stem for path in FILES}
    assert {name_of(path) for path in FILES} == set(FAMILIES)
    plain = {name for name in names if not name.endswith(("-int8", "-int4"))}
    assert names == {f"{name}{kind}" for name in plain for kind in ("", "-int8", "-int4")}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 8e6


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_model_is_what_its_card_says(path):
    program, card = Program.load(path), (FOLDER / f"{name_of(path)}.md").read_text(encoding="utf-8")
    (row,) = [line for line in card.splitlines() if line.startswith(f"| `{path.name}` |")]
    synapses = sum(edge.synapses for edge in program.edges)
    assert f"| {synapses:,} |" in row
    assert program.digest().startswith(row.split("|")[5].strip())
    assert program.longest_delay() < 2**5
    assert (program.fixed is None) == (path.stem[-4:] not in ("int8", "int4"))
    # no path of the machine that trained it
    assert Config.from_toml(program.provenance["config"], "the model").data.path is None
    assert not Path(program.provenance["run"]).is_absolute()


@pytest.mark.parametrize("path", [path for path in FILES if "int8" in path.stem], ids=lambda path: path.stem)
def test_a_model_runs_on_a_file_in_the_format_of_shd(path, tmp_path, capsys):
    (readout,), rng = Program.load(path).readouts, np.random.default_rng(0)
    recordings = Recordings(
        time_ms=np.sort(rng.uniform(0, 800, (20, 3000)).astype(np.float32), axis=1).ravel(),
        unit=rng.integers(0, 700, 60_000).astype(np.uint16),
        offset=np.arange(0, 60_001, 3000),
        label=np.arange(20),
        speaker=np.zeros(20, np.int64),
        classes=readout.classes,
    )
    heidelberg.write(tmp_path / "shd_test.h5", recordings)
    report = json.loads(run(capsys, "simulate", str(path), "--data", str(tmp_path / "shd_test.h5"), "--json"))
    assert report["recordings"] == 20
    assert report["synaptic_events"] > 0
