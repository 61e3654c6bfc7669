from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import nir_reference
from helpers.nir_programs import ENCODINGS
from helpers.random_programs import HARD_MODELS, everything, frames_for, programs
from snnsim import export
from snnsim.export.nir import hdf5, import_graph
from snnsim.export.nir.graph import Graph, Node
from snnsim.export.nir.linear import matrix
from snnsim.export.nir.write import graph_of, options_of, plan_of
from snnsim.simulation import Events, Probe, Simulator, simulate

DT = 1e-3


def rows(kind, size, **numbers):
    return Node(kind, {name: np.broadcast_to(np.asarray(value, float), size).copy() for name, value in numbers.items()})


def ends(channels, outputs):
    return {"input": Node("Input", {"shape": np.array([channels])})}, {
        "output": Node("Output", {"shape": np.array([outputs])})
    }


def chain(*nodes, channels=3, outputs=2):
    """Return the graph of nodes one behind the other."""
    first, last = ends(channels, outputs)
    named = first | {f"n{number}": node for number, node in enumerate(nodes)} | last
    return Graph(named, list(pairwise(named)))


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_our_graphs_say_it_without_our_metadata(encoding, data):
    program = replace(data.draw(programs(fixed=False, models=HARD_MODELS)), extra_steps=0)
    # a relay passes on that there was a spike, and not how many
    frames = np.minimum(data.draw(frames_for(program)), 1)
    graph = graph_of(program, options_of(program, encoding, DT, None))
    imported = import_graph.program(Graph(graph.nodes, graph.edges), dt=DT)
    plan = plan_of(program)
    events = Events.from_frames(frames)
    ours = Simulator(program).run(events, Probe(spikes=True, membranes=everything(program)))
    theirs = Simulator(imported).run(events, Probe(spikes=True, membranes=everything(imported)))
    for part in program.populations:
        name = plan.neurons(part.name)
        for recording in range(len(events)):
            if part.fires:
                for one, other in zip(ours.spikes(part.name, recording), theirs.spikes(name, recording), strict=True):
                    np.testing.assert_array_equal(one, other)
            else:
                np.testing.assert_allclose(
                    theirs.membrane(name, recording), ours.membrane(part.name, recording), atol=1e-12
                )


def every_kind(rng):
    """Return a graph with every neuron, loops, Delays, and biases that come late, in the order of computing."""
    first, last = ends(3, 2)
    size = 5
    tau = {"tau_syn": rng.uniform(1, 4, size) * DT, "tau_mem": rng.uniform(1, 20, size) * DT}
    nodes = first | {
        "a": Node("Affine", {"weight": rng.normal(size=(size, 3)), "bias": rng.normal(size=size) / 4}),
        "cuba": rows("CubaLIF", size, **tau, r=tau["tau_mem"] / DT, w_in=2, v_leak=0.1, v_threshold=0.7, v_reset=-0.2),
        "loop": Node("Affine", {"weight": rng.normal(size=(size, size)), "bias": rng.normal(size=size) / 4}),
        "wait": Node("Delay", {"delay": np.arange(size) * DT}),
        "b": Node("Affine", {"weight": rng.normal(size=(4, size)), "bias": rng.normal(size=4) / 4}),
        "later": Node("Delay", {"delay": np.array([0, 2, 1, 2]) * DT}),
        "lif": rows("LIF", 4, tau=np.array([1, 2, 5, 9]) * DT, r=3, v_leak=-0.1, v_threshold=0.5, v_reset=0.1),
        "scale": Node("Scale", {"scale": rng.uniform(0.3, 0.9, 4)}),
        "if": rows("IF", 4, r=1 / DT, v_threshold=1.5, v_reset=0.25),
        "c": Node("Linear", {"weight": rng.normal(size=(3, 4))}),
        "skip": Node("Linear", {"weight": rng.normal(size=(3, 3))}),
        "step": rows("Threshold", 3, threshold=0.3),
        "d": Node("Affine", {"weight": rng.normal(size=(2, 3)), "bias": rng.normal(size=2)}),
        "out": rows("CubaLI", 2, tau_syn=3 * DT, tau_mem=7 * DT, r=2, w_in=3, v_leak=0.3),
    }
    edges = list(pairwise(name for name in nodes if name not in ("loop", "skip")))
    edges += [("cuba", "loop"), ("loop", "cuba"), ("input", "skip"), ("skip", "step"), ("out", "output")]
    return Graph(nodes | last, edges)


