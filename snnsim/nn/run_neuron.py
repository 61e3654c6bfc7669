"""Neurons over a sequence: in one compiled pass, or step by step as their equations stand.

Shapes   current (time, ..., neuron) · state (..., neuron), or more of these side by side in front
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from snnsim.kernels.common import gates
from snnsim.kernels.neuron import autograd
from snnsim.kernels.neuron.autograd import Fired
from snnsim.nn.decay import Decay
from snnsim.nn.parameters import Learned

Advance = Callable[[int, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""From the number of a step, its current and the state before to spikes, membrane and the state after."""


def in_one_pass(current: Tensor, voltage: Tensor, beta: Tensor, threshold: Tensor, **how: Any) -> Fired:
    """Return what the compiled form does with sequences of any number of axes."""
    width = current.shape[-1]
    beta, threshold = (spread(part, current, name=name) for name, part in (("decay", beta), ("threshold", threshold)))
    flat = current.reshape(len(current), -1, width)
    fired = autograd.lif(flat, voltage.reshape(flat.shape[1:]), beta, threshold, **how)
    shaped = None if fired.membrane is None else fired.membrane.view(current.shape)
    return Fired(fired.spikes.view(current.shape), shaped, fired.last.view(voltage.shape))


def spread(part: Tensor, current: Tensor, *, name: str) -> Tensor:
    """Return a number of the layer, or one for each neuron, for each neuron."""
    return gates.each_neuron(part, current, who="neurons", name=name)


def check(neuron: nn.Module, current: Tensor) -> None:
    """Raise a ValueError if a number of each neuron is not finite, or that of other neurons than those of a current."""
    for name, parameter in neuron.named_parameters():
        gates.finite(parameter, who=type(neuron).__name__, name=name)
    for name, part in neuron.named_modules():
        if isinstance(part, Learned | Decay):
            gates.each_neuron(part(), current, who=type(neuron).__name__, name=name)


def by_steps(current: Tensor, state: Tensor, advance: Advance, *, record: bool, temporal: bool) -> Fired:
    """Return what a neuron's own step does, one step after the other."""
    steps = []
    for step, now in enumerate(current):
        spikes, membrane, state = advance(step, now, state if temporal else state.detach())
        steps.append((spikes, membrane))
    spikes, membranes = zip(*steps, strict=True)
    last = state if temporal else state.detach()
    gates.ended(last, who="neurons")
    return Fired(torch.stack(spikes), torch.stack(membranes) if record else None, last)
