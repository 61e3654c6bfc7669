"""Plasticity by traces is plasticity by pairs; weights keep their bounds; a reward decides afterwards."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels.plasticity import naive
from snnsim.learning import stdp
from snnsim.learning.stdp import STDP


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps, sources, targets = (draw(st.integers(1, high)) for high in (12, 4, 3))
    rate = draw(st.sampled_from([0.1, 0.4, 1.0]))
    weight = rng.random((targets, sources))
    return weight, rng.random((steps, sources)) < rate, rng.random((steps, targets)) < rate


@settings(max_examples=150, deadline=None)
@given(cases(), st.sampled_from(["nearest", "adjacent"]), st.sampled_from(["soft", "hard"]), st.booleans())
def test_equals_the_pairs(case, pairing, bounds, strong):
    amounts = {"potentiation": 0.4, "depression": 0.5} if strong else {}
    rule = STDP(tau_plus=3.0, tau_minus=5.0, bounds=bounds, pairing=pairing, **amounts)
    np.testing.assert_allclose(stdp.stdp(*case, rule), naive.stdp(*case, rule), atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_equals_all_pairs_far_from_the_bounds(case):
    """With bounds, the pairs of one spike are one change, not one after the other."""
    rule = STDP(tau_plus=3.0, tau_minus=5.0, lowest=-99.0, highest=99.0)
    np.testing.assert_allclose(stdp.stdp(*case, rule), naive.stdp(*case, rule), atol=1e-12)


def test_change_of_one_pair_by_hand():
    """Source at step 0, target at 4: + A exp(-4 / 3); the other way round: - B exp(-4 / 5); together: +."""
    rule = STDP(potentiation=0.1, depression=0.2, tau_plus=3.0, tau_minus=5.0)
    early, late = np.zeros((2, 6, 1), bool)
    early[0], late[4] = True, True
    start = np.array([[0.5]])
    assert stdp.stdp(start, early, late, rule).item() == pytest.approx(0.5 + 0.1 * np.exp(-4 / 3))
    assert stdp.stdp(start, late, early, rule).item() == pytest.approx(0.5 - 0.2 * np.exp(-4 / 5))
    assert stdp.stdp(start, early, early, rule).item() == pytest.approx(0.6)
    assert start.item() == 0.5


def test_pairs_by_hand():
    """Source at 0, 1, 4 and 5, target at 2 and 6: which of the pairs there are."""
    pre, post = np.zeros((2, 8, 1), bool)
    pre[[0, 1, 4, 5]], post[[2, 6]] = True, True
    plus, minus = (lambda d: np.exp(-d / 3)), (lambda d: np.exp(-d / 5))
    wanted = {
        "all": plus(2) + plus(1) + plus(6) + plus(5) + plus(2) + plus(1) - minus(2) - minus(3),
        "nearest": plus(1) + plus(1) - minus(2) - minus(3),
        "adjacent": plus(1) + plus(1) - minus(2),
    }
    for pairing, change in wanted.items():
        rule = STDP(0.01, 0.01, 3.0, 5.0, pairing=pairing)
        assert stdp.stdp(np.array([[0.5]]), pre, post, rule).item() == pytest.approx(0.5 + 0.01 * change), pairing


@pytest.mark.parametrize("bounds", ["soft", "hard"])
def test_weights_keep_their_bounds(bounds):
    rng = np.random.default_rng(0)
    weight, pre, post = rng.random((5, 8)), rng.random((500, 8)) < 0.3, rng.random((500, 5)) < 0.3
    changed = stdp.stdp(weight, pre, post, STDP(0.3, 0.3, bounds=bounds, pairing="nearest"))
    assert 0 <= changed.min() <= changed.max() <= 1
    # soft bounds hold weights apart from them
    assert (np.isin(changed, (0.0, 1.0)).any()) == (bounds == "hard")


@settings(max_examples=60, deadline=None)
@given(cases(), st.floats(-2, 2))
def test_a_final_reward_scales_the_amounts_of_the_rule(case, reward):
    """Without fading and bounds, a reward of R is the rule with amounts R times as large."""
    weight, pre, post = case
    free = {"tau_plus": 3.0, "tau_minus": 5.0, "lowest": -1e3, "highest": 1e3}
    left = stdp.eligibility(pre, post, STDP(0.1, 0.2, **free))
    changed = stdp.apply_reward(weight, left, reward, STDP(0.1, 0.2, **free))
    np.testing.assert_allclose(
        changed, stdp.stdp(weight, pre, post, STDP(0.1 * reward, 0.2 * reward, **free)), atol=1e-9
    )


def test_eligibility_decays():
    pre, post = np.zeros((2, 11, 1), bool)
    pre[1], post[3] = True, True
    rule = STDP(0.1, 0.2, 3.0, 5.0)
    left = stdp.eligibility(pre, post, rule, tau=4.0)
    assert left.item() == pytest.approx(0.1 * np.exp(-2 / 3) * np.exp(-(10 - 3) / 4))


def test_each_target_has_its_own_reward():
    weight, left = np.full((2, 3), 0.5), np.full((2, 3), 0.1)
    changed = stdp.apply_reward(weight, left, np.array([1.0, -1.0]))
    np.testing.assert_allclose(changed, [[0.6] * 3, [0.4] * 3])
    soft = stdp.apply_reward(np.array([[0.8]]), np.array([[0.5]]), 1.0, STDP(bounds="soft"))
    assert soft.item() == pytest.approx(0.8 + 0.5 * 0.2)
    assert stdp.apply_reward(weight, 9 * left, 1.0).max() == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: STDP(tau_plus=0.0), "time constants must be positive, not 0.0 and 33.7 steps"),
        (lambda: STDP(lowest=1.0), "lowest must be below highest; they are 1.0 and 1.0"),
        (lambda: STDP(bounds="none"), "bounds must be one of soft, hard, not 'none'"),
        (lambda: STDP(pairing="some"), "pairing must be one of all, nearest, adjacent, not 'some'"),
        (lambda: stdp.eligibility(np.zeros((2, 1)), np.zeros((2, 1)), tau=0.0), "tau must be positive, not 0.0"),
        (lambda: stdp.stdp(np.zeros((2, 3)), np.zeros((5, 2)), np.zeros((5, 3))), r"need spikes pre \(time, 3\)"),
    ],
)
def test_invalid_arguments_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_reward_selects_a_pattern():
    """Two patterns, a target that fires at random after them: rewarded weights grow, punished ones shrink."""
    rng = np.random.default_rng(5)
    weight, rule = np.full((1, 10), 0.5), STDP(0.05, 0.03, 5.0, 5.0, bounds="soft")
    for _ in range(300):
        first = rng.random() < 0.5
        pre, post = np.zeros((20, 10), bool), np.zeros((20, 1), bool)
        pre[rng.integers(0, 8, 5), np.arange(5) if first else np.arange(5, 10)] = True
        post[rng.integers(8, 20)] = True
        weight = stdp.apply_reward(weight, stdp.eligibility(pre, post, rule, tau=20.0), 1.0 if first else -1.0, rule)
    assert weight[0, :5].min() > 0.8
    assert weight[0, 5:].max() < 0.2
