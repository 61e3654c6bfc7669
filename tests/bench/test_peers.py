"""The benchmarks compare like with like: peers' parts make the same function of the same numbers."""

import subprocess
import sys

import pytest
import torch

from snnsim.bench import baselines
from snnsim.config import Config, Network, Training
from snnsim.experiment import build
from snnsim.learning import decisions, rules
from snnsim.training import optimizers

pytest.importorskip("spikingjelly")
pytest.importorskip("DCLS")

# dcls divides even a window on one step by 1 + 1e-7
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
SMALL = {"hidden": (12, 10), "max_delay_ms": 80.0, "dropout": 0.0, "extra_ms": 30.0, "tau_ms": 15.0}
STEPS = 20


def pair(peer, dtype=torch.float64, **network):
    config = Config(network=Network(**SMALL | network), training=Training(seed=3))
    config = config.with_values({"data.channels": 7})
    return [baselines.builder(name)(config, classes=4).to(dtype) for name in (baselines.OURS, peer)]


def batch(dtype=torch.float64, *, size=5):
    generator = torch.Generator().manual_seed(1)
    frames = torch.poisson(torch.full((STEPS, size, 7), 0.4), generator=generator).to(dtype)
    return rules.Batch(frames, torch.full((size,), STEPS), torch.arange(size) % 4, float(size))


