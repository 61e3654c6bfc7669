"""Sparsified networks as Programs: equal outputs, dense and by events, at every step."""

import numpy as np
import pytest
import torch
from torch import nn

from snnsim.delta import DeltaActivation, SigmaDelta, encode, freeze, sparsify
from snnsim.program import ConvEdge, Edge
from snnsim.simulation import Events, simulate


def _network():
    """Return a network whose weights are multiples of 1 / 32, so that sums do not round."""
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1), nn.ReLU(),
        nn.Dropout(0.2), nn.Flatten(), nn.Linear(3 * 9, 5), nn.ReLU(), nn.Linear(5, 3, bias=False),
    ]  # fmt: skip
    model = nn.Sequential(*layers).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((4 * parameter * 32).round() / 32)
    return model.eval()


def _frames():
    frames = (torch.rand(7, 2, 2, 6, 6, generator=torch.Generator().manual_seed(1)).double() * 8).round() / 8
    frames[4:6] = frames[3]
    return frames


@pytest.mark.parametrize("granularity", ["layer", "channel", "neuron"])
@pytest.mark.parametrize("coding", [DeltaActivation, SigmaDelta])
def test_a_program_has_the_outputs_of_the_network_dense_and_by_events(coding, granularity):
    model, frames = _network(), _frames()
    network, _ = sparsify(model, frames, coding=coding, step=0.25, relative=False, granularity=granularity)
    network = network.double().eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for each in network.codings:
            each.step.copy_(0.125 * torch.randint(1, 4, each.step.shape, generator=generator))
        outputs, trace = network.run(frames)
    program = freeze(network, time_step_ms=40.0, classes=("a", "b", "c"), input_unit=0.125)
    kinds = [type(edge) for edge in program.edges]
    assert kinds == [ConvEdge, ConvEdge, Edge, Edge] or granularity == "neuron"
    events = Events.from_frames(encode(network, frames, input_unit=0.125))
    counts = trace.counts().values()
    for engine in ("clock_driven", "event_driven"):
        result = simulate(program, events, engine=engine, threads=1)
        membranes = np.stack([result.output(recording) for recording in range(2)], axis=1)
        assert np.array_equal(membranes, outputs.numpy())
        sent = result.node_counts.sum()
        assert sent == sum(count.events + count.first_events for count in counts)
    assert float(outputs.std()) > 0.1


def test_one_activation_may_stand_in_several_places():
    model, frames = _network(), _frames()
    shared = nn.Sequential(*model)
    shared[3] = shared[7] = shared[1]
    one, same = (freeze(sparsify(each, frames)[0], time_step_ms=1.0) for each in (model, shared))
    assert one.digest() == same.digest()


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)], "layer '1' is a Tanh"),
        ([nn.Linear(4, 3), nn.Linear(3, 2)], "an nn.ReLU between '1' and the layer before"),
        ([nn.Linear(4, 3), nn.ReLU()], "last layer must be linear"),
        ([nn.Linear(4, 4), relu := nn.ReLU(), nn.Linear(4, 2), relu], "last layer must be linear"),
        ([*[nn.Linear(4, 4), nn.ReLU()] * 2, nn.Linear(4, 2)], "layer '0' must be coded; 2 calls"),
    ],
)
def test_other_networks_are_refused_by_the_name_of_the_layer(layers, words):
    network, _ = sparsify(nn.Sequential(*layers), torch.randn(3, 2, 4))
    with pytest.raises(ValueError, match=words):
        freeze(network, time_step_ms=1.0)


def test_a_linear_layer_of_several_axes_is_refused():
    network, _ = sparsify(nn.Sequential(nn.Linear(4, 3)), torch.randn(3, 2, 5, 4))
    with pytest.raises(ValueError, match=r"layer '0' must get one axis of inputs, not .5, 4."):
        freeze(network, time_step_ms=1.0)


def test_a_module_and_mixed_codings_are_refused():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, values):
            return self.layer(values)

    network, _ = sparsify(Own(), torch.randn(3, 2, 4))
    with pytest.raises(ValueError, match=r"must be an nn\.Sequential, not Own"):
        freeze(network, time_step_ms=1.0)
    network, _ = sparsify(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), torch.randn(3, 2, 4))
    network.codings[1] = SigmaDelta()
    with pytest.raises(ValueError, match="all codings must be DeltaActivation, or all SigmaDelta"):
        freeze(network, time_step_ms=1.0)
