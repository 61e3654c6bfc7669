"""The properties that every surrogate, learning rule and decision keeps; test_contracts.py runs them."""

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from helpers.contracts import every_gradient_is_finite
from helpers.networks import BATCH, NEURONS, STEPS, TARGETS, eighths, generator, small_network
from snnsim.learning import rules
from snnsim.learning.decisions import Decision, summed_softmax
from snnsim.learning.rules import Batch, Rule
from snnsim.surrogate import Surrogate


def surrogate_fires_at_zero_and_above(surrogate: Surrogate) -> None:
    x = torch.tensor([-1.0, -1e-30, -0.0, 0.0, 1e-30, 2.0])
    assert surrogate.spike(x).tolist() == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]


def surrogate_slope_is_its_primitive_s(surrogate: Surrogate) -> None:
    # offset, so that no difference is taken across the corner of a piecewise shape
    x = torch.linspace(-3, 3, 301, dtype=torch.float64) + 1e-3
    step = 1e-6
    differences = (surrogate.primitive(x + step) - surrogate.primitive(x - step)) / (2 * step)
    assert_close(surrogate.slope(x), differences, rtol=1e-6, atol=1e-6)


def surrogate_slope_is_the_gradient(surrogate: Surrogate) -> None:
    x = torch.linspace(-3, 3, 301, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(301, generator=generator()).double()
    surrogate.spike(x).backward(grad)
    assert_close(x.grad, grad * surrogate.slope(x.detach()))


SURROGATE = [surrogate_fires_at_zero_and_above, surrogate_slope_is_its_primitive_s, surrogate_slope_is_the_gradient]


RULES = {"bptt": rules.get_rule("bptt"), "sltt": rules.get_rule("sltt"), "sltt-k": rules.get_rule("sltt-k", k=5)}


def a_batch() -> Batch:
    lengths = torch.tensor([STEPS, STEPS - 3, STEPS - 6])
    frames = eighths(STEPS, BATCH, NEURONS, low=0) * (torch.arange(STEPS)[:, None] < lengths)[..., None]
    return Batch(frames, lengths, torch.tensor([0, 2, 1]), normalizer=float(BATCH))


def _gradients(rule: Rule, seed: int) -> list[Tensor]:
    network = small_network(dropout=0.5)
    rule(network, a_batch(), summed_softmax, generator(seed))
    every_gradient_is_finite(network)
    return [parameter.grad for parameter in network.parameters()]


def rule_repeats_itself_with_its_seed(rule: Rule) -> None:
    assert all(map(torch.equal, _gradients(rule, seed=0), _gradients(rule, seed=0)))
    assert not all(map(torch.equal, _gradients(rule, seed=0), _gradients(rule, seed=1)))


def rule_returns_what_is_detached(rule: Rule) -> None:
    result = rule(small_network(), a_batch(), summed_softmax, None)
    assert result.scores.shape == (BATCH, TARGETS)
    assert [result.scores.requires_grad, result.loss.requires_grad] == [False, False]
    expected = nn.functional.cross_entropy(result.scores, a_batch().labels, reduction="sum")
    assert_close(result.loss, expected)


RULE = [rule_repeats_itself_with_its_seed, rule_returns_what_is_detached]


def decision_reads_valid_steps_only(decide: Decision) -> None:
    output, valid = eighths(STEPS, BATCH, TARGETS), torch.tensor([STEPS, 5, 1])
    scores = decide(output, valid)
    beyond = torch.arange(STEPS)[:, None] >= valid
    assert_close(decide(output.masked_fill(beyond[..., None], 1e3), valid), scores)
    for member, steps in enumerate(valid.tolist()):
        alone = decide(output[:steps, member : member + 1], torch.tensor([steps]))
        assert_close(alone[0], scores[member])


def decision_has_a_gradient_at_valid_steps(decide: Decision) -> None:
    output, valid = eighths(STEPS, BATCH, TARGETS).requires_grad_(), torch.tensor([STEPS, 5, 1])
    decide(output, valid).square().sum().backward()
    assert output.grad.isfinite().all()
    assert output.grad.abs().sum((0, 2)).min() > 0
    assert output.grad[5:, 1].abs().max() == 0


DECISION = [decision_reads_valid_steps_only, decision_has_a_gradient_at_valid_steps]
