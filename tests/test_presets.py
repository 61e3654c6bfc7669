import pytest

from snnsim import export, freeze, presets
from snnsim.experiment import build
from snnsim.training.optimizers import trained_parameters

CLASSES = {"shd": 20, "ssc": 35, "digits": 20, "motifs": 10}


def test_the_recipe_has_the_published_number_of_parameters():
    # DCLS-Delays: 0.214 M for SHD, 1.231 M for SSC with 3 x 512 and one tap
    for name, published in (("shd", 214_016), ("ssc", 1_230_848)):
        network = build.build_network(presets.named(name), classes=CLASSES[name])
        assert trained_parameters(network) == published


def test_the_recipe_has_the_published_settings():
    shd, ssc = presets.named("shd"), presets.named("ssc")
    assert build.max_delay(shd) == 24
    assert build.max_delay(ssc) == 30
    width = build.width_schedule(shd)
    assert width(0) == pytest.approx(12.27)
    assert width(37) == pytest.approx(0.5)
    assert width(149) == pytest.approx(0.5)
    # SIG falls by 0.23 / 12 over 37 epochs
    assert (width(1) - 0.27) / (width(0) - 0.27) == pytest.approx(0.8986, abs=1e-4)
    network = build.build_network(shd, classes=20)
    assert network.extra_steps == 36
    assert float(network.layers[0].neuron.decay()) == pytest.approx(0.005, abs=1e-4)
    assert float(build.build_network(ssc, classes=35).readout.decay()) == pytest.approx(1 / 3)


@pytest.mark.parametrize("base", CLASSES)
@pytest.mark.parametrize("ablation", ["no-delays", "fixed-delays"])
def test_ablations_have_as_many_trained_parameters(base, ablation):
    # of the connections; wider layers have a few more of the neurons, too
    counts = [
        sum(trained_parameters(synapse) for synapse in network.synapses())
        for network in (
            build.build_network(presets.named(name), classes=CLASSES[base]) for name in (base, f"{base}-{ablation}")
        )
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.01)


def test_every_preset_has_every_ablation():
    assert presets.ABLATIONS
    for base in CLASSES:
        for ablation in presets.ABLATIONS:
            assert presets.named(f"{base}-{ablation}").data == presets.named(base).data
            assert presets.named(f"{base}-{ablation}") != presets.named(base)


def test_patterns_delays_differs_in_delays_alone():
    plain, delays = presets.named("patterns"), presets.named("patterns-delays")
    back = delays.with_values({"name": "patterns", "network.delays": "none"})
    assert back.with_values({"network.max_delay_ms": plain.network.max_delay_ms}) == plain
    assert presets.named("patterns-fixed-delays").network.delays == "fixed"


@pytest.mark.parametrize(("name", "most"), [("shd-best", 250_000), ("shd-small", 40_000)])
def test_models_have_few_parameters_and_short_delays(name, most):
    network = build.build_network(presets.named(name), classes=20)
    assert 0.8 * most < trained_parameters(network) <= most
    # delays of 5 bits hold them all
    assert max(layer.synapse.max_delay for layer in network.layers) < 2**5


@pytest.mark.parametrize("base", ["digits", "motifs", "shd"])
def test_recurrent_presets_differ_in_their_last_layer_alone(base):
    recurrent = presets.named(f"{base}-recurrent")
    assert recurrent.with_values({"name": base, "network.recurrent": None}) == presets.named(base)
    *others, last = build.build_network(recurrent, classes=CLASSES[base]).layers
    assert all(layer.recurrent is None for layer in others)
    # 400 ms in steps of 10 ms; one delay for each source
    assert last.recurrent.max_delay == 40
    assert last.recurrent.synapse.delay.shape == (1, last.synapse.targets, 1)


def test_digits_adlif_differs_in_neurons_alone():
    adlif = presets.named("digits-adlif")
    assert adlif.with_values({"name": "digits", "network.neuron": "lif"}) == presets.named("digits")


def test_an_unknown_preset_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"preset 'shdd' is unknown; the known ones are digits, .*ssc"):
        presets.named("shdd")


