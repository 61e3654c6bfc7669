"""Neurons with exponential synapses and adaptive thresholds against those of other libraries."""

import pytest
import torch
from torch.testing import assert_close

from snnsim.nn import ALIF, CubaLIF

STEPS, BATCH, NEURONS = 40, 3, 5


def currents(low=-0.5, high=1.2):
    draw = torch.rand(STEPS, BATCH, NEURONS, generator=torch.Generator().manual_seed(0))
    return low + (high - low) * draw


@pytest.mark.parametrize(("reset", "mechanism"), [("hard", "zero"), ("soft", "subtract")])
def test_cuba_lif_equals_synaptic_of_snntorch(reset, mechanism):
    snntorch = pytest.importorskip("snntorch")
    atan = snntorch.surrogate.atan(alpha=2.0)
    other = snntorch.Synaptic(alpha=0.5, beta=0.75, reset_mechanism=mechanism, reset_delay=False, spike_grad=atan)
    # below 0.5 a membrane of 2 θ, whose second reset comes a step later in snnTorch, is out of reach
    ours, theirs = (currents(-0.2, 0.5).requires_grad_() for _ in range(2))
    spikes, _ = CubaLIF(alpha=0.5, beta=0.75, reset=reset, detach_reset=False).run(ours)
    synapse, membrane, expected = torch.zeros(BATCH, NEURONS), torch.zeros(BATCH, NEURONS), []
    for current in theirs:
        spike, synapse, membrane = other(current, synapse, membrane)
        expected.append(spike)
    assert torch.equal(spikes, torch.stack(expected))
    assert 0.05 < spikes.mean() < 0.9
    weight = currents()
    (spikes * weight).sum().backward()
    (torch.stack(expected) * weight).sum().backward()
    assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize(("reset", "reset_value"), [("hard", 0.0), ("soft", None)])
def test_cuba_lif_equals_that_of_spikingjelly(reset, reset_value):
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    other = neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_threshold=1.0, v_reset=reset_value)
    spikes = CubaLIF(alpha=0.5, beta=0.75, reset=reset)(currents())
    assert torch.equal(spikes, torch.stack([other(current) for current in currents()]))
    assert 0.05 < spikes.mean() < 0.9


def test_cuba_lif_equals_lif_of_norse():
    lif = pytest.importorskip("norse.torch.functional.lif")
    p = lif.LIFParameters(tau_syn_inv=torch.tensor(250.0), tau_mem_inv=torch.tensor(125.0), v_th=torch.tensor(0.25))
    ours = CubaLIF(alpha=0.75, beta=0.875, gain=0.125, threshold=0.25)
    spikes, state = ours.run(currents())
    zero = torch.zeros(BATCH, NEURONS)
    their_state, expected = lif.LIFFeedForwardState(v=zero, i=zero), []
    for current in currents():
        spike, their_state = lif.lif_feed_forward_step(current, their_state, p)
        expected.append(spike)
    assert torch.equal(spikes, torch.stack(expected))
    assert 0.05 < spikes.mean() < 0.9
    assert_close(state.voltage, their_state.v)
    assert_close(0.75 * state.second, their_state.i)


def test_alif_equals_lsnn_of_norse_whose_current_comes_a_step_later():
    lsnn = pytest.importorskip("norse.torch.functional.lsnn")
    p = lsnn.LSNNParameters(
        tau_syn_inv=torch.tensor(1000.0), tau_mem_inv=torch.tensor(125.0), tau_adapt_inv=torch.tensor(62.5),
        v_th=torch.tensor(0.125), beta=torch.tensor(0.25),
    )  # fmt: skip
    spikes = ALIF(beta=0.875, rho=0.9375, jump=0.9375 * 0.25, threshold=0.125)(0.125 * currents())
    zero = torch.zeros(BATCH, NEURONS)
    state, expected = lsnn.LSNNFeedForwardState(v=zero, i=zero, b=zero + p.v_th), []
    for current in [*currents(), zero]:
        spike, state = lsnn.lsnn_feed_forward_step(current, state, p)
        expected.append(spike)
    assert torch.equal(spikes, torch.stack(expected[1:]))
    assert 0.02 < spikes.mean() < 0.9
