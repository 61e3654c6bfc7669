"""A layer: a synapse, an optional normalization, neurons and dropout, over whole sequences or chunks of them.

    current = norm(synapse(spikes));  spikes = dropout(neuron(current))

With a recurrent connection, the neurons also get a current of their own spikes before dropout, see nn/recurrence.py.

Whole sequences and chunks of time take one path: `current`, then `spike`. A `SequenceContext` says which of the two a
current is, as only a whole sequence has statistics of its own for batch normalization in training.

Shapes   spikes, current (time, batch, neuron) · valid (batch,)
         fields of neurons are flat, see nn/patches.py; each of their channels has one normalization and one decay
Draws    spikes of stochastic neurons are those of `draws`; without it, those of the generator in training mode, and
         the likelier of spike and silence in evaluation mode
"""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from snnsim.gradient_paths import ALL_PATHS, GradientPaths
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.dropout import SequenceDropout, neuron_draws
from snnsim.nn.joint import Incoming, Sent, in_one_order, joint_current
from snnsim.nn.layer_state import REST, WHOLE_SEQUENCE, LayerState, Observer, SequenceContext, by_channel, chunk_current
from snnsim.nn.protocols import Neuron, NeuronOptions, Normalization, Synapse, check_module
from snnsim.nn.recurrence import LoopState, Recurrence, checked
from snnsim.renamed import OldName
from snnsim.validation import shown


