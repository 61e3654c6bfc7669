"""The second-order neuron: its equations by hand, and its parameters from spike trains."""

import pytest
import torch
from torch.testing import assert_close

from helpers.networks import generator
from snnsim.nn import SecondOrder


def by_hand(drive, numbers):
    pace, coupling, leak, jump, threshold, back = numbers.values()
    v = w = 0.0
    spikes, membranes = [], []
    for current in drive:
        u = v + pace * (v * v - v - w) + current
        s = float(u >= threshold)
        w = w + pace * (coupling * v - leak * w) + jump * s
        v = max(back if s else u, -threshold)
        spikes.append(s)
        membranes.append(u)
    return spikes, membranes


def test_equals_the_loop():
    numbers = {"pace": 0.4, "coupling": 0.3, "leak": 0.2, "jump": 0.25, "threshold": 1.2, "reset_value": -0.1}
    drive = (0.8 * torch.randn(200, generator=generator(), dtype=torch.float64) + 0.3).tolist()
    spikes, membrane = SecondOrder(**numbers).trace(torch.tensor(drive, dtype=torch.float64)[:, None])
    expected = by_hand(drive, numbers)
    assert 10 < sum(expected[0]) < 190
    assert spikes[:, 0].tolist() == expected[0]
    assert_close(membrane[:, 0], torch.tensor(expected[1], dtype=torch.float64))


def test_recovery_adapts():
    def intervals(**numbers):
        return SecondOrder(**numbers)(torch.full((200, 1), 0.4))[:, 0].nonzero()[:, 0].diff()

    # without a recovery there is nothing but the reset; with one, spikes slow down those that follow
    assert intervals(jump=0.0, coupling=0.0).unique().tolist() == [4]
    slowed = intervals(jump=0.3)
    assert 4 < slowed[0] < slowed[-1]


def test_stays_finite_under_strong_inhibition():
    spikes, state = SecondOrder(pace=1.0).run(-5 * torch.ones(50, 2))
    assert state.isfinite().all()
    assert spikes.sum() == 0


def test_learned_parameters_recover_the_spikes_of_a_neuron():
    drive = 0.4 * torch.rand(120, 32, 1, generator=generator()) + 0.1
    aim = SecondOrder(jump=0.6, reset_value=-0.5)(drive)
    neuron = SecondOrder(learn="layer")
    optimizer = torch.optim.Adam(neuron.parameters(), 0.02)

    def apart():
        return (neuron(drive).cumsum(0) - aim.cumsum(0)).square().mean()

    first = float(apart().detach())
    for _ in range(150):
        optimizer.zero_grad()
        loss = apart()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < first / 20


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.0}, "SecondOrder: threshold must be positive, not 0.0"),
        ({"pace": 0.0}, "SecondOrder: pace must be above 0 and at most 1, not 0.0"),
        ({"pace": 2.0}, "SecondOrder: pace must be above 0 and at most 1, not 2.0"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        SecondOrder(**settings)
