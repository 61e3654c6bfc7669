import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from helpers.random_programs import programs
from snnsim.program import Population, Program, storage


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(programs())
def test_load_returns_the_saved_program(tmp_path, program):
    program = program.came_from(run="somewhere", epoch=3)
    program.save(tmp_path / "a.snn")
    read = Program.load(tmp_path / "a.snn")
    assert read.same_as(program)
    assert read.digest() == program.digest()
    first = (tmp_path / "a.snn").read_bytes()
    read.save(tmp_path / "a.snn")
    assert (tmp_path / "a.snn").read_bytes() == first


@pytest.fixture
def file(tmp_path):
    program = Program(channels=1, populations=(Population.of("a", 50, decay=0.5),), edges=(), time_step_ms=1.0)
    program.save(tmp_path / "a.snn")
    return tmp_path / "a.snn"


def test_a_damaged_byte_is_an_error_or_harmless(file):
    content, digest = file.read_bytes(), Program.load(file).digest()
    rng = np.random.default_rng(0)
    errors = 0
    for position in rng.choice(len(content), 150, replace=False):
        damaged = bytearray(content)
        damaged[position] ^= 0x55
        file.write_bytes(damaged)
        try:
            # a time stamp of the archive, for instance, is harmless
            assert Program.load(file).digest() == digest
        except ValueError as error:
            errors += "a.snn" in str(error)
    assert errors > 100


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_files_are_refused(file, share):
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(ValueError, match=r"a\.snn is damaged, or no program of snnsim"):
        Program.load(file)


def test_files_of_other_formats_are_refused(tmp_path):
    np.savez(tmp_path / "b.npz", weight=np.ones(3))
    with pytest.raises(ValueError, match=r"b\.npz is no program of snnsim; it has no header"):
        Program.load(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", header=np.frombuffer(json.dumps({"format": "cake"}).encode(), np.uint8))
    with pytest.raises(ValueError, match=r"c\.npz is no program of snnsim: the header is that of another format"):
        Program.load(tmp_path / "c.npz")
    with pytest.raises(FileNotFoundError, match=r"there is no program .*d\.snn; `snnsim freeze RUN"):
        Program.load(tmp_path / "d.snn")
    with pytest.raises(ValueError, match=r"is a folder, and a program is a file; `snnsim freeze .* -o FILE`"):
        Program.load(tmp_path)


def test_save_does_not_replace_a_folder(file, tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; name a file to write"):
        Program.load(file).save(tmp_path)


def test_newer_versions_are_refused(file, monkeypatch):
    monkeypatch.setattr(storage, "VERSION", 0)
    with pytest.raises(ValueError, match="has version 1, newer than the 0 that this snnsim knows; upgrade snnsim"):
        Program.load(file)


class Trap:
    def __reduce__(self):
        return print, ("a pickle was read",)


def test_pickles_are_refused(file, capsys):
    header = json.dumps({"format": storage.FORMAT, "version": 1}).encode()
    np.savez(file.open("wb"), header=np.frombuffer(header, np.uint8), trap=np.array([Trap()], object))
    with pytest.raises(ValueError, match="no program of snnsim"):
        Program.load(file)
    file.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="is damaged, or no program of snnsim"):
        Program.load(file)
    assert capsys.readouterr().out == ""


def test_a_missing_array_is_named(file):
    with np.load(file) as parts:
        arrays = {name: parts[name] for name in parts.files if name != "population0.bias"}
    np.savez(file.open("wb"), **arrays)
    with pytest.raises(
        ValueError, match=r"program .*a\.snn is damaged: it has no part 'population0\.bias'; freeze the run again"
    ):
        Program.load(file)


def test_programs_run_without_torch(file):
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\n"
        "from snnsim.program import Program\nfrom snnsim.simulation import Events, simulate\n"
        f"program = Program.load(Path({str(file)!r}))\n"
        "simulate(program, Events.single(np.array([0]), np.array([0]), steps=3), threads=2)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
