"""Exponential synapses in graphs of other libraries: part of a neuron's model, or a series of taps."""

from itertools import pairwise

import numpy as np
import pytest

from snnsim.export.nir import import_graph
from snnsim.export.nir.graph import Graph, Node
from snnsim.simulation import Events, Probe, Simulator

DT = 1e-3


def rows(kind, size, **numbers):
    return Node(kind, {name: np.full(size, value, float) for name, value in numbers.items()})


def chain(*nodes, outputs):
    """Return the graph of nodes one behind the other, with 3 channels."""
    named = {"input": Node("Input", {"shape": np.array([3])})} | {f"n{n}": node for n, node in enumerate(nodes)}
    named["output"] = Node("Output", {"shape": np.array([outputs])})
    return Graph(named, list(pairwise(named)))


@pytest.mark.parametrize("tau", [1.0, 1e300])
def test_a_synapse_that_hardly_forgets_is_refused_as_taps_alone(tau):
    slow = rows("CubaLIF", 300, tau_syn=tau, tau_mem=1.0, r=1.0, w_in=1.0, v_leak=0.0, v_threshold=1.0)
    graph = chain(Node("Linear", {"weight": np.ones((300, 3))}), slow, outputs=300)
    with pytest.raises(ValueError, match="and at most 67,108,864 are made; use a larger dt"):
        import_graph.program(graph, dt=1e-4, synapse="taps")
    assert import_graph.program(graph, dt=1e-4).synapses == 900


@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_an_exponential_synapse_is_a_model_or_taps(reset):
    rng = np.random.default_rng(0)
    tau = {"tau_syn": rng.uniform(1, 4, 5) * DT, "tau_mem": rng.uniform(1, 20, 5) * DT}
    weight, bias = rng.normal(size=(5, 3)), rng.normal(size=5) / 8
    start = 0.0 if reset == "subtract" else 0.25
    cuba = rows("CubaLIF", 5, **tau, r=3, w_in=2, v_leak=start, v_reset=start, v_threshold=0.9)
    graph = chain(Node("Affine", {"weight": weight, "bias": bias}), cuba, outputs=5)
    as_model = import_graph.program(graph, dt=DT, reset=reset)
    as_taps = import_graph.program(graph, dt=DT, reset=reset, synapse="taps")
    suffix = {"value": "hard", "subtract": "soft"}[reset]
    assert as_model.populations[-1].model == f"cuba_lif_{suffix}"
    assert as_model.synapses == 15
    assert {population.model for population in as_taps.populations} <= {"lif_hard", "lif_soft"}
    events = Events.random(3, steps=80, channels=3, rate=0.3)
    one, other = (Simulator(program).run(events, Probe(spikes=True)) for program in (as_model, as_taps))
    for recording in range(3):
        spikes = one.spikes("n1", recording)
        assert 5 < len(spikes[0]) < 395
        np.testing.assert_array_equal(spikes, other.spikes("n1", recording))
