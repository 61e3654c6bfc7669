import dataclasses
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim import presets, schema
from snnsim.config import Config, Data, Network, Training, parse_assignment
from snnsim.config.neurons import LIF
from snnsim.config.readout import Readout


@pytest.mark.parametrize("name", presets.PRESETS)
def test_toml_and_back_is_identity(name):
    config = presets.named(name)
    assert Config.from_toml(config.to_toml()) == config


@given(
    hidden=st.lists(st.integers(1, 999), min_size=1, max_size=4),
    sigma=st.none() | st.floats(0.1, 50, allow_nan=False),
    dropout=st.floats(0, 0.99),
    seed=st.integers(0, 2**31),
)
def test_any_values_survive_toml(hidden, sigma, dropout, seed):
    config = Config().with_values(
        {
            "network.hidden": hidden,
            "network.sigma_start": sigma,
            "network.dropout": dropout,
            "training.seed": seed,
        }
    )
    assert Config.from_toml(config.to_toml()) == config
    assert config.network.hidden == tuple(hidden)


def test_saved_and_loaded(tmp_path: Path):
    config = presets.named("ssc-sparse")
    config.save(tmp_path / "deep" / "config.toml")
    assert Config.load(tmp_path / "deep" / "config.toml") == config
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["config.toml"]


