"""A network as plain loops over steps, layers, connections and delays: the definition of its fast forms."""

import torch

from snnsim.nn import DelayedLinear, SparseLinear
from snnsim.nn.skip import Skip


def kernel(synapse):
    """Return the kernel (delay, target, source) of a synapse in its present mode."""
    if isinstance(synapse, DelayedLinear):
        return synapse.kernel()
    assert type(synapse) is SparseLinear
    return synapse.weight[None]


def arriving(table, trains, step, late):
    """Return the current of a step, from the spikes of a source at all steps so far."""
    sent = ((step - late - delay, weight) for delay, weight in enumerate(table))
    return sum((trains[begin] @ weight.mT for begin, weight in sent if begin >= 0), torch.zeros(()))


def normalized(norm, current):
    """Return a current normalized by running averages."""
    if norm is None:
        return current
    scale = torch.rsqrt(norm.running_var + norm.eps) * norm.weight
    return (current - norm.running_mean) * scale + norm.bias


def graph(network, frames):
    """Return the spikes of each layer, (time, batch, neuron), and the outputs of a network in a list.

    Normalizations are those of evaluation, and there is no dropout.
    """
    frames = torch.cat([frames, frames.new_zeros(network.extra_steps, *frames.shape[1:])])
    count = len(network.layers)
    leading = [(number, Skip(number - 1, number, layer.synapse)) for number, layer in enumerate(network.layers, 1)]
    leading += [(skip.target, skip) for skip in network.skips]
    tables = [(target, skip, kernel(skip.synapse)) for target, skip in leading]
    recurrent = {number: layer.recurrent for number, layer in enumerate(network.layers, 1)}
    own = {number: kernel(loop.synapse) for number, loop in recurrent.items() if loop is not None}
    trains = {0: list(frames.unbind())} | {number: [] for number in range(1, count + 1)}
    states = [None] * count
    for step in range(len(frames)):
        for number, layer in enumerate(network.layers, 1):
            forward = behind = torch.zeros(())
            for target, skip, table in tables:
                if target == number and skip.is_feedback:
                    behind = behind + arriving(table, trains[skip.source], step, 1)
                elif target == number:
                    forward = forward + arriving(table, trains[skip.source], step, 0)
            if number in own:
                behind = behind + arriving(own[number], trains[number], step, 1)
            current = normalized(layer.norm, forward) + behind
            spikes, states[number - 1] = layer.neuron.step(current, states[number - 1])
            trains[number].append(spikes)
    outputs = []
    for head in network.readouts():
        voltages = [(head.source, kernel(head.synapse))]
        voltages += [(skip.source, table) for target, skip, table in tables if target == head.key]
        currents = [
            sum(arriving(table, trains[source], step, 0) for source, table in voltages) for step in range(len(frames))
        ]
        outputs.append(head.readout(torch.stack(currents)))
    return [torch.stack(trains[number]) for number in range(count + 1)], outputs
