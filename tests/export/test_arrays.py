import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from helpers.random_programs import programs
from snnsim import export
from snnsim.program import INPUT, Edge, Population, Program


@pytest.mark.parametrize("target", ["npz", "hdf5"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=programs())
def test_reading_back_is_identity(tmp_path, target, program):
    program = program.came_from(epoch=3)
    path = tmp_path / "file"
    export.write(program, target, path)
    read = export.read(target, path)
    assert read.header() == program.header()
    for (name, one), (_, other) in zip(read.arrays(), program.arrays(), strict=True):
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other, name)


@pytest.mark.parametrize("target", ["npz", "hdf5"])
@pytest.mark.parametrize("content", [b"", b"not at all", "whole"])
def test_a_broken_file_is_said_to_be_so(tmp_path, target, content):
    path = tmp_path / "file"
    if content == "whole":
        export.write(_loop(), target, path)
        content = path.read_bytes()[:-200]
    path.write_bytes(content)
    with pytest.raises(ValueError, match="file is damaged, or was not written by `snnsim export`"):
        export.read(target, path)


def test_a_loop_too_short_for_machines_is_written_without_their_delays(tmp_path):
    export.write(_loop(), "npz", tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as stored:
        assert not [name for name in stored.files if "machine_delay" in name]
    assert export.read("npz", tmp_path / "a.npz").digest() == _loop().digest()


def _loop():
    populations = tuple(Population.of(name, 1, decay=0.5) for name in "ab")
    ends = ((INPUT, "a", 0), ("a", "b", 0), ("b", "a", 1))
    edges = tuple(Edge.of(source, target, ([0], [0], [delay], [1.0]), sources=1) for source, target, delay in ends)
    return Program(channels=1, populations=populations, edges=edges, time_step_ms=1.0)
