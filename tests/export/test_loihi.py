"""Files for Loihi read back, rules refused by their messages, and what repairs leave of a Program."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.loihi_programs import BREAKS, ONLY_LOIHI1, ONLY_NETX, UNMENDED, chains, graphs, with_part
from snnsim import export
from snnsim.export import bias_channels, targets
from snnsim.export.bias_channels import with_bias_spikes
from snnsim.export.loihi import rules
from snnsim.export.retiming import retime
from snnsim.simulation import Events, Probe, Simulator

FOLDER = [HealthCheck.function_scoped_fixture]


def recordings(channels=6, *, seed=0, steps=40, count=4):
    rng = np.random.default_rng(seed)
    frames = rng.integers(1, 3, (steps, count, channels)) * (rng.random((steps, count, channels)) < 0.4)
    return Events.from_frames(frames)


def same(one, other):
    assert one.header() == other.header()
    for (name, mine), (_, theirs) in zip(one.arrays(), other.arrays(), strict=True):
        assert mine.dtype == theirs.dtype, name
        np.testing.assert_array_equal(mine, theirs, name)


@settings(max_examples=60, deadline=None, suppress_health_check=FOLDER)
@given(program=graphs())
def test_loihi1_reads_back_any_graph(tmp_path, program):
    export.write(program, "loihi1", tmp_path / "net.loihi1")
    same(export.read("loihi1", tmp_path / "net.loihi1"), program)


@settings(max_examples=60, deadline=None, suppress_health_check=FOLDER)
@given(program=chains())
def test_loihi2_reads_back_chains(tmp_path, program):
    export.write(program, "loihi2", tmp_path / "net.net")
    same(export.read("loihi2", tmp_path / "net.net"), program)


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
@pytest.mark.parametrize("rule", list(BREAKS))
@settings(max_examples=8, deadline=None, suppress_health_check=FOLDER)
@given(data=st.data())
def test_each_broken_rule_is_named_and_mended(tmp_path, target, rule, data):
    if rule in (ONLY_NETX if target == "loihi1" else ONLY_LOIHI1):
        pytest.skip(f"{target} has no rule {rule}")
    program = data.draw(chains())
    assert not list(targets.TARGETS[target].check(program))
    broken = BREAKS[rule](program)
    rules = {violation.rule for violation in targets.TARGETS[target].check(broken)}
    assert rule in rules
    with pytest.raises(ValueError, match=rf"(?s)export to {target}: the program breaks .*\[{rule}\]"):
        export.write(broken, target, tmp_path / "never")
    assert not (tmp_path / "never").exists()
    changed, repairs = targets.fixed(broken, target)
    left = {violation.rule for violation in targets.TARGETS[target].check(changed)}
    assert left == ({rule} & UNMENDED)
    assert bool(repairs) == (rule not in UNMENDED)


@settings(max_examples=40, deadline=None)
@given(program=chains(), seed=st.integers(0, 9))
def test_bias_channels_and_relays_do_the_same_as_biases(program, seed):
    rng = np.random.default_rng(seed)
    for name in ("a", "b", "out"):
        bias = 64 * rng.integers(-400, 400, program.population(name).size)
        program = with_part(program, name, bias=bias)
    events = recordings(seed=seed)
    wanted = Probe(spikes=True, membranes={part.name: None for part in program.populations})
    before = Simulator(program).run(events, wanted)
    for change in (bias_channels.with_bias_channels, bias_channels.with_bias_relays):
        changed = change(program, most=127)
        assert not any(part.bias.any() for part in changed.populations)
        assert max(int(np.abs(edge.weight).max()) for edge in changed.edges) <= 127
        without_extra_steps, inputs = with_bias_spikes(changed, events)
        after = Simulator(without_extra_steps).run(inputs, wanted)
        for part in program.populations:
            for number in range(len(events)):
                membrane = after.membrane(part.name, number)[:, : part.size]
                np.testing.assert_array_equal(membrane, before.membrane(part.name, number))


@settings(max_examples=20, deadline=None)
@given(program=graphs())
def test_split_populations_compute_the_same(program):
    from snnsim.export import repairs
    from snnsim.export.core_checks import Core

    core = Core(neurons=2, synapse_bits=2**40, bits=14, axons_in=4096, axons_out=4096, cores=128)
    changed, counts = repairs.split_populations(program, core=core)
    assert counts["populations"] == len(changed.populations)
    assert all(part.size <= 2 for part in changed.populations if part.fires)
    events = recordings()
    one, other = (Simulator(each).run(events) for each in (program, changed))
    np.testing.assert_array_equal(one.output(1), other.output(1))
    np.testing.assert_array_equal(one.node_counts, other.node_counts)


@settings(max_examples=20, deadline=None)
@given(program=chains())
def test_joined_taps_keep_their_sum(program):
    from snnsim.export import repairs

    changed, counts = repairs.join_taps(BREAKS["one_synapse"](program))
    assert counts["synapses_joined"] == len(program.edges[0].weight)
    for one, other in zip(BREAKS["one_synapse"](program).edges, changed.edges, strict=True):
        assert one.weight.astype(int).sum() == other.weight.astype(int).sum()


def test_delays_are_shortened_no_more_than_needed():
    program = BREAKS["hardware_delays"](_chain())
    changed, done = targets.fixed(program, "loihi1")
    assert [each.name for each in done] == ["clamp_delays"]
    before, after = program.edges[0].delay.astype(int), changed.edges[0].delay.astype(int)
    np.testing.assert_array_equal(after, np.minimum(before, after.max()))
    delay = retime(changed, latency=rules.LATENCY, shortest=0).edges[0].delay
    assert delay.max() == rules.LONGEST_DELAY


@pytest.mark.parametrize(("target", "name"), [("loihi1", "a.loihi1"), ("loihi2", "a.net")])
def test_a_broken_file_is_said_to_be_so(tmp_path, target, name):
    export.write(_chain(), target, tmp_path / name)
    assert targets.target_of(tmp_path / name) == target
    full = (tmp_path / name).read_bytes()
    for content in (b"", b"not HDF5", full[:-500]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is damaged, or was not written by `snnsim export`"):
            export.read(target, tmp_path / name)
    export.write(_chain(), "hdf5", tmp_path / name)
    with pytest.raises(ValueError, match="its format is 'snnsim plain arrays'"):
        export.read(target, tmp_path / name)


def _chain():
    from helpers import loihi_programs

    rng = np.random.default_rng(3)
    sizes = {"input": 6, "a": 5, "out": 3}
    parts = (loihi_programs.population("a", 5, rng), loihi_programs.population("out", 3, rng, "readout"))
    edges = tuple(loihi_programs.edge(source, end, sizes, rng) for source, end in (("input", "a"), ("a", "out")))
    return loihi_programs.Program(
        channels=6, populations=parts, edges=edges, time_step_ms=1.0, readout="out", decision="max_membrane",
        fixed=loihi_programs.FIXED,
    )  # fmt: skip
