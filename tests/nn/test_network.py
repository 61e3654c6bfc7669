import itertools

import pytest
import torch
from torch.testing import assert_close

from helpers.networks import BATCH, MAX_DELAY, NEURONS, STEPS, TARGETS, eighths, generator, small_network
from snnsim.learning import decisions
from snnsim.learning.rules import Batch, bptt
from snnsim.nn import LIF, LeakyReadout, SparseLinear
from snnsim.nn.batch_norm import valid_steps
from snnsim.nn.dropout import SequenceDropout
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.network import SpikingNetwork

EXTRA = 4
LENGTHS = torch.tensor([STEPS, STEPS - 5, 3])
LABELS = torch.tensor([0, 2, 1])


def frames(padding=0):
    """Return recordings of the lengths above, with `padding` more silent steps behind them all."""
    inside = valid_steps(LENGTHS, STEPS + padding)[..., None]
    sequence = eighths(STEPS, BATCH, NEURONS, low=0, high=30)
    return torch.cat([sequence, torch.zeros(padding, BATCH, NEURONS)]).double() * inside


def trained_once(padding, *, decision="summed_softmax"):
    """Return what one training step of a fresh network leaves: scores, loss, gradients, running statistics."""
    network = small_network(dropout=0.4, extra_steps=EXTRA).train()
    batch = Batch(frames(padding), LENGTHS, LABELS, normalizer=float(BATCH))
    result = bptt(network, batch, decisions.get_decision(decision), generator())
    gradients = [parameter.grad for parameter in network.parameters()]
    assert min(gradient.abs().max() for gradient in gradients) > 0
    return result.scores, result.loss, gradients, dict(network.named_buffers())


# ---- a recording does not see the padding, nor the rest of its batch ----


@pytest.mark.parametrize("decision", decisions.DECISIONS)
@pytest.mark.parametrize("padding", [1, 9])
def test_training_does_not_depend_on_the_padding(padding, decision):
    assert_close(trained_once(padding, decision=decision), trained_once(0, decision=decision))


@pytest.mark.parametrize("training", [True, False])
def test_output_does_not_depend_on_the_padding(training):
    counted = valid_steps(LENGTHS + EXTRA, STEPS + EXTRA)
    outputs = []
    for padding in (0, 7):
        network = small_network(dropout=0.4, extra_steps=EXTRA).train(training)
        outputs.append(network(frames(padding), LENGTHS, generator())[: STEPS + EXTRA][counted])
    assert_close(*outputs)


def test_evaluation_of_a_recording_does_not_depend_on_its_batch():
    network = small_network(extra_steps=EXTRA)
    network(frames(), LENGTHS)
    together = network.eval()(frames(), LENGTHS)
    for member, length in enumerate(LENGTHS.tolist()):
        alone = network(frames()[:length, member : member + 1], torch.tensor([length]))
        assert_close(alone[:, 0], together[: length + EXTRA, member])


def test_without_lengths_every_step_counts():
    full_lengths = torch.full((BATCH,), STEPS)
    with_lengths, without = small_network(extra_steps=EXTRA), small_network(extra_steps=EXTRA)
    assert_close(without(frames()), with_lengths(frames(), full_lengths))
    assert_close(dict(without.named_buffers()), dict(with_lengths.named_buffers()))
    padded = small_network(extra_steps=EXTRA)
    padded(frames(), LENGTHS)
    assert not torch.allclose(padded.layers[0].norm.running_mean, without.layers[0].norm.running_mean)


# ---- time ----


def test_extra_steps_let_late_spikes_arrive():
    short, long = small_network(norm=False).eval(), small_network(norm=False, extra_steps=EXTRA).eval()
    output = long(frames())
    assert len(output) == STEPS + EXTRA
    assert_close(output[:STEPS], short(frames()))
    # what the extra steps show is more than the readout's decay: spikes were still on their way
    decayed = output[STEPS - 1] * long.readout.decay().double()
    assert not torch.allclose(output[STEPS], decayed)


def test_valid_counts_the_extra_steps():
    assert small_network(extra_steps=EXTRA).valid(LENGTHS).tolist() == [STEPS + EXTRA, STEPS - 1, 3 + EXTRA]


def test_network_is_causal():
    network, other = small_network().eval(), frames()
    now = STEPS // 2
    other[now + 1 :] += 1
    assert_close(network(other)[: now + 1], network(frames())[: now + 1])
    assert not torch.allclose(network(other)[now + 1 :], network(frames())[now + 1 :])


