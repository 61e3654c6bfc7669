"""Pruning: the share is exact, a larger share leaves out more, and what remains is as it was."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.random_programs import programs
from snnsim.quantization import prune


def synapses(edge):
    """Return the synapses of an edge as a list of source, target, delay and weight."""
    return list(zip(edge.pre().tolist(), edge.post.tolist(), edge.delay.tolist(), edge.weight.tolist(), strict=True))


def is_part_of(few, many):
    """Return whether a list of synapses is in another one, in the same order."""
    rest = iter(many)
    return all(synapse in rest for synapse in few)


@settings(max_examples=60, deadline=None)
@given(program=programs(), share=st.floats(0, 1, exclude_max=True))
def test_the_share_is_exact_and_of_the_weakest(program, share):
    pruned = prune(program, share=share)
    for before, after in zip(program.edges, pruned.edges, strict=True):
        count = len(before.weight)
        # a product that is a whole number but for its rounding is this number
        weak = int(share * count * (1 + 2**-50))
        assert count - len(after.weight) == weak
        assert is_part_of(synapses(after), synapses(before))
        weights = np.sort(np.abs(before.weight.astype(float)))[weak:]
        np.testing.assert_array_equal(np.sort(np.abs(after.weight.astype(float))), weights)


@settings(max_examples=60, deadline=None)
@given(program=programs(), shares=st.tuples(*2 * [st.floats(0, 1, exclude_max=True)]), longest=st.integers(0, 6))
def test_a_larger_share_and_fewer_delays_leave_out_more(program, shares, longest):
    small, large = sorted(shares)
    results = [
        prune(program, share=small), prune(program, share=large), prune(program, share=large, delays=(0, longest))
    ]  # fmt: skip
    for more, fewer in itertools.pairwise(results):
        for one, other in zip(more.edges, fewer.edges, strict=True):
            assert is_part_of(synapses(other), synapses(one))


@settings(max_examples=60, deadline=None)
@given(program=programs(), delays=st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted))
def test_delays_outside_of_the_range_are_left_out_and_no_others(program, delays):
    shortest, longest = delays
    for before, after in zip(program.edges, prune(program, delays=(shortest, longest)).edges, strict=True):
        assert synapses(after) == [row for row in synapses(before) if shortest <= row[2] <= longest]


@settings(max_examples=30, deadline=None)
@given(program=programs())
def test_a_share_of_nothing_leaves_the_program_as_it_is(program):
    for before, after in zip(program.edges, prune(program).edges, strict=True):
        assert synapses(after) == synapses(before)
