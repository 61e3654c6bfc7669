"""Delays as axonal, dendritic and synaptic ones: the sums, the fewest bits by exhaustion, and what targets accept."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.export.delay_split import ACCEPTED, split_delays


def least_rest(delay, mask):
    """Return the smallest maximum of a rest, by trying all axonal delays."""
    targets, sources = delay.shape
    best = delay[mask].max(initial=0)
    for axonal in itertools.product(range(int(delay.max()) + 1), repeat=sources):
        left = delay - np.array(axonal)
        rows = [left[j][mask[j]] for j in range(targets) if mask[j].any()]
        if all(row.min() >= 0 for row in rows):
            # the dendritic delay of a target is the smallest delay that is left
            best = min(best, max((int(row.max() - row.min()) for row in rows), default=0))
    return best


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3))
def test_the_rest_has_the_smallest_maximum(seed, targets, sources):
    rng = np.random.default_rng(seed)
    delay, mask = rng.integers(0, 6, (targets, sources)), rng.random((targets, sources)) < 0.8
    split = split_delays(delay, mask)
    np.testing.assert_array_equal(split.total()[mask], delay[mask])
    assert min(split.axonal.min(), split.dendritic.min(), split.rest.min()) >= 0
    assert split.rest.max() == least_rest(delay, mask)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_a_sum_of_axons_and_dendrites_is_recovered_within_its_rest(seed, bits):
    rng = np.random.default_rng(seed)
    axonal, dendritic = rng.integers(0, 30, 40), rng.integers(0, 30, 25)
    rest = rng.integers(0, 2**bits, (25, 40))
    split = split_delays(axonal + dendritic[:, None] + rest)
    assert split.bits <= bits
    np.testing.assert_array_equal(split.total(), axonal + dendritic[:, None] + rest)


def test_limits_hold_and_leave_more_to_the_synapses():
    delay = np.add.outer([0, 10], [0, 20])
    assert split_delays(delay).bits == 0
    limited = split_delays(delay, axonal_limit=0)
    assert limited.axonal.tolist() == [0, 0]
    assert (limited.rest.max(), limited.bits) == (20, 5)
    both = split_delays(delay, axonal_limit=7, dendritic_limit=7)
    assert max(both.axonal.max(), both.dendritic.max()) <= 7
    assert both.rest.max() == 30 - 7 - 7
    np.testing.assert_array_equal(both.total(), delay)


def test_targets_name_what_they_do_not_accept():
    axonal = split_delays(np.add.outer([0, 0], [5, 40]))
    assert axonal.dendritic.tolist() == [0, 0]
    assert [target for target in ACCEPTED if not axonal.accepted_by(target)] == list(ACCEPTED)
    one = split_delays(np.add.outer([0, 0], [5, 80]))
    assert [target for target in ACCEPTED if one.accepted_by(target)] == ["loihi1", "loihi2"]
    both = split_delays(np.add.outer([0, 10], [0, 80]))
    for steps, refused in ((255, ["loihi1", "loihi2"]), (256, ["loihi1", "loihi2", "c"])):
        synaptic = split_delays([[0, steps], [steps, 0]])
        assert [target for target in ACCEPTED if synaptic.accepted_by(target) and target != "xylo"] == refused
    assert "synaptic delays must be at most 288 steps" in split_delays([[0, 300], [300, 0]]).accepted_by("spinnaker")[0]
    assert both.accepted_by("nir") == []
    reasons = both.accepted_by("loihi2")
    assert "axonal delays must be at most 62 steps, not 80" in reasons[0]
    assert "delays must be of one kind, not axonal and dendritic" in reasons[1]
    with pytest.raises(ValueError, match="target 'toaster' is unknown"):
        both.accepted_by("toaster")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.5]],), r"delays must be integers \(target, source\), not float64"),
        (([[-1]],), "delays must be from 0 to"),
        (([[1]], [True]), r"exists must be \(1, 1\), as the delays, not \(1,\)"),
    ],
)
def test_wrong_matrices_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        split_delays(*arguments)
