"""What reaches a compiled kernel is checked in front of it; tests/fuzz tries many more."""

import pytest
import torch
from torch.testing import assert_close

from snnsim import (
    LIF,
    BatchNorm,
    DelayedLinear,
    LeakyReadout,
    SparseLinear,
    SpikingLayer,
    SpikingNetwork,
    freeze,
    kernels,
)
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.neuron import autograd
from snnsim.nn import ALIF, LevyBaxter, MetaNeuron, Recurrence, SecondOrder

STEPS, BATCH = 12, 4


def network(**settings):
    torch.manual_seed(0)
    layer = SpikingLayer(DelayedLinear(6, 8, 3), LIF(tau=1.5), norm=BatchNorm(8), dropout=0.0)
    return SpikingNetwork([layer], DelayedLinear(8, 3, 3), LeakyReadout(tau=2.0), **settings)


def frames():
    return (torch.rand(STEPS, BATCH, 6, generator=torch.Generator().manual_seed(1)) < 0.4).float()


WRONG_LENGTHS = [
    (torch.tensor([STEPS] * 3), ValueError, "there are 4 recordings"),
    (torch.tensor([STEPS] * 5), ValueError, "there are 4 recordings"),
    (torch.tensor([STEPS]), ValueError, "there are 4 recordings"),
    (torch.full((BATCH, 1), STEPS), ValueError, "there are 4 recordings"),
    (torch.full((BATCH,), float(STEPS)), TypeError, "must be integers"),
    ([STEPS] * BATCH, TypeError, "must be integers, .* not a list"),
    (True, TypeError, "must be integers, .* not True"),
    (torch.tensor([1, 2, -1, 3]), ValueError, "from 0 to the 12 steps of the frames, not -1"),
    (torch.tensor([1, 2, 13, 3]), ValueError, "from 0 to the 12 steps of the frames, not 13"),
    (2**70, ValueError, "from 0 to the 12 steps"),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("lengths", "kind", "words"), WRONG_LENGTHS)
def test_lengths_of_other_recordings_are_refused(training, lengths, kind, words):
    module = network(extra_steps=2).train(training)
    for call in (module, module.record):
        with pytest.raises(kind, match=f"network: lengths .*{words}"):
            call(frames(), lengths)


@pytest.mark.parametrize("length", [STEPS, 5, 0])
def test_one_length_stands_for_all(length):
    expected = network()(frames(), torch.full((BATCH,), length))
    for lengths in (length, torch.tensor(length), torch.full((BATCH,), length, dtype=torch.int8)):
        assert_close(network()(frames(), lengths), expected)


@pytest.mark.parametrize("valid", [torch.tensor([3]), torch.tensor([3] * 5), torch.tensor([-1, 2, 3, 4])])
def test_layers_and_passes_check_valid(valid):
    layer, currents = network().layers[0], torch.rand(STEPS, BATCH, 8)
    voltage, part = torch.zeros(BATCH, 8), torch.full((8,), 0.5)
    for call in (
        lambda: layer(frames(), valid),
        lambda: layer.run(frames(), valid=valid),
        lambda: layer.norm(currents, valid),
        lambda: autograd.moments(currents, valid),
        lambda: autograd.lif(currents, voltage, part, part, reset=LIF().reset, lengths=valid),
    ):
        with pytest.raises(ValueError, match=r"(valid|lengths) must be"):
            call()


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int64, torch.int8])
def test_whole_spikes_are_converted(kind):
    assert_close(network()(frames().to(kind)), network()(frames()))
    layer = network().layers[0]
    assert_close(layer(frames().to(kind)), network().layers[0](frames()))
    assert_close(layer.synapse(frames().to(kind)), layer.synapse(frames()))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(frames().numpy(), TypeError), (frames().tolist(), TypeError), (torch.tensor(1.0), ValueError), (None, TypeError),
     (frames().double(), TypeError), (frames().to(torch.complex64), TypeError)],
)  # fmt: skip
def test_spikes_of_other_types_are_refused(value, kind):
    for call in (network(), network().layers[0], network().layers[0].synapse, network().run):
        with pytest.raises(kind, match=r"(network|layer|DelayedLinear): (frames|spikes) must be"):
            call(value)


