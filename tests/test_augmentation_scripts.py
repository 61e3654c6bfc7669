"""The scripts of the page on augmentation: a picture of every kind, and times of all lists on small files."""

import importlib.util
from pathlib import Path

import pytest

from snnsim.data.augment import KINDS

SCRIPTS = Path(__file__).parents[1] / "scripts"


def script(path):
    spec = importlib.util.spec_from_file_location(Path(path).stem, SCRIPTS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_kind_has_a_picture(shd_folder, tmp_path, monkeypatch):
    figures = script("augmentation_figures.py")
    monkeypatch.setattr(figures, "FIGURES", tmp_path)
    monkeypatch.setattr(figures, "COUNT", 60)
    monkeypatch.setattr("sys.argv", ["augmentation_figures.py", "--data-path", str(shd_folder)])
    figures.main()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"augment-{kind.replace('_', '-')}.png" for kind in KINDS}
    committed = {path.name for path in (SCRIPTS.parent / "figures").glob("augment-*")}
    assert names == committed


@pytest.mark.slow
def test_times_of_all_lists(shd_folder, monkeypatch, capsys):
    bench = script("bench/augmentation.py")
    words = ["augmentation.py", "--data-path", str(shd_folder), "--repeats", "1", "--batch-size", "16"]
    monkeypatch.setattr("sys.argv", words)
    bench.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(bench.LISTS)
    assert sum("% of" in line for line in lines) == 5
