"""Xylo: read back, refused with what to train differently, repaired, and run by its simulator."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.loihi_programs import FIXED, as_cuba, graph, sparse, with_part
from snnsim import export
from snnsim.export import targets, xylo
from snnsim.program import INPUT

FOLDER = [HealthCheck.function_scoped_fixture]


@st.composite
def fitting(draw):
    return sparse(np.random.default_rng(draw(st.integers(0, 2**32 - 1))), loops=draw(st.booleans()))


@settings(max_examples=50, deadline=None, suppress_health_check=FOLDER)
@given(program=fitting())
def test_reading_back_is_identity(tmp_path, program):
    program = replace(program, edges=tuple(without_zeros(each) for each in program.edges))
    assert not list(xylo.check(program))
    export.write(program, "xylo", tmp_path / "a.xylo")
    assert targets.target_of(tmp_path / "a.xylo") == "xylo"
    assert export.read("xylo", tmp_path / "a.xylo").digest() == program.digest()


def without_zeros(each):
    mask = each.weight != 0
    rows = (each.pre()[mask], each.post[mask], each.delay[mask], each.weight[mask])
    return type(each).of(each.source, each.target, rows, sources=len(each.indptr) - 1)


BREAKS = {
    "sizes": lambda p: replace(p, channels=17, edges=tuple(_wider(each) for each in p.edges)),
    "one_step_currents": lambda p: as_cuba(p, gain=4096, second_decay=3584),
    "memoryless": lambda p: with_part(p, "a", decay=np.full(p.population("a").size, 9)),
    "single_spikes": lambda p: with_part(p, "a", threshold=_a(p).threshold * 0 + 64, bias=0 * _a(p).bias),
    "weight_range": lambda p: replace(p, edges=(replace(p.edges[0], weight=p.edges[0].weight * 0 + 64), *p.edges[1:])),
    "hidden": lambda p: replace(p, edges=(replace(p.edges[0], delay=p.edges[0].delay + 400), *p.edges[1:])),
}


def _a(program):
    return program.population("a")


def _wider(each):
    return replace(each, indptr=np.append(each.indptr, [each.indptr[-1]] * 11)) if each.source == INPUT else each


@pytest.mark.parametrize("rule", list(BREAKS))
def test_each_broken_rule_is_named(tmp_path, rule):
    broken = BREAKS[rule](sparse(np.random.default_rng(5)))
    assert rule in {violation.rule for violation in xylo.check(broken)}
    with pytest.raises(ValueError, match=rf"(?s)export to xylo: the program breaks .*\[{rule}\]"):
        export.write(broken, "xylo", tmp_path / "never")
    assert not (tmp_path / "never").exists()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_what_can_be_repaired_fits_afterwards(seed):
    broken = graph(np.random.default_rng(seed), 9, models=["lif_hard"])
    changed, repairs = targets.fixed(broken, "xylo")
    assert {each.name for each in repairs} >= {"join_taps", "remove_memory"}
    assert not list(xylo.check(changed))
    assert changed.fixed.weight_shift == FIXED.weight_shift


def test_parallel_edges_become_one():
    program = sparse(np.random.default_rng(5))
    first, *others = program.edges
    odd = np.arange(first.synapses) % 2 == 1
    parallel = replace(program, edges=(first.selected(odd), *others, first.selected(~odd)))
    assert [violation.rule for violation in xylo.check(parallel)] == ["one_synapse"]
    repaired, repairs = targets.fixed(parallel, "xylo")
    assert [each.name for each in repairs] == ["join_taps"]
    assert repaired.digest() == program.digest()
