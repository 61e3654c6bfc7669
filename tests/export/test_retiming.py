import numpy as np
import pytest
from hypothesis import assume, given, settings

from helpers.random_programs import programs
from snnsim.export.retiming import retime
from snnsim.program import INPUT, Edge, Population, Program


def chain(*delays):
    """Return a Program of one neuron per population; delays are (source, target, delay)."""
    names = sorted({name for edge in delays for name in edge[:2]} - {INPUT})
    populations = tuple(Population.of(name, 1, decay=0.5) for name in names)
    edges = tuple(Edge.of(source, target, ([0], [0], [delay], [1.0]), sources=1) for source, target, delay in delays)
    return Program(channels=1, populations=populations, edges=edges, time_step_ms=1.0)


def test_a_layer_without_delay_is_a_step_late():
    retimed = retime(chain((INPUT, "a", 0), ("a", "b", 0), ("b", "c", 3)), latency=0, shortest=1)
    assert retimed.lags == {INPUT: 0, "a": 1, "b": 2, "c": 0}
    assert [int(edge.delay[0]) for edge in retimed.edges] == [1, 1, 1]


def test_latency_of_a_synapse_is_taken_off():
    retimed = retime(chain((INPUT, "a", 0), ("a", "a", 1)), latency=1, shortest=0)
    assert retimed.lags == {INPUT: 0, "a": 1}
    assert [int(edge.delay[0]) for edge in retimed.edges] == [0, 0]


def test_a_loop_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match=r"^a loop of k populations must take at least k steps"):
        retime(chain((INPUT, "a", 0), ("a", "b", 0), ("b", "a", 1)), latency=0, shortest=1)


@settings(max_examples=200, deadline=None)
@given(programs())
def test_a_machine_without_order_gives_the_same_spikes(program):
    """All neurons of the machine at once: currents of a step come from steps before it."""
    try:
        retimed = retime(program, latency=0, shortest=1)
    except ValueError:
        assume(False)
    names = [INPUT, *(part.name for part in program.populations)]
    assert retimed.lags[INPUT] == 0
    for edge, connections in zip(program.edges, retimed.edges, strict=True):
        late = retimed.lags[edge.target] - retimed.lags[edge.source]
        assert (connections.delay >= 1).all()
        # a spike of our step t arrives at our step t + d, which is the machine's t + o(source) + d'
        np.testing.assert_array_equal(connections.delay - late, edge.delay)
    assert min(retimed.lags[name] for name in names) == 0
