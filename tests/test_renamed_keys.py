"""Keys that the section `network` of a config had in earlier releases: settings of the neurons and of the readout."""

import dataclasses
import json

import pytest

from snnsim import presets
from snnsim.cli.options import assignments
from snnsim.config import Config, Network, parse_assignment
from snnsim.config.neurons import ALIF, LIF, AdLIF, LevyBaxter, Meta, SecondOrder
from snnsim.config.readout import Readout
from snnsim.config.renamed_keys import NEW, notes, of_architecture
from snnsim.experiment import build

OLD = {
    "tau_ms": 20.0, "learn_decay": "layer", "learn_neuron": "neuron", "noise": 0.5, "recovery": True, "success": 0.5,
    "threshold": 0.3, "learn_threshold": True, "reset": "soft", "detach_reset": False, "surrogate": "triangle",
    "surrogate_alpha": 2.0,
}  # fmt: skip
COMMON = {"threshold": 0.3, "surrogate": "triangle", "surrogate_alpha": 2.0}
TODAY = {
    "lif": LIF(**COMMON, tau_ms=20.0, learn_decay="layer", learn_threshold=True, reset="soft", detach_reset=False),
    "meta": Meta(**COMMON, tau_ms=20.0, learn="neuron", noise=0.5, recovery=True, reset="soft", detach_reset=False),
    "levy_baxter": LevyBaxter(**COMMON, learn="neuron", success=0.5),
    "second_order": SecondOrder(**COMMON, learn="neuron", detach_reset=False),
}
pytestmark = pytest.mark.filterwarnings("ignore:network:DeprecationWarning")


def file(*lines):
    return Config.from_toml("\n".join(["[network]", *lines])).network


def values(config, **changes):
    return config.with_values({f"network.{name}": value for name, value in changes.items()}).network


@pytest.mark.parametrize("kind", TODAY)
def test_files_keywords_and_dotted_names_have_their_meaning(kind):
    texts = {name: json.dumps(value) for name, value in OLD.items()}
    lines = [f"{name} = {text}" for name, text in texts.items()]
    expected = Network(neuron=TODAY[kind], readout=Readout(tau_ms=20.0, learn_decay="layer"))
    assert file(f'neuron = "{kind}"', *lines) == expected
    assert values(Config(), neuron=kind, **OLD) == expected
    assert Network(neuron=type(TODAY[kind])(), **OLD) == expected
    pairs = [f"network.{name}={text}" for name, text in (texts | {"neuron": kind}).items()]
    assert Config().with_values(dict(map(parse_assignment, pairs))).network == expected


def test_a_readout_with_a_time_constant_of_its_own_keeps_it():
    expected = Network(neuron=LIF(tau_ms=20.0, learn_decay="neuron"), readout=Readout(tau_ms=30.0))
    old = {"tau_ms": 20.0, "tau_readout_ms": 30.0, "learn_decay": "neuron"}
    assert file("tau_ms = 20", "tau_readout_ms = 30", 'learn_decay = "neuron"') == expected
    assert values(Config(), **old) == expected
    own = Config(network=expected)
    assert values(own, tau_ms=50.0).readout == expected.readout
    assert values(own, tau_ms=50.0, tau_readout_ms=None).readout.tau_ms == 50.0
    assert values(own, tau_readout_ms="none").readout.tau_ms == 20.0
    # and so does one without memory
    assert values(presets.named("motifs-xylo"), tau_ms=20.0).readout == Readout(tau_ms=10.0)
    assert values(presets.named("digits-no-delays"), tau_ms=20.0).readout == Readout(tau_ms=20.0)
    assert dataclasses.replace(own.network, tau_ms=50.0).readout == expected.readout


def test_neurons_with_a_section_leave_the_old_time_constant_to_the_readout():
    expected = Network(neuron=ALIF(), readout=Readout(tau_ms=30.0))
    assert file("tau_ms = 30", "noise = 0.2", 'reset = "hard"', 'neuron = {kind = "alif"}') == expected
    assert values(Config(), tau_ms=30.0, neuron="alif") == expected
    assert values(Config(network=Network(neuron=AdLIF())), tau_ms=30.0).neuron == AdLIF()
    with pytest.raises(
        ValueError, match=r"network\.reset = 'soft' is no setting of the kind adlif; set network\.neuron\."
    ):
        values(Config(), neuron="adlif", reset="soft")


