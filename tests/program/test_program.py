from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import programs
from snnsim.program import INPUT, Edge, FixedPoint, Population, Program
from snnsim.program.arrays import rank_within
from snnsim.program.summary import facts, inference, stored_bytes
from snnsim.simulation import Events, simulate


def synapses(*rows):
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def edge(source="input", target="a", rows=((0, 0, 0, 1.0),), sources=2):
    return Edge.of(source, target, synapses(*rows), sources=sources)


A, B = Population.of("a", 2, decay=0.5), Population.of("b", 3, decay=0.5, model="readout")


def program(**changes):
    values = {"channels": 2, "populations": (A, B), "edges": (edge(), edge("a", "b")), "time_step_ms": 1.0}
    return Program(**(values | changes))


def test_an_edge_is_sorted_by_source_delay_and_target():
    ordered = edge(rows=[(1, 0, 2, 1.0), (0, 1, 3, 2.0), (1, 1, 0, 3.0), (0, 0, 3, 4.0), (1, 0, 2, 5.0)])
    assert ordered.indptr.tolist() == [0, 2, 5]
    assert ordered.pre().tolist() == [0, 0, 1, 1, 1]
    assert ordered.post.tolist() == [0, 1, 1, 0, 0]
    assert ordered.delay.tolist() == [3, 3, 0, 2, 2]
    # synapses of the same neurons and delay remain separate, in their order
    assert ordered.weight.tolist() == [4.0, 2.0, 3.0, 1.0, 5.0]
    assert ordered.longest() == 3


def test_a_program_is_printed_as_one_short_line():
    rows = (np.array([0, 1]), np.array([0, 1]), np.array([3, 5]), np.ones(2))
    edge = Edge.of(INPUT, "a", rows, sources=2)
    program = Program(channels=2, populations=(Population.of("a", 2, decay=0.5),), edges=(edge,), time_step_ms=1.0)
    assert repr(edge) == "Edge('input' -> 'a', 2 synapses, delays 3 to 5)"
    assert repr(program.populations[0]) == "Population('a', 2 neurons, model 'lif_hard')"
    assert repr(program) == "Program(2 channels, 2 synapses, step 1 ms, populations 'a' (2 lif_hard))"


def test_arrays_are_read_only_copies():
    decay = np.array([0.5, 0.5])
    population = Population("a", "lif_hard", decay, np.ones(2), np.zeros(2), np.ones(2))
    decay[0] = 0.1
    assert population.decay[0] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        population.decay[0] = 0.2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"populations": ()}, "there must be a population"),
        ({"populations": (A, A)}, r"populations must have unique names.*got \['a', 'a'\]"),
        ({"populations": (replace(A, name="input"),)}, "none of them 'input'"),
        ({"edges": (edge(target="c"),)}, r"edge 'input' -> 'c': 'c' is unknown; the known names are \['a', 'b'\]"),
        ({"populations": (replace(A, name=3),)}, r"populations must have unique names.*got \[3\]"),
        ({"channels": 0}, "channels must be an integer of at least 1, not 0"),
        ({"channels": "2"}, "channels must be an integer of at least 1, not '2'"),
        ({"time_step_ms": None}, "time_step_ms must be positive, not None"),
        ({"extra_steps": 1.5}, "extra_steps must be an integer of at least 0, not 1.5"),
        ({"provenance": None}, "provenance must be a dict, not None"),
        ({"time_step_ms": 0.0}, "time_step_ms must be positive, not 0.0"),
        ({"extra_steps": -1}, "extra_steps must be an integer of at least 0, not -1"),
        ({"readout": "a"}, "readout 'a' must have the model 'readout' or 'sigma', not 'lif_hard'"),
        ({"readout": "b", "decision": "loudest"}, "decision 'loudest' is unknown; the known ones are summed_softmax"),
        ({"readout": "b", "classes": ("x",)}, "there are 1 classes for 3 neurons of the readout"),
        ({"decision": "max_membrane"}, "a decision and classes need a readout"),
        ({"edges": (edge(sources=3, rows=((2, 0, 0, 1.0),)),)}, "indptr must have 3 values, one per source and"),
        ({"edges": (edge(rows=((0, 2, 0, 1.0),)),)}, "target neurons must be from 0 to 1, not 2 to 2"),
        ({"edges": (edge("a", "a"),)}, "edge 'a' -> 'a': delays must be at least 1, not 0"),
        ({"edges": (edge("b", "a", sources=3),)}, "a readout does not fire"),
        ({"populations": (Population.of("a", 2, decay=1.5),), "edges": ()}, "decay must be from 0 to 1"),
        (
            {"fixed": FixedPoint(8, 4, 0, 8, 4), "edges": ()},
            "arrays must be integers if, and only if, `fixed` is given",
        ),
    ],
)
def test_violations_of_a_program_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        program(**changes)


