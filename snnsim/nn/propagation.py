"""The way of spikes through the layers of a network and on to its readouts, for whole sequences and chunks of time.

Shapes   spikes (time, batch, neuron) · output (time, batch, class)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from snnsim import validation
from snnsim.nn.dropout import neuron_draws
from snnsim.nn.feedback import Loop, is_loop
from snnsim.nn.heads import HeadParts, Output
from snnsim.nn.joint import Incoming, Sent, in_one_order, joint_current
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.layer_state import REST, LayerState, SequenceContext
from snnsim.nn.skip import SentSpikes, joint_layers

States = Sequence[LayerState | None]


@dataclass(frozen=True)
class Record:
    """The activity of a network over one batch."""

    spikes: list[Tensor]
    """The input and then the spikes of each hidden layer, (time, batch, neuron)."""
    output: Output
    """Voltage of the readout, (time, batch, class); of each head by its name in a network with named heads."""

    def voltage(self, head: str | None = None) -> Tensor:
        """Return the voltage of the readout without a name, or of a head.

        Args:
            head: Name of the head; None for the readout without a name.

        Raises:
            ValueError: If the network has no such readout.
        """
        outputs = self.output if isinstance(self.output, dict) else {"": self.output}
        return validation.lookup(outputs, "" if head is None else head, "network: head")


def fire(layers: Sequence[SpikingLayer], sent: SentSpikes, context: SequenceContext) -> None:
    """Let all layers fire over a whole sequence.

    Args:
        layers: The layers.
        sent: The input, to which the spikes of the layers are added.
        context: Steps that count, randomness and gradient paths; its draws are those of the network.
    """
    for numbers in joint_layers(len(layers), sent.skips):
        if is_loop(numbers, sent.skips):
            Loop(layers, numbers, [None] * len(numbers), sent, context).run()
            continue
        (number,) = numbers
        layer = layers[number - 1]
        # two calls, so that the input of a layer is freed before its spikes are computed
        counter = neuron_draws(layer.neuron, context.draws and context.draws.layer(number - 1), context.generator)
        own = Sent(number - 1, Incoming(layer.synapse, sent.spikes[number - 1]))
        ordered = layer.in_order(own, sent.sent(number), context._replace(draws=counter))
        del own
        if ordered is not None:
            sent.keep(number, ordered[0])
            continue
        current, extra = layer.current(sent.take(number - 1), context.credit, counter), sent.current(number)
        current = current if extra is None else current + extra
        del extra
        spikes = layer.spike(current, context._replace(draws=counter))[0]
        del current
        sent.keep(number, spikes)
        del spikes


def run_layers(
    layers: Sequence[SpikingLayer], states: States, sent: SentSpikes, context: SequenceContext
) -> list[LayerState]:
    """Let all layers fire in a chunk of time, and return their next states.

    Args:
        layers: The layers.
        states: Their states after the chunk before.
        sent: The input, to which the spikes of the layers are added.
        context: Steps that count from the beginning of the sequence, randomness and gradient paths.
    """
    after: list[LayerState] = []
    for numbers in joint_layers(len(layers), sent.skips):
        if is_loop(numbers, sent.skips):
            before = states[numbers[0] - 1 : numbers[-1]]
            after += Loop(layers, numbers, before, sent, context._replace(chunk=True)).run()
        else:
            after.append(_run_layer(layers[numbers[0] - 1], numbers[0], states[numbers[0] - 1], sent, context))
    return after


def _run_layer(
    layer: SpikingLayer, number: int, before: LayerState | None, sent: SentSpikes, context: SequenceContext
) -> LayerState:
    """Let a layer fire in a chunk of time, and return its next state."""
    own = Sent(number - 1, Incoming(layer.synapse, sent.spikes[number - 1], before and before.history))
    ordered = layer.in_order(own, sent.sent(number, before), context._replace(chunk=True), before or REST)
    if ordered is not None:
        sent.keep(number, ordered[0])
        return ordered[1]
    extra, skips = sent.run(number, before)
    spikes, after = layer.run(
        sent.take(number - 1),
        before,
        valid=context.valid,
        generator=context.generator,
        credit=context.credit,
        extra=extra,
    )
    sent.keep(number, spikes)
    return after._replace(skips=skips)


def read(head: HeadParts, sent: SentSpikes) -> Tensor:
    """Return the voltage of a readout over a whole sequence.

    Args:
        head: The readout with its synapse.
        sent: The spikes of the layers.
    """
    current = _in_order(*_incoming(head, sent), sent)
    if current is not None:
        return head.readout(current, temporal=sent.credit.temporal)
    return head.forward(sent.spikes[head.source], sent.current(head.key), sent.credit)


def run_heads(heads: Sequence[HeadParts], states: States, sent: SentSpikes) -> tuple[list[Tensor], list[LayerState]]:
    """Return the voltages of all readouts in a chunk of time, and their next states.

    Args:
        heads: The readouts with their synapses.
        states: Their states after the chunk before.
        sent: The spikes of the layers.
    """
    pairs = [_run_head(head, before, sent) for head, before in zip(heads, states, strict=True)]
    return [output for output, _ in pairs], [after for _, after in pairs]


def _run_head(head: HeadParts, before: LayerState | None, sent: SentSpikes) -> tuple[Tensor, LayerState]:
    """Return the voltage of a readout in a chunk of time, and its next state."""
    own, skips = _incoming(head, sent, before)
    current = _in_order(own, skips, sent)
    if current is None:
        extra, histories = sent.run(head.key, before)
        output, after = head.run(own.incoming.spikes, before, credit=sent.credit, extra=extra)
        return output, after._replace(skips=histories)
    state = REST if before is None else before
    output, voltage = head.readout.run(current, state.neuron, temporal=sent.credit.temporal)
    after = LayerState(own.incoming.next_history(), voltage, None, state.step + len(current))
    return output, after._replace(skips=tuple(skip.incoming.next_history() for skip in skips))


def _incoming(head: HeadParts, sent: SentSpikes, state: LayerState | None = None) -> tuple[Sent, list[Sent]]:
    """Return the synapse of a readout and its skip connections, with their spikes."""
    incoming = Incoming(head.synapse, sent.spikes[head.source], None if state is None else state.history)
    return Sent(head.source, incoming), sent.sent(head.key, state)


def _in_order(own: Sent, skips: Sequence[Sent], sent: SentSpikes) -> Tensor | None:
    """Return the current of several connections in evaluation, summed in one order; None in any other case."""
    connections = in_one_order(own, skips, sent.credit)
    return joint_current(connections).to(own.incoming.spikes.dtype) if skips and connections else None
