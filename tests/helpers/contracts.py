"""The properties of every neuron and synapse, each written once; test_contracts.py runs them over all public ones.

The name of a check is the property. Its argument `make` returns a fresh part at every call, so that a part which
remembers something is found out.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.testing import assert_close

from helpers.networks import BATCH, MAX_DELAY, NEURONS, STEPS, TARGETS, eighths, generator, random_spikes
from snnsim.kernels.delay import naive
from snnsim.nn import DelayedLinear

Make = Callable[[], nn.Module]
MakeDelayed = Callable[..., DelayedLinear]


def every_gradient_is_finite(module: nn.Module) -> None:
    """Check the gradients of all trained parameters.

    Args:
        module: Module after a backward pass.
    """
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{name} got no gradient"
            assert parameter.grad.isfinite().all(), f"{name} got a gradient that is not finite"


# ---- what holds for anything that maps a sequence (time, batch, neuron) to a sequence ----


def length_of_time_is_unchanged(make: Make) -> None:
    for shape in [(STEPS, BATCH, NEURONS), (STEPS, NEURONS), (STEPS, 2, BATCH, NEURONS), (1, 1, NEURONS)]:
        assert make()(random_spikes(*shape)).shape[:-1] == shape[:-1]


def batch_is_its_members(make: Make) -> None:
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    together = part(current)
    for member in range(BATCH):
        assert_close(part(current[:, member : member + 1])[:, 0], together[:, member])
        assert_close(part(current[:, member]), together[:, member])


def is_causal(make: Make) -> None:
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    for now in range(STEPS):
        other = current.clone()
        other[now + 1 :] = eighths(STEPS - now - 1, BATCH, NEURONS, seed=1)
        assert_close(part(other)[: now + 1], part(current)[: now + 1])


def calls_share_no_state(make: Make) -> None:
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    first = part(current)
    part(eighths(STEPS, BATCH + 1, NEURONS, seed=1))
    assert torch.equal(part(current), first)
    assert torch.equal(make()(current), first)


def argument_is_left_alone(make: Make) -> None:
    current = eighths(STEPS, BATCH, NEURONS)
    before = current.clone()
    make()(current)
    assert torch.equal(current, before)


def empty_batch_or_time_passes(make: Make) -> None:
    assert len(make()(torch.zeros(0, BATCH, NEURONS, dtype=torch.float64))) == 0
    assert make()(torch.zeros(STEPS, 0, NEURONS, dtype=torch.float64)).shape[:2] == (STEPS, 0)


def every_parameter_gets_a_gradient(make: Make) -> None:
    part, current = make().train(), eighths(STEPS, BATCH, NEURONS).requires_grad_()
    output = part(current)
    (output * torch.randn(output.shape, generator=generator()).double()).sum().backward()
    every_gradient_is_finite(part)
    assert current.grad.isfinite().all()


SEQUENCE = [
    length_of_time_is_unchanged,
    batch_is_its_members,
    is_causal,
    calls_share_no_state,
    argument_is_left_alone,
    empty_batch_or_time_passes,
    every_parameter_gets_a_gradient,
]


# ---- what holds for anything that has a state: neurons, and synapses with a history ----


def run_is_stepping(make: Make) -> None:
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    outputs, state = part.run(current)
    stepped_state, stepped = None, []
    for now in current:
        output, stepped_state = part.step(now, stepped_state)
        stepped.append(output)
    assert_close(outputs, torch.stack(stepped))
    assert_close(state, stepped_state)


def run_goes_on_from_its_state(make: Make) -> None:
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    outputs, state = part.run(current)
    for cut in (0, 1, STEPS // 2, STEPS - 1, STEPS):
        first, between = part.run(current[:cut])
        second, after = part.run(current[cut:], between)
        assert_close(torch.cat([first, second]), outputs)
        assert_close(after, state)


def gradients_cross_the_cut(make: Make) -> None:
    def gradient(*pieces: int) -> Tensor:
        part, current, state, outputs = make(), eighths(STEPS, BATCH, NEURONS).requires_grad_(), None, []
        for piece in current.split(pieces):
            output, state = part.run(piece, state)
            outputs.append(output)
        last = sum(part.square().sum() for part in (state if isinstance(state, tuple) else (state,)))
        (torch.cat(outputs).cumsum(0).square().sum() + last).backward()
        return current.grad

    assert_close(gradient(4, STEPS - 4), gradient(STEPS))


STATEFUL = [run_is_stepping, run_goes_on_from_its_state, gradients_cross_the_cut]
NEURON = SEQUENCE + STATEFUL


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
