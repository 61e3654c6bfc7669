"""Losses of class probabilities: the mixture of the losses of the classes, in every rule."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.nn import functional

from helpers.sltt_cases import LABELS, batch, network
from snnsim.learning import losses, rules
from snnsim.learning.decisions import summed_softmax

RULES = {
    "bptt": rules.bptt,
    "bptt of steps": partial(rules.bptt, loss="steps"),
    "sltt": rules.sltt,
    "sltt in chunks": partial(rules.sltt, chunk=3),
    "sltt in chunks, of steps": partial(rules.sltt, chunk=3, loss="steps"),
    "sltt-k": partial(rules.sltt_k, k=4),
}


def gradients(rule, recordings):
    net = network()
    result = rule(net, recordings, summed_softmax, torch.Generator().manual_seed(0))
    return result, [parameter.grad for parameter in net.parameters() if parameter.grad is not None]


def mixed(share):
    other = LABELS.roll(1)
    classes = 1 + int(LABELS.max())
    probabilities = (1 - share) * functional.one_hot(LABELS, classes) + share * functional.one_hot(other, classes)
    return replace(batch(), probabilities=probabilities.float())


@pytest.mark.parametrize("name", RULES)
def test_probabilities_of_one_class_are_its_label(name):
    hard, expected = gradients(RULES[name], batch())
    soft, ours = gradients(RULES[name], mixed(0.0))
    torch.testing.assert_close(soft.loss, hard.loss)
    torch.testing.assert_close(soft.scores, hard.scores)
    assert len(ours) == len(expected) > 0
    for one, another in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, another, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_the_gradient_of_a_mixture_is_the_mixture_of_the_gradients(name):
    first, one = gradients(RULES[name], batch())
    second, another = gradients(RULES[name], replace(batch(), labels=LABELS.roll(1)))
    both, ours = gradients(RULES[name], mixed(0.25))
    torch.testing.assert_close(both.loss, 0.75 * first.loss + 0.25 * second.loss, rtol=1e-4, atol=1e-6)
    for mixture, left, right in zip(ours, one, another, strict=True):
        torch.testing.assert_close(mixture, 0.75 * left + 0.25 * right, rtol=1e-3, atol=1e-5)


def test_the_target_of_a_batch():
    assert torch.equal(batch().target, LABELS)
    assert mixed(0.5).target.dtype == torch.float32


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (torch.tensor([[0.5, 0.5]]), r"probabilities must be \(batch, class\) = \(1, 3\), not \(1, 2\)"),
        (torch.tensor([0.5, 0.5, 0.0]), r"not \(3,\)"),
        (torch.tensor([[0.5, 0.2, 0.2]]), "must be 0 or more and add up to 1"),
        (torch.tensor([[1.5, -0.5, 0.0]]), "must be 0 or more and add up to 1"),
        (torch.tensor([[float("nan"), 0.5, 0.5]]), "must be 0 or more and add up to 1"),
    ],
)
def test_wrong_probabilities_are_refused(target, words):
    with pytest.raises(ValueError, match=words):
        losses.decision_loss(torch.zeros(1, 3), target)
    with pytest.raises(ValueError, match=words):
        losses.step_loss(torch.zeros(4, 1, 3), target, torch.tensor([4]))