# without compilation, NumPy warns of infinity minus infinity
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("plain", [False, True])
def test_spikes_that_are_not_finite_are_refused(value, plain):
    spikes = frames()
    spikes[3, 1, 2] = value
    with kernels.plain() if plain else torch.no_grad():
        for call in (network(), network().layers[0], network().layers[0].synapse):
            with pytest.raises(ValueError, match="must be finite, but NaN or infinity is among them"):
                call(spikes)
        for neuron in (
            LIF(tau=2.0),
            LIF(beta=0.0, reset="soft"),
            MetaNeuron(),
            LevyBaxter(),
            SecondOrder(),
            LeakyReadout(),
        ):
            with pytest.raises(ValueError, match="must be finite"):
                neuron(spikes)


def test_large_numbers_are_finite():
    assert gates.finite(torch.full((9,), 3e38), who="test", name="values") is None


def test_a_normalization_of_another_width_is_refused():
    with pytest.raises(ValueError, match="norm must be of the 8 neurons that the synapse leads to, not 5"):
        SpikingLayer(DelayedLinear(6, 8, 3), LIF(), norm=BatchNorm(5), dropout=0.0)
    module = network()
    module.layers[0].norm = BatchNorm(5)
    for training in (True, False):
        with pytest.raises(ValueError, match=r"BatchNorm: the current must be \(time, ..., 5\)"):
            module.train(training)(frames())


@pytest.mark.parametrize(
    "neuron",
    [
        LIF(learn_decay="neuron", features=5),
        LeakyReadout(learn_decay="neuron", features=5),
        MetaNeuron(learn="neuron", features=5),
        SecondOrder(learn="neuron", features=5),
    ],
)
@pytest.mark.parametrize("plain", [False, True])
def test_neurons_of_another_number_are_refused(neuron, plain):
    with (
        kernels.plain() if plain else torch.no_grad(),
        pytest.raises(ValueError, match="one for each of the 4 neurons"),
    ):
        neuron(torch.rand(3, 2, 4))


def test_a_network_with_numbers_that_are_not_finite_is_not_frozen():
    module = network()
    with torch.no_grad():
        module.layers[0].norm.running_var[2] = float("nan")
    with pytest.raises(ValueError, match=r"freeze: .* 1 of 8 numbers of 'layers.0.norm.running_var' are NaN"):
        freeze(module, time_step_ms=1.0)
    for value in (None, torch.nn.Linear(2, 2), "network"):
        with pytest.raises(TypeError, match="freeze: the network must be a SpikingNetwork"):
            freeze(value, time_step_ms=1.0)


@pytest.mark.parametrize("kind", [lambda: LIF(tau=1.5, learn_threshold=True), lambda: LevyBaxter(learn="layer")])
def test_a_learned_threshold_stays_above_0(kind):
    module = network()
    module.layers[0].neuron = kind()
    optimizer = torch.optim.SGD(module.layers[0].neuron.parameters(), 5.0)
    for _ in range(20):
        optimizer.zero_grad()
        (-module.record(frames()).spikes[1].mean()).backward()
        optimizer.step()
        # also before it is brought back
        module.eval().record(frames())
        module.train().constrain()
    threshold = module.layers[0].neuron.threshold
    assert threshold.item() == pytest.approx(0.01)
    silent = SpikingLayer(DelayedLinear(6, 8, 3), module.layers[0].neuron, norm=None, dropout=0.0)
    with torch.no_grad():
        threshold.fill_(-1.3)
        for run in (silent, silent.eval()):
            assert run(0 * frames()).sum() == 0
    module.layers[0].neuron = LIF(tau=1.5, learn_threshold=True)
    with torch.no_grad():
        module.layers[0].neuron.threshold.fill_(-1.3)
    assert freeze(module, time_step_ms=1.0).populations[0].threshold == pytest.approx(0.01)
    # an optimizer can raise it again
    module.layers[0].neuron.constrain()
    module.record(frames()).spikes[1].mean().backward()
    assert module.layers[0].neuron.threshold.grad.abs().sum() > 0


