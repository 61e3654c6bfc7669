"""Networks whose first layers are convolutions over fields of neurons."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from helpers.contracts import every_gradient_is_finite
from helpers.networks import BATCH, STEPS, TARGETS, generator, small_convolutional_network, small_images
from snnsim.gradient_paths import DELAYED
from snnsim.kernels import plain
from snnsim.learning import decisions, rules
from snnsim.learning.qat import Grid
from snnsim.learning.rules import Batch, bptt
from snnsim.nn import LIF, Conv, DelayedLinear
from snnsim.nn.batch_norm import BatchNorm, valid_steps
from snnsim.nn.layer import SpikingLayer

EXTRA = 3
LENGTHS = torch.tensor([STEPS, STEPS - 5, 3])
LABELS = torch.tensor([0, 2, 1])
both = pytest.mark.parametrize("delays", [False, True])


def frames(padding=0):
    inside = valid_steps(LENGTHS, STEPS + padding)[..., None]
    images = small_images()
    return torch.cat([images, images.new_zeros(padding, *images.shape[1:])]) * inside


def trained_once(delays, padding=0, dropout=0.4):
    """Return what one training step of a fresh network leaves: scores, loss, gradients, running statistics."""
    network = small_convolutional_network(delays=delays, dropout=dropout, extra_steps=EXTRA).train()
    batch = Batch(frames(padding), LENGTHS, LABELS, normalizer=float(BATCH))
    result = bptt(network, batch, decisions.mean_membrane, generator())
    every_gradient_is_finite(network)
    gradients = [parameter.grad for parameter in network.parameters()]
    assert min(gradient.abs().max() for gradient in gradients) > 0
    return result.scores, result.loss, gradients, dict(network.named_buffers())


@both
def test_fused_and_plain_normalization_agree(delays):
    fast = trained_once(delays)
    with plain():
        assert_close(fast, trained_once(delays))


@both
def test_training_does_not_depend_on_the_padding(delays):
    assert_close(trained_once(delays, 6), trained_once(delays, 0))


@both
def test_evaluation_of_a_recording_does_not_depend_on_its_batch(delays):
    network = small_convolutional_network(delays=delays, extra_steps=EXTRA)
    network(frames(), LENGTHS)
    together = network.eval()(frames(), LENGTHS)
    for member, length in enumerate(LENGTHS.tolist()):
        alone = network(frames()[:length, member : member + 1], torch.tensor([length]))
        assert_close(alone[:, 0], together[: length + EXTRA, member])


@both
def test_record_equals_forward_and_is_flat(delays):
    network = small_convolutional_network(delays=delays).eval()
    record = network.record(frames(), LENGTHS)
    assert_close(record.output, network(frames(), LENGTHS))
    assert [part.shape[1:] for part in record.spikes] == [(BATCH, size) for size in (48, 120, 24, 6)]
    assert record.output.shape == (STEPS, BATCH, TARGETS)
    for part in record.spikes[1:]:
        assert set(part.unique().tolist()) == {0.0, 1.0}


def test_convolutional_layer_equals_the_parts_of_torch():
    synapse = Conv((4, 6, 2), 5, generator=generator())
    layer = SpikingLayer(synapse, LIF(tau=2.0), norm=BatchNorm(5), dropout=0.0).double().train()
    torchs, images = nn.BatchNorm2d(5).double(), small_images()
    maps = images.view(-1, 4, 6, 2).permute(0, 3, 1, 2)
    normalized = torchs(nn.functional.conv2d(maps, synapse.weight, padding=1)).permute(0, 2, 3, 1)
    assert_close(layer(images), layer.neuron(normalized.reshape(STEPS, BATCH, -1)))
    assert_close(layer.norm.running_var, torchs.running_var)
    # any number of axes may be between time and neuron, or none
    assert_close(layer.eval()(images[:, 0]), layer(images)[:, 0])
    assert layer(images[:0]).shape == (0, BATCH, 120)


@pytest.mark.parametrize("learn_decay", ["fixed", "neuron"])
def test_padding_counts_at_no_pixel(learn_decay):
    neuron = LIF(tau=2.0, learn_decay=learn_decay, features=5)
    layer = SpikingLayer(Conv((4, 6, 2), 5, generator=generator()), neuron, norm=BatchNorm(5), dropout=0.0).double()
    images, inside = small_images(), valid_steps(LENGTHS, STEPS)
    spikes = layer.train()(images, LENGTHS)
    counted = layer.current(images)[inside].view(-1, 5)
    assert_close(layer.norm.running_mean, 0.1 * counted.mean(0))
    assert_close(layer.norm.running_var, 0.9 + 0.1 * counted.var(0))
    assert_close(layer(images[:, 1:2], LENGTHS[1:2])[LENGTHS[1] :], torch.zeros(5, 1, 120).double())
    assert spikes[inside].mean() > 0.05


def test_dropout_draws_for_every_neuron():
    layer = SpikingLayer(Conv((4, 6, 2), 5), LIF(tau=1.0, threshold=1e-9), norm=None, dropout=0.5).double()
    with torch.no_grad():
        layer.synapse.weight.fill_(1.0)
    spikes = layer(torch.ones(STEPS, BATCH, 48).double(), None, generator())
    assert torch.equal(spikes, spikes[:1].expand_as(spikes))
    active = spikes[0].view(BATCH, 24, 5) > 0
    assert 0.4 < active.double().mean() < 0.6
    assert not active.all(1).any()
    assert not torch.equal(active[0], active[1])


def test_delays_of_convolutions_are_annealed_and_constrained():
    network = small_convolutional_network(delays=True)
    synapses = network.delayed_synapses()
    assert all(isinstance(connections, DelayedLinear) for connections in synapses)
    assert [
        connections.delay is synapse.delay for connections, synapse in zip(synapses, network.synapses(), strict=True)
    ]
    assert len(small_convolutional_network(delays=False).delayed_synapses()) == 1
    with torch.no_grad():
        for connections in synapses:
            connections.delay -= 9
    network.constrain()
    assert all(synapse.delay.abs().max() == 0 for synapse in network.synapses())


@both
def test_weights_and_delays_on_a_grid(delays):
    network = small_convolutional_network(delays=delays)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with Grid("ternary", "1bit").on(network):
        for synapse in network.synapses():
            assert all(len(weight.unique()) <= 3 for weight in synapse.weight)
        assert all(set(part.delay.unique().tolist()) <= {0.0, 1.0} for part in network.delayed_synapses())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


# ---- chunks of time, and rules without a gradient path through the membrane ----


@both
def test_chunks_equal_the_recording(delays):
    network, images = small_convolutional_network(delays=delays), small_images()
    network.train()(images)
    expected = network.eval()(images)
    state, outputs = None, []
    for chunk in images.split([1, 6, 2, STEPS - 9]):
        output, state = network.run(chunk, state)
        outputs.append(output)
    assert_close(torch.cat(outputs), expected)


def gradients(rule, delays, **settings):
    network = small_convolutional_network(delays=delays, norm=False, extra_steps=EXTRA, **settings).train()
    rule(network, Batch(frames(), LENGTHS, LABELS, normalizer=float(BATCH)), decisions.mean_membrane, generator())
    return {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}


@both
@pytest.mark.parametrize("chunk", [1, 4])
def test_sltt_in_chunks_equals_sltt(chunk, delays):
    expected = gradients(rules.get_rule("sltt"), delays, dropout=0.3)
    assert_close(gradients(rules.get_rule("sltt", chunk=chunk), delays, dropout=0.3), expected)
    first = "layers.0.synapse.connections.weight" if delays else "layers.0.synapse.weight"
    assert not torch.allclose(expected[first], gradients(bptt, delays, dropout=0.3)[first])


def test_gradient_paths_through_delays_of_convolutions():
    outputs = [gradients(rules.get_rule("sltt", delayed=delayed), delays=True) for delayed in DELAYED]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.allclose(*(outputs[n]["layers.0.synapse.connections.weight"] for n in (one, other)))
        assert_close(*(outputs[n]["synapse.weight"] for n in (one, other)))
