"""Adaptive and current-based neurons: by hand, against the loops of their papers, and in layers."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from snnsim import kernels
from snnsim.kernels.neuron import naive_two_state as naive
from snnsim.nn import ALIF, AdLIF, CubaLIF, SiLIF, SparseLinear, SpikingLayer, TwoState
from snnsim.nn.batch_norm import BatchNorm

STEPS, BATCH, NEURONS = 60, 2, 6
MODELS = {
    "AdLIF": lambda **more: AdLIF(features=NEURONS, generator=torch.Generator().manual_seed(1), **more),
    "SiLIF": lambda **more: SiLIF(features=NEURONS, generator=torch.Generator().manual_seed(1), **more),
    "ALIF": lambda **more: ALIF(
        jump=(0.0, 1.0), learn_decay="neuron", features=NEURONS, generator=torch.Generator().manual_seed(1), **more
    ),
    "CubaLIF": lambda **more: CubaLIF(learn_decay="neuron", features=NEURONS, **more),
}


def currents(dtype=torch.float64, high=8.0):
    return (torch.rand(STEPS, BATCH, NEURONS, generator=torch.Generator().manual_seed(0)) * (high + 1) - 1).to(dtype)


def expected(neuron, current, n):
    """Return the loops of a model's own equation for neuron n of the first recording."""
    state, each = np.zeros((2, 1)), neuron.coefficients()._asdict()
    value = {name: part[n if len(part) > 1 else 0].item() for name, part in each.items()}
    current = current[:, 0, n : n + 1].numpy()
    if isinstance(neuron, AdLIF):
        a, b = (part()[n].item() for part in (neuron.coupling, neuron.jump))
        return naive.adlif(current, state, alpha=value["beta"], rho=value["rho"], a=a, b=b, q=120.0, threshold=1.0)
    if isinstance(neuron, SiLIF):
        a, b = (part()[n].item() for part in (neuron.coupling, neuron.jump))
        return naive.silif(current, state, alpha=value["beta"], rho=value["rho"], a=a, b=b, threshold=1.0)
    if isinstance(neuron, ALIF):
        jump, rho = value["jump"], value["rho"]
        return naive.alif(current, state, beta=value["beta"], rho=rho, b=jump, threshold=1.0, hard=True)
    alpha, beta = value["feedback"], value["beta"]
    return naive.cuba_lif(current, state, beta=beta, alpha=alpha, gain=1.0, threshold=1.0, hard=True)


