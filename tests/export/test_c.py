"""The C runtime: folders read back, run by the compiler's program, and held against our simulator."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.random_programs import frames_for, programs
from snnsim import export, verification
from snnsim.export.c import layout
from snnsim.program import DECISIONS, INPUT, Edge, FixedPoint, Population, Program
from snnsim.simulation import Events, Simulator
from snnsim.verification import networks

COMPILER = shutil.which("cc")
SLOWLY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
needs_cc = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler cc on this machine")


def make(folder, *goals):
    return subprocess.run(["make", "-s", "-C", str(folder), *goals], capture_output=True, text=True, check=False)


def deciding(rng, decision, *, classes=5, units=True, word_bits=24, weights=127):
    """Return a Program of a readout alone, each class of which a channel excites."""
    unit = rng.uniform(0.2, 2.0, classes) / 2000 if units else np.full(classes, 1 / 2000)
    readout = Population("out", "readout", rng.integers(2000, 4097, classes), np.ones(classes), np.zeros(classes), unit)
    readout = replace(readout, **{n: getattr(readout, n).astype(np.int64) for n in ("decay", "threshold", "bias")})
    pre, post = (part.ravel() for part in np.indices((classes, classes)))
    weight = np.where(pre == post, weights // 2, 0) + rng.integers(-weights // 4, weights // 4, len(pre))
    synapses = (pre, post, rng.integers(0, 9, len(pre)), weight)
    return Program(
        channels=classes, populations=(readout,), edges=(Edge.of(INPUT, "out", synapses, sources=classes),),
        time_step_ms=1.0,
        readout="out", decision=decision, classes=tuple("abcde"[:classes]),
        fixed=FixedPoint(word_bits, 12, 6, 8 if weights < 128 else 16, 4),
    )  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=SLOWLY)
@given(program=programs(fixed=True))
def test_reading_back_is_identity(tmp_path, program):
    program = program.came_from(comment="/* a */ comment", epoch=3)
    export.write(program, "c", tmp_path / "net")
    read = export.read("c", tmp_path / "net")
    assert read.header() == program.header()
    for (name, one), (_, other) in zip(read.arrays(), program.arrays(), strict=True):
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other, name)
    assert export.targets.target_of(tmp_path / "net") == "c"


@needs_cc
@settings(max_examples=12, deadline=None, suppress_health_check=SLOWLY)
@given(data=st.data())
def test_any_program_gives_our_spikes(tmp_path, data):
    """Compiled with every warning an error; loops, taps, all models, saturation, counts and extra steps among them."""
    program = data.draw(programs(fixed=True))
    events = Events.from_frames(data.draw(frames_for(program)))
    export.write(program, "c", tmp_path / "net")
    report = verification.verify(tmp_path / "net", program, events, backend="c", python=sys.executable)
    assert report.equal, report


@needs_cc
def test_a_folder_of_an_earlier_version_is_run(tmp_path):
    stored = Path(__file__).parents[1] / "compatibility" / "version_0_1_0" / "files.zip"
    shutil.unpack_archive(stored, tmp_path)
    export.write(_small(), "c", tmp_path / "today")
    assert (tmp_path / "int8.c" / "snn.c").read_bytes() != (tmp_path / "today" / "snn.c").read_bytes()
    program = export.read("c", tmp_path / "int8.c")
    events = Events.random(2, steps=20, channels=program.channels, rate=0.3)
    assert verification.verify(tmp_path / "int8.c", program, events, backend="c").equal


@needs_cc
def test_recordings_may_be_long_or_empty(tmp_path):
    program = networks.toy()
    # 80,000 rows, and a recording without steps behind it
    one = Events.from_frames(np.ones((80_000 // program.channels, 1, program.channels), int))
    offset, length = [0, len(one.step), len(one.step)], [one.length[0], 0]
    events = Events(one.step, one.channel, one.count, np.array(offset), np.array(length))
    export.write(program, "c", tmp_path / "net")
    report = verification.verify(tmp_path / "net", program, events, backend="c")
    assert report.total("spikes_total") > 0
    assert report.equal


def test_a_lowered_threshold_fits_into_32_bits():
    one = np.ones(2, np.int64)
    for bits, jump, count in ((32, -1, 1), (31, -1, 0), (32, 1, 0)):
        population = Population("a", "alif_soft", one, one, 0 * one, np.ones(2), second_decay=one, jump=jump * one)
        program = Program(1, (population,), (), 1.0, fixed=FixedPoint(bits, 4, 0, 8, 0))
        assert [violation.rule for violation in export.TARGETS["c"].check(program)] == ["voltages"] * count


@needs_cc
@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("units", [True, False])
def test_decisions(tmp_path, decision, units):
    rng = np.random.default_rng(DECISIONS.index(decision))
    program = deciding(rng, decision, units=units)
    events = Events.from_frames(
        rng.integers(0, 4, (30, 200, 5)) * (rng.random((30, 200, 5)) < rng.random((200, 5)) / 2)
    )
    export.write(program, "c", tmp_path / "net")
    report = verification.verify(tmp_path / "net", program, events, backend="c")
    scores = np.sort(Simulator(program).run(events).scores(), -1)
    near = scores[:, -1] - scores[:, -2] < 1e-4 * np.abs(scores).max(-1)
    assert len(set(report.choices.tolist())) > 2
    np.testing.assert_array_equal(report.choices[~near], report.our_choices[~near])
    # what is exact is so to the last bit
    if decision != "summed_softmax" and not units:
        np.testing.assert_array_equal(report.choices, report.our_choices)


@needs_cc
def test_the_self_test_passes_and_can_fail(tmp_path):
    rng = np.random.default_rng(0)
    program = deciding(rng, "mean_membrane", word_bits=32, weights=32767)
    export.write(program, "c", tmp_path / "net")
    done = make(tmp_path / "net", "test")
    assert done.returncode == 0, done.stderr
    assert "passed" in done.stdout
    text = (tmp_path / "net" / "network.h").read_text()
    assert "typedef int16_t snn_weight;" in text
    (tmp_path / "net" / "network.h").write_text(text.replace("SNN_WEIGHT_SHIFT 6", "SNN_WEIGHT_SHIFT 5"))
    assert "FAILED" in make(tmp_path / "net", "test").stdout


@needs_cc
def test_the_sanitizers_find_nothing(tmp_path):
    @settings(max_examples=3, deadline=None, suppress_health_check=SLOWLY, derandomize=True)
    @given(program=programs(fixed=True))
    def clean(program):
        export.write(program, "c", tmp_path / "net")
        done = make(tmp_path / "net", "sanitize")
        if "cannot find" in done.stderr:
            pytest.skip("the compiler has no sanitizers on this machine")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr

    clean()


def test_the_smaller_layout_is_taken():
    pre, post = (part.ravel() for part in np.indices((20, 30)))
    delay, weight = np.zeros(600, int), np.ones(600, int)
    full = Edge.of(INPUT, "a", (pre, post, delay, weight), sources=20)
    sparse = Edge.of(INPUT, "a", (pre[::9], post[::9], delay[::9], weight[::9]), sources=20)
    taps = Edge.of(INPUT, "a", tuple(np.tile(part, 2) for part in (pre, post, delay, weight)), sources=20)
    silent = Edge.of(INPUT, "a", (pre, post, delay, np.arange(600) % 3), sources=20)
    hidden = Edge.of(INPUT, "a", (pre[1:], post[1:], delay[1:], np.arange(599) % 3), sources=20)
    population = Population("a", "lif_hard", *(np.full(30, k) for k in (1, 9, 0)), np.ones(30))
    for edge, tables in ((full, 1), (sparse, 0), (taps, 2), (silent, 1), (hidden, 0)):
        program = Program(20, (population,), (edge,), 1.0, fixed=FixedPoint(24, 12, 6, 8, 0))
        (blocks,) = layout.blocks(program)
        assert sum(block.indptr is None for block in blocks) == tables
        read = layout.edge_of(blocks, sources=20, targets=30, synapses=len(edge.weight))
        assert read.weight.tolist() == edge.weight.tolist()


def test_counts_that_would_overflow_are_known():
    edge = Edge.of(INPUT, "a", (np.zeros(9, int), np.zeros(9, int), np.zeros(9, int), np.full(9, 32767)), sources=1)
    for repeats in (1, 1000):
        many = Edge.of(
            INPUT, "a", tuple(np.tile(part, repeats) for part in (edge.pre(), edge.post, edge.delay, edge.weight)),
            sources=1,
        )  # fmt: skip
        population = Population("a", "lif_hard", *(np.array([k]) for k in (1, 9, 0)), np.ones(1))
        program = Program(1, (population,), (many,), 1.0, fixed=FixedPoint(24, 12, 6, 16, 0))
        assert layout.most_count(program) == min(255, (2**31 - 1) // (9 * repeats * 32767))


@pytest.mark.parametrize("content", ["", "/* {} \n */", "not C"])
def test_a_broken_folder_is_said_to_be_so(tmp_path, content):
    export.write(_small(), "c", tmp_path / "net")
    (tmp_path / "net" / "network.h").write_text(content)
    with pytest.raises(ValueError, match="net is damaged, or was not written by `snnsim export --to c`"):
        export.read("c", tmp_path / "net")


def _small():
    return deciding(np.random.default_rng(0), "max_membrane")
