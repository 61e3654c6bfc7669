"""What a command line may hold: numbers out of range, paths at home, characters that the output does not have."""

import os
import subprocess
import sys
from dataclasses import fields
from typing import get_args

import pytest

from snnsim import cli, files
from snnsim.cli import options
from snnsim.cli.data import Data
from snnsim.config import Data as DataConfig
from snnsim.experiment import datasets
from snnsim.training import run_folder

PARTS = [get_args(part) for part in (*get_args(cli.Command), *get_args(Data))]


def fails(capsys, *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        cli.main(list(words))
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("evaluate run --seeds 0", "--seeds must be at least 1, not 0"),
        ("evaluate run --seeds 99999999999999999999", "--seeds must be at most 10,000, not 99999999999999999999"),
        ("plot run raster --index -1", "--index must be at least 0, not -1"),
        ("simulate x.snn --threads 0", "--threads must be at least 1, not 0"),
        ("simulate x.snn --seed -1", "--seed must be at least 0, not -1"),
        ("info x.snn --steps -1", "--steps must be at least 1"),
        ("prune x.snn -o y.snn --share nan", "--share must be at least 0, not nan"),
        ("prune x.snn -o y.snn --longest-delay -1", "--longest-delay must be at least 0"),
        ("export x.snn --to nir --dt inf", "--dt must be at most 1,000,000.0, not inf"),
        ("import x.nir -o y.snn --dt 0", "--dt must be at least 1e-09"),
        ("verify x.npz --recordings 0", "--recordings must be at least 1"),
        ("bench --repeats 0", "--repeats must be at least 1"),
        ("bench --sigma nan", "--sigma must be at least 0, not nan"),
        ("reproduce meta --trials 0", "--trials must be at least 1"),
        ("data make digits --seed -1", "--seed must be at least 0"),
        ("data encode here -o x.h5 --workers 0", "--workers must be at least 1, not 0"),
        ("train shd --lr 1e400", "config: training.lr must be a finite number, not inf"),
        ("train shd --lr nan", "config: training.lr must be a finite number, not nan"),
        ("train shd --rule sltt --window-ms 1e-9", "window_ms must be at least data.time_step_ms = 10.0, not 1e-09"),
        ("train shd --set network.max_delay_ms=1e15", "max_delay_ms must be at most 65,535 steps"),
        ("train shd --set network.hidden=[1000000000]", "config shd: needs about 4.5 TB of memory"),
    ],
)
def test_options_out_of_range_are_named(capsys, tmp_path, monkeypatch, line, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SNNSIM_MEMORY_LIMIT", "64GB")
    error = fails(capsys, *line.split())
    assert error.startswith("snnsim: ")
    assert error.count("\n") == 1
    assert words in error
    assert list(tmp_path.iterdir()) == []


def test_set_delays_to_none(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # it goes on to the next slip
    assert "nowhere" in fails(capsys, "train", "shd", "--set=network.delays=none", "--data-path=nowhere")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("~/x", "{}/x"),
        ("~", "{}"),
        ("--data-path=~/x", "--data-path={}/x"),
        ("--set=data.path=~/x", "--set=data.path={}/x"),
        ("data.path=~/x", "data.path={}/x"),
        ("a~/x", "a~/x"),
        ("~nobody-here/x", "~nobody-here/x"),
        ("network.taps=2", "network.taps=2"),
    ],
)
def test_a_tilde_is_the_home_folder_in_words(home, word, meant):
    assert options.at_home([word]) == [meant.format(home)]


def test_a_tilde_is_the_home_folder_in_configs_and_variables(home, monkeypatch):
    assert datasets.planned_folder(DataConfig("shd", "~/mine")) == home / "mine"
    monkeypatch.setenv("SNNSIM_CACHE", "~/kept")
    assert files.cache_folder() == home / "kept"


def test_a_missing_folder_starts_no_download(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("snnsim.data.tonic_bridge.download", lambda *_: pytest.fail("a download was begun"))
    missing, empty = tmp_path / "slip", tmp_path / "empty"
    empty.mkdir()
    for path, held in ((missing, "there is no such folder"), (empty, "the folder holds []")):
        error = fails(capsys, "train", "shd", f"--data-path={path}", f"--output-dir={tmp_path / 'run'}")
        assert str(path) in error
        assert held in error
        assert "`snnsim data make shd`" in error
    assert not missing.exists()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "cp1252", "cp437", "utf-16"])
def test_help_is_printed_in_any_encoding(encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    code = "from snnsim import cli; cli.main(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "usage: snnsim" in done.stdout.decode(encoding)


def test_characters_missing_in_the_encoding_are_replaced(tmp_path):
    code = f"from snnsim import cli; cli.main(['data', 'path', 'shd', '--data-path', {str(tmp_path / '零')!r}])"
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("latin-1").strip() == str(tmp_path / "?")


@pytest.mark.parametrize("kind", [kind for kind, _ in PARTS], ids=lambda kind: kind.__name__)
def test_help_names_the_values_of_an_option(capsys, kind):
    name = next(settings.name for each, settings in PARTS if each is kind)
    with pytest.raises(SystemExit):
        cli.main([*(["data"] if kind in [get_args(part)[0] for part in get_args(Data)] else []), name, "--help"])
    shown = capsys.readouterr().out
    for raw in (" INT", " FLOAT", " STR", "{None", "window-ms RATE", "(default: )"):
        assert raw not in shown
    for field in fields(kind):
        if field.name == "window_ms":
            assert "--window-ms MS" in shown


def test_a_package_without_metadata_has_no_version():
    assert run_folder.version("numpy") is not None
    assert run_folder.version("snnsim-no-such-package") is None


def test_a_memory_error_is_one_line(capsys, monkeypatch):
    def much(_):
        raise MemoryError

    monkeypatch.setattr("snnsim.cli.programs.Info.__call__", much)
    assert fails(capsys, "info", "x.snn") == "snnsim: there is not enough memory\n"
