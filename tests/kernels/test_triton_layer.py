"""A whole layer by the passes written for a GPU: the same spikes and gradients as by those for the CPU."""

import os

import pytest
import torch
from torch.testing import assert_close

from snnsim.kernels.common import dispatch
from snnsim.nn import LIF, LeakyReadout, SparseLinear
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.layer import SpikingLayer

os.environ.setdefault("TRITON_INTERPRET", "0" if torch.cuda.is_available() else "1")
pytest.importorskip("triton", reason="triton is not installed; pip install triton (on Linux) brings it")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    if request.param == "cpu" and os.environ["TRITON_INTERPRET"] != "1":
        pytest.skip("triton compiles for the GPU in this process")
    return torch.device(request.param)


def learned(device, *, train):
    draw = torch.Generator().manual_seed(0)
    lif = LIF(tau=3.0, reset="soft", detach_reset=False, learn_decay="neuron", learn_threshold=True, features=6)
    layer = SpikingLayer(SparseLinear(9, 6, generator=draw), lif, norm=BatchNorm(6), dropout=0.3)
    layer, readout = (
        layer.double().to(device).train(train),
        LeakyReadout(tau=4.0, learn_decay="layer").double().to(device),
    )
    spikes = torch.rand(13, 3, 9, generator=draw, dtype=torch.float64).to(device).requires_grad_()
    fired = layer(spikes, torch.tensor([13, 4, 9], device=device), torch.Generator().manual_seed(1))
    output = readout(fired)
    parameters = (spikes, *layer.parameters(), *readout.parameters())
    grads = torch.autograd.grad(output.square().sum(), parameters)
    return [part.detach().cpu() for part in (fired, output, *layer.buffers(), *grads)]


@pytest.mark.parametrize("train", [True, False])
def test_a_layer_is_the_layer_of_the_cpu(monkeypatch, device, train):
    expected = learned(torch.device("cpu"), train=train)
    asked = []
    monkeypatch.setattr(dispatch, "of_neurons", lambda _: asked.append("triton") or "triton")
    result = learned(device, train=train)
    assert asked
    assert expected[0].count_nonzero() > 10
    assert torch.equal(result[0], expected[0])
    assert_close(result, expected, rtol=1e-9, atol=1e-11)
