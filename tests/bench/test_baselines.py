"""The baselines of the benchmarks are the same function of the same parameters as the networks of snnsim."""

import subprocess
import sys

import pytest
import torch

from snnsim.bench import baselines
from snnsim.config import Config, Training
from snnsim.experiment import build
from snnsim.learning import decisions, losses, rules
from snnsim.training import optimizers

pytest.importorskip("spikingjelly")
pytest.importorskip("DCLS")

# dcls divides even a window on one step by 1 + 1e-7
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
SMALL = {
    "hidden": (12, 10), "max_delay_ms": 80.0, "dropout": 0.0, "extra_ms": 30.0, "neuron.tau_ms": 15.0,
    "readout.tau_ms": 15.0,
}  # fmt: skip
STEPS = 20


def pair(baseline, dtype=torch.float64, **network):
    values = {f"network.{name}": value for name, value in (SMALL | network).items()}
    config = Config(training=Training(seed=3)).with_values({"data.channels": 7} | values)
    return [baselines.builder(name)(config, classes=4).to(dtype) for name in (baselines.OURS, baseline)]


def batch(dtype=torch.float64, *, size=5):
    generator = torch.Generator().manual_seed(1)
    frames = torch.poisson(torch.full((STEPS, size, 7), 0.4), generator=generator).to(dtype)
    return losses.Batch(frames, torch.full((size,), STEPS), torch.arange(size) % 4, float(size))


