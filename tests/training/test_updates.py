"""Optimizers, schedules and averages of parameters: their updates are those of the equations."""

import math

import pytest
import torch
from torch import nn

from snnsim import LIF, BatchNorm, DelayedLinear, LeakyReadout, SpikingLayer, SpikingNetwork
from snnsim.learning import options
from snnsim.learning.options import (
    EMA,
    SGD,
    Adam,
    AdamW,
    Constant,
    Cosine,
    CosineWave,
    Mean,
    OneCycle,
    Plateau,
    RateBounds,
    chosen,
)
from snnsim.training import optimizers
from snnsim.training.average import Average
from snnsim.training.optimizers import Settings


def a_network(seed=0):
    draw = torch.Generator().manual_seed(seed)
    hidden = SpikingLayer(DelayedLinear(3, 4, 5, generator=draw), LIF(tau=2.0), norm=BatchNorm(4), dropout=0.0)
    network = SpikingNetwork([hidden], DelayedLinear(4, 2, 5, generator=draw), LeakyReadout(tau=2.0)).double()
    with torch.no_grad():
        network.layers[0].norm.bias += 0.5
    return network


def updated(settings, *, steps=2, seed=1):
    """Return a network, its values before, and its gradients, after steps with the same gradients."""
    network = a_network()
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    members = optimizers.build(network, settings=settings, steps=10)
    draw = torch.Generator().manual_seed(seed)
    grads = {name: torch.randn(value.shape, generator=draw, dtype=torch.float64) for name, value in before.items()}
    for _ in range(steps):
        for name, parameter in network.named_parameters():
            parameter.grad = grads[name].clone()
        members.step()
    return dict(network.named_parameters()), before, grads


def constant(**values):
    return Settings(lr=0.1, lr_delay=0.1, schedule=Constant(), delay_schedule=Constant(), **values)


WEIGHT, BIAS, DELAY = "layers.0.synapse.weight", "layers.0.norm.bias", "layers.0.synapse.delay"


def test_sgd_has_momentum_and_decay():
    settings = constant(optimizer=SGD(momentum=0.5), weight_decay=0.2)
    after, before, grads = updated(settings)
    w, g = before[WEIGHT], grads[WEIGHT]
    first = g + 0.2 * w
    w1 = w - 0.1 * first
    w2 = w1 - 0.1 * (0.5 * first + g + 0.2 * w1)
    torch.testing.assert_close(after[WEIGHT], w2)
    # no decay of batch normalization, and Adam on delays
    torch.testing.assert_close(after[BIAS], before[BIAS] - 0.1 * (1 + 1.5) * grads[BIAS])
    torch.testing.assert_close(after[DELAY], before[DELAY] - 0.2 * grads[DELAY].sign(), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("kind", "decoupled"), [(Adam, False), (AdamW, True)])
def test_adam_and_adamw_differ_in_their_decay(kind, decoupled):
    settings = constant(
        optimizer=kind(betas=(0.8, 0.9), epsilon=1e-3), weight_decay=0.3, weight_decay_norm=0.2,
        delay_optimizer=kind(), weight_decay_delay=0.4,
    )  # fmt: skip
    after, before, grads = updated(settings, steps=1)
    for name, decay, epsilon in ((WEIGHT, 0.3, 1e-3), (BIAS, 0.2, 1e-3), (DELAY, 0.4, 1e-8)):
        p, g = before[name], grads[name]
        if decoupled:
            expected = p - 0.1 * decay * p - 0.1 * g / (g.abs() + epsilon)
        else:
            g = g + decay * p
            expected = p - 0.1 * g / (g.abs() + epsilon)
        torch.testing.assert_close(after[name], expected)


def test_a_clip_norm_bounds_the_gradients_of_a_group():
    settings = constant(optimizer=SGD(momentum=0.0, clip_norm=0.5), delay_optimizer=SGD(momentum=0.0), weight_decay=0.0)
    after, before, grads = updated(settings, steps=1)
    after = {name: value.detach() for name, value in after.items()}
    delays = [name for name in after if name.endswith("delay")]
    moved = torch.stack([(after[name] - before[name]).norm() for name in after if name not in delays]).norm()
    assert moved.item() == pytest.approx(0.1 * 0.5, rel=1e-5)
    for name in delays:
        torch.testing.assert_close(after[name], before[name] - 0.1 * grads[name])