def test_numpy_scalars_become_python_numbers():
    of_numpy = program(channels=np.int64(2), time_step_ms=np.float32(1), extra_steps=np.uint8(0))
    assert of_numpy.digest() == program().digest()


def test_one_error_names_all_violations():
    with pytest.raises(ValueError, match=r"channels must be an integer.*extra_steps must be an integer"):
        program(channels=0, extra_steps=-2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: edge(rows=((2, 0, 0, 1.0),)), "sources must be from 0 to 1, not 2 to 2"),
        (lambda: edge(rows=((0, 0, -1, 1.0),)), "delays must be integers from 0 to 65535, not -1 to -1"),
        (lambda: edge(rows=((0, 0, 0.5, 1.0),)), "delays must be integers"),
        (lambda: edge(rows=((0, 0, 0, np.nan),)), "weights must be finite"),
        (lambda: edge(rows=((0, -1, 0, 1.0),)), "target neurons are counted from 0, not from -1"),
        (
            lambda: Population.of("a", 2, decay=0.5, model="if"),
            "model 'if' is unknown; the known ones are lif_hard, lif_soft",
        ),
        (lambda: Population.of("a", 2, decay=0.5, threshold=0.0), "threshold must be positive"),
        (lambda: Population.of("a", 2, decay=np.nan), "decay must be finite"),
        (
            lambda: Population("a", "lif_hard", np.ones(2), np.ones(3), np.ones(2), np.ones(2)),
            "threshold must have one",
        ),
        (lambda: edge(rows=((0.5, 0, 0, 1.0),)), "sources and targets must be integers"),
        (
            lambda: edge(rows=((0, 0, 0, 40000),)),
            "weight must be a row of whole numbers from -32768 to 32767, not int64",
        ),
        (
            lambda: replace(edge(), delay=[-1]),
            "delay must be a row of whole numbers from 0 to 65535, not int64 from -1",
        ),
        (lambda: replace(edge(), delay=[[0]]), r"delay must be a row .* in the shape \(1, 1\)"),
        (lambda: replace(edge(), post=[2**32]), "post must be a row of whole numbers from -2147483648"),
        (lambda: replace(edge(), weight=["1"]), "weight must be a row of numbers, not <U1"),
        (lambda: replace(A, decay=[0, 1], threshold=[1.5, 1]), "threshold must be a row of whole numbers"),
        (
            lambda: replace(A, decay=0.5),
            r"decay must be a row of numbers, not float64 from 0.5 to 0.5 in the shape \(\)",
        ),
        (lambda: FixedPoint(2, 4, 0, 8, 4), "word_bits must be from 3 to 32, not 2"),
        (lambda: program().population("c"), "population 'c' is unknown; the known ones are 'a', 'b'"),
    ],
)
def test_violations_of_populations_and_edges_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@settings(max_examples=40, deadline=None)
@given(programs())
def test_digest_covers_arrays_and_header_but_not_provenance(program):
    assert program.came_from(run="x").digest() == program.digest()
    assert replace(program, extra_steps=program.extra_steps + 1).digest() != program.digest()
    first = program.populations[0]
    other = replace(first, bias=first.bias + 1)
    assert replace(program, populations=(other, *program.populations[1:])).digest() != program.digest()


@settings(max_examples=40, deadline=None)
@given(programs())
def test_fan_in_weight_is_the_sum_over_the_synapses_of_each_neuron(program):
    for population in program.populations:
        for function in (np.abs, lambda weight: np.maximum(weight, 0)):
            for source in (None, INPUT, "p0"):
                expected = np.zeros(population.size)
                for edge in program.edges:
                    if edge.target == population.name and source in (None, edge.source):
                        np.add.at(expected, edge.post, function(edge.weight.astype(float)))
                np.testing.assert_array_equal(program.fan_in_weight(population.name, function, source=source), expected)
    with pytest.raises(ValueError, match="population 'nowhere' is unknown"):
        program.fan_in_weight("nowhere")


