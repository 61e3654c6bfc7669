"""Configs from others: damaged TOML, values of other types, numbers that no machine can serve."""

import random
import re
from dataclasses import fields

import pytest

from helpers.fuzzing import cases
from snnsim import presets
from snnsim.config import Config, parse_assignment, renamed_keys
from snnsim.config.neurons import NEURONS
from snnsim.config.recurrence import RECURRENCES
from snnsim.config.task import HeadsTask
from snnsim.experiment import build, estimate

CLASSES = 3
NAMES = [
    f"{section}.{each.name}"
    for section in ("data", "network", "training")
    for each in fields(getattr(Config(), section))
]
NAMES += [f"network.{name}" for name in renamed_keys.NEW]
KINDS = {"neuron": NEURONS, "recurrent": RECURRENCES}
SETTINGS = {
    (part, name): [f"network.{part}.{each.name}" for each in fields(kind)]
    for part, kinds in KINDS.items()
    for name, kind in kinds.items()
}
"""Names of the settings of each kind."""
NUMBERS = [
    "0",
    "-1",
    "1",
    "3",
    "0.5",
    "1e-9",
    "1e7",
    "1e15",
    "1e300",
    "1e400",
    "-1e400",
    "nan",
    "inf",
    "-inf",
    "1e-300",
]
NUMBERS += [
    "2",
    "5.0",
    "20.0",
    "0.3",
    "10",
    "64",
    "65535",
    "65536",
    "100000",
    "1000000000",
    "2147483648",
    "9223372036854775808",
    "0x" + "f" * 300,
]
OTHERS = [
    "true",
    "none",
    "None",
    "''",
    "'none'",
    "[]",
    "[1]",
    "[1.5]",
    "[[1]]",
    "[1, 'a']",
    "{}",
    "{a = 1}",
    "2020-01-01",
]
OTHERS += [
    "adlif",
    "silif",
    "dense",
    "delays",
    "axonal",
    "gauss",
    "'max'",
    "learned",
    "'sltt'",
    "sltt-k",
    "bptt",
    "8 8",
    "5bit",
    "'0bit'",
    "99bit",
    "'٣bit'",
    "\x00",
    "~",
    "'../x'",
]
OTHERS += [
    "digits",
    "shd",
    "int4",
    "[64, 32]",
    "[1000000000]",
    "[" * 5000,
    "\ud800",
    "max_membrane",
    "meta",
    "second_order",
    "none",
]


pytestmark = pytest.mark.filterwarnings("ignore:network:DeprecationWarning")


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    """Let what is built be small."""
    monkeypatch.setenv("SNNSIM_MEMORY_LIMIT", "100MB")


def used(config):
    """Use a config as a training does before its first step."""
    assert Config.from_toml(config.to_toml()) == config
    # it says how much it needs, or is refused
    sizes = estimate.of_training(config, classes=CLASSES, recordings=8, steps=10)
    assert all(size >= 0 for size in sizes.values())
    estimate.require(config, sizes)
    heads = config.task.heads if isinstance(config.task, HeadsTask) else ()
    network = build.build_network(config, classes={head.name: CLASSES for head in heads} or CLASSES)
    build.rule(config), build.grid(config), build.width_schedule(config), build.layer_sizes(config, classes=CLASSES)
    loops = sum(layer.recurrent is not None for layer in network.layers)
    layers = len(config.network.convolutions) + len(config.network.hidden)
    readouts = len(heads) or 1
    assert len(list(network.synapses())) == layers + readouts + loops + len(config.network.skip)
    return config


def test_assignments_are_taken_or_refused(tally):
    draw = random.Random(0)
    for _ in range(cases(400)):
        config = presets.PRESETS[draw.choice(list(presets.PRESETS))]
        names = NAMES
        if draw.random() < 0.2:
            (part, kind), names = draw.choice(list(SETTINGS.items()))
            config = presets.named("shd").with_values({f"network.{part}": kind})
        texts = [f"{draw.choice(names)}={draw.choice(NUMBERS + OTHERS)}" for _ in range(draw.choice((1, 1, 2, 3)))]
        tally.call(
            lambda config=config, texts=texts: used(config.with_values(dict(map(parse_assignment, texts)))),
            case=(config.name, texts),
        )


def _damaged(text: str, draw: random.Random) -> str:
    """Return a text with lines lost, doubled and swapped, values replaced, characters changed."""
    lines = text.splitlines()
    for _ in range(draw.randint(1, 4)):
        position, kind = draw.randrange(len(lines)), draw.randrange(6)
        if kind == 0:
            lines[position] = re.sub("=.*", lambda _: f"= {draw.choice(NUMBERS + OTHERS)}", lines[position])
        elif kind == 1:
            lines.insert(draw.randrange(len(lines)), lines[position])
        elif kind == 2 and len(lines) > 1:
            del lines[position]
        elif kind == 3:
            cut = draw.randrange(len(lines[position]) + 1)
            lines[position] = (
                lines[position][:cut]
                + chr(draw.choice((0, 34, 39, 46, 61, 91, 93, 123, 233, 0x4E00)))
                + lines[position][cut:]
            )
        elif kind == 4:
            lines[position] = lines[position].upper()
        else:
            lines = lines[: position + 1]
    return "\n".join(lines)


def test_damaged_files_are_taken_or_refused(tally, tmp_path):
    draw = random.Random(1)
    path = tmp_path / "config.toml"
    for _ in range(cases(300)):
        text = _damaged(draw.choice(list(presets.PRESETS.values())).to_toml(), draw).encode("utf-8", "surrogatepass")
        if draw.random() < 0.1:
            position = draw.randrange(len(text))
            text = text[:position] + bytes([draw.randrange(256)]) + text[position + 1 :]
        path.write_bytes(text)
        tally.call(lambda: used(Config.load(path)), case=text)
