from dataclasses import replace

import numpy as np
import pytest
from graphs import programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snnsim import export

ENCODINGS = ("seq", "fan", "relay")


def hard(program):
    """Return the Program with the reset that NIR has."""
    populations = [replace(part, rule="hard") if part.rule == "soft" else part for part in program.populations]
    return replace(program, populations=tuple(populations))


def same(one, other):
    assert one.header() == other.header()
    for (name, here), (_, there) in zip(one.arrays(), other.arrays(), strict=True):
        assert here.dtype == there.dtype, name
        np.testing.assert_array_equal(here, there, name)


def irregular(program, seed):
    """Return the Program with weights and decays that no short float holds."""
    if program.fixed is not None:
        return program
    rng = np.random.default_rng(seed)
    edges = [replace(edge, weight=edge.weight * rng.normal(size=len(edge.weight))) for edge in program.edges]
    parts = [
        replace(part, decay=rng.random(part.size), threshold=rng.random(part.size) + 0.1)
        for part in program.populations
    ]
    return replace(program, edges=tuple(edges), populations=tuple(parts))


@pytest.mark.parametrize("resistance", ["euler", "one"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=programs().map(hard), seed=st.integers(0, 9), rough=st.booleans())
def test_reading_back_is_identity(tmp_path, encoding, resistance, made, seed, rough):
    made = (irregular(made, seed) if rough else made).came_from(epoch=3)
    export.write(made, "nir", tmp_path / "a.nir", encoding=encoding, resistance=resistance)
    same(export.read("nir", tmp_path / "a.nir"), made)
