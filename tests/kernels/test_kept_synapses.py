"""Sorted synapses that a layer keeps from one evaluation to the next: the currents are those of a new sort."""

import copy
import pickle

import pytest
import torch

import snnsim
from snnsim.kernels.delay import cpu_integer_delays
from snnsim.kernels.delay.integer_delays import integer_current


@pytest.fixture
def sorts(monkeypatch):
    """Return the list of the weights that were sorted."""
    weights, ordered = [], cpu_integer_delays.ordered

    def counted(weight, delay):
        weights.append(weight)
        return ordered(weight, delay)

    monkeypatch.setattr(cpu_integer_delays, "ordered", counted)
    return weights


def layer_of(delays="synaptic", **options):
    generator = torch.Generator().manual_seed(1)
    return snnsim.DelayedLinear(6, 5, max_delay=4, delays=delays, generator=generator, **options).eval()


def spikes_of(steps=9, batch=1, dtype=torch.float32):
    return torch.randint(3, (steps, batch, 6), generator=torch.Generator().manual_seed(2)).to(dtype)


def expected(layer, spikes, before=0):
    delay = layer.integer_delay()
    return integer_current(spikes, layer.weight, delay, delays=layer.max_delay + 1, before=before)


@pytest.mark.parametrize("delays", ["synaptic", "axonal", "dendritic"])
def test_layers_of_the_same_numbers_sort_once(sorts, delays):
    layer = layer_of(delays)
    with torch.no_grad():
        for steps, batch, before in ((9, 1, 0), (4, 3, 2), (1, 1, 0), (9, 1, 0)):
            spikes = spikes_of(steps, batch)
            assert torch.equal(layer.current(spikes, before=before), expected(layer, spikes, before))
    # the four references sort as well
    assert len(sorts) == 4 + 1


def change_a_weight(layer):
    # torch does not count such a change as a new version
    layer.weight.data[2, 3, 0] += 0.5


def change_a_delay(layer):
    layer.delay.copy_(layer.max_delay - layer.delay)


def change_the_longest_delay(layer):
    layer.max_delay = 1


def change_the_precision(layer):
    layer.double()


@pytest.mark.parametrize("change", [change_a_weight, change_a_delay, change_the_longest_delay, change_the_precision])
@torch.no_grad()
def test_a_change_is_seen_in_the_next_currents(change):
    layer = layer_of()
    before = layer(spikes_of()).double()
    change(layer)
    spikes = spikes_of(dtype=layer.weight.dtype)
    after = layer(spikes)
    assert torch.equal(after, expected(layer, spikes))
    assert change is change_the_precision or not torch.equal(after.double(), before)


def test_currents_with_gradients_keep_nothing(sorts):
    layer, spikes = layer_of(), spikes_of()
    layer(spikes).sum().backward()
    layer.weight.grad.zero_()
    layer(spikes)
    assert len(sorts) == 2
    assert layer.weight.grad.count_nonzero() == 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
@torch.no_grad()
def test_a_copy_of_a_layer_sorts_for_itself(copied, sorts):
    layer, spikes = layer_of(), spikes_of()
    first = layer(spikes)
    other = copied(layer)
    assert torch.equal(other(spikes), first)
    assert len(sorts) == 2
    other.weight.mul_(2)
    assert torch.equal(other(spikes), 2 * first)
    assert torch.equal(layer(spikes), first)


@torch.no_grad()
def test_spikes_of_other_sources_are_refused_by_kept_synapses():
    layer = layer_of()
    layer(spikes_of())
    parts = layer.weight, layer.delay, layer.integer_delay
    with pytest.raises(ValueError, match=r"spikes must be \(time, batch, source\)"):
        layer._kept.current(torch.zeros(9, 1, 5), *parts, delays=5)
    with pytest.raises(ValueError, match="before must be from 0"):
        layer._kept.current(spikes_of(), *parts, delays=5, before=-1)
    layer.delay.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        layer(spikes_of())


@torch.no_grad()
def test_steps_of_a_stream_are_those_of_the_whole(sorts):
    layer, spikes, history = layer_of(), spikes_of(), None
    currents = layer(spikes)
    for step, current in zip(spikes, currents, strict=True):
        one, history = layer.step(step, history)
        assert torch.equal(one, current)
    assert len(sorts) == 1
