"""`snnsim export --check` and `--fix`: what is shown, what is changed, and what is not."""

import numpy as np
import pytest

from helpers.loihi_programs import BREAKS, chain
from snnsim import export
from snnsim.cli import main
from snnsim.program import Program


@pytest.fixture
def broken(tmp_path):
    """Return a file of a Program that breaks three rules of Loihi."""
    program = chain(np.random.default_rng(0))
    for rule in ("threshold_grid", "no_bias", "one_decay"):
        program = BREAKS[rule](program)
    path = tmp_path / "a.snn"
    program.save(path)
    return path


def test_check_prints_all_violations_and_writes_nothing(broken, capsys, tmp_path):
    with pytest.raises(SystemExit, match="1"):
        main(["export", str(broken), "--to", "loihi1", "--check"])
    shown = capsys.readouterr().out
    for rule in ("threshold_grid", "no_bias", "one_decay"):
        assert f"[{rule}]" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["a.snn"]


def test_export_without_fix_changes_nothing(broken, capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(broken), "--to", "loihi1", "-o", str(tmp_path / "a.loihi1")])
    assert "the program breaks 3 of its rules" in capsys.readouterr().err
    assert not (tmp_path / "a.loihi1").exists()


@pytest.mark.parametrize(
    ("target", "name", "bias"), [("loihi1", "a.loihi1", "channels"), ("loihi2", "a.net", "relays")]
)
def test_fix_prints_its_changes(broken, capsys, tmp_path, target, name, bias):
    main(["export", str(broken), "--to", target, "--fix", "-o", str(tmp_path / name)])
    shown = capsys.readouterr().out
    neurons = Program.load(broken).population("a").size
    assert "average_decays: decays changed" in shown
    assert f"thresholds_to_grid: thresholds changed {neurons}, largest change 7.0" in shown
    assert f"bias_to_{bias}: biases changed 0" in shown
    read = export.read(target, tmp_path / name)
    assert read.provenance["clock"] == list(range(6, read.channels))
