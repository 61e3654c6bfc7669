"""Sigma-delta neurons against their equations, step by step, with gradients."""

import pytest
import torch

from snnsim.delta import SigmaDelta


def _loop(values, threshold, *, residual):
    """Return events and decoded values by the equations of lava-dl."""
    before = rest = decoded = torch.zeros_like(values[0])
    events, sums = [], []
    for value in values:
        change = value - before + rest
        event = torch.where(change.abs() > threshold, change, torch.zeros(()).to(change))
        rest = change - event if residual else torch.zeros_like(change)
        before, decoded = value, decoded + event
        events.append(event)
        sums.append(decoded)
    return torch.stack(events), torch.stack(sums)


def _values(seed, *, eighths=True):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(12, 3, 7, generator=generator, dtype=torch.float64).cumsum(0) / 3
    # eighths add without rounding, so that the test can ask for equality, and meet the threshold exactly
    return (values * 8).round() / 8 if eighths else values


@pytest.mark.parametrize("residual", [True, False])
def test_decoded_values_are_those_of_the_equations_thresholds_met_exactly_included(residual):
    values, neuron = _values(0), SigmaDelta(step=0.375, residual=residual).double()
    events, decoded = _loop(values, 0.375, residual=residual)
    assert (events.abs() == 0.375).sum() == 0
    assert ((values[1:] - values[:-1]).abs() == 0.375).any()
    assert torch.equal(neuron(values), decoded)


def test_a_residual_bounds_the_error_and_without_it_errors_add_up():
    values = torch.linspace(0, 3, 40, dtype=torch.float64)[:, None, None].expand(40, 1, 2)
    with_rest, without = (SigmaDelta(step=0.2, residual=residual).double()(values) for residual in (True, False))
    assert float((with_rest - values).detach().abs().max()) <= 0.2
    assert float((without - values).detach().abs().max()) > 2


def test_a_sequence_in_parts_is_the_sequence():
    values, neuron = _values(1, eighths=False), SigmaDelta(step=0.3).double()
    complete = neuron(values)
    first, state = neuron.code(values[:5])
    second, _ = neuron.code(values[5:], state)
    assert torch.equal(torch.cat([first, second]), complete)


@pytest.mark.parametrize("residual", [True, False])
def test_gradients_of_a_sequence_in_parts_are_those_of_the_sequence(residual):
    gradients = []
    for length in (12, 5, 1):
        values = _values(4, eighths=False).requires_grad_()
        neuron, state, parts = SigmaDelta(step=0.3, residual=residual).double(), None, []
        for part in values.split(length):
            coded, state = neuron.code(part, state)
            parts.append(coded)
        (torch.cat(parts) * _values(5, eighths=False)).sum().backward()
        gradients.append((values.grad, neuron.step.grad))
    for in_parts in gradients[1:]:
        for one, other in zip(in_parts, gradients[0], strict=True):
            torch.testing.assert_close(one, other)


def test_gradients_are_those_of_the_equations():
    values = _values(2, eighths=False).requires_grad_()
    neuron = SigmaDelta(step=0.4, gradient_scale=0.7, gradient_width=0.3).double()
    weight = torch.randn(12, 3, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (neuron(values) * weight).sum().backward()
    # events are y, and the decoded value of a step is the sum of all events up to it
    event_gradient = weight.flip(0).cumsum(0).flip(0)
    following = torch.cat([event_gradient[1:], torch.zeros_like(event_gradient[:1])])
    torch.testing.assert_close(values.grad, event_gradient - following)
    slopes, rest, before = torch.zeros(()).double(), torch.zeros(3, 7).double(), torch.zeros(3, 7).double()
    for step, value in enumerate(values.detach()):
        change = value - before + rest
        size, sends = change.abs(), change.abs() > 0.4
        beyond = -change * 0.7 * torch.exp(-(size - 0.4) / 0.3) / 0.4
        slopes = slopes + (event_gradient[step] * torch.where(sends, beyond, -change.sign())).sum()
        rest, before = torch.where(sends, torch.zeros(()).double(), change), value
    torch.testing.assert_close(neuron.step.grad, slopes)


def test_the_absolute_value_of_a_threshold_counts_in_its_gradient_too():
    gradients = []
    for threshold in (0.3, -0.3):
        neuron = SigmaDelta(step=0.3).double()
        with torch.no_grad():
            neuron.step.fill_(threshold)
        neuron(_values(2, eighths=False)).square().sum().backward()
        gradients.append(float(neuron.step.grad))
    assert gradients[0] == -gradients[1] != 0