def test_with_values_changes_only_what_it_names():
    config = Config()
    changed = config.with_values({"training.epochs": 7, "network.hidden": [3]})
    assert (changed.training.epochs, changed.network.hidden) == (7, (3,))
    assert dataclasses.replace(changed, training=config.training, network=config.network) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"network.widht": 3}, r"network\.widht is unknown; the known keys there are hidden, convolutions"),
        ({"netwrok.hidden": 3}, "netwrok.hidden is unknown; the known keys there are name, data"),
        ({"network": 3}, "network is a section; name one of its keys: hidden"),
        ({"training.epochs.more": 3}, "epochs is a value, not a section"),
        ({"training.epochs": 2.5}, r"training\.epochs must be of type int, not 2\.5"),
        ({"training.epochs": True}, "must be of type int, not True"),
        ({"training.epochs": 0}, r"training\.epochs must be at least 1, not 0"),
        ({"training.lr": -1}, r"training\.lr must be positive, not -1"),
        ({"training.rule": "magic"}, r"training\.rule must be one of bptt, sltt, sltt-k"),
        ({"training.rule": "sltt-k"}, r"training\.k must be at least 1 for the rule sltt-k, not None"),
        ({"training.rule": "sltt-k", "training.k": 0}, r"training\.k must be at least 1 for the rule sltt-k, not 0"),
        ({"training.k": 3}, r"training\.k must be none for the rule bptt, not 3"),
        (
            {"training.window_ms": 100.0},
            r"delayed and window_ms must be 'exact' and none for the rule bptt; sltt has them, not \('exact', 100\.0\)",
        ),
        ({"training.rule": "sltt", "training.window_ms": -1}, r"training\.window_ms must be positive, not -1"),
        (
            {"training.rule": "sltt", "training.window_ms": 50, "training.decision": "max_membrane"},
            "decision must be summed_softmax or mean_membrane with window_ms, not 'max_membrane'",
        ),
        ({"network.hidden": []}, r"network\.hidden must be one or more positive widths, not \[\]"),
        ({"network.hidden": 12}, r"network\.hidden must be a list, not 12"),
        ({"network.window": "box"}, "must be one of gauss, max, v1, v0, not 'box'"),
        (
            {"network.neuron.surrogate": "relu"},
            "must be one of atan, triangle, sigmoid, fast_sigmoid, boxcar, not 'relu'",
        ),
        ({"network.dropout": 1.0}, r"network\.dropout must be at least 0 and below 1"),
        ({"network.sparsity": -0.1}, r"network\.sparsity must be at least 0"),
        ({"network.sigma_end": 0.0}, r"network\.sigma_end must be positive"),
        ({"network.neuron.tau_ms": 5.0}, r"network\.neuron\.tau_ms must be at least data\.time_step_ms = 10\.0"),
        ({"data.time_step_ms": 0.0}, r"data\.time_step_ms must be positive"),
        ({"data.max_time_ms": 1.0}, r"data\.max_time_ms must be at least one time step"),
        ({"data.channels": 0}, r"data\.channels must be at least 1"),
        ({"data.height": 0}, r"data\.height must be at least 1, not 0"),
        ({"network.readout.tau_ms": 5.0}, r"network\.readout\.tau_ms must be at least data\.time_step_ms = 10\.0"),
        ({"network.kernel": 2}, r"network\.kernel must be odd and positive, not 2"),
        ({"network.pool": 0}, r"network\.pool must be at least 1, not 0"),
        ({"network.convolutions": [8]}, r"need data\.height and data\.width.*; got None, None and 140"),
    ],
)
def test_a_wrong_value_is_named(values, words):
    with pytest.raises(ValueError, match=words):
        Config().with_values(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"data.width": 7}, r"whose product divides data\.channels; got 8, 7 and 64"),
        ({"network.convolutions": [4, 0]}, r"network\.convolutions must be positive numbers of channels, not \[4, 0\]"),
        ({"network.pool": 3}, r"network\.pool must be a divisor of the 8 x 8 positions of convolution 1, not 3"),
        ({"network.convolutions": [4, 4, 4, 4]}, "a divisor of the 1 x 1 positions of convolution 4, not 2"),
        ({"network.convolutions": []}, r"network\.hidden must be one or more positive widths, not \[\]"),
    ],
)
def test_a_wrong_field_is_named(values, words):
    with pytest.raises(ValueError, match=words):
        presets.named("images").with_values(values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[netwrok]\nhidden = [3]", "netwrok is unknown; the known keys there are name, data, network, training"),
        ("network = 3", "network must be a section, not 3"),
        ("[network\n", "not a TOML file"),
        ('[network]\nhidden = ["a"]', r"network\.hidden must be of type int, not 'a'"),
    ],
)
def test_a_wrong_file_is_named(text, words):
    with pytest.raises(ValueError, match=words):
        Config.from_toml(text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no config file .*nothing\.toml"):
        Config.load(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("network.hidden=[64, 32]", ("network.hidden", [64, 32])),
        ("training.epochs = 3", ("training.epochs", 3)),
        ("network.window=max", ("network.window", "max")),
        ("network.sigma_start=none", ("network.sigma_start", None)),
        ("data.path=/a=b", ("data.path", "/a=b")),
        # none is one of the values of these, and no value for those
        ("network.delays=none", ("network.delays", "none")),
        ("training.start=None", ("training.start", None)),
        ("training.window_ms=NONE", ("training.window_ms", None)),
        ("name=2024", ("name", "2024")),
        ("name=true", ("name", "true")),
        ('name="a b"', ("name", "a b")),
        ("training.delays=5bit", ("training.delays", "5bit")),
        ("training.seed=007", ("training.seed", "007")),
    ],
)
def test_assignments_are_parsed(text, pair):
    assert parse_assignment(text) == pair


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("network.widht=3", r"network\.widht is unknown; the known keys there are hidden"),
        ("network=3", "network is a section; name one of its keys"),
        ("training.epochs.more=3", "epochs is a value, not a section"),
    ],
)
def test_an_assignment_to_an_unknown_key_is_named(text, words):
    with pytest.raises(ValueError, match=words):
        parse_assignment(text)


@pytest.mark.parametrize("text", ["network.hidden", "=3", ""])
def test_a_wrong_assignment_is_named(text):
    with pytest.raises(ValueError, match=r"--set takes section\.key=value"):
        parse_assignment(text)


def test_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Network().dropout = 0.5


