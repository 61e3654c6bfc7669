import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim.learning.sigma_schedule import width


def test_schedule_of_the_shd_recipe():
    # DCLS-Delays: SIG from 12, times (0.23 / 12)^(1 / 37) an epoch for 37 epochs; σ = SIG + 0.27
    sig = 12.0
    for epoch in range(37):
        assert width(epoch, start=12.27, end=0.5, epochs=37, narrowest=0.27) == pytest.approx(sig + 0.27)
        sig *= (0.23 / 12) ** (1 / 37)
    assert width(37, start=12.27, end=0.5, epochs=37, narrowest=0.27) == 0.5
    assert width(149, start=12.27, end=0.5, epochs=37, narrowest=0.27) == 0.5


@given(st.floats(0.01, 20), st.floats(0, 20), st.integers(1, 200), st.sampled_from([0.0, 0.27, 1.0]))
def test_never_widens_and_keeps_its_ends(above, wider, epochs, narrowest):
    end = narrowest + above
    start = end + wider
    widths = [width(epoch, start=start, end=end, epochs=epochs, narrowest=narrowest) for epoch in range(epochs + 2)]
    assert widths[0] == pytest.approx(start)
    assert widths[-2:] == [end, end]
    assert all(now <= before * (1 + 1e-12) for before, now in itertools.pairwise(widths))


def test_zero_epochs_give_the_final_width():
    assert width(0, start=5.0, end=0.5, epochs=0, narrowest=0.27) == 0.5


@pytest.mark.parametrize(("start", "end"), [(0.4, 0.5), (5.0, 0.27), (5.0, 0.1), (float("nan"), 0.5)])
def test_width_must_narrow(start, end):
    with pytest.raises(ValueError, match=f"a wider to a narrower window above 0.27, not from {start} to {end}"):
        width(0, start=start, end=end, epochs=10, narrowest=0.27)
