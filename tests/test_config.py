import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snnsim import presets
from snnsim.config import Config, Network, parse_assignment


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
    assert changed.training.epochs == 7
    assert changed.network.hidden == (3,)
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
            r"delayed and window_ms must be left alone for the rule bptt, not \('exact', 100\.0\)",
        ),
        ({"training.rule": "sltt", "training.window_ms": -1}, r"training\.window_ms must be positive, not -1"),
        (
            {"training.rule": "sltt", "training.window_ms": 50, "training.decision": "max_membrane"},
            "decision must be summed_softmax or mean_membrane with window_ms, not 'max_membrane'",
        ),
        ({"network.hidden": []}, r"network\.hidden must be one or more positive widths, not \[\]"),
        ({"network.hidden": 12}, r"network\.hidden must be a list, not 12"),
        ({"network.window": "box"}, "must be one of gauss, max, v1, v0, not 'box'"),
        ({"network.surrogate": "relu"}, "must be one of atan, triangle, sigmoid, fast_sigmoid, boxcar, not 'relu'"),
        ({"network.dropout": 1.0}, r"network\.dropout must be at least 0 and below 1"),
        ({"network.sparsity": -0.1}, r"network\.sparsity must be at least 0"),
        ({"network.sigma_end": 0.0}, r"network\.sigma_end must be positive"),
        ({"network.tau_ms": 5.0}, r"network\.tau_ms must be at least data\.time_step_ms = 10\.0"),
        ({"data.time_step_ms": 0.0}, r"data\.time_step_ms must be positive"),
        ({"data.max_time_ms": 1.0}, r"data\.max_time_ms must be at least one time step"),
        ({"data.channels": 0}, r"data\.channels must be at least 1"),
        ({"data.height": 0}, r"data\.height must be at least 1, not 0"),
        ({"network.tau_readout_ms": 5.0}, r"network\.tau_readout_ms must be at least data\.time_step_ms = 10\.0"),
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
        ({"network.pool": 3}, r"network\.pool must be such that its power 9 divides the field of 8 x 8, .* not 3"),
        ({"network.convolutions": [4, 4, 4, 4]}, "its power 16 divides the field of 8 x 8"),
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
    ],
)
def test_assignments_are_parsed(text, pair):
    assert parse_assignment(text) == pair


@pytest.mark.parametrize("text", ["network.hidden", "=3", ""])
def test_a_wrong_assignment_is_named(text):
    with pytest.raises(ValueError, match=r"--set takes section\.key=value"):
        parse_assignment(text)


def test_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Network().dropout = 0.5
