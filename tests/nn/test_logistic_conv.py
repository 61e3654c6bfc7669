"""Logistic regression on events: evidence, decisions over positions and time, spiking output, freezing."""

import math

import pytest
import torch

from helpers.frozen import simulated
from snnsim import LIF, DelayedConv, LeakyReadout, SpikingLayer, SpikingNetwork, freeze
from snnsim.nn.bias import Bias
from snnsim.nn.logistic_conv import (
    LogisticConv,
    accumulated,
    log_posterior,
    threshold_for_rate,
    winner_spikes,
)


def _layer(**settings: object) -> LogisticConv:
    generator = torch.Generator().manual_seed(0)
    return LogisticConv((7, 6, 2), 4, 3, 3, generator=generator, **settings)


def _events(field: tuple[int, int] = (7, 6), steps: int = 9) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(steps, 2, 2 * math.prod(field), generator=generator) < 0.08).float()


def test_evidence_is_the_sum_of_the_weights_of_events() -> None:
    layer, events = _layer(), torch.zeros(9, 1, 84)
    # an off event at step 4, row 3, column 2
    events[4, 0, (3 * 6 + 2) * 2 + 1] = 1
    evidence = layer(events)
    assert evidence.shape == (9, 1, 5, 4, 4)
    weight = layer.synapse.weight.view(4, 2, 3, 3, 4)
    # seen from position (2, 0) two steps later it lies in row 1, column 2 of the kernel
    torch.testing.assert_close(evidence[6, 0, 2, 0], weight[:, 1, 1, 2, 2] + layer.bias)
    assert not evidence[:4].any()
    assert not evidence[8].any()


@pytest.mark.parametrize("form", ["time", "frequency"])
@pytest.mark.parametrize("settings", [{}, {"dense": False, "sparsity": 0.5}])
def test_all_forms_give_the_same_evidence_and_gradients(form: str, settings: dict[str, object]) -> None:
    results = []
    for each in ("events", form):
        layer = _layer(form=each, **settings)
        evidence = layer(_events((9, 8)), before=3, stride=(2, 1, 2), field=(9, 8))
        evidence.square().sum().backward()
        results.append((evidence.detach(), layer.synapse.weight.grad, layer.bias.grad))
    torch.testing.assert_close(results[0], results[1], atol=1e-4, rtol=1e-4)


def test_dense_input_has_the_form_in_time() -> None:
    layer, events = _layer(), torch.rand(9, 2, 84, generator=torch.Generator().manual_seed(4)).requires_grad_()
    layer(events).sum().backward()
    assert events.grad.abs().sum() > 0


def test_a_circular_mask_leaves_out_the_corners() -> None:
    layer = _layer(circular=True)
    weight = layer.synapse.weight.view(4, 2, 3, 3, 4)
    assert not weight[:, :, [0, 0, 2, 2], [0, 2, 0, 2]].any()
    assert weight[:, :, [0, 1, 1, 2], [1, 0, 2, 1]].all()


def test_a_product_without_floor_is_the_mean_of_evidence() -> None:
    """The normalization of a position is the same for all classes, so that only the number of events is left."""
    layer = _layer()
    with torch.no_grad():
        layer.log_floor.fill_(-torch.inf)
    evidence = layer(_events())
    mean = layer.log_gain.exp() * evidence.mean((2, 3))
    torch.testing.assert_close(layer.decision(evidence), mean.log_softmax(-1))


def test_decisions_are_probabilities() -> None:
    for pooling in ("product", "mixture"):
        layer = _layer(pooling=pooling)
        logs = layer.decision(layer(_events()))
        torch.testing.assert_close(logs.exp().sum(-1), torch.ones(9, 2))
    evidence = layer(_events())
    expected = log_posterior(evidence).exp().mean((2, 3)).log()
    torch.testing.assert_close(logs, expected)
    torch.testing.assert_close(accumulated(logs)[3], logs[:4].sum(0))
    single = log_posterior(evidence, kind="binary").exp()
    torch.testing.assert_close(single, evidence.sigmoid())


def test_winners_spike_at_the_rate() -> None:
    evidence = torch.randn(50, 2, 6, 6, 4, generator=torch.Generator().manual_seed(3))
    threshold = threshold_for_rate(evidence, 20.0, time_step_ms=1.0)
    spikes = winner_spikes(evidence, threshold)
    assert spikes.sum(-1).max() == 1
    assert float(spikes.float().mean()) * 1000 == pytest.approx(20.0, abs=0.1)
    with pytest.raises(ValueError, match="at most 250 Hz"):
        threshold_for_rate(evidence, 300.0, time_step_ms=1.0)


@pytest.mark.parametrize("wrong", [{"form": "space"}, {"pooling": "sum"}])
def test_unknown_settings_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        _layer(**wrong)


def test_the_layer_is_frozen_without_unrolling_its_positions() -> None:
    """Neurons without memory and a threshold fire where the evidence exceeds it, in torch and in both engines alike."""
    layer = _layer()
    features = layer.synapse.targets
    threshold = 0.05
    bias = Bias(4)
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.02, 0.0, -0.01, 0.03]))
        bias.bias.copy_(layer.bias)
    neurons = LIF(tau=1.0, threshold=threshold)
    generator = torch.Generator().manual_seed(5)
    readout = DelayedConv(layer.synapse.into, 4, 0, (5, 4), padding=0, generator=generator)
    network = SpikingNetwork(
        [SpikingLayer(layer.synapse, neurons, norm=bias, dropout=0.0)], readout, LeakyReadout(tau=2.0)
    ).eval()
    (synapses,) = freeze(network, time_step_ms=1.0).convolutions[:1]
    assert len(synapses.weight) == layer.synapse.weight.numel()
    events = _events()
    fired = layer(events).flatten(2) >= threshold
    assert 0 < fired.sum() < fired.numel()
    for engine in ("clock_driven", "event_driven"):
        (spikes,) = simulated(network, events, engine)
        assert torch.equal(spikes.bool(), fired)
    assert features == fired.shape[2]
