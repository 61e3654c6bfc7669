"""Repairs: a second time they change nothing, and a repair that counts no loss keeps every spike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.loihi_programs import BREAKS, chain, with_part
from snnsim.export import targets
from snnsim.export.bias_channels import with_bias_spikes
from snnsim.export.core_checks import Core, synapses_per_core
from snnsim.export.repairs import split_populations
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events, Probe, Simulator
from snnsim.verification import networks

TARGETS = ("loihi1", "loihi2", "c", "spinnaker")
LOSSES = {"thresholds_changed", "biases_changed", "decays_changed", "delays_shortened", "synapses_joined",
          "weights_clipped", "weights_to_0", "relative_error"}  # fmt: skip
"""Counts of changes in what a network computes; a repair that has none of them, or zeros, loses nothing."""


@st.composite
def broken_programs(draw, breaks=tuple(BREAKS)):
    """Return a chain with biases that breaks up to three rules of Loihi."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    program = chain(rng, draw(st.sampled_from([0, 3, 62])))
    if draw(st.booleans()):
        program = with_part(program, "a", bias=64 * rng.integers(-400, 400, program.population("a").size))
    names = draw(st.lists(st.sampled_from(breaks), max_size=3, unique=True))
    # breaks are changes of integers, so that floats come last
    for name in sorted(names, key=lambda name: name == "integers"):
        program = BREAKS[name](program)
    return program


def assert_equal(one, other):
    assert one.header() == other.header()
    for (name, mine), (_, theirs) in zip(one.arrays(), other.arrays(), strict=True):
        np.testing.assert_array_equal(mine, theirs, name)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=25, deadline=None)
@given(program=broken_programs())
def test_repairing_twice_is_repairing_once(target, program):
    repaired, _ = targets.fixed(program, target)
    second, repairs = targets.fixed(repaired, target)
    assert [repair.name for repair in repairs] == []
    assert_equal(second, repaired)


def spikes(program, events):
    """Return the spikes of every population, as step and neuron; pieces of a population are put together again."""
    program, events = with_bias_spikes(program, events)
    result = Simulator(program).run(events, Probe(spikes=True))
    trains, sizes = {}, {}
    for population in program.populations:
        if population.fires:
            name = population.name.partition(".")[0]
            step, neuron = result.spikes(population.name)
            rows = trains.setdefault(name, [])
            rows += zip(step.tolist(), (neuron + sizes.get(name, 0)).tolist(), strict=True)
            sizes[name] = sizes.get(name, 0) + population.size
    return {name: set(rows) for name, rows in trains.items()}


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=25, deadline=None)
@given(
    program=broken_programs(("neurons_per_core", "one_threshold", "one_decay", "hardware_delays", "no_bias")),
    seed=st.integers(0, 99),
)
def test_a_repair_without_a_loss_keeps_every_spike(target, program, seed):
    if program.population("a").size > 1000:
        # one spike of weight 1 is not enough, and two are
        program = with_part(program, "a", threshold=np.full(program.population("a").size, 64 + 1))
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 3, (40, 1, program.channels)) * (rng.random((40, 1, program.channels)) < 0.5)
    _, repairs = targets.fixed(program, target)
    before = program
    for repair in repairs:
        if not any(repair.counts.get(name) for name in LOSSES):
            expected, result = (spikes(each, Events.from_frames(frames)) for each in (before, repair.program))
            for name, train in expected.items():
                size = before.population(name).size
                assert {row for row in result[name] if row[1] < size} == train, repair.name
        before = repair.program


def test_a_chain_may_have_its_edges_in_any_order(tmp_path):
    rng = np.random.default_rng(0)
    ordered = chain(rng)
    ordered = with_part(ordered, "b", bias=64 * rng.integers(1, 400, ordered.population("b").size))
    for edges in (ordered.edges[::-1], (ordered.edges[1], ordered.edges[2], ordered.edges[0])):
        results = [targets.fixed(replace(ordered, edges=each), "loihi2")[0] for each in (ordered.edges, edges)]
        assert_equal(*results)
        for number, program in enumerate((results[0], replace(results[0], edges=results[0].edges[::-1]))):
            targets.write(program, "loihi2", tmp_path / f"{number}.net")
        assert (tmp_path / "0.net").read_bytes() == (tmp_path / "1.net").read_bytes()


def test_a_graph_with_biases_that_is_no_chain_is_named():
    program = BREAKS["chain"](BREAKS["no_bias"](chain(np.random.default_rng(0))))
    repaired, _ = targets.fixed(program, "loihi2")
    assert {violation.rule for violation in targets.TARGETS["loihi2"].check(repaired)} == {"chain", "no_bias"}


def test_parallel_edges_keep_their_synapses_where_biases_become_channels():
    toy = networks.toy()
    parts = tuple(replace(part, bias=np.full(part.size, 64 * 20)) for part in toy.populations)
    program = replace(toy, populations=parts, edges=(*toy.edges, toy.edges[1]))
    repaired, repairs = targets.fixed(program, "loihi1")
    assert [each.name for each in repairs] == ["bias_to_channels"]
    events = networks.recordings(program, 1)
    assert spikes(repaired, events) == spikes(program, events)


def test_joined_taps_of_large_integers_keep_their_signs():
    """A sum of 40,000 leaves the 16 bits of weights in integers."""
    program = chain(np.random.default_rng(0))
    first = program.edges[0]
    rows = (np.tile(row, 2) for row in (first.pre(), first.post, first.delay, np.full_like(first.weight, 20_000)))
    large = Edge.of(first.source, first.target, tuple(rows), sources=6)
    program = replace(program, edges=(large, *program.edges[1:]))
    repaired, repairs = targets.fixed(program, "loihi2")
    assert {"join_taps", "quantize"} <= {each.name for each in repairs}
    assert (repaired.edges[0].weight > 0).all()
    assert list(targets.TARGETS["loihi2"].check(repaired)) == []


def test_parts_of_a_population_have_names_that_no_other_has():
    parts = (Population.of("big", 2000, decay=0.5), Population.of("big.0", 3, decay=0.5))
    neuron = np.arange(2000)
    edges = (
        Edge.of(INPUT, "big", (0 * neuron, neuron, 0 * neuron, np.ones(2000)), sources=4),
        Edge.of("big", "big.0", (neuron, neuron % 3, 0 * neuron, np.ones(2000)), sources=2000),
    )
    program = Program(channels=4, populations=parts, edges=edges, time_step_ms=1.0)
    core = Core(neurons=1024, synapse_bits=2**40, bits=14, axons_in=4096, axons_out=4096, cores=128)
    split, _ = split_populations(program, core=core)
    assert [each.name for each in split.populations] == ["big._0", "big._1", "big.0"]
    assert split.synapses == program.synapses


def test_the_synapses_of_a_single_neuron_must_fit_into_a_core():
    core = Core(neurons=1024, synapse_bits=8000, bits=14, axons_in=4096, axons_out=4096, cores=128)
    for count, fits in ((533, True), (534, False)):
        # 15 bits each: weight, delay, and one for the number of the target
        source = np.arange(count)
        edge = Edge.of(INPUT, "one", (source, 0 * source, 0 * source, np.ones(count)), sources=count)
        part = Population.of("one", 1, decay=0.5)
        program = Program(channels=count, populations=(part,), edges=(edge,), time_step_ms=1.0)
        violations = list(synapses_per_core(program, core))
        assert [each.rule for each in violations] == ([] if fits else ["synapses_per_core"])
        assert not any(each.repair for each in violations)
        assert split_populations(program, core=core)[0].same_as(program)
