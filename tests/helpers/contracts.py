"""The properties of every neuron and synapse, each written once; test_contracts.py runs them over all public ones.

The name of a check is the property. Its argument `make` returns a fresh part at every call, so that a part which
remembers something is found out.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.testing import assert_close

from helpers.networks import BATCH, MAX_DELAY, NEURONS, STEPS, TARGETS, generator, random_spikes
from snnsim.kernels.delay import naive
from snnsim.nn import DelayedLinear
from snnsim.testing.neurons import NEURON as NEURON
from snnsim.testing.neurons import SEQUENCE, Make
from snnsim.testing.neurons import STATEFUL as STATEFUL
from snnsim.testing.neurons import every_gradient_is_finite as every_gradient_is_finite

MakeDelayed = Callable[..., DelayedLinear]


def is_linear(make: Make) -> None:
    synapse, a, b = make(), random_spikes(STEPS, BATCH, NEURONS), random_spikes(STEPS, BATCH, NEURONS, seed=1)
    assert_close(synapse(2 * a - b), 2 * synapse(a) - synapse(b))


def absent_connections_stay_absent(make: Make) -> None:
    synapse = make()
    absent = synapse.weight == 0
    optimizer = torch.optim.Adam(synapse.parameters(), lr=0.5)
    synapse(random_spikes(STEPS, BATCH, NEURONS)).square().sum().backward()
    optimizer.step()
    synapse.constrain()
    assert torch.equal(synapse.weight == 0, absent)
    assert absent.any() == (synapse.connected is not None)


SYNAPSE = [*SEQUENCE, is_linear, absent_connections_stay_absent]


def with_delays(synapse: DelayedLinear, delay: float | Tensor) -> DelayedLinear:
    """Return connections with other delays.

    Args:
        synapse: The connections, which are changed.
        delay: Delays in steps, of a shape that broadcasts to (target, source, tap).
    """
    with torch.no_grad():
        synapse.delay.copy_(torch.as_tensor(delay))
    return synapse


def equals_the_loops(make: MakeDelayed) -> None:
    synapse, spikes = make().eval(), random_spikes(STEPS, BATCH, NEURONS)
    weight, delay = synapse.weight.detach().numpy(), synapse.delay.detach().numpy()
    kernel = np.zeros((MAX_DELAY + 1, TARGETS, NEURONS))
    for target, source, tap in np.ndindex(weight.shape):
        kernel[round(float(delay[target, source, tap])), target, source] += weight[target, source, tap]
    for member in range(BATCH):
        expected = naive.delayed_current(spikes[:, member].numpy(), kernel)
        assert_close(synapse(spikes)[:, member].detach(), torch.from_numpy(expected))


def delay_is_a_shift(make: MakeDelayed) -> None:
    spikes = random_spikes(STEPS, BATCH, NEURONS)
    undelayed = with_delays(make().eval(), 0.0)(spikes)
    for delay in range(MAX_DELAY + 1):
        delayed = with_delays(make().eval(), delay)(spikes)
        assert_close(delayed[delay:], undelayed[: STEPS - delay])
        assert_close(delayed[:delay], torch.zeros_like(delayed[:delay]))


def taps_sum_to_the_weight(make: MakeDelayed) -> None:
    for sigma in (1.0, 1.7, 4.0, 30.0):
        for delay in (0.0, 0.5, 2.25, MAX_DELAY - 0.01, float(MAX_DELAY)):
            synapse = with_delays(make(sigma=sigma).train(), delay)
            assert_close(synapse.kernel().sum(0), synapse.weight.sum(-1), rtol=1e-6, atol=1e-9)


def rounding_moves_by_half_a_step(make: MakeDelayed) -> None:
    synapse = make(taps=1).eval()
    moved = synapse.kernel().abs().argmax(0) - synapse.delay[..., 0]
    assert moved.abs().max() <= 0.5
    assert ((synapse.kernel() != 0).sum(0) == 1).all()


def initial_delays_are_uniform(make: MakeDelayed) -> None:
    delays = DelayedLinear(100, 80, MAX_DELAY, window=make().window, generator=generator(1)).delay.detach()
    assert stats.kstest(delays.flatten().numpy(), stats.uniform(0, MAX_DELAY).cdf).pvalue > 0.01
    assert 0 <= delays.min() < delays.max() <= MAX_DELAY


def constrain_holds_the_range(make: MakeDelayed) -> None:
    synapse = with_delays(make(), torch.linspace(-3, MAX_DELAY + 3, NEURONS)[None, :, None])
    synapse.constrain()
    assert synapse.delay.aminmax() == (0, MAX_DELAY)


def evaluation_leaves_the_delays(make: MakeDelayed) -> None:
    synapse = make()
    before = {name: value.clone() for name, value in synapse.state_dict().items()}
    synapse.eval()(random_spikes(STEPS, BATCH, NEURONS))
    assert all(torch.equal(value, before[name]) for name, value in synapse.state_dict().items())


DELAYED = [
    equals_the_loops,
    delay_is_a_shift,
    taps_sum_to_the_weight,
    rounding_moves_by_half_a_step,
    initial_delays_are_uniform,
    constrain_holds_the_range,
    evaluation_leaves_the_delays,
]