def test_spikes_are_looked_at_again_after_they_were_changed():
    spikes, module = frames(), network()
    module(spikes)
    spikes[3, 1, 2] = float("nan")
    with pytest.raises(ValueError, match="network: frames must be finite"):
        module(spikes)
    with torch.inference_mode():
        module.eval()(frames())
        with pytest.raises(ValueError, match="network: frames must be finite"):
            module(frames() * float("nan"))


@pytest.mark.parametrize("plain", [False, True])
def test_a_threshold_that_is_not_finite_is_refused(plain):
    neuron = LIF(learn_threshold=True)
    with torch.no_grad():
        neuron.threshold.fill_(float("nan"))
    with kernels.plain() if plain else torch.no_grad(), pytest.raises(ValueError, match="threshold must be finite"):
        neuron(torch.ones(3, 2, 4))


@pytest.mark.parametrize(
    "module", [DelayedLinear(6, 5, 3), SparseLinear(6, 5), LIF(tau=2.0), LeakyReadout(tau=2.0), network()]
)
def test_sparse_tensors_are_refused(module):
    with pytest.raises(TypeError, match=r"a dense tensor, not one of layout torch.sparse_coo; use .to_dense"):
        module(frames().to_sparse())


# without compilation, NumPy warns of infinity minus infinity
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize(
    "neuron",
    [LIF(tau=2.0), LIF(tau=2.0, reset="soft"), MetaNeuron(), SecondOrder(), LevyBaxter(), LeakyReadout(tau=2.0)],
)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_currents_that_are_not_finite_are_refused_step_by_step(neuron, value):
    current = torch.zeros(BATCH, 6)
    current[1, 2] = value
    with pytest.raises(ValueError, match="must be finite"):
        neuron.step(current)


@pytest.mark.parametrize("norm", [torch.nn.BatchNorm1d(8), torch.nn.LayerNorm(8), torch.nn.Identity(), "batch"])
def test_a_normalization_that_knows_no_sequences_is_refused(norm):
    with pytest.raises(TypeError, match="SpikingLayer: norm must be a BatchNorm or None, not"):
        SpikingLayer(DelayedLinear(6, 8, 3), LIF(), norm=norm, dropout=0.0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("neuron", [LIF, ALIF])
def test_a_threshold_that_is_not_finite_is_refused_in_recurrent_layers_too(neuron, training):
    loop = Recurrence(SparseLinear(8, 8))
    layer = SpikingLayer(SparseLinear(6, 8), neuron(), norm=None, dropout=0.0, recurrent=loop).train(training)
    layer.neuron.threshold.fill_(float("nan"))
    with pytest.raises(ValueError, match="neurons: threshold must be finite"), torch.set_grad_enabled(training):
        layer(frames())


@pytest.mark.parametrize("part", ["width", "reset_value"])
def test_noise_that_is_not_finite_is_refused_in_both_forms(part):
    neuron = MetaNeuron(learn="layer")
    with torch.no_grad():
        getattr(neuron, part).raw.fill_(float("nan"))
    # neurons that would not fire, so that no voltage shows the number
    current = torch.full((STEPS, BATCH, 6), -100.0)
    with pytest.raises(ValueError, match="must be finite"):
        neuron(current, draws=Draws.of(1))
    with kernels.plain(), pytest.raises(ValueError, match="must be finite"):
        neuron(current, draws=Draws.of(1))