SECTIONS = {"data": Data, "network": Network, "network.readout": Readout, "network.neuron": LIF, "training": Training}
NUMBERS = [
    (f"{section}.{name}", kind)
    for section, part in SECTIONS.items()
    for name, kind in schema.hints(part).items()
    if "float" in str(kind) or "int" in str(kind)
]
SERVED = {
    10**18: ("data.seed", "training.seed", "training.patience", "network.hidden"),
    1e-300: (
        "network.max_delay_ms", "network.sigma_start", "network.sigma_end", "network.sparsity",
        "network.dropout", "network.extra_ms", "training.lr", "training.lr_delay", "training.weight_decay",
        "training.weight_decay_norm", "training.weight_decay_delay", "training.label_smoothing",
        "training.sigma_epochs", "data.test_share",
    ),
}  # fmt: skip
"""What takes a number all the same: seeds, widths that memory decides about, and what may be as good as nothing."""


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e300, -1.0, 10**400, 2**63, 10**18, 1e-300])
@pytest.mark.parametrize("name", [name for name, _ in NUMBERS])
def test_too_large_numbers_are_refused(name, number):
    value = (number,) if name in ("network.hidden", "network.convolutions") else number
    taken = SERVED.get(number, ()) if isinstance(number, int) or math.isfinite(number) else ()
    if name in taken:
        Config().with_values({name: value})
        return
    with pytest.raises(ValueError, match=rf"^config: {name.split('.')[0]}\."):
        Config().with_values({name: value})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network.max_delay_ms": 1e7}, r"max_delay_ms must be at most 65,535 steps of data\.time_step_ms = 10\.0"),
        ({"network.max_delay_ms": 655_360}, "max_delay_ms must be at most 65,535 steps"),
        ({"network.extra_ms": 1e12}, "extra_ms must be at most 2,147,483,647 steps"),
        (
            {"training.rule": "sltt", "training.window_ms": 1e-9},
            r"window_ms must be at least data\.time_step_ms = 10\.0",
        ),
        ({"network.taps": 100_000}, "taps must be at most 1,000, not 100000"),
        ({"training.batch_size": 10**12}, "batch_size must be at most 2,147,483,647"),
        ({"training.seed": 2**63}, "seed must be an integer of 64 bits"),
        ({"training.seed": 2 ** (10**5)}, "seed must be an integer of 64 bits, not an integer of 100,001 bits"),
        ({"network.hidden": [1] * 1001}, "hidden must have at most 1,000 values, not 1,001"),
        ({"name": "../elsewhere"}, "name must be a name of 1 to 200 characters that leads to no other folder"),
        ({"name": "/tmp/x"}, "name must be a name"),
        ({"name": ""}, "name must be a name"),
        ({"name": "a\nb"}, "name must be one line"),
    ],
)
def test_bounds_are_named_with_the_value(changes, words):
    with pytest.raises(ValueError, match=words):
        Config().with_values(changes)


def test_the_longest_delay_and_a_name_with_a_folder_are_accepted():
    config = Config().with_values({"network.max_delay_ms": 655_350, "name": "sweeps/first"})
    assert config.network.max_delay_ms == 655_350.0
    # without delays the default range is no matter
    Config().with_values({"network.delays": "none", "data.time_step_ms": 1e-3})


def test_a_section_built_in_python_is_checked():
    with pytest.raises(ValueError, match=r"network\.taps must be of type int, not '2'"):
        Network(taps="2")
    assert Network(hidden=[3, 4]).hidden == (3, 4)
    assert isinstance(Network(dropout=0).dropout, float)


def test_none_survives_toml_where_the_default_differs():
    config = Config().with_values({"network.neuron.surrogate_alpha": None})
    assert 'surrogate_alpha = "none"' in config.to_toml()
    assert Config.from_toml(config.to_toml()).network.neuron.surrogate_alpha is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the config has no value"),
        ("a = " + "[" * 100_000, "it is nested too deep"),
        (".".join("a" * 100_000) + " = 1", "a line of a config must have at most 500 dots"),
        ("training.epochs = " + "9" * 5000, "not a TOML file"),
        ("training.epochs = 0x" + "f" * 5000, "must be an integer of 64 bits, not an integer of 20,000 bits"),
        ("x" * 2**20 + "y", "at most 1,048,576 characters"),
        ("name = [{a = 1}]", "name must be of type str, not a list"),
        ("network = [[1]]", "network must be a section, not a list"),
    ],
)
def test_invalid_texts_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        Config.from_toml(text)


def test_invalid_files_are_refused(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ValueError, match=r"bytes\.toml: a config must be text in UTF-8; byte 8 is not"):
        Config.load(tmp_path / "bytes.toml")
    with (tmp_path / "large.toml").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r"large\.toml: a config must have at most 1,048,576 bytes"):
        Config.load(tmp_path / "large.toml")
    (tmp_path / "wrong.toml").write_text("name = 3")
    with pytest.raises(ValueError, match=r"wrong\.toml: config: name must be of type str, not 3"):
        Config.load(tmp_path / "wrong.toml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
def test_devices_and_pipes_are_no_configs(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "link.toml").symlink_to("/dev/zero")
    for name in ("pipe.toml", "link.toml"):
        with pytest.raises(FileNotFoundError, match="is no file; a config is a TOML file"):
            Config.load(tmp_path / name)
