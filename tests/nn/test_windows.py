import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from snnsim.nn import delay_windows

ALL = tuple(delay_windows.WINDOWS)


def kernel(window, delay, sigma=1.0, *, weight=1.0, max_delay=6):
    """Return the taps over delay of one connection."""
    parts = (torch.tensor(float(part), dtype=torch.float64).view(1, 1, 1) for part in (weight, delay, sigma))
    return delay_windows.delay_kernel(*parts, max_delay=max_delay, window=window)[:, 0, 0]


def by_the_equations(window, delay, sigma, max_delay):
    if window == "v0":
        below, beyond = math.floor(delay), delay - math.floor(delay)
        return [{below: 1 - beyond, below + 1: beyond}.get(k, 0.0) for k in range(max_delay + 1)]
    shape = {
        "gauss": lambda x: math.exp(-((x / sigma) ** 2) / 2),
        "max": lambda x: max(0.0, sigma - abs(x)),
        "v1": lambda x: max(0.0, 1 - abs(x)),
    }[window]
    taps = [shape(k - delay) for k in range(max_delay + 1)]
    return [tap / (sum(taps) + 1e-7) for tap in taps]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ALL), st.integers(0, 9), st.floats(0, 1), st.floats(1, 12), st.integers(-16, 16))
def test_equals_the_equations(window, max_delay, share, sigma, eighths):
    weight = eighths / 8
    delay = share * max_delay
    expected = [weight * tap for tap in by_the_equations(window, delay, sigma, max_delay)]
    result = kernel(window, delay, sigma, weight=weight, max_delay=max_delay)
    assert_close(result, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-12)
    assert abs(result.sum() - weight) <= 1e-6 * abs(weight)


@pytest.mark.parametrize("window", ["max", "v1", "v0"])
def test_integer_delay_and_narrow_window_give_one_tap(window):
    result = kernel(window, 4)
    assert result[4] == pytest.approx(1, abs=1e-6)
    assert result.count_nonzero() == 1


@pytest.mark.parametrize("window", ALL)
@pytest.mark.parametrize("sigma", [1.0, 3.5])
def test_gradients_by_finite_differences(window, sigma):
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(2, 3, 2, generator=draw, dtype=torch.float64, requires_grad=True)
    # off the corners: no delay within 0.05 of a whole or a half step
    delay = torch.randint(0, 6, (2, 3, 2), generator=draw) + 0.05 + 0.4 * torch.rand(2, 3, 2, generator=draw).double()
    width = torch.full((2, 3, 2), sigma + 0.013, dtype=torch.float64, requires_grad=True)

    def taps(*parts):
        return delay_windows.delay_kernel(*parts, max_delay=6, window=window)

    assert torch.autograd.gradcheck(taps, (weight, delay.requires_grad_(), width))


@pytest.mark.parametrize("window", ALL)
def test_frozen_taps_add_up(window):
    draw = torch.Generator().manual_seed(0)
    weight, share = torch.randn(2, 3, 4, generator=draw), torch.rand(2, 3, 4, generator=draw)
    together = delay_windows.delay_kernel(weight, 5 * share, torch.tensor(1.5), max_delay=5, window=window)
    alone = [
        delay_windows.delay_kernel(
            weight[..., [tap]], 5 * share[..., [tap]], torch.tensor(1.5), max_delay=5, window=window
        )
        for tap in range(4)
    ]
    assert_close(together, sum(alone))


def test_widths_of_the_recipe():
    # DCLS-Delays on SHD: K = 25 taps, |SIG| from 12 to 0.23
    assert delay_windows.widest("gauss", 24) == pytest.approx(12.27)
    assert delay_windows.narrowest("gauss") == pytest.approx(0.5)
    assert delay_windows.narrowest("max") == pytest.approx(1.23)


@pytest.mark.parametrize("window", ALL)
@pytest.mark.parametrize("max_delay", [0, 1, 30])
def test_widths_of_the_recipe_are_allowed(window, max_delay):
    for sigma in (delay_windows.widest(window, max_delay), delay_windows.narrowest(window)):
        assert delay_windows.checked_width(window, sigma) == sigma


@pytest.mark.parametrize(("window", "least"), [("gauss", 0.27), ("max", 1.0)])
def test_narrowest_width_preserves_the_weight_between_two_steps(window, least):
    assert delay_windows.checked_width(window, least) == least
    assert kernel(window, 2.5, least).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("window", "sigma"),
    [("gauss", 0.26), ("max", 0.99), ("gauss", 0.0), ("v1", -1.0), ("max", math.nan), ("gauss", math.inf)],
)
def test_width_out_of_range(window, sigma):
    with pytest.raises(ValueError, match=f"sigma of the window '{window}' must be finite, at least .* not {sigma}"):
        delay_windows.checked_width(window, sigma)


@pytest.mark.parametrize(
    "call",
    [
        delay_windows.get_window,
        delay_windows.narrowest,
        lambda name: delay_windows.widest(name, 3),
        lambda name: delay_windows.checked_width(name, 2),
    ],
)
def test_unknown_window(call):
    with pytest.raises(ValueError, match="window 'boxcar' is unknown; the known ones are gauss, max, v1, v0"):
        call("boxcar")