def test_sections_of_today_win_over_old_keys():
    network = file("tau_ms = 30", "threshold = 0.5", "[network.neuron]", 'kind = "lif"', "tau_ms = 40")
    assert network.neuron == LIF(tau_ms=40.0, threshold=0.5)
    assert network.readout.tau_ms == 30.0
    assert values(Config(), **{"tau_ms": 30.0, "neuron.tau_ms": 40.0}).neuron.tau_ms == 40.0


@pytest.mark.filterwarnings("default")
def test_an_old_name_warns_and_says_the_new_one():
    with pytest.warns(DeprecationWarning, match=r"network\.learn_neuron is now network\.neuron\.learn"):
        values(Config(), learn_neuron="fixed")
    with pytest.warns(DeprecationWarning, match=r"network\.reset is now network\.neuron\.reset"):
        assert Network().reset == "hard"
    assert notes(["network.tau_ms", "network.hidden", "data.noise"]) == [
        "network.tau_ms is now network.neuron.tau_ms and network.readout.tau_ms"
    ]
    assert not notes(["network.neuron.tau_ms", "network.readout.tau_ms", "network.neuron"])


def test_a_file_says_the_new_names(tmp_path):
    (tmp_path / "old.toml").write_text("[network]\ntau_ms = 20\nnoise = 0.2", encoding="utf-8")
    said = []
    config = Config.load(tmp_path / "old.toml", say=said.append)
    assert config.network.neuron.tau_ms == 20.0
    assert [text.removeprefix(f"{tmp_path / 'old.toml'}: ") for text in said] == [
        "network.tau_ms is now network.neuron.tau_ms and network.readout.tau_ms",
        "network.noise is now network.neuron.noise",
    ]
    config.save(tmp_path / "new.toml")
    assert Config.load(tmp_path / "new.toml", say=said.append) == config
    assert len(said) == 2


def test_the_command_line_says_the_new_name(capsys):
    assert assignments(["network.reset=soft", "network.taps=2"]) == {"network.reset": "soft", "network.taps": 2}
    assert capsys.readouterr().err == "snnsim: network.reset is now network.neuron.reset\n"


def test_wrong_old_values_are_named_by_their_new_key():
    with pytest.raises(ValueError, match=r"config: network\.neuron\.threshold must be at least 1e-06, not -1"):
        values(Config(), threshold=-1)
    with pytest.raises(ValueError, match=r"config: network\.neuron must be one of lif, .*, not 'lfi'"):
        file("tau_ms = 20", 'neuron = "lfi"')
    with pytest.raises(ValueError, match=r"config: network\.readout must be a section, not 3"):
        file("tau_ms = 20", "readout = 3")


@pytest.mark.parametrize("name", ["motifs", "images", "motifs-xylo", "digits-no-delays", "digits-adlif"])
def test_checkpoints_of_earlier_releases_are_of_the_same_network(name):
    config = presets.named(name)
    today = build.architecture(config, classes=10)
    net, old = config.network, {key: value for key, value in today.items() if key not in ("neuron", "readout")}
    # as these releases wrote it, with None for lif
    old |= dict.fromkeys(("neuron", "learn_neuron", "noise", "recovery", "success"))
    old |= {"learn_decay": "fixed", "learn_threshold": False, "tau_readout_ms": None, "tau_ms": net.readout.tau_ms}
    neuron = net.neuron if isinstance(net.neuron, LIF) else LIF()
    old |= {key: getattr(neuron, key) for key in ("threshold", "reset", "detach_reset", "surrogate", "surrogate_alpha")}
    if neuron is net.neuron and neuron.tau_ms != net.readout.tau_ms:
        old |= {"tau_ms": neuron.tau_ms, "tau_readout_ms": net.readout.tau_ms}
    if neuron is not net.neuron:
        old |= {"neuron": today["neuron"], "learn_neuron": "layer", "noise": 0.2, "recovery": False, "success": 0.75}
    assert of_architecture(old) == today
    assert of_architecture(today) == today
    assert of_architecture(old | {"threshold": 0.25}) != today


def test_damaged_architectures_are_unchanged():
    for damaged in ({"tau_ms": "x"}, {"tau_ms": 3.0, "neuron": [1]}, {"threshold": 1.0, "neuron": {"kind": 3}}):
        assert of_architecture(damaged) == damaged


def test_every_old_name_is_tested():
    assert NEW.keys() == {*OLD, "tau_readout_ms"}