@pytest.mark.parametrize("seed", range(4))
def test_every_neuron_does_what_its_equations_say(seed):
    rng = np.random.default_rng(seed)
    graph = every_kind(rng)
    frames = (rng.random((60, 3)) < 0.4).astype(float)
    outputs = nir_reference.run(graph.nodes, graph.edges, frames, DT)
    program = import_graph.program(graph, dt=DT)
    result = Simulator(program).run(Events.from_frames(frames[:, None]), Probe(spikes=True))
    for name in ("cuba", "lif", "if", "step"):
        assert 5 < outputs[name].sum() < outputs[name].size - 5, name
        dense = np.zeros(outputs[name].shape)
        dense[result.spikes(name)] = 1
        np.testing.assert_array_equal(dense, outputs[name], name)
    assert program.readout == "out"
    np.testing.assert_allclose(result.output(), outputs["out"], atol=1e-9)


def test_what_leads_to_the_output_without_neurons_is_a_readout():
    weight = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 0.0]])
    graph = chain(
        Node("Linear", {"weight": np.eye(3)}), rows("IF", 3, r=1.0, v_threshold=0.5),
        Node("Affine", {"weight": weight, "bias": np.array([0.25, 0.0])}),
    )  # fmt: skip
    program = import_graph.program(graph)
    assert (program.readout, program.time_step_ms) == ("output", 0.1)
    frames = np.array([[1, 0, 1], [0, 1, 0]])
    output = Simulator(program).run(Events.from_frames(frames[:, None])).output()
    np.testing.assert_array_equal(output, frames @ weight.T + [0.25, 0])