def rates_of(schedule, *, steps=20, epochs=5):
    network = a_network()
    members = optimizers.build(network, settings=Settings(lr=2.0, schedule=schedule), steps=steps, epochs=epochs)
    rates, momenta = [], []
    for _ in range(steps):
        rates.append(members.learning_rates()["lr"])
        momenta.append(members.members["lr"].optimizer.param_groups[0]["betas"][0])
        members.step()
    return rates, momenta


def half_cosine(high, low, share):
    return low + (high - low) * (1 + math.cos(math.pi * share)) / 2


def one_cycle(step, *, peak, last):
    if step <= peak:
        return half_cosine(0.2, 2.0, step / peak)
    return half_cosine(2.0, 0.02, (step - peak) / (last - peak))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), lambda _: 2.0),
        (Cosine(end=0.1), lambda step: half_cosine(2.0, 0.2, step / 20)),
        # 4 steps an epoch
        (CosineWave(period_epochs=2.0, low=0.5), lambda step: half_cosine(2.0, 1.0, step / 4)),
        (OneCycle(rise=0.5, start=0.1, end=0.01), lambda step: one_cycle(step, peak=9.5, last=20)),
    ],
)
def test_schedules_are_those_of_the_equations(schedule, expected):
    rates, _ = rates_of(schedule)
    assert rates == pytest.approx([expected(step) for step in range(20)])


def test_one_cycle_may_begin_at_the_highest_rate():
    # a rise of a quarter of 3 steps and the end is over at the first of them
    rates, _ = rates_of(OneCycle(rise=0.25, start=0.1, end=0.01), steps=3, epochs=1)
    assert rates == pytest.approx([half_cosine(2.0, 0.02, step / 3) for step in range(3)])


def test_one_cycle_changes_the_momentum_where_it_has_one():
    assert rates_of(OneCycle(momentum=()))[1] == [0.9] * 20
    momenta = rates_of(OneCycle(momentum=(0.6, 0.8)))[1]
    assert momenta[0] == pytest.approx(0.8)
    assert min(momenta) == pytest.approx(0.6, abs=0.02)


def test_a_plateau_lowers_the_rate_after_its_patience():
    settings = Settings(lr=1.0, schedule=Plateau(factor=0.5, patience=1, low=0.2), delay_schedule=Constant())
    members = optimizers.build(a_network(), settings=settings, steps=20)
    rates = []
    for accuracy in (0.5, 0.6, 0.6, 0.55, 0.6, 0.4, 0.3, 0.2, 0.1):
        members.step()
        members.end_epoch(accuracy)
        rates.append(members.learning_rates()["lr"])
    assert rates == pytest.approx([1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2])
    assert settings.needs_validation


@pytest.mark.parametrize("kind", [EMA(decay=0.4), EMA(decay=0.99), Mean(), Mean(first_epoch=2), EMA(first_epoch=3)])
def test_an_average_is_that_of_the_equations(kind):
    network = a_network()
    average = Average(network, kind)
    norm = network.layers[0].norm
    values, history = {}, []
    for step in range(6):
        epoch = step // 2
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.1 * (step + 1))
            norm.running_mean.add_(1.0)
        now = {
            name: value.detach().clone() for name, value in network.state_dict().items() if value.is_floating_point()
        }
        average.include(epoch)
        count = len(history)
        started = epoch + 1 >= kind.first_epoch
        for name, value in now.items():
            if not started or not count:
                values[name] = value
            else:
                decay = count / (count + 1) if isinstance(kind, Mean) else min(kind.decay, (1 + count) / (10 + count))
                values[name] = decay * values[name] + (1 - decay) * value
        history += [now] if started else []
    with average.on():
        for name, value in network.state_dict().items():
            if name in average.values:
                torch.testing.assert_close(value, values[name], rtol=1e-12, atol=1e-12)
    if isinstance(kind, Mean):
        means = {name: torch.stack([row[name] for row in history]).mean(0) for name in values}
        torch.testing.assert_close(average.values[DELAY], means[DELAY])
    assert "layers.0.norm.running_mean" in average.values
    assert "layers.0.synapse.sigma" not in average.values
    # the network itself is as it was, to the last bit
    assert all(torch.equal(value, now[name]) for name, value in network.named_parameters())


