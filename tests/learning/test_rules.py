import pytest
import torch
from torch import nn
from torch.testing import assert_close

from snnsim.learning import losses, rules
from snnsim.learning.decisions import mean_membrane
from snnsim.nn import LIF, DelayedLinear, LeakyReadout
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.meta import Recovery
from snnsim.nn.network import SpikingNetwork

LENGTHS, LABELS = torch.tensor([7, 4, 6, 2]), torch.tensor([0, 1, 2, 1])


def network(extra_steps=0):
    draw = torch.Generator().manual_seed(0)
    hidden = SpikingLayer(DelayedLinear(5, 6, 3, generator=draw), LIF(), norm=None, dropout=0.0)
    synapse = DelayedLinear(6, 3, 3, generator=draw)
    return SpikingNetwork([hidden], synapse, LeakyReadout(), extra_steps=extra_steps).double()


def batch(members=slice(None), normalizer=4.0):
    frames = torch.rand(7, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2
    frames *= (torch.arange(7)[:, None] < LENGTHS)[..., None]
    return rules.Batch(frames[:, members], LENGTHS[members], LABELS[members], normalizer=normalizer)


def gradients(net):
    return [parameter.grad for parameter in net.parameters()]


def test_bptt_is_the_gradient_of_the_mean_cross_entropy():
    by_rule, by_hand = network(extra_steps=2), network(extra_steps=2)
    result = rules.bptt(by_rule, batch(), mean_membrane, None)
    output = by_hand(batch().frames)
    scores = mean_membrane(output, LENGTHS + 2)
    loss = nn.functional.cross_entropy(scores, LABELS)
    loss.backward()
    assert_close(gradients(by_rule), gradients(by_hand))
    assert_close(result.loss, 4 * loss.detach())
    assert_close(result.scores, scores.detach())


def test_gradients_of_parts_of_a_batch_add_up():
    together, shared = network(), network()
    rules.bptt(together, batch(), mean_membrane, None)
    for part in (slice(0, 1), slice(1, 4)):
        rules.bptt(shared, batch(part), mean_membrane, None)
    assert_close(gradients(shared), gradients(together))


def test_outcome_adds_no_gradients():
    net = network()
    with torch.no_grad():
        result = rules.outcome(net, batch(), mean_membrane, None)
    assert gradients(net) == [None] * 4
    assert result.scores.shape == (4, 3)


def test_training_lowers_the_loss():
    net, losses = network(), []
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(30):
        optimizer.zero_grad()
        losses.append(rules.bptt(net, batch(), mean_membrane, None).loss.item())
        optimizer.step()
        net.constrain()
    assert losses[-1] < 0.5 * losses[0]


def test_unknown_rule():
    with pytest.raises(ValueError, match="learning rule 'hebb' is unknown; the known ones are bptt"):
        rules.get_rule("hebb")


def test_old_names_of_keywords_and_fields_warn():
    net, old = network(), {"window": 3}
    with pytest.warns(DeprecationWarning, match="sltt: the keyword window is now chunk"):
        one = rules.sltt(net, batch(), mean_membrane, None, **old)
    assert_close(one.loss, rules.sltt(net, batch(), mean_membrane, None, chunk=3).loss)
    with pytest.warns(DeprecationWarning, match="whole is now normalizer"):
        recordings = rules.Batch(*(getattr(batch(), name) for name in ("frames", "lengths", "labels")), whole=4.0)
    with pytest.warns(DeprecationWarning, match="Batch.whole is now Batch.normalizer"):
        assert recordings.whole == recordings.normalizer == 4.0
    with pytest.warns(DeprecationWarning, match="the keyword kept is now decay"):
        assert Recovery(kept=0.5) == Recovery(0.5)
    with pytest.warns(DeprecationWarning, match="losses.of_scores is now snnsim.learning.losses.decision_loss"):
        assert losses.of_scores is losses.decision_loss
