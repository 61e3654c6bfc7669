"""The properties of neurons and synapses, each written once.

The name of a check is the property. Its argument `make` returns a fresh part at every call, so that a part which
remembers something is found out.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from snnsim.testing.inputs import BATCH, NEURONS, STEPS, eighths, generator, random_spikes

Make = Callable[[], Any]
"""Returns a fresh neuron model or synapse."""
Check = Callable[[Make], None]


def check_neuron(make: Make) -> None:
    """Check all properties of a neuron model in float64.

    Args:
        make: Function, or class, that returns a fresh neuron model for a layer of any size.

    Raises:
        AssertionError: If a property does not hold.
    """
    for check in NEURON:
        check(lambda: make().double())


def every_gradient_is_finite(module: nn.Module) -> None:
    """Check the gradients of all trained parameters.

    Args:
        module: Module after a backward pass.
    """
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{name} got no gradient"
            assert parameter.grad.isfinite().all(), f"{name} got a gradient that is not finite"


def length_of_time_is_unchanged(make: Make) -> None:
    """Check that outputs are as long as inputs, of any number of axes.

    Args:
        make: Function that returns a fresh part.
    """
    for shape in [(STEPS, BATCH, NEURONS), (STEPS, NEURONS), (STEPS, 2, BATCH, NEURONS), (1, 1, NEURONS)]:
        assert make()(random_spikes(*shape)).shape[:-1] == shape[:-1]


def batch_is_its_members(make: Make) -> None:
    """Check that a batch has the outputs of its members one by one.

    Args:
        make: Function that returns a fresh part.
    """
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    together = part(current)
    for member in range(BATCH):
        assert_close(part(current[:, member : member + 1])[:, 0], together[:, member])
        assert_close(part(current[:, member]), together[:, member])


def is_causal(make: Make) -> None:
    """Check that outputs do not depend on later inputs.

    Args:
        make: Function that returns a fresh part.
    """
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    for now in range(STEPS):
        other = current.clone()
        other[now + 1 :] = eighths(STEPS - now - 1, BATCH, NEURONS, seed=1)
        assert_close(part(other)[: now + 1], part(current)[: now + 1])


def calls_share_no_state(make: Make) -> None:
    """Check that an earlier call changes no later one.

    Args:
        make: Function that returns a fresh part.
    """
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    first = part(current)
    part(eighths(STEPS, BATCH + 1, NEURONS, seed=1))
    assert torch.equal(part(current), first)
    assert torch.equal(make()(current), first)


def argument_is_left_alone(make: Make) -> None:
    """Check that a call does not write to its argument.

    Args:
        make: Function that returns a fresh part.
    """
    current = eighths(STEPS, BATCH, NEURONS)
    before = current.clone()
    make()(current)
    assert torch.equal(current, before)


def empty_batch_or_time_passes(make: Make) -> None:
    """Check sequences without steps, and batches without members.

    Args:
        make: Function that returns a fresh part.
    """
    assert len(make()(torch.zeros(0, BATCH, NEURONS, dtype=torch.float64))) == 0
    assert make()(torch.zeros(STEPS, 0, NEURONS, dtype=torch.float64)).shape[:2] == (STEPS, 0)


def every_parameter_gets_a_gradient(make: Make) -> None:
    """Check that gradients of all parameters and of the input exist and are finite.

    Args:
        make: Function that returns a fresh part.
    """
    part, current = make().train(), eighths(STEPS, BATCH, NEURONS).requires_grad_()
    output = part(current)
    (output * torch.randn(output.shape, generator=generator()).double()).sum().backward()
    every_gradient_is_finite(part)
    assert current.grad is not None, "the input got no gradient"
    assert current.grad.isfinite().all(), "the input got a gradient that is not finite"


SEQUENCE: tuple[Check, ...] = (
    length_of_time_is_unchanged,
    batch_is_its_members,
    is_causal,
    calls_share_no_state,
    argument_is_left_alone,
    empty_batch_or_time_passes,
    every_parameter_gets_a_gradient,
)
"""Properties of parts that map a sequence (time, batch, neuron) to a sequence."""


def run_is_stepping(make: Make) -> None:
    """Check that a run of T steps equals T single steps.

    Args:
        make: Function that returns a fresh part.
    """
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    outputs, state = part.run(current)
    stepped_state, stepped = None, []
    for now in current:
        output, stepped_state = part.step(now, stepped_state)
        stepped.append(output)
    assert_close(outputs, torch.stack(stepped))
    assert_close(state, stepped_state)


def run_goes_on_from_its_state(make: Make) -> None:
    """Check that a run goes on from the state of an earlier one.

    Args:
        make: Function that returns a fresh part.
    """
    current, part = eighths(STEPS, BATCH, NEURONS), make()
    outputs, state = part.run(current)
    for cut in (0, 1, STEPS // 2, STEPS - 1, STEPS):
        first, between = part.run(current[:cut])
        second, after = part.run(current[cut:], between)
        assert_close(torch.cat([first, second]), outputs)
        assert_close(after, state)


def gradients_cross_the_cut(make: Make) -> None:
    """Check that gradients pass through the state between two runs.

    Args:
        make: Function that returns a fresh part.
    """

    def gradient(*pieces: int) -> Tensor:
        part, current, state, outputs = make(), eighths(STEPS, BATCH, NEURONS).requires_grad_(), None, []
        begin = 0
        for steps in pieces:
            output, state = part.run(current[begin : begin + steps], state)
            outputs.append(output)
            begin += steps
        last = sum(part.square().sum() for part in (state if isinstance(state, tuple) else (state,)))
        (torch.cat(outputs).cumsum(0).square().sum() + last).backward()
        assert current.grad is not None, "the input got no gradient"
        return current.grad

    assert_close(gradient(4, STEPS - 4), gradient(STEPS))


STATEFUL: tuple[Check, ...] = (run_is_stepping, run_goes_on_from_its_state, gradients_cross_the_cut)
"""Properties of parts with a state: neurons, and synapses with a history."""
NEURON = SEQUENCE + STATEFUL