@torch.no_grad()
@pytest.mark.parametrize("model", MODELS)
def test_equals_the_loops_of_its_paper(model):
    neuron = MODELS[model]().double()
    current = currents(high={"AdLIF": 60.0, "SiLIF": 30.0, "ALIF": 4.0, "CubaLIF": 1.0}[model])
    spikes, membrane = neuron.trace(current)
    assert 0.01 < spikes.mean() < 0.9
    for n in range(NEURONS):
        traces = expected(neuron, current, n)
        np.testing.assert_array_equal(spikes[:, 0, n], traces.spikes[:, 0])
        np.testing.assert_allclose(membrane[:, 0, n], traces.membrane[:, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_and_plain_forms_are_equal(model, dtype):
    neuron = MODELS[model](detach_reset=False).to(dtype)
    results = []
    for plain in (False, True):
        current = currents(dtype).requires_grad_()
        if plain:
            with kernels.plain():
                activity = neuron.integrate(current, record=True)
        else:
            activity = neuron.integrate(current, record=True)
        draw = torch.Generator().manual_seed(4)
        loss = sum((part * torch.rand(part.shape, generator=draw)).sum() for part in (*activity[:2], *activity.state))
        results.append((activity, torch.autograd.grad(loss, (current, *neuron.parameters()))))
    (one, of_one), (other, of_other) = results
    assert torch.equal(one.spikes, other.spikes)
    assert torch.equal(one.membrane, other.membrane)
    assert all(map(torch.equal, one.state, other.state))
    assert_close(of_one, of_other, **({"rtol": 1e-3, "atol": 1e-3} if dtype == torch.float32 else {}))


def test_learned_numbers_stay_within_their_bounds():
    neuron = AdLIF(features=4)
    optimizer = torch.optim.SGD(neuron.parameters(), lr=1.0)
    for sign in (1, -1):
        for parameter in neuron.parameters():
            parameter.grad = torch.full_like(parameter, 10.0 * sign)
        optimizer.step()
        neuron.constrain()
        for part, (low, high) in {
            "tau": (5, 25),
            "tau_adaptation": (60, 300),
            "coupling": (0, 1),
            "jump": (0, 2),
        }.items():
            value = getattr(neuron, part)()
            assert_close(value, torch.full_like(value, low if sign == 1 else high))


def test_start_is_uniform_within_the_bounds():
    draw = torch.Generator().manual_seed(0)
    uniform = AdLIF(features=4000, generator=draw).tau().detach()
    assert 5 <= uniform.min() < 5.1 < 24.9 < uniform.max() <= 25
    assert abs(uniform.mean() - 15) < 0.5
    logarithmic = SiLIF(features=4000, generator=draw).tau().detach()
    assert abs(logarithmic.log().mean() - np.log(25) / 2) < 0.1
    assert AdLIF().tau().item() == 15.0


def test_numbers_are_fixed():
    neuron = AdLIF(tau=5.0, tau_adaptation=60.0, coupling=0.5, jump=1.0)
    assert list(neuron.parameters()) == []
    assert neuron.coefficients().beta.item() == pytest.approx(np.exp(-1 / 5))
    assert sorted(AdLIF(tau=5.0).state_dict()) == ["coupling.share", "jump.share", "tau_adaptation.share"]


def test_adaptation_calms_a_neuron():
    spikes = AdLIF(tau=5.0, tau_adaptation=100.0, coupling=0.0, jump=1.0)(torch.full((200, 1), 5.0))
    assert spikes[:20].sum() > 2 * spikes[-20:].sum()
    spikes = ALIF(tau=2.0, jump=0.5)(torch.full((200, 1), 1.0))
    assert spikes[:20].sum() > 2 * spikes[-20:].sum()


def test_synaptic_current_outlasts_a_spike():
    _, membrane = CubaLIF(beta=0.0, alpha=0.5, gain=2.0, threshold=10.0).trace(torch.tensor([[1.0], [0.0], [0.0]]))
    assert membrane[:, 0].tolist() == [2.0, 1.0, 0.5]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("training", [True, False])
def test_a_layer_in_one_pass_is_the_layer_part_by_part(model, training):
    draw = torch.Generator().manual_seed(2)
    layer = SpikingLayer(
        SparseLinear(7, NEURONS, generator=draw), MODELS[model](), norm=BatchNorm(NEURONS), dropout=0.4
    )
    layer = layer.double().train(training)
    with torch.no_grad():
        layer.norm.weight.fill_(4.0)
        layer.norm.bias.fill_(20.0 if model in ("AdLIF", "SiLIF") else 0.0)
    spikes, valid = torch.rand(11, 4, 7, generator=draw).double(), torch.tensor([11, 6, 1, 8])
    results = []
    for plain in (False, True):
        inputs = spikes.clone().requires_grad_()
        if plain:
            with kernels.plain():
                sent = layer(inputs, valid, torch.Generator().manual_seed(3))
        else:
            sent = layer(inputs, valid, torch.Generator().manual_seed(3))
        weight = torch.rand(sent.shape, generator=torch.Generator().manual_seed(4))
        results.append((sent, torch.autograd.grad((sent * weight).sum(), (inputs, *layer.parameters()))))
    assert results[0][0].count_nonzero() > 10
    assert torch.equal(results[0][0], results[1][0])
    assert_close(results[0][1], results[1][1], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_state_is_passed_on(model):
    neuron = MODELS[model]()
    state = TwoState(torch.full((BATCH, NEURONS), 0.5), torch.full((BATCH, NEURONS), -0.5))
    assert not torch.equal(neuron.trace(currents(torch.float32), state)[1], neuron.trace(currents(torch.float32))[1])
    with pytest.raises(TypeError, match="the state must be of type TwoState"):
        neuron.run(currents(), state.voltage)
    with pytest.raises(ValueError, match="the state must match the shape"):
        neuron.run(currents(), TwoState(torch.zeros(3, NEURONS), torch.zeros(3, NEURONS)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_type_of_the_current_is_kept(dtype):
    spikes, state = AdLIF(features=NEURONS).run(currents(dtype))
    assert spikes.dtype == state.voltage.dtype == state.second.dtype == dtype


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdLIF(tau=(25.0, 5.0)), "tau: the bounds must ascend, not be 25.0 and 5.0"),
        (lambda: AdLIF(tau=0.0), "neurons: tau must be a finite number above 0, not 0.0"),
        (lambda: AdLIF(jump=(0.0, 1.0, 2.0)), "jump must be a number, or the pair of its bounds"),
        (lambda: SiLIF(threshold=-1.0), "SiLIF: threshold must be positive"),
        (lambda: CubaLIF(alpha=0.5, tau_synapse=3.0), "give tau_synapse or alpha, not both"),
        (lambda: CubaLIF(alpha=1.5), "alpha must be between 0 and 1"),
        (lambda: CubaLIF(reset="zero"), "CubaLIF: reset must be one of hard, soft, not 'zero'"),
        (lambda: ALIF(jump=-1.0), "neurons: jump must be a finite number of at least 0"),
        (lambda: AdLIF(features=3)(torch.zeros(2, 4)), "the .* must be one number for the layer"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_states_of_other_settings_are_refused():
    with pytest.raises(ValueError, match="low of 'tau' is 5"):
        AdLIF(tau=(6.0, 20.0)).load_state_dict(AdLIF().state_dict())


@pytest.mark.parametrize("model", MODELS)
def test_layout_of_a_state_in_memory_does_not_matter(model):
    neuron, current = MODELS[model](), currents(torch.float32)
    values = torch.rand(2, NEURONS, BATCH, generator=torch.Generator().manual_seed(2))
    results = []
    for state in (TwoState(*values.mT), TwoState(*values.mT.contiguous())):
        leaves = [part.detach().requires_grad_() for part in state]
        spikes, after = neuron.run(current, TwoState(*leaves))
        loss = spikes.cumsum(0).sum() + sum((part * values[0].T).sum() for part in after)
        results.append((spikes, after, torch.autograd.grad(loss, leaves)))
    assert_close(*results, rtol=0, atol=0)
