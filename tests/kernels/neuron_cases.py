"""Random inputs of the passes over neurons, and their results from the equations one step at a time."""

import itertools

import torch
from hypothesis import strategies as st

from snnsim.kernels.neuron.types import Inputs, Neuron
from snnsim.surrogate import Surrogate


def lif_by_steps(inputs, neuron):
    """Return the results of `lif_forward`, from its equations one step at a time."""
    surrogate = Surrogate(neuron.surrogate, neuron.alpha)
    v, spikes, membrane = inputs.voltage, [], []
    for t, now in enumerate(inputs.current):
        v = v if neuron.temporal else v.detach()
        u = neuron.beta * v + torch.where((t < inputs.lengths)[:, None], inputs.scale * now + inputs.shift, 0.0)
        s = surrogate.spike(u - neuron.threshold)
        reset = s.detach() if neuron.detached else s
        v = u * (1 - reset) if neuron.hard else u - neuron.threshold * reset
        spikes.append(s if inputs.mask is None else s * inputs.mask)
        membrane.append(u)
    return torch.stack(spikes), torch.stack(membrane), v if neuron.temporal else v.detach()


def leaky_by_steps(current, voltage, beta):
    steps = itertools.accumulate(current, lambda v, now: beta * v + now, initial=voltage)
    return torch.stack(list(steps)[1:])


def a_case(size, *, lengths, device, dtype=torch.float64, dropout=True, seed=0, **settings):
    """Return random inputs and neurons."""
    steps, batch, neurons = size
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64).to(device, dtype)

    def uniform(*shape):
        return torch.rand(*shape, generator=draw, dtype=torch.float64).to(device, dtype)

    settings = {"hard": True, "detached": True, "temporal": True, "surrogate": "atan", "alpha": 2.3} | settings
    dropped = (uniform(batch, neurons) < 0.7).to(dtype) / 0.7 if dropout else None
    inputs = Inputs(
        current=normal(steps, batch, neurons),
        scale=0.5 + uniform(neurons),
        shift=0.3 + 0.2 * normal(neurons),
        lengths=torch.tensor(lengths, device=device),
        voltage=normal(batch, neurons),
        mask=dropped,
    )
    return inputs, Neuron(beta=uniform(neurons), threshold=0.5 + uniform(neurons), **settings)


@st.composite
def cases(draw):
    size = tuple(draw(st.integers(1, most)) for most in (9, 3, 5))
    lengths = draw(st.lists(st.integers(0, size[0] + 1), min_size=size[1], max_size=size[1]))
    flags = {name: draw(st.booleans()) for name in ("hard", "detached", "temporal", "dropout")}
    return {"size": size, "lengths": lengths, "seed": draw(st.integers(0, 2**31)), **flags}
