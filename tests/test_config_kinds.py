"""Kinds of neurons and recurrent connections in a config: sections with a key `kind`, or texts."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim import presets, schema
from snnsim.config import Config, Network, parse_assignment
from snnsim.config.neurons import ALIF, LIF, NEURONS, AdLIF, CubaLIF, LevyBaxter, Meta, SiLIF
from snnsim.config.recurrence import RECURRENCES, DelayedRecurrence, DenseRecurrence
from snnsim.config.skips import SKIPS, DelayedSkip, DenseSkip


def assigned(*texts, config=None):
    return (config or Config()).with_values(dict(map(parse_assignment, texts)))


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("recurrent", [None, *RECURRENCES])
def test_toml_and_back_is_identity(neuron, recurrent):
    config = Config().with_values({"network.neuron": neuron, "network.recurrent": recurrent})
    assert Config.from_toml(config.to_toml()) == config


@given(
    low=st.floats(20, 100),
    wider=st.floats(0, 1e3),
    alpha=st.none() | st.floats(0.1, 10),
    layers=st.sets(st.integers(1, 2)),
    sigma=st.none() | st.floats(0.5, 9),
)
def test_any_settings_survive_toml(low, wider, alpha, layers, sigma):
    config = Config().with_values(
        {
            "network.neuron": "silif",
            "network.neuron.tau_ms": [low, low + wider],
            "network.neuron.surrogate_alpha": alpha,
            "network.recurrent": "delays",
            "network.recurrent.layers": sorted(layers),
            "network.recurrent.sigma_start": sigma,
        }
    )
    assert Config.from_toml(config.to_toml()) == config


def test_skip_connections_are_a_list_of_sections():
    text = """
        [[network.skip]]
        kind = "delays"
        source = 0
        target = 2
        max_delay_ms = 90
        [[network.skip]]
        kind = "dense"
        source = 2
        target = 1
    """
    config = Config.from_toml(text)
    assert config.network.skip == (DelayedSkip(max_delay_ms=90.0), DenseSkip(source=2, target=1))
    assert [skip.is_feedback for skip in config.network.skip] == [False, True]
    assert Config.from_toml(config.to_toml()) == config
    assert set(SKIPS) == {"dense", "delays"}


@pytest.mark.parametrize(
    ("skip", "message"),
    [
        ({"kind": "dense", "source": 3}, r"network\.skip\.source must be a hidden layer from 1 to 2, or 0, the input"),
        (
            {"kind": "dense", "target": 4},
            r"network\.skip\.target must be a hidden layer from 1 to 2, or 3, the readout",
        ),
        ({"kind": "dense", "max_delay_ms": 9}, r"max_delay_ms is unknown; the known keys of the kind dense are"),
        ({"kind": "delays", "max_delay_ms": 1e9}, r"network\.skip\.max_delay_ms must be at most"),
    ],
)
def test_skip_connections_that_do_not_fit_are_refused(skip, message):
    with pytest.raises(ValueError, match=message):
        Config().with_values({"network.skip": [skip]})


def test_an_even_kernel_along_the_neurons_is_refused():
    with pytest.raises(ValueError, match=r"network\.recurrent\.kernel must be odd"):
        assigned("network.recurrent=conv", "network.recurrent.kernel=4")


def test_a_section_names_its_kind_and_its_settings():
    text = """
        [network.neuron]
        kind = "adlif"
        tau_ms = 30
        jump = [0, 1.5]
        [network.recurrent]
        kind = "delays"
        layers = [2]
        max_delay_ms = 300
    """
    network = Config.from_toml(text).network
    assert network.neuron == AdLIF(tau_ms=(30.0,), jump=(0.0, 1.5))
    assert network.recurrent == DelayedRecurrence(layers=(2,), max_delay_ms=300.0)
    assert Config.from_toml("[network]\nneuron = 'adlif'\nrecurrent = 'none'").network.neuron == AdLIF()
    assert Config.from_toml("[network.recurrent]\nkind = 'none'").network.recurrent is None


@pytest.mark.parametrize("name", presets.PRESETS)
def test_files_of_presets_name_the_kind_of_neurons(name):
    config = presets.named(name)
    text = config.to_toml()
    assert f'[network.neuron]\nkind = "{config.network.neuron.kind}"' in text
    assert ("[network.recurrent]" in text) == (config.network.recurrent is not None)


@pytest.mark.parametrize("kind", NEURONS)
def test_a_kind_has_its_own_settings_alone(kind):
    section = NEURONS[kind]()
    assert schema.plain(Config(network=Network(neuron=section)).network)["neuron"] == schema.plain(section)
    foreign = {name for other in NEURONS.values() for name in schema.hints(other)} - schema.hints(type(section)).keys()
    for name in foreign:
        with pytest.raises(
            ValueError, match=rf"neuron\.{name} is unknown; the known keys of the kind {kind} are kind, "
        ):
            Config().with_values({"network.neuron": {"kind": kind, name: 1}})


def test_assignments_set_kinds_and_their_settings():
    config = assigned("network.neuron.tau_ms=[10, 40]", "network.neuron=adlif")
    assert config.network.neuron == AdLIF(tau_ms=(10.0, 40.0))
    # a setting of the present kind
    config = assigned("network.neuron.scale=48", config=config)
    assert config.network.neuron == AdLIF(tau_ms=(10.0, 40.0), scale=48.0)
    # another kind starts from its default settings
    assert assigned("network.neuron.kind=silif", config=config).network.neuron == SiLIF()
    assert assigned("network.neuron.kind=adlif", config=config) == config
    assert assigned("network.neuron=cuba_lif", config=config).network.neuron == CubaLIF()
    assert assigned("network.neuron=lif", config=config).network.neuron == LIF()
    recurrent = assigned("network.recurrent=dense", "network.recurrent.dropout=0.5")
    assert recurrent.network.recurrent == DenseRecurrence(dropout=0.5)
    assert assigned("network.recurrent=none", config=recurrent).network.recurrent is None
    assert assigned('network.recurrent={kind = "delays"}').network.recurrent == DelayedRecurrence()


def test_kinds_of_a_family_carry_their_common_settings():
    config = presets.named("images")
    meta = assigned("network.neuron=meta", "network.neuron.noise=0.5", config=config)
    assert meta.network.neuron == Meta(tau_ms=11.0, reset="soft", surrogate="triangle", surrogate_alpha=1.0, noise=0.5)
    kind = assigned("network.neuron=levy_baxter", config=meta).network.neuron
    assert kind == LevyBaxter(surrogate="triangle", surrogate_alpha=1.0)
    assert assigned("network.neuron=alif", config=config).network.neuron == ALIF()
    # a table is complete
    assert assigned('network.neuron={kind = "meta"}', config=config).network.neuron == Meta()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"network.neuron": "izhikevich"}, "neuron must be one of lif, meta, levy_baxter, second_order, adlif, silif,"),
        ({"network.neuron": {"kind": "izhikevich"}}, r"network\.neuron\.kind must be one of lif, .*, not 'izhikevich'"),
        ({"network.neuron": {"tau_ms": 3}}, r"network\.neuron\.kind is missing; it must be one of lif, .*, cuba_lif"),
        ({"network.neuron": 3}, r"network\.neuron must be one of lif, .*, not 3"),
        ({"network.neuron": None}, r"network\.neuron must be one of lif, .*, not None"),
        ({"network.neuron": DenseRecurrence()}, r"network\.neuron must be one of lif"),
        (
            {"network.neuron": {"kind": "adlif", "reset": "soft"}},
            r"neuron\.reset is unknown; the known keys of the kind adlif are kind, .*; reset is a key of lif, meta",
        ),
        (
            {"network.neuron.scale": 20},
            r"neuron\.scale is unknown; the known keys of the kind lif are kind, .*; scale is a key of adlif",
        ),
        ({"network.neuron.tau": 20}, r"network\.neuron\.tau is unknown; the known keys there are kind, threshold"),
        ({"network.neuron.tau_ms.low": 20}, "neuron is a value, not a section"),
        (
            {"network.neuron": "adlif", "network.neuron.tau_ms": [3, 2]},
            r"a number, or two bounds.*, not \[3\.0, 2\.0\]",
        ),
        ({"network.neuron": "adlif", "network.neuron.tau_ms": [1, 2, 3]}, "a number, or two bounds in ascending order"),
        ({"network.neuron": "adlif", "network.neuron.tau_ms": True}, "must be a list, not True"),
        ({"network.neuron": "adlif", "network.neuron.tau_ms": -1}, r"network\.neuron\.tau_ms must be positive, not -1"),
        ({"network.neuron": "alif", "network.neuron.tau_ms": 5}, r"neuron\.tau_ms must be at least data\.time_step_ms"),
        ({"network.neuron": "alif", "network.neuron.jump": -1}, r"network\.neuron\.jump must be at least 0"),
        (
            {"network.recurrent": "loops"},
            r"network\.recurrent must be one of none, dense, delays, conv, or a section .*, not 'loops'",
        ),
        (
            {"network.recurrent.dropout": 0.1},
            "the known keys of the kind none are kind; dropout is a key of dense, delays",
        ),
        ({"network.recurrent": {"kind": "dense", "max_delay_ms": 9}}, "recurrent.max_delay_ms is unknown"),
        ({"network.recurrent": "dense", "network.recurrent.dropout": 1.0}, "recurrent.dropout must be at least 0 and"),
        ({"network.recurrent": "dense", "network.recurrent.layers": [3]}, "layers must be different numbers .* 1 to 2"),
        ({"network.recurrent": "dense", "network.recurrent.layers": [1, 1]}, r"different numbers .*, not \[1, 1\]"),
        ({"network.recurrent": "dense", "network.recurrent.layers": [0]}, r"recurrent\.layers must be at least 1"),
        ({"network.recurrent": "delays", "network.recurrent.max_delay_ms": 5}, r"max_delay_ms must be at least data"),
        ({"network.recurrent": "delays", "network.recurrent.max_delay_ms": 1e7}, "at most 65,535 steps"),
        ({"network.delay_kind": "neuronal"}, "delay_kind must be one of synaptic, axonal, dendritic, not 'neuronal'"),
    ],
)
def test_a_wrong_kind_or_setting_is_named(values, words):
    with pytest.raises(ValueError, match=words):
        Config().with_values(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"network.recurrent": "dense"}, r"network\.recurrent must be none in a network with convolutions"),
        ({"network.delay_kind": "axonal"}, r"network\.delay_kind must be synaptic in a network with convolutions"),
    ],
)
def test_convolutions_are_not_recurrent(values, words):
    with pytest.raises(ValueError, match=words):
        presets.named("patterns-delays").with_values(values)


@pytest.mark.parametrize("kind", [*NEURONS.values(), *RECURRENCES.values()])
def test_every_number_of_a_section_has_bounds(kind):
    part = "neuron" if kind in NEURONS.values() else "recurrent"
    name = next(name for name, known in {**NEURONS, **RECURRENCES}.items() if known is kind)
    for setting, declared in schema.hints(kind).items():
        for number in (1e300, float("nan"), -1e300, 2**63):
            if "float" in str(declared) or "int" in str(declared):
                with pytest.raises(ValueError, match=rf"^config: network\.{part}\.{setting}"):
                    Config().with_values({f"network.{part}": name, f"network.{part}.{setting}": number})


def test_sections_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AdLIF().scale = 3.0


def test_none_is_the_target_of_classes_that_takes_their_labels():
    config = Config().with_values({"task.target": "speaker"})
    name, value = parse_assignment("task.target=none")
    assert config.with_values({name: value}).task.target is None
    # numbers have no labels, and a target may have the name
    assert parse_assignment('task.target="none"') == ("task.target", "none")
    with pytest.raises(ValueError, match=r"config: task\.target must be of type str, not None"):
        Config().with_values({"task.kind": "regression", name: value})