@settings(max_examples=40, deadline=None)
@given(programs())
def test_same_as_compares_header_arrays_and_types(program):
    assert program.same_as(replace(program))
    assert not program.same_as(program.came_from(run="x"))
    assert not program.same_as(replace(program, extra_steps=program.extra_steps + 1))
    population = program.populations[0]
    for changed in (replace(population, scale=population.scale * 2), replace(population, bias=population.bias + 1)):
        assert not program.same_as(replace(program, populations=(changed, *program.populations[1:])))
    assert program.same_as(replace(program, edges=())) == (program.edges == ())


def test_same_as_compares_types_of_arrays():
    population = Population("a", "lif_hard", [1], [1], [0], [1.0])
    integers = Program(1, (population,), (), 1.0, fixed=FixedPoint(8, 4, 0, 8, 4))
    floats = Program(1, (Population.of("a", 1, decay=1.0),), (), 1.0)
    object.__setattr__(floats, "fixed", integers.fixed)
    assert integers.header() == floats.header()
    assert not integers.same_as(floats)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2**40])), max_size=20))
def test_rank_within_counts_the_earlier_elements_with_the_same_keys(pairs):
    keys = np.array(pairs, np.int64).reshape(-1, 2).T
    assert rank_within(*keys).tolist() == [pairs[:index].count(pair) for index, pair in enumerate(pairs)]
    assert rank_within(*keys * 2**20).tolist() == [pairs[:index].count(pair) for index, pair in enumerate(pairs)]


def test_facts_count_synapses_pairs_and_bytes():
    network = program(edges=(edge(rows=((0, 0, 0, 1.0), (0, 0, 4, 0.5), (1, 1, 2, -1.0))), edge("a", "b")))
    known = facts(network)
    assert known["synapses"] == 4
    assert known["neurons"] == 5
    assert known["longest_delay"] == 4
    first = known["edges"][0]
    # two of four pairs are connected, one of them twice
    assert first["sparsity"] == 0.5
    assert first["delays"] == [0, 4]
    assert first["weights"] == [-1.0, 1.0]
    assert first["fan_out"] == 1.5
    # lists that name one of two targets in a bit, and one of three in two, are smaller than tables of all pairs
    assert stored_bytes(network) == -(-3 * (48 + 1) // 8) + -(-1 * (48 + 2) // 8)
    assert known["bytes"] == sum(array.nbytes for _, array in network.arrays())


def test_inference_at_activity_1_counts_as_the_simulator():
    # biases above the threshold: every neuron fires in every step
    loud = replace(A, bias=A.threshold)
    network = program(
        populations=(loud, B), extra_steps=3, edges=(edge(rows=((0, 0, 0, 1.0), (1, 0, 2, 1.0))), edge("a", "b"))
    )
    result = simulate(network, Events.from_frames(np.ones((7, 1, 2))))
    known = inference(network, steps=7, activity=1.0)
    assert known["synaptic_operations"] == known["most_synaptic_operations"] == result.synaptic_operations()[0] == 24
    assert known["neuron_updates"] == 5 * result.length[0] == 50
    quarter = inference(network, steps=7, activity=0.25)
    assert (quarter["synaptic_operations"], quarter["most_synaptic_operations"]) == (6, 24)
    assert inference(network, steps=7, activity=0)["synaptic_operations"] == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0, "activity": 0.1}, "steps must be 1 or more, not 0"),
        ({"steps": 1, "activity": -0.1}, "activity must be from 0 to 1 spikes per source and step, not -0.1"),
        ({"steps": 1, "activity": np.nan}, "activity must be from 0 to 1 spikes per source and step, not nan"),
    ],
)
def test_inference_refuses_steps_and_activities_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        inference(program(), **settings)


def test_sources_counts_channels_or_neurons():
    assert program().sources(INPUT) == 2
    assert program().sources("b") == 3


def test_synapses_are_sorted_where_a_combined_key_exceeds_64_bits():
    far, last = 2**24 - 1, 2**31 - 1
    synapses = (np.array([far, 5, far, 0]), np.array([last, 3, 0, last]), np.array([9, 65535, 9, 0]), np.arange(4.0))
    edge = Edge.of("a", "b", synapses, sources=2**24)
    assert edge.weight.tolist() == [3, 1, 2, 0]
    with pytest.raises(ValueError, match=r"sources and targets must be integers; values must be a row of"):
        Edge.of("a", "b", ([0], [1e300], [1], [1.0]), sources=1)