class SpikingLayer(nn.Module):
    """A synapse, an optional normalization, neurons and dropout.

    Args:
        synapse: A `Synapse`, such as a DelayedLinear.
        neuron: A `Neuron`, such as a LIF.
        norm: A BatchNorm of the synapse's targets, or of their channels; None for none.
        dropout: Probability of dropout.
        dropout_per_step: Whether dropout has a new mask in every step, in place of one for a sequence.
        recurrent: A Recurrence, a connection of the neurons to themselves; None for none.

    Raises:
        TypeError: If a part is of another kind.
        ValueError: If the normalization is of another width than the synapse, or a convolution is recurrent.
    """

    def __init__(
        self,
        synapse: Synapse,
        neuron: Neuron[Any],
        *,
        norm: BatchNorm | None,
        dropout: float,
        dropout_per_step: bool = False,
        recurrent: Recurrence | None = None,
    ) -> None:
        super().__init__()
        check_module(synapse, Synapse, who="SpikingLayer", name="synapse", example="DelayedLinear")
        check_module(neuron, Neuron, who="SpikingLayer", name="neuron", example="LIF")
        if norm is not None and not isinstance(norm, BatchNorm):
            raise TypeError(f"SpikingLayer: norm must be a BatchNorm or None, not {shown(norm)}")
        self.synapse, self.neuron, self.norm = synapse, neuron, norm
        self.dropout = SequenceDropout(dropout, per_step=dropout_per_step)
        self.observer: Observer | None = None  # of the spikes and their context, to what the next layer gets
        self.channels = synapse.channels
        targets = self.channels or synapse.targets
        if norm is not None and norm.num_features != targets:
            unit = "channels" if self.channels else "neurons"
            raise ValueError(
                f"SpikingLayer: norm must be of the {targets} {unit} that the synapse leads to, not {norm.num_features}"
            )
        self.recurrent = checked(recurrent, synapse)

    def forward(
        self,
        spikes: Tensor,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        draws: Draws | None = None,
    ) -> Tensor:
        """Return the spikes of the layer after dropout, for a whole sequence.

        Args:
            spikes: Input spikes, (time, ..., source).
            valid: Steps of each recording that count, (batch,); None if every step counts.
            generator: Generator of dropout, and of the draws in training mode.
            draws: Random counter of stochastic neurons.
        """
        context = SequenceContext(valid, generator, draws=neuron_draws(self.neuron, draws, generator))
        ordered = self.in_order(Sent(0, Incoming(self.synapse, spikes)), (), context)
        return (ordered or self.spike(self.current(spikes, draws=context.draws), context))[0]

    def in_order(
        self, own: Sent, skips: Sequence[Sent], context: SequenceContext, state: LayerState = REST
    ) -> tuple[Tensor, LayerState] | None:
        """Return spikes and the next state in evaluation, where several connections are summed in one order.

        None stands for neurons that are stochastic or release a part of their input, another mode, and one connection.

        Args:
            own: The layer's own synapse with its input.
            skips: Skip connections that lead to the layer.
            context: Steps that count, randomness and gradient paths.
            state: State of the layer before the spikes.
        """
        looped = self.recurrent is not None and self.norm is None
        releases = self.neuron.is_stochastic or type(self.neuron).release is not Neuron.release
        if self.training or releases or not (looped or skips):
            return None
        connections = in_one_order(own, skips, context.credit)
        if not connections:
            return None
        histories = (sent.incoming.next_history() for sent in skips)
        state = state._replace(history=own.incoming.next_history(), skips=tuple(histories))
        if self.recurrent is None or not looped:
            return self.spike(joint_current(connections), context, state)
        like = gates.spikes(own.incoming.spikes, who="layer", like=self.synapse.weight)
        silent = like.new_zeros(1, 1, self.synapse.targets).expand(*like.shape[:2], -1)
        before = LoopState(state.neuron, state.recurrent)
        fired = self.recurrent.in_order(silent, connections, self.neuron, before, credit=context.credit)
        if fired is None:
            return None
        spikes, after = fired
        return gates.known(spikes), state._replace(
            neuron=after.neuron, recurrent=after.history, step=state.step + len(spikes)
        )

    def run(  # noqa: PLR0913
        self,
        spikes: Tensor,
        state: LayerState | None = None,
        *,
        before: int = 0,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
        credit: GradientPaths = ALL_PATHS,
        extra: Tensor | None = None,
    ) -> tuple[Tensor, LayerState]:
        """Return the spikes of the layer after dropout in a chunk of time, and the next state.

        In training mode running averages normalize, and the chunk updates them.

        Args:
            spikes: Input spikes, (time, ..., source).
            state: State after the chunk before; None at the beginning of a sequence.
            before: Number of steps at the beginning of the spikes that are history; the state then needs none.
            valid: Steps of each recording that count, (batch,), from the beginning of the sequence.
            generator: Generator of dropout and draws at the beginning of a sequence.
            credit: Gradient paths.
            extra: A current of other synapses that is added before normalization, (time, ..., neuron); None for none.
        """
        state = REST if state is None else state
        spikes = gates.spikes(spikes, who="layer", like=self.synapse.weight)
        own = Incoming(self.synapse, spikes[before:], spikes[:before] if before else state.history)
        context = SequenceContext(valid, generator, credit, chunk=True)
        ordered = None if extra is not None else self.in_order(Sent(0, own), (), context, state)
        if ordered is not None:
            return ordered
        draws = state.draws if state.step else neuron_draws(self.neuron, state.draws, generator)
        released = self.neuron.release(spikes, draws and draws.at(state.step - before))
        current, history = chunk_current(self.synapse, released, state.history, before, credit)
        current = current if extra is None else current + extra
        context = context._replace(draws=draws and draws.at(state.step))
        return self.spike(current.to(spikes.dtype), context, state._replace(history=history, draws=draws))

    def current(self, spikes: Tensor, credit: GradientPaths = ALL_PATHS, draws: Draws | None = None) -> Tensor:
        """Return the synaptic current of spikes, before normalization.

        Args:
            spikes: Input spikes, (time, ..., source).
            credit: Gradient paths.
            draws: Random counter of stochastic neurons.
        """
        spikes = gates.spikes(spikes, who="layer", like=self.synapse.weight)
        spikes = self.neuron.release(spikes, draws)
        # neurons keep their voltage in full precision when products have a shorter one
        current: Tensor = self.synapse(spikes, delayed=credit.delayed).to(spikes.dtype)
        return current

    def normalized_current(self, current: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the normalized current of a whole sequence.

        Args:
            current: The synaptic current, (time, ..., neuron); of a field, (time, ..., channel).
            valid: Steps of each recording that count; None if every step counts.
        """
        normalized: Tensor = current if self.norm is None else self.norm(current, valid)
        return normalized

    def driven(self, current: Tensor, context: SequenceContext, step: int = 0) -> Tensor:
        """Return the normalized current of a whole sequence, or of a chunk.

        Args:
            current: The synaptic current, (time, ..., neuron); of a field, (time, ..., channel).
            context: Steps that count, and whether the current is a chunk.
            step: Number of steps of the sequence before the chunk.
        """
        return self._driven(*by_channel(current, context, step, channels=self.channels, training=self.training))

    def spike(
        self, current: Tensor, context: SequenceContext = WHOLE_SEQUENCE, state: LayerState = REST
    ) -> tuple[Tensor, LayerState]:
        """Return the spikes of synaptic currents, after dropout, and the state to go on from after a chunk.

        Args:
            current: The synaptic currents, (time, ..., neuron).
            context: Steps that count, randomness, gradient paths, and whether the current is a chunk.
            state: State of the layer before the current.
        """
        lanes, valid, total = by_channel(current, context, state.step, channels=self.channels, training=self.training)
        temporal, draws, mask, after = context.credit.temporal, context.draws, state.mask, state.neuron
        if draws is not None and self.channels is not None:
            draws = draws._replace(lanes=current.shape[-1] // self.channels)
        fuses = self.recurrent is None and self._fuses(lanes)
        if fuses or context.chunk or self.recurrent is not None:
            mask = mask if state.step else self.dropout.mask(lanes, context.generator)
        dropout = state.dropout if state.step else self.dropout.counter(context.generator)
        if self.recurrent is not None:
            driven = self._driven(lanes, valid, total)
            spikes, state = self._recur(self.recurrent, driven, context._replace(draws=draws), state)
            after = state.neuron
            spikes = spikes if mask is None else spikes * mask
        elif fuses:
            norm, counted = self._normalization(lanes, valid, total)
            options = NeuronOptions(temporal, draws, norm=norm, valid=counted, mask=mask)
            spikes, _, after = self.neuron.fused(lanes, after, options)
        elif context.chunk:
            spikes, after = self.neuron.run(self._driven(lanes, valid, total), after, temporal=temporal, draws=draws)
            spikes = spikes if mask is None else spikes * mask
        else:
            # the calls of modules run their hooks
            spikes = self.neuron(self.normalized_current(lanes, valid), temporal=temporal, draws=draws)
            spikes = spikes if dropout is not None else self.dropout(spikes, context.generator)
        spikes = self.dropout.of_steps(spikes, dropout and dropout.at(state.step)).view_as(current)
        state = state._replace(neuron=after, mask=mask, step=state.step + len(current), dropout=dropout)
        return gates.known(spikes if self.observer is None else self.observer(spikes, context)), state

    def _recur(
        self, recurrent: Recurrence, current: Tensor, context: SequenceContext, state: LayerState
    ) -> tuple[Tensor, LayerState]:
        """Return the spikes of normalized currents and their own recurrent current, before dropout."""
        mask = state.recurrent_mask if state.step else recurrent.dropout.mask(current, context.generator)
        history = state.recurrent
        if history is not None and context.credit.delayed != "exact":
            history = history.detach()
        before = LoopState(state.neuron, history)
        settings: dict[str, Any] = {"mask": mask, "credit": context.credit, "draws": context.draws}
        spikes, after = recurrent.run(current, self.neuron, before, **settings)
        return spikes, state._replace(neuron=after.neuron, recurrent=after.history, recurrent_mask=mask)

    def fire(self, current: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the spikes of a whole sequence: the old name of `spike`, with the fields of its SequenceContext.

        Args:
            current: The synaptic current, (time, batch, neuron).
            *args: Fields of the SequenceContext in their order.
            **kwargs: Fields of the SequenceContext by name.
        """
        warnings.warn("SpikingLayer.fire is now SpikingLayer.spike", DeprecationWarning, stacklevel=2)
        context = SequenceContext(*args, **kwargs)
        draws = neuron_draws(self.neuron, context.draws, context.generator)
        return self.spike(current, context._replace(draws=draws))[0]

    drive = OldName("normalized_current")

    def _counted(self, current: Tensor, valid: Tensor | None) -> Tensor:
        """Return the steps that a normalization counts: in evaluation mode all, as padding needs no zeros there."""
        if self.training and valid is not None:
            return valid
        return torch.full((current.shape[1],), len(current), device=current.device)

    def _normalization(
        self, current: Tensor, valid: Tensor | None, total: Tensor | None
    ) -> tuple[Normalization | None, Tensor | None]:
        if self.norm is None:
            return None, None
        counted = self._counted(current, valid)
        statistics = self.norm.statistics(current, counted, total)
        return Normalization(self.norm.weight, self.norm.bias, statistics), counted

    def _driven(self, current: Tensor, valid: Tensor | None, total: Tensor | None) -> Tensor:
        """Return the normalized current of a chunk."""
        if self.norm is None or total is None:
            return self.normalized_current(current, valid)
        lanes = current.flatten(1, -2) if current.ndim > 2 else current
        counted = self._counted(lanes, valid)
        return self.norm.normalized(lanes, counted, self.norm.statistics(lanes, counted, total)).view_as(current)

    def _fuses(self, current: Tensor) -> bool:
        """Return whether one kernel does normalization, neurons and dropout; modules with hooks are called instead."""
        parts = [part for part in (self.norm, self.neuron, self.dropout) if part is not None]
        hooked = any(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks for part in parts)
        fusible = self.norm is None or (isinstance(self.norm, BatchNorm) and self.norm.supports_fused)
        sequence = current.ndim == 3 and current.numel() > 0
        return sequence and fusible and not hooked and self.neuron.supports_fused(current)
