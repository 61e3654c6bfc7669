"""The loop over steps of a recurrent layer in evaluation, with the sums of a Program; see nn/joint.py.

A compiled loop (kernels/recurrent/in_order.py) knows neurons that have a form with two state variables, on the CPU,
without gradients. For all others, the current of each step is a sum over the spikes of the last steps.

Shapes   external, spikes (time, batch, neuron)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from snnsim.kernels.common import dispatch
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.delay.integer_delays import integer_current
from snnsim.kernels.recurrent import in_order
from snnsim.nn.joint import Incoming, joined
from snnsim.nn.neuron_state import State
from snnsim.nn.protocols import Neuron, Synapse


class Loop(NamedTuple):
    """All connections that lead to a layer, its own one included."""

    sent: Tensor
    """Spikes of the other layers, (before + time, batch, source)."""
    own: Tensor
    """Spikes of the layer itself before the first step, (before, batch, neuron)."""
    weight: Tensor
    """(target, source and then neuron, tap)."""
    delay: Tensor


def with_loop(synapse: Synapse, incoming: Sequence[Incoming], history: Tensor | None, *, like: Tensor) -> Loop:
    """Return the connections to a layer, its own spikes last and one step later.

    Args:
        synapse: The recurrent synapse.
        incoming: The connections from elsewhere, by the order of their sources.
        history: The last spikes of the layer, or None for silence.
        like: Currents of the layer, (time, batch, neuron).
    """
    own = like.new_zeros(0, *like.shape[1:]) if history is None else history
    joint = joined([*incoming, Incoming(synapse, torch.zeros_like(like))])
    # delays of the loop are one step longer
    later = torch.zeros_like(joint.delay)
    later[:, joint.delay.shape[1] - synapse.targets :] = 1
    before, sent = joint.before + 1, joint.spikes[..., : joint.spikes.shape[2] - synapse.targets]
    missing = before - len(own)
    own = torch.cat([own.new_zeros(missing, *own.shape[1:]), own]) if missing > 0 else own[-missing:]
    return Loop(torch.cat([torch.zeros_like(sent[:1]), sent]), own, joint.weight, joint.delay + later)


def fire(
    external: Tensor, loop: Loop, neuron: Neuron[Any], state: State | None, *, temporal: bool, draws: Draws | None
) -> tuple[Tensor, State]:
    """Return spikes and the last state.

    Args:
        external: Currents that are there before those of the connections, (time, batch, neuron).
        loop: The connections.
        neuron: The neurons.
        state: Their state before the first step.
        temporal: Whether gradients pass from step to step.
        draws: Random counter of the first step; None for no randomness.
    """
    compiled = None if _needs_graph(external, neuron, loop) else _compiled(external, loop, neuron, state)
    return compiled or _by_windows(external, loop, neuron, state, temporal=temporal, draws=draws)


def _needs_graph(external: Tensor, neuron: Neuron[Any], loop: Loop) -> bool:
    tensors = (external, loop.sent, loop.weight, *neuron.parameters())
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _compiled(external: Tensor, loop: Loop, neuron: Neuron[Any], state: State | None) -> tuple[Tensor, State] | None:
    """Return spikes and the last state by the compiled loop; None for other neurons or devices."""
    form = neuron.two_state_form(external, state) if dispatch.of_neurons(external) == "numba" else None
    if form is None:
        return None
    synapses = in_order.synapses(loop.weight, loop.delay)
    looped = in_order.fire(
        external, loop.sent, loop.own, synapses, form.v, form.w, form.coefficients, hard=form.reset.hard
    )
    return looped.spikes, form.state(looped.v, looped.w)


def _by_windows(
    external: Tensor, loop: Loop, neuron: Neuron[Any], state: State | None, *, temporal: bool, draws: Draws | None
) -> tuple[Tensor, State]:
    """Return spikes and the last state, by the sum over the spikes of the last steps for one step after the other."""
    before, spikes, own = len(loop.own), [], list(loop.own)
    for step, now in enumerate(external.unbind()):
        latest = torch.stack([*own[len(own) - before :], torch.zeros_like(now)])
        window = torch.cat([loop.sent[step : step + before + 1], latest], dim=2)
        current = integer_current(window, loop.weight, loop.delay, delays=before + 1, before=before)
        counter = None if draws is None else draws.at(draws.step + step)
        fired, state = neuron.run(now + current, state, temporal=temporal, draws=counter)
        spikes.append(fired[0])
        own.append(fired[0])
    return torch.stack(spikes), cast(State, state)