def test_an_inner_graph_is_laid_out():
    first, last = ends(2, 2)
    lif = rows("LIF", 2, tau=2 * DT, r=2.0, v_leak=0.0, v_threshold=0.9)
    inner = Graph(
        first | {"lif": lif, "w": Node("Linear", {"weight": np.eye(2)[::-1]})} | last,
        [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
    )
    graph = Graph(
        first | {"fc": Node("Linear", {"weight": np.eye(2)}), "rnn": inner} | last,
        [("input", "fc"), ("fc", "rnn"), ("rnn", "output")],
    )
    program = import_graph.program(graph, dt=DT)
    assert [part.name for part in program.populations] == ["rnn.lif"]
    result = Simulator(program).run(Events.from_frames(np.array([[[1, 0]], [[0, 0]], [[0, 0]]])), Probe(spikes=True))
    # each neuron wakes the other a step later
    np.testing.assert_array_equal(result.spikes("rnn.lif"), [[0, 1, 2], [0, 1, 0]])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_convolutions_are_those_of_torch(data):
    draw, axes = data.draw, data.draw(st.sampled_from([1, 2]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kernel, stride, dilation = ([draw(st.integers(1, 3)) for _ in range(axes)] for _ in range(3))
    groups = draw(st.integers(1, 2))
    inputs, outputs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    padding = draw(
        st.one_of(st.just("valid"), st.just("same"), st.lists(st.integers(0, 2), min_size=axes, max_size=axes))
    )
    if padding == "same":
        stride = [1] * axes
    shape = (inputs, *(draw(st.integers(7, 9)) for _ in range(axes)))
    x, bias = rng.normal(size=shape), rng.normal(size=outputs)
    weight = rng.normal(size=(outputs, inputs // groups, *kernel))
    numbers = {
        "weight": weight, "bias": bias, "stride": np.array(stride), "dilation": np.array(dilation), "groups": groups,
        "padding": padding if isinstance(padding, str) else np.array(padding),
    }  # fmt: skip
    weights, shift, out = matrix(f"Conv{axes}d", numbers, shape)
    slide = {1: torch.nn.functional.conv1d, 2: torch.nn.functional.conv2d}[axes]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    expected = slide(torch.tensor(x)[None], torch.tensor(weight), torch.tensor(bias), **options)[0]
    assert out == tuple(expected.shape)
    np.testing.assert_allclose(weights @ x.reshape(-1) + shift, expected.reshape(-1), atol=1e-12)


@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
def test_pools_are_those_of_torch(kind):
    x = np.random.default_rng(0).normal(size=(2, 7, 6))
    numbers = {"kernel_size": np.array([3, 2]), "stride": np.array([2, 1]), "padding": np.array([1, 1])}
    weights, shift, out = matrix(kind, numbers, x.shape)
    expected = torch.nn.functional.avg_pool2d(torch.tensor(x)[None], (3, 2), (2, 1), (1, 1))[0]
    assert (shift, out) == (None, tuple(expected.shape))
    np.testing.assert_allclose(weights @ x.reshape(-1), expected.reshape(-1) * (6 if kind == "SumPool2d" else 1))


def test_flatten_keeps_the_order():
    weights, _, out = matrix("Flatten", {"start_dim": 1, "end_dim": -1}, (2, 3, 4))
    assert out == (2, 12)
    assert matrix("Flatten", {"start_dim": 0, "end_dim": 0}, (5,))[2] == (5,)
    np.testing.assert_array_equal(weights.toarray(), np.eye(24))


def test_all_that_has_no_like_is_said_at_once():
    first, last = ends(3, 3)
    eye = Node("Linear", {"weight": np.eye(3)})
    lif = rows("LIF", 3, tau=2 * DT, r=2.0, v_leak=0.0, v_threshold=1.0)
    nodes = first | {
        "new": Node("Hebbian", {}),
        "fast": rows("LIF", 3, tau=DT / 2, r=1.0, v_leak=0.0, v_threshold=1.0),
        "half": rows("Delay", 3, delay=2.5 * DT),
        "wide": Node("Linear", {"weight": np.eye(4)}),
        "li": rows("LI", 3, tau=2 * DT, r=1.0, v_leak=0.0),
        "always": rows("IF", 3, r=1.0, v_threshold=0.0, v_reset=1.0),
        "few": rows("LIF", 2, tau=2 * DT, r=2.0, v_leak=0.0, v_threshold=1.0),
        "one": eye, "two": eye, "lif": lif,
    } | last  # fmt: skip
    edges = [("input", name) for name in ("new", "fast", "half", "wide", "li", "always", "few", "one")]
    edges += [
        ("half", "lif"),
        ("wide", "lif"),
        ("li", "lif"),
        ("fast", "lif"),
        ("new", "lif"),
        ("one", "two"),
        ("two", "one"),
        ("two", "lif"),
    ]
    with pytest.raises(ValueError, match="8 nodes have no counterpart in a program") as error:
        import_graph.program(Graph(nodes, [*edges, ("lif", "output")]), dt=DT)
    for line in (
        "new (Hebbian): its type is unknown; the known ones are Affine, AvgPool2d, Conv1d",
        "fast (LIF): its tau must be at least dt (0.001 s), not 0.0005 s; use a smaller dt",
        "half (Delay): its delays must be whole multiples of dt (0.001 s), from 0 to 65535 of them, not 0.0025 s",
        "wide (Linear): its weight is for 4 inputs, and its input is (3,)",
        "li (LI): its membrane leads to lif, and in a program only spikes lead on",
        "always (IF): its v_threshold must lie above v_reset, or it would fire in every step",
        "few (LIF): it must have a value of each parameter for each input: 2 for 3",
        "it is in a loop without a neuron, in which no time goes by",
    ):
        assert line in str(error.value), line


def test_a_graph_must_have_an_input_neurons_and_the_nodes_of_its_edges():
    graph = chain(rows("IF", 3, r=1.0, v_threshold=0.5), outputs=3)
    two = Graph({**graph.nodes, "more": graph.nodes["input"]}, graph.edges)
    with pytest.raises(ValueError, match="there must be one Input, not 2: input, more"):
        import_graph.program(two)
    with pytest.raises(ValueError, match="there is no neuron in the graph"):
        import_graph.program(chain(Node("Linear", {"weight": np.eye(3)})))
    with pytest.raises(
        ValueError, match="the edge 'n0' -> 'gone' names 'gone', and the nodes there are input, n0, output"
    ):
        import_graph.program(Graph(graph.nodes, [*graph.edges, ("n0", "gone")]))
    with pytest.raises(ValueError, match="dt must be a positive number of seconds, not 0"):
        import_graph.program(graph, dt=0)


@pytest.mark.parametrize("change", ["shape", "edges", "text", "nan"])
def test_a_file_that_is_not_as_nir_has_it_is_said_to_be_so(tmp_path, change):
    wait, lif = rows("Delay", 3, delay=DT), rows("LIF", 3, tau=2 * DT, r=2.0, v_leak=0.0, v_threshold=1.0)
    hdf5.save(chain(wait, lif, outputs=3), tmp_path / "a.nir")
    with h5py.File(tmp_path / "a.nir", "r+") as file:
        name = {"shape": "nodes/input/shape", "edges": "edges", "text": "nodes/n1/tau", "nan": "nodes/n0/delay"}[change]
        del file["node"][name]
        if change != "shape":
            file["node"][name] = {"edges": np.ones((2, 2)), "text": "long", "nan": np.full(3, np.nan)}[change]
    with pytest.raises(
        ValueError, match=r"a\.nir is damaged, or n|n1 \(LIF\): could not convert|n0 \(Delay\): its delays"
    ):
        export.read("nir", tmp_path / "a.nir", dt=DT)


@pytest.mark.parametrize("step", [1e-4, 1e-3, 1 / 3000])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_delays_are_whole_steps_within_the_precision_they_are_stored_in(step, kind):
    steps = np.arange(0, 65536, 7)
    size = {"channels": len(steps), "outputs": len(steps)}
    fires = rows("IF", len(steps), r=1.0, v_threshold=0.5)
    program = import_graph.program(chain(Node("Delay", {"delay": (steps * step).astype(kind)}), fires, **size), dt=step)
    assert program.edges[0].delay[np.argsort(program.edges[0].pre())].tolist() == steps.tolist()
    off = (np.where(steps == 7, 7.2, steps) * step).astype(kind)
    with pytest.raises(ValueError, match="its delays must be whole multiples of dt"):
        import_graph.program(chain(Node("Delay", {"delay": off}), fires, **size), dt=step)


@pytest.mark.parametrize(("r", "noted"), [([1.0, 1.0, 1.0], False), ([1.0, 0.999, 1.0], True)])
def test_a_note_says_that_what_arrives_is_scaled(r, noted):
    node = Node("IF", {"r": np.array(r), "v_threshold": np.full(3, 0.5)})
    notes = import_graph.program(chain(node, outputs=3), dt=DT).provenance["notes"]
    assert [note for note in notes if "scaled by r dt, as its r is from 0.999 to 1;" in note] == [
        note for note in notes if note.startswith("n0: ")
    ]
    assert any(note.startswith("n0: ") for note in notes) == noted


def test_a_spike_may_subtract_the_threshold():
    node = rows("IF", 3, r=1.0, v_threshold=0.5)
    program = import_graph.program(chain(node, outputs=3), dt=DT, reset="subtract")
    assert program.populations[0].model == "lif_soft"
    events = Events.from_frames(np.array([3.0, 0, 0, 0])[:, None, None] * np.ones(3))
    # 3 is taken down by a half in each step
    assert simulate(program, events).counts("n0")[0].tolist() == [4, 4, 4]
    assert simulate(import_graph.program(chain(node, outputs=3), dt=DT), events).counts("n0")[0].tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="its v_reset must be 0 where the threshold is subtracted"):
        import_graph.program(
            chain(rows("IF", 3, r=1.0, v_threshold=0.5, v_reset=0.1), outputs=3), dt=DT, reset="subtract"
        )
    with pytest.raises(ValueError, match="import of nir: reset must be one of value, subtract, not 'zero'"):
        import_graph.program(chain(node, outputs=3), dt=DT, reset="zero")