# ---- record ----


def test_record_equals_forward():
    network = small_network(dropout=0.4, extra_steps=EXTRA)
    network(frames(), LENGTHS)
    record = network.eval().record(frames(), LENGTHS)
    assert_close(record.output, network(frames(), LENGTHS))
    assert [part.shape[2] for part in record.spikes] == [NEURONS, 8, 7]
    assert torch.equal(record.spikes[0][:STEPS], frames())
    assert record.spikes[0][STEPS:].abs().max() == 0
    for layer, (before, after) in zip(network.layers, itertools.pairwise(record.spikes), strict=True):
        assert_close(layer(before), after)
        assert set(after.unique().tolist()) == {0.0, 1.0}


# ---- dropout ----


def test_dropout_is_one_mask_for_a_sequence_and_keeps_the_mean():
    dropout, ones = SequenceDropout(0.4), torch.ones(5, 40, 50)
    dropped = dropout(ones, generator())
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    assert_close(dropped.unique(), torch.tensor([0.0, 1 / 0.6]))
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)
    assert not torch.equal(dropped[0, 0], dropped[0, 1])


def test_dropout_follows_its_generator():
    dropout, ones = SequenceDropout(0.5), torch.ones(2, 4, 50)
    assert torch.equal(dropout(ones, generator(1)), dropout(ones, generator(1)))
    assert not torch.equal(dropout(ones, generator(1)), dropout(ones, generator(2)))


def test_no_dropout_in_evaluation_or_at_0():
    ones = torch.ones(2, 4, 50)
    assert torch.equal(SequenceDropout(0.5).eval()(ones), ones)
    assert torch.equal(SequenceDropout(0.0)(ones), ones)


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_dropout_out_of_range(p):
    with pytest.raises(ValueError, match="dropout must be at least 0 and below 1, not"):
        SequenceDropout(p)


# ---- parameters ----


def test_constrain_brings_delays_back_and_keeps_absent_connections_absent():
    network = small_network(sparsity=0.5)
    absent = [synapse.weight == 0 for synapse in network.synapses()]
    optimizer = torch.optim.SGD(network.parameters(), lr=1e4)
    bptt(network, Batch(frames(), LENGTHS, LABELS, normalizer=3.0), decisions.summed_softmax, None)
    optimizer.step()
    assert any((synapse.delay < 0).any() for synapse in network.synapses())
    assert any((synapse.weight[gone] != 0).any() for synapse, gone in zip(network.synapses(), absent, strict=True))
    network.constrain()
    for synapse, gone in zip(network.synapses(), absent, strict=True):
        assert synapse.delay.min() >= 0
        assert synapse.delay.max() <= MAX_DELAY
        assert (synapse.weight[gone] == 0).all()
        assert 0.2 < gone.double().mean() < 0.8


def test_synapses_come_in_order():
    network = small_network()
    assert list(network.synapses()) == [network.layers[0].synapse, network.layers[1].synapse, network.synapse]
    assert network.delayed_synapses() == list(network.synapses())
    plain = SpikingNetwork([], SparseLinear(NEURONS, TARGETS), LeakyReadout())
    assert plain.delayed_synapses() == []
    plain.constrain()


def test_negative_extra_steps():
    with pytest.raises(ValueError, match="extra_steps must be 0 or more, not -1"):
        small_network(extra_steps=-1)


# ---- precision ----


@pytest.mark.parametrize("training", [True, False])
def test_products_in_bfloat16_stay_finite_and_voltages_in_float32(training):
    network = small_network(dropout=0.2, extra_steps=EXTRA).float().train(training)
    recorded = []
    network.layers[0].neuron.register_forward_hook(lambda _, inputs, output: recorded.extend([*inputs, output]))
    with torch.autocast("cpu", torch.bfloat16):
        output = network(frames().float(), LENGTHS, generator())
        loss = decisions.summed_softmax(output, LENGTHS + EXTRA).square().sum()
    loss.backward()
    assert output.isfinite().all()
    assert output.dtype == torch.float32
    assert {part.dtype for part in recorded} == {torch.float32}
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters() if parameter.grad is not None)


def test_layer_is_synapse_norm_neuron_dropout():
    layer = SpikingLayer(SparseLinear(NEURONS, 6, generator=generator()), LIF(), norm=None, dropout=0.0).double()
    sequence = frames()
    assert torch.equal(layer.current(sequence), layer.synapse(sequence))
    assert torch.equal(layer(sequence), layer.neuron(layer.synapse(sequence)))