def agree(theirs, ours, dtype=torch.float64):
    torch.testing.assert_close(theirs, ours, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


NETWORKS = [
    ("spikingjelly", {}),
    ("spikingjelly", {"taps": 2, "sigma_start": 0.6}),
    ("spikingjelly", {"window": "max"}),
    ("spikingjelly", {"delays": "fixed"}),
    ("spikingjelly", {"delays": "none"}),
    ("spikingjelly", {"batch_norm": False, "reset": "soft", "detach_reset": False, "surrogate": "sigmoid"}),
    ("spikingjelly", {"surrogate": "triangle", "surrogate_alpha": 1.0, "detach_reset": False}),
    ("snntorch", {}),
    ("snntorch", {"taps": 2, "sigma_start": 0.6, "batch_norm": False}),
    ("snntorch", {"delays": "none", "surrogate": "fast_sigmoid", "detach_reset": False}),
    ("snntorch", {"delays": "fixed", "surrogate": "sigmoid"}),
]
# half of what the membrane reaches: snnTorch subtracts again where more than θ is left
HIGH = {"reset": "soft", "threshold": 2.0}


# snnTorch's spikes are float32, whatever comes in
PRECISIONS = {"spikingjelly": list(TOLERANCE), "snntorch": [torch.float32]}
CASES = [(peer, dtype, network) for peer, network in NETWORKS for dtype in PRECISIONS[peer]]


@pytest.mark.parametrize(("peer", "dtype", "network"), CASES)
def test_same_spikes_and_voltages(peer, dtype, network):
    ours, theirs = pair(peer, dtype, **network)
    frames = batch(dtype).frames
    for training in (True, False):
        expected, found = (one.train(training).record(frames) for one in (ours, theirs))
        assert all(spikes.any() for spikes in expected.spikes)
        for wanted, came in zip(expected.spikes, found.spikes, strict=True):
            agree(came, wanted, dtype)
        agree(found.output, expected.output, dtype)


@pytest.mark.parametrize(("peer", "network"), [*NETWORKS, ("snntorch", {**HIGH, "detach_reset": False})])
def test_same_gradients(peer, network):
    dtype = PRECISIONS[peer][0]
    ours, theirs = pair(peer, dtype, **network)
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
    ours, theirs = pair("snntorch", torch.float32, **HIGH, detach_reset=True)
    for one in (ours, theirs):
        rules.bptt(one, batch(torch.float32), decisions.get_decision("summed_softmax"), None)
    wanted, came = (next(one.synapses()).weight.grad for one in (ours, theirs))
    assert not torch.allclose(came, wanted, rtol=1e-3)


def test_the_recipe_is_the_same_until_its_padding_ends():
    # no statistics over time, which are of more steps there
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


def test_the_recipe_drops_a_neuron_for_a_whole_sequence():
    _, theirs = pair("recipe", dropout=0.5)
    masks = []
    theirs.layers[0]["dropout"].register_forward_hook(lambda _, given, came: masks.append((given[0], came)))
    for _ in range(2):
        theirs(batch().frames)
    kept = [(came != 0).any(0) for _, came in masks]
    assert all(torch.equal(came, 2 * given * mask) for (given, came), mask in zip(masks, kept, strict=True))
    assert 0.2 < kept[0].double().mean() < 0.8
    assert not torch.equal(*kept)


@pytest.mark.parametrize("peer", ["spikingjelly", "snntorch"])
def test_same_training(peer):
    dtype = PRECISIONS[peer][0]
    ours, theirs = pair(peer, dtype, sparsity=0.5)
    for one in (ours, theirs):
        made = optimizers.build(one, lr=0.01, lr_delay=1.0, weight_decay=1e-3, steps=8)
        for width in (4.0, 2.0, 1.0, 0.5):
            for synapse in one.delayed_synapses():
                synapse.sigma.fill_(width)
            made.zero_grad()
            rules.bptt(one, batch(dtype), decisions.get_decision("summed_softmax"), None)
            made.step()
            one.constrain()
    start = pair(peer, dtype, sparsity=0.5)[0]
    for wanted, came, before in zip(ours.synapses(), theirs.synapses(), start.synapses(), strict=True):
        assert (wanted.delay - before.delay).abs().max() > 1
        assert wanted.delay.min() == 0
        agree(came.weight, wanted.weight, dtype)
        agree(wanted.max_delay / 2 - came.delay[0], wanted.delay, dtype)
    wanted, came = (one.eval()(batch(dtype).frames) for one in (ours, theirs))
    agree(came, wanted, dtype)


@pytest.mark.parametrize(
    ("peer", "network", "words"),
    [
        ("spikingjelly", {"window": "v1"}, "windows gauss and max, not v1"),
        ("spikingjelly", {"max_delay_ms": 70.0}, "an odd K, not 7"),
        ("spikingjelly", {"learn_threshold": True}, "a fixed threshold"),
        ("spikingjelly", {"learn_decay": "neuron"}, "a fixed decay"),
        ("spikingjelly", {"surrogate": "boxcar"}, "not boxcar"),
        ("snntorch", {"learn_threshold": True}, "a fixed threshold"),
        ("snntorch", {"learn_decay": "layer"}, "a fixed decay"),
        ("snntorch", {"surrogate": "triangle"}, "surrogates atan, fast_sigmoid, sigmoid, not triangle"),
        ("recipe", {"delays": "none"}, "connections with delays in the recipe's own composition, not plain ones"),
    ],
)
def test_what_a_peer_does_not_have_is_an_error(peer, network, words):
    with pytest.raises(ValueError, match=words):
        pair(peer, **network)


def test_an_unknown_peer_is_named():
    with pytest.raises(ValueError, match="peer 'norse' is unknown; the known ones are spikingjelly, snntorch, recipe"):
        baselines.builder("norse")(Config(), classes=4)


def test_what_is_not_installed_is_named(monkeypatch):
    missing = {"spikingjelly", "DCLS"}
    monkeypatch.setattr(baselines.importlib.util, "find_spec", lambda name: None if name in missing else object())
    with pytest.raises(ImportError, match=r'dcls and spikingjelly must be installed: pip install "snnsim\[neigh'):
        baselines.check_installed(["spikingjelly"])
    with pytest.raises(ImportError, match="with others, dcls must be installed"):
        baselines.builder("snntorch")(Config(), classes=4)


def test_peers_are_imported_when_they_are_built_only():
    code = "import sys\nfrom snnsim.bench import baselines, compare, train_step\nimport snnsim.experiment\n"
    code += "sys.exit(any(name in sys.modules for name in ('spikingjelly', 'DCLS')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ours_is_the_network_of_an_experiment():
    assert baselines.builder(baselines.OURS) is build.build_network