def test_a_damaged_average_is_refused(tmp_path):
    average = Average(a_network(), EMA())
    state = average.state_dict()
    other = {**state["values"], WEIGHT: torch.zeros(2)}
    nothing = {**state["values"], WEIGHT: torch.full_like(state["values"][WEIGHT], math.nan)}
    for wrong, words in (
        (None, "must be a table of two values"),
        ({"count": -1, "values": {}}, "must have a number of steps"),
        ({"count": 1, "values": {}}, "must have the parameters of the network"),
        ({"count": 1, "values": other}, "finite numbers in the shape of"),
        ({"count": 1, "values": nothing}, "finite numbers in the shape of"),
    ):
        with pytest.raises(ValueError, match=words):
            average.load_state_dict(wrong, tmp_path / "last.pt")


@pytest.mark.parametrize("kind", [Adam(), AdamW(), SGD(), SGD(momentum=0.0)])
@pytest.mark.parametrize("schedule", [OneCycle(), Cosine(), CosineWave(), Plateau(), Constant()])
def test_a_state_goes_on_where_it_stopped(kind, schedule, tmp_path):
    settings = Settings(optimizer=kind, schedule=schedule, delay_schedule=schedule, delay_optimizer=kind, average=EMA())
    values = []
    for stop in (False, True):
        network = a_network()
        members = optimizers.build(network, settings=settings, steps=10, epochs=5)
        for step in range(4):
            if stop and step == 2:
                state, parameters = members.state_dict(), network.state_dict()
                network = a_network(seed=5)
                members = optimizers.build(network, settings=settings, steps=10, epochs=5)
                network.load_state_dict(parameters)
                members.load_state_dict(state, tmp_path / "last.pt")
            for parameter in network.parameters():
                parameter.grad = torch.ones_like(parameter) * (step + 1)
            members.step()
            members.include(step)
            members.end_epoch(0.5)
        members.keep_average()
        values.append(nn.utils.parameters_to_vector(network.parameters()))
    assert torch.equal(*values)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (lambda: Adam(betas=(0.9,)), "betas must be two numbers"),
        (lambda: AdamW(betas=(0.9, 1.0)), "betas must be at most"),
        (lambda: SGD(momentum=0.0, nesterov=True), "momentum must be above 0 with nesterov"),
        (lambda: Adam(clip_norm=0.0), "clip_norm must be positive"),
        (lambda: OneCycle(momentum=(0.9, 0.8)), "momentum must be two numbers in ascending order"),
        (lambda: Plateau(factor=1.0), "factor must be at most 0.999"),
        (lambda: EMA(decay=1.0), "decay must be at most"),
        (lambda: RateBounds(low=0.5, high=0.1), "high must be at least `low` = 0.5"),
        (lambda: chosen(options.AnyOptimizer, "rms", who="fit", name="it"), "fit: it must be one of adam, adamw, sgd"),
        (lambda: Settings.of("fit", lr=-1.0), "lr must be"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused(option, words):
    with pytest.raises(ValueError, match=words):
        option()


@pytest.mark.filterwarnings("error")
def test_a_synapse_in_two_places_is_updated_once():
    shared, lif = DelayedLinear(4, 4, 5), {"norm": None, "dropout": 0.0}
    layers = [SpikingLayer(shared, LIF(), **lif), SpikingLayer(shared, LIF(), **lif)]
    network = SpikingNetwork(layers, DelayedLinear(4, 2, 5), LeakyReadout())
    settings = Settings(optimizer=SGD(momentum=0), delay_optimizer=SGD(momentum=0), weight_decay=0.0, lr=0.1)
    updates = optimizers.build(network, settings=settings, steps=1)
    before = [shared.weight.clone(), shared.delay.clone()]
    shared.weight.grad, shared.delay.grad = torch.ones_like(shared.weight), torch.ones_like(shared.delay)
    rates = updates.learning_rates()
    updates.step()
    torch.testing.assert_close(before[0] - shared.weight, torch.full_like(before[0], rates["lr"]))
    torch.testing.assert_close(before[1] - shared.delay, torch.full_like(before[1], rates["lr_delay"]))
