"""Rounded activations: values, ties, and the gradients that are published."""

import pytest
import torch
from torch import nn

from snnsim.delta import DeltaActivation, TemporalDelta, quantize


def test_ties_go_to_the_even_level_and_the_step_counts_by_its_size():
    values = torch.tensor([-0.75, -0.25, 0.25, 0.75, 1.25, 1.5, 0.26])
    expected = torch.tensor([-1.0, 0.0, 0.0, 1.0, 1.0, 1.5, 0.5])
    assert torch.equal(quantize(values, torch.tensor(0.5)), expected)
    assert torch.equal(quantize(values, torch.tensor(-0.5)), expected)


@pytest.mark.parametrize("step", [0.3, -0.3])
def test_published_gradients_pass_straight_through_and_are_negated_for_the_step(step):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    parameter = torch.tensor(step, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, 5, generator=generator, dtype=torch.float64)
    (weight * quantize(values, parameter)).sum().backward()
    level = torch.round(values.detach() / abs(step))
    assert torch.equal(values.grad, weight)
    sign = 1 if step > 0 else -1
    torch.testing.assert_close(parameter.grad, -sign * (weight * level).sum())


def test_the_gradient_of_learned_step_sizes_is_the_slope_of_the_straight_through_estimate():
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(6, 2, 4, generator=generator, dtype=torch.float64)
    weight = torch.randn(6, 2, 4, generator=generator, dtype=torch.float64)
    step = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    (weight * quantize(values, step, "step_size")).sum().backward()
    # q = step (x / step + r), whose rounding error r the estimate holds constant
    ratio = values / 0.4
    change, h = torch.round(ratio) - ratio, 1e-6
    plain = [((0.4 + sign * h) * (values / (0.4 + sign * h) + change) * weight).sum() for sign in (1, -1)]
    torch.testing.assert_close(step.grad, (plain[0] - plain[1]) / (2 * h), rtol=1e-6, atol=1e-8)


def test_a_penalty_on_differences_raises_a_published_step():
    values = torch.rand(8, 2, 5, generator=torch.Generator().manual_seed(2)) * 4
    activation = DeltaActivation(nn.ReLU(), step=0.1)
    coded = activation(values)
    (coded[1:] - coded[:-1]).abs().mean().backward()
    assert float(activation.step.grad) < 0
    learned = TemporalDelta(nn.ReLU(), step=0.1)
    assert torch.equal(learned(values), activation(values))


def test_steps_of_layers_channels_and_neurons_have_gradients_of_their_own():
    values = torch.randn(3, 2, 4, 5, 6, generator=torch.Generator().manual_seed(3))
    shapes = {"layer": (), "channel": (4, 1, 1), "neuron": (4, 5, 6)}
    for granularity, shape in shapes.items():
        activation = DeltaActivation(nn.ReLU(), granularity=granularity, shape=(4, 5, 6))
        coded = activation(values)
        coded.sum().backward()
        assert tuple(activation.step.shape) == shape
        level = torch.round(values.relu() / activation.step.detach())
        torch.testing.assert_close(activation.step.grad, -level.sum_to_size(shape))


def test_steps_that_are_not_learned_have_no_gradient_and_values_do():
    activation, values = DeltaActivation(learn=False), torch.randn(3, 2, 4, requires_grad=True)
    activation(values).sum().backward()
    assert activation.step.grad is None
    assert torch.equal(values.grad, torch.ones(3, 2, 4))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: DeltaActivation(step=0.0), "step must be a finite number above 0"),
        (lambda: DeltaActivation(granularity="row"), "granularity"),
        (lambda: DeltaActivation(granularity="channel"), "need the shape of the neurons"),
        (lambda: DeltaActivation()(torch.zeros(3, 2)), r"values must be \(time, batch, axes of a neuron\)"),
        (lambda: DeltaActivation(granularity="neuron", shape=(4,))(torch.zeros(3, 2, 5)), "must fit the axes"),
        (lambda: quantize(torch.zeros(1), torch.ones(()), "none"), "gradient"),
    ],
)
def test_wrong_arguments_are_refused_by_name(build, words):
    with pytest.raises(ValueError, match=words):
        build()
