"""The way of spikes through the layers of a network and on to its readouts, for whole sequences and chunks of time.

Shapes   spikes (time, batch, neuron) · output (time, batch, class)
"""

from collections.abc import Sequence

from torch import Tensor

from snnsim.nn.dropout import neuron_draws
from snnsim.nn.heads import HeadParts
from snnsim.nn.joint import Incoming, Sent
from snnsim.nn.layer import SpikingLayer
from snnsim.nn.layer_state import REST, LayerState, SequenceContext
from snnsim.nn.skip import SentSpikes

States = Sequence[LayerState | None]


def fire(layers: Sequence[SpikingLayer], sent: SentSpikes, context: SequenceContext) -> None:
    """Let all layers fire over a whole sequence.

    Args:
        layers: The layers.
        sent: The input, to which the spikes of the layers are added.
        context: Steps that count, randomness and gradient paths; its draws are those of the network.
    """
    for number, layer in enumerate(layers):
        # two calls, so that the input of a layer is freed before its spikes are computed
        counter = neuron_draws(layer.neuron, context.draws and context.draws.layer(number), context.generator)
        own = Sent(number, Incoming(layer.synapse, sent.spikes[number]))
        ordered = layer.in_order(own, sent.sent(number + 1), context._replace(draws=counter))
        del own
        if ordered is not None:
            sent.keep(number + 1, ordered[0])
            continue
        current, extra = layer.current(sent.take(number), context.credit, counter), sent.current(number + 1)
        current = current if extra is None else current + extra
        del extra
        spikes = layer.spike(current, context._replace(draws=counter))[0]
        del current
        sent.keep(number + 1, spikes)
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
    after = []
    for number, (layer, before) in enumerate(zip(layers, states, strict=True), start=1):
        own = Sent(number - 1, Incoming(layer.synapse, sent.spikes[number - 1], before and before.history))
        ordered = layer.in_order(own, sent.sent(number, before), context._replace(chunk=True), before or REST)
        if ordered is not None:
            after.append(ordered[1])
            sent.keep(number, ordered[0])
            continue
        extra, skips = sent.run(number, before)
        spikes, between = layer.run(
            sent.take(number - 1),
            before,
            valid=context.valid,
            generator=context.generator,
            credit=context.credit,
            extra=extra,
        )
        after.append(between._replace(skips=skips))
        sent.keep(number, spikes)
    return after


def run_heads(heads: Sequence[HeadParts], states: States, sent: SentSpikes) -> tuple[list[Tensor], list[LayerState]]:
    """Return the voltages of all readouts in a chunk of time, and their next states.

    Args:
        heads: The readouts with their synapses.
        states: Their states after the chunk before.
        sent: The spikes of the layers.
    """
    outputs, after = [], []
    for head, before in zip(heads, states, strict=True):
        extra, skips = sent.run(head.key, before)
        output, between = head.run(sent.spikes[head.source], before, credit=sent.credit, extra=extra)
        after.append(between._replace(skips=skips))
        outputs.append(output)
    return outputs, after
