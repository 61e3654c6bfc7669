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
def test_reading_back_is_identity(tmp_path, made):
    made = made.came_from(run="somewhere", epoch=3)
    made.save(tmp_path / "a.snn")
    read = Program.load(tmp_path / "a.snn")
    assert read.header() == made.header()
    assert [name for name, _ in read.arrays()] == [name for name, _ in made.arrays()]
    for (_, one), (_, other) in zip(read.arrays(), made.arrays(), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert read.digest() == made.digest()
    first = (tmp_path / "a.snn").read_bytes()
    read.save(tmp_path / "a.snn")
    assert (tmp_path / "a.snn").read_bytes() == first


@pytest.fixture
def file(tmp_path):
    made = Program(channels=1, populations=(Population.of("a", 50, decay=0.5),), edges=(), time_step_ms=1.0)
    made.save(tmp_path / "a.snn")
    return tmp_path / "a.snn"


def test_every_damaged_byte_is_seen_or_harmless(file):
    whole, digest = file.read_bytes(), Program.load(file).digest()
    rng = np.random.default_rng(0)
    seen = 0
    for place in rng.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        file.write_bytes(damaged)
        try:
            # what is no error is harmless, such as a time stamp of the archive
            assert Program.load(file).digest() == digest
        except ValueError as error:
            seen += "a.snn" in str(error)
    assert seen > 100


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_ends_too_soon(file, share):
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(ValueError, match=r"a\.snn is damaged, or no program of snnsim"):
        Program.load(file)


def test_files_of_others(tmp_path):
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


def test_a_folder_is_not_written_over(file, tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; name a file to write"):
        Program.load(file).save(tmp_path)


def test_a_newer_file_is_named(file, monkeypatch):
    monkeypatch.setattr(storage, "VERSION", 0)
    with pytest.raises(ValueError, match="has version 1, newer than the 0 that this snnsim knows; upgrade snnsim"):
        Program.load(file)


class Trap:
    def __reduce__(self):
        return print, ("a pickle was read",)


def test_a_pickle_is_not_read(file, capsys):
    header = json.dumps({"format": storage.FORMAT, "version": 1}).encode()
    np.savez(file.open("wb"), header=np.frombuffer(header, np.uint8), trap=np.array([Trap()], object))
    with pytest.raises(ValueError, match="no program of snnsim"):
        Program.load(file)
    file.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="is damaged, or no program of snnsim"):
        Program.load(file)
    assert capsys.readouterr().out == ""


def test_a_file_that_lacks_a_part(file):
    with np.load(file) as parts:
        kept = {name: parts[name] for name in parts.files if name != "population0.bias"}
    np.savez(file.open("wb"), **kept)
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