def test_motifs_xylo_fits_the_chip():
    config = presets.named("motifs-xylo")
    network = build.build_network(config, classes=8).eval()
    program = freeze(network, time_step_ms=config.data.time_step_ms, decision=config.training.decision)
    fixed, _ = export.targets.fixed(program, "xylo")
    assert not list(export.targets.get_target("xylo").check(fixed))
    assert len(fixed.edges[0].weight) > 200


@pytest.mark.parametrize(
    ("name", "layers", "published", "rounded"),
    [
        # weights and biases of three linear layers, batch normalization, recurrent weights and delays of layer 2
        ("shd-delrec", (256, 256), 140 * 256 + 2 * 256**2 + 256 * 20 + 2 * 2 * 256 + 256 + (256 + 256 + 20), 0.17e6),
        # likewise of four, without batch normalization; a delay and a spread for each neuron
        ("ssc-delrec", (256,) * 3, 140 * 256 + 5 * 256**2 + 256 * 35 + 3 * 2 * 256 + (3 * 256 + 35), 0.37e6),
        # four parameters of each neuron
        ("shd-se-adlif", (360, 360), 140 * 360 + 3 * 360**2 + 360 * 20 + 2 * 4 * 360 + (2 * 360 + 20), 0.45e6),
        ("shd-se-adlif", (128,), 140 * 128 + 128**2 + 128 * 20 + 4 * 128 + (128 + 20), 37.5e3),
        # five parameters of each neuron, batch normalization of hidden layers and readout, decays of the readout
        ("ssc-silif", (512, 512), 140 * 512 + 512**2 + 512 * 35 + 2 * 5 * 512 + 2 * 2 * 512 + 2 * 35 + 35, 0.35e6),
    ],
)
def test_recipes_have_the_published_number_of_parameters(name, layers, published, rounded):
    config = presets.named(name).with_values({"network.hidden": layers})
    classes = CLASSES[config.data.name]
    ours = trained_parameters(build.build_network(config, classes=classes))
    # the papers give two or three digits
    assert published == pytest.approx(rounded, rel=0.03)
    width = sum(layers)
    missing = {
        # biases before batch normalization, and of the readout
        "shd-delrec": width + classes,
        # spreads, and the biases of the readout
        "ssc-delrec": width + classes,
        "shd-se-adlif": classes,
        # the learned step of each neuron, and the batch normalization of the readout
        "ssc-silif": width + 2 * classes,
    }
    assert ours == published - missing[name]


def test_recipes_have_the_published_settings():
    delrec = presets.named("shd-delrec")
    width = build.recurrent_width_schedule(delrec)
    # the spread of DelRec, 10 * 0.95^(100 e / E) in epoch e, besides the half-width of 1
    assert [width(epoch) - 1 for epoch in (0, 45, 225)] == pytest.approx([10 * 0.95**share for share in (0, 10, 50)])
    recurrent = build.build_network(delrec, classes=20).layers[1].recurrent
    # 10 to 30 steps, to which DelRec adds one
    assert 10 <= recurrent.synapse.delay.min().item() < 11
    assert 29 < recurrent.synapse.delay.max().item() <= 30
    assert recurrent.max_delay == 40
    network = build.build_network(presets.named("ssc-delrec"), classes=35)
    assert [float(layer.neuron.decay()) for layer in network.layers] == pytest.approx([0.5] * 3)
    assert float(network.readout.decay()) == 0
    adlif = build.build_network(presets.named("shd-se-adlif"), classes=20)
    assert float(adlif.readout.decay()) == pytest.approx(1 - 1 / 15)
    assert adlif.layers[0].dropout.per_step


@pytest.mark.parametrize("base", ["shd", "ssc"])
@pytest.mark.parametrize("kind", ["axonal", "dendritic"])
def test_presets_of_other_kinds_of_delays_differ_in_them_alone(base, kind):
    preset = presets.named(f"{base}-{kind}")
    assert preset.with_values({"name": base, "network.delay_kind": "synaptic"}) == presets.named(base)
    network = build.build_network(preset, classes=CLASSES[base])
    for synapse in network.delayed_synapses():
        target, source = synapse.weight.shape[:2]
        assert synapse.delay.shape[:2] == ((1, source) if kind == "axonal" else (target, 1))
