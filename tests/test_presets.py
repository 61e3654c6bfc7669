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