def agree(theirs, ours, dtype=torch.float64):
    torch.testing.assert_close(theirs, ours, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


NETWORKS = [
    ("spikingjelly", {}),
    ("spikingjelly", {"taps": 2, "sigma_start": 0.6}),
    ("spikingjelly", {"window": "max"}),
    ("spikingjelly", {"delays": "fixed"}),
    ("spikingjelly", {"delays": "none"}),
    (
        "spikingjelly",
        {"batch_norm": False, "neuron.reset": "soft", "neuron.detach_reset": False, "neuron.surrogate": "sigmoid"},
    ),
    ("spikingjelly", {"neuron.surrogate": "triangle", "neuron.surrogate_alpha": 1.0, "neuron.detach_reset": False}),
    ("snntorch", {}),
    ("snntorch", {"taps": 2, "sigma_start": 0.6, "batch_norm": False}),
    ("snntorch", {"delays": "none", "neuron.surrogate": "fast_sigmoid", "neuron.detach_reset": False}),
    ("snntorch", {"delays": "fixed", "neuron.surrogate": "sigmoid"}),
]
# so high that less than θ is left after a reset: snnTorch would subtract again where more is left
HIGH = {"neuron.reset": "soft", "neuron.threshold": 2.0}


# snnTorch's spikes are float32 for every type of the input
PRECISIONS = {"spikingjelly": list(TOLERANCE), "snntorch": [torch.float32]}
CASES = [(baseline, dtype, network) for baseline, network in NETWORKS for dtype in PRECISIONS[baseline]]


@pytest.mark.parametrize(("baseline", "dtype", "network"), CASES)
def test_same_spikes_and_voltages(baseline, dtype, network):
    ours, theirs = pair(baseline, dtype, **network)
    frames = batch(dtype).frames
    for training in (True, False):
        expected, result = (one.train(training).record(frames) for one in (ours, theirs))
        assert all(spikes.any() for spikes in expected.spikes)
        for wanted, came in zip(expected.spikes, result.spikes, strict=True):
            agree(came, wanted, dtype)
        agree(result.output, expected.output, dtype)


@pytest.mark.parametrize(("baseline", "network"), [*NETWORKS, ("snntorch", {**HIGH, "neuron.detach_reset": False})])
def test_same_gradients(baseline, network):
    dtype = PRECISIONS[baseline][0]
    ours, theirs = pair(baseline, dtype, **network)
    for one in (ours, theirs):
        rules.bptt(one, batch(dtype), decisions.get_decision("summed_softmax"), None)
    same_gradients(ours, theirs, dtype)


def same_gradients(ours, theirs, dtype=torch.float64):
    for wanted, came in zip(ours.synapses(), theirs.synapses(), strict=True):
        assert wanted.weight.grad.abs().max() > 0
        agree(came.weight.grad, wanted.weight.grad, dtype)
    for wanted, came in zip(ours.delayed_synapses(), theirs.delayed_synapses(), strict=True):
        assert came.learns_delay == wanted.learns_delay
        if wanted.learns_delay:
            assert wanted.delay.grad.abs().max() > 0
            agree(came.delay.grad[0], -wanted.delay.grad, dtype)


def test_snntorch_has_no_detached_subtraction():
    ours, theirs = pair("snntorch", torch.float32, **HIGH, **{"neuron.detach_reset": True})
    for one in (ours, theirs):
        rules.bptt(one, batch(torch.float32), decisions.get_decision("summed_softmax"), None)
    wanted, came = (next(one.synapses()).weight.grad for one in (ours, theirs))
    assert not torch.allclose(came, wanted, rtol=1e-3)


def test_the_recipe_is_the_same_until_its_padding_ends():
    # without batch normalization, whose statistics are of more steps in the recipe
    ours, theirs = pair("recipe", batch_norm=False, extra_ms=40.0)
    frames = batch().frames
    late = ours.extra_steps
    wanted, came = ours(frames), theirs(frames)
    # half a kernel of nine taps, in three layers
    assert len(came) == STEPS + 3 * late
    agree(came[: STEPS + late], wanted)
    assert came[STEPS + late :].abs().max() > 0
    for voltage in (wanted, came):
        voltage[: STEPS + late].square().sum().backward()
    same_gradients(ours, theirs)


def test_the_recipe_drops_a_neuron_for_a_complete_sequence():
    _, theirs = pair("recipe", dropout=0.5)
    masks = []
    theirs.layers[0]["dropout"].register_forward_hook(lambda _, inputs, came: masks.append((inputs[0], came)))
    for _ in range(2):
        theirs(batch().frames)
    neurons = [(came != 0).any(0) for _, came in masks]
    assert all(torch.equal(came, 2 * spikes * mask) for (spikes, came), mask in zip(masks, neurons, strict=True))
    assert 0.2 < neurons[0].double().mean() < 0.8
    assert not torch.equal(*neurons)


@pytest.mark.parametrize("baseline", ["spikingjelly", "snntorch"])
def test_same_training(baseline):
    dtype = PRECISIONS[baseline][0]
    ours, theirs = pair(baseline, dtype, sparsity=0.5)
    for one in (ours, theirs):
        trained = optimizers.build(one, lr=0.01, lr_delay=1.0, weight_decay=1e-3, steps=8)
        for width in (4.0, 2.0, 1.0, 0.5):
            for synapse in one.delayed_synapses():
                synapse.sigma.fill_(width)
            trained.zero_grad()
            rules.bptt(one, batch(dtype), decisions.get_decision("summed_softmax"), None)
            trained.step()
            one.constrain()
    start = pair(baseline, dtype, sparsity=0.5)[0]
    for wanted, came, before in zip(ours.synapses(), theirs.synapses(), start.synapses(), strict=True):
        assert (wanted.delay - before.delay).abs().max() > 1
        assert wanted.delay.min() == 0
        agree(came.weight, wanted.weight, dtype)
        agree(wanted.max_delay / 2 - came.delay[0], wanted.delay, dtype)
    wanted, came = (one.eval()(batch(dtype).frames) for one in (ours, theirs))
    agree(came, wanted, dtype)


@pytest.mark.parametrize(
    ("baseline", "network", "words"),
    [
        ("spikingjelly", {"window": "v1"}, "windows gauss and max, not v1"),
        ("spikingjelly", {"max_delay_ms": 70.0}, "an odd K, not 7"),
        ("spikingjelly", {"neuron.learn_threshold": True}, "a fixed threshold"),
        ("spikingjelly", {"neuron.learn_decay": "neuron"}, "a fixed decay"),
        ("spikingjelly", {"neuron.surrogate": "boxcar"}, "not boxcar"),
        ("snntorch", {"neuron.learn_threshold": True}, "a fixed threshold"),
        ("snntorch", {"neuron.learn_decay": "layer"}, "a fixed decay"),
        ("snntorch", {"neuron.surrogate": "triangle"}, "surrogates atan, fast_sigmoid, sigmoid, not triangle"),
        ("recipe", {"delays": "none"}, "connections with delays in the recipe, not connections without delays"),
    ],
)
def test_a_setting_that_a_baseline_lacks_is_an_error(baseline, network, words):
    with pytest.raises(ValueError, match=words):
        pair(baseline, **network)


@pytest.mark.parametrize("baseline", ["spikingjelly", "snntorch", "recipe"])
@pytest.mark.parametrize(
    ("connections", "words"),
    [
        ({"network.recurrent": "dense"}, "feed-forward networks, not one with recurrent layers"),
        ({"network.skip": [{"kind": "dense", "source": 0, "target": 2}]}, "without skip connections, not one with 1"),
    ],
)
def test_connections_that_baselines_lack_are_an_error(baseline, connections, words):
    config = Config().with_values({"network.hidden": (12, 10)} | connections)
    with pytest.raises(ValueError, match=words):
        baselines.builder(baseline)(config, classes=4)


def test_an_unknown_baseline_is_named():
    with pytest.raises(ValueError, match="baseline 'norse' is unknown; the known ones are spikingjelly, snntorch, re"):
        baselines.builder("norse")(Config(), classes=4)


def test_a_missing_package_is_named(monkeypatch):
    missing = {"spikingjelly", "DCLS"}
    monkeypatch.setattr(baselines.importlib.util, "find_spec", lambda name: None if name in missing else object())
    with pytest.raises(ImportError, match=r'dcls and spikingjelly must be installed: pip install "snnsim\[base'):
        baselines.check_installed(["spikingjelly"])
    with pytest.raises(ImportError, match="with baselines, dcls must be installed"):
        baselines.builder("snntorch")(Config(), classes=4)


def test_baselines_are_imported_only_when_their_network_is_built():
    code = "import sys\nfrom snnsim.bench import baselines, compare, train_step\nimport snnsim.experiment\n"
    code += "sys.exit(any(name in sys.modules for name in ('spikingjelly', 'DCLS')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_network_of_snnsim_is_that_of_an_experiment():
    assert baselines.builder(baselines.OURS) is build.build_network
