"""Augmentations in a config: tables of a kind with its own settings, and no others."""

import pytest

from snnsim import presets
from snnsim.config import Config, parse_assignment
from snnsim.data import augment

AUGMENTED = """
[[data.augment]]
kind = "blend"
end_ms = "none"

[[data.augment]]
kind = "channel_shift"
most = 20
"""


def test_augmentations_are_tables_with_the_settings_of_their_kind():
    config = Config.from_toml(AUGMENTED)
    assert config.data.augment == (augment.Blend(end_ms=None), augment.ChannelShift(most=20))
    assert Config.from_toml(config.to_toml()) == config
    assert Config().with_values({"data.augment": list(config.data.augment)}) == config
    name, value = parse_assignment('data.augment=[{kind="blend", end_ms="none"}, {kind="channel_shift", most=20}]')
    assert Config().with_values({name: value}) == config


def test_configs_without_augmentations_are_as_before():
    assert Config().data.augment == ()
    assert "augment" not in Config().to_toml()
    augmented = {name for name in presets.PRESETS if presets.named(name).data.augment}
    # the published recipe and the networks of models/ whose recordings are augmented
    assert augmented == {"shd-delrec", "shd-best", "shd-small"}
    assert {name for name in presets.PRESETS if "augment" in presets.named(name).to_toml()} == augmented


@pytest.mark.parametrize("kind", augment.KINDS)
def test_every_augmentation_survives_toml(kind):
    config = Config().with_values({"data.augment": [{"kind": kind, "probability": 0.125}]})
    assert Config.from_toml(config.to_toml()).data.augment == (augment.KINDS[kind](probability=0.125),)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            [3],
            r'augment\[0\] must be one of channel_shift, .*, or a section such as \{kind = "channel_shift"\}, not 3',
        ),
        (
            [{"kind": "event_drop"}, {"kind": "drop"}],
            r"data\.augment\[1\]\.kind must be one of channel_shift, .*'drop'",
        ),
        ([{"share": 0.1}], r"data\.augment\[0\]\.kind is missing; it must be one of channel_shift, .*, cutmix"),
        ([{"kind": "event_drop", "most": 3}], r"data\.augment\[0\]\.most is unknown; .* kind, probability, share"),
        ([{"kind": "event_drop", "share": 3}], r"augment\.event_drop\.share must be at most 1, not 3"),
        ([{"kind": "time_stretch", "most": float("nan")}], r"augment\.time_stretch\.most must be a finite number"),
        ({"kind": "blend"}, r"data\.augment must be a list, not a dict"),
        ("blend", r"data\.augment must be a list, not 'blend'"),
    ],
)
def test_a_wrong_augmentation_is_named(value, words):
    with pytest.raises(ValueError, match=words):
        Config().with_values({"data.augment": value})
