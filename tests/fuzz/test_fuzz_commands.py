"""Nonsense command lines: every one ends with a code that says so and one clear line, never with a traceback."""

import random
import re
import shutil
from typing import get_args, get_type_hints

import numpy as np
import pytest

from helpers.fuzzing import cases
from snnsim import Program, cli
from snnsim.cli.data import Data
from snnsim.cli.reproduce import Experiment
from snnsim.program import Edge, Population

KINDS = {get_args(part)[1].name: get_args(part)[0] for part in get_args(cli.Command)}
KINDS |= {f"data {get_args(part)[1].name}": get_args(part)[0] for part in get_args(Data)}
EXPERIMENTS = [get_args(part)[1].name for part in get_args(Experiment)]
KINDS |= {f"reproduce {get_args(part)[1].name}": get_args(part)[0] for part in get_args(Experiment)}
OWN = {
    name: {
        f"--{field.replace('_', '-').replace('set-values', 'set')}": str(hint)
        for field, hint in get_type_hints(kind).items()
        if "Positional" not in str(get_type_hints(kind, include_extras=True)[field])
    }
    for name, kind in KINDS.items()
}
"""Options of every command, with their types."""
OPTIONS = sorted({option for own in OWN.values() for option in own} | {"--help", "-h", "-x", "--", "--nonsense"})
FIRST = {"train": ["shd", "config.toml", "run"], "bench": ["shd", "digits"]}
FIRST["reproduce"] = EXPERIMENTS
FIRST |= {name: ["run"] for name in ("evaluate", "plot", "freeze")}
FIRST |= {name: ["program.snn"] for name in ("info", "simulate", "quantize", "prune", "export")}
FIRST |= {name: ["program.npz"] for name in ("import", "verify")}
FIRST |= {name: ["digits", "shd", "motifs"] for name in ("data info", "data make", "data path")}
"""What a command takes first."""
_VALUES = """
-1 0 1 3 1e9 1e400 nan inf -inf 1e-300 99999999999999999999 0x10 1_000 None none true auto cpu cuda:99 int8 int99
ternary 6bit 99bit 5bit:0 valid test train clock touched event network raster curves delays animation npz hdf5 nir
sonata spinnaker c loihi1 loihi2 xylo seq relay euler sltt sltt-k bptt shd motifs shd-no-delays nowhere nowhere.toml
~ ~/x ~nobody/x . ünï 零 a=b = network.hidden=[1000000000] network.delays=none network.delays=1 training.lr=nan
network.max_delay_ms=1e15 data.time_step_ms=1e-300 network=3 x.y.z=1
"""
VALUES = [*_VALUES.split(), "", " ", "a b", "x" * 5000, "\x01", "\udcff"]
CHANNELS = 140


class Stopped(ValueError):
    """Where the work would begin."""


@pytest.fixture
def world(tmp_path, monkeypatch, shd_folder, without_pictures):  # noqa: ARG001
    """Return a folder of good and bad inputs, and stop before what takes long or leaves the machine."""

    def stop(*_, **__):
        raise Stopped("fuzzing stops here, where the work would begin")

    for name in ("data.tonic_bridge.download", "data.synthetic.dataset.SyntheticDataset.prepare"):
        monkeypatch.setattr(f"snnsim.{name}", stop, raising=False)
    for name in (
        "training.trainer.Trainer.fit",
        "bench.compare.compare",
        "verification.verify",
    ):
        monkeypatch.setattr(f"snnsim.{name}", stop)
    for name in EXPERIMENTS:
        package = "bench" if name == "chaotic" else "experiment"
        monkeypatch.setattr(f"snnsim.{package}.{name.replace('-', '_')}.reproduce", stop)
    monkeypatch.setenv("SNNSIM_MEMORY_LIMIT", "300MB")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    good = tmp_path / "good"
    good.mkdir()
    shutil.copytree(shd_folder, good / "shd")
    first = np.arange(CHANNELS + 1)
    edge = Edge("input", "out", first, np.zeros(CHANNELS, int), np.ones(CHANNELS, int), np.ones(CHANNELS))
    out = Population.of("out", 3, model="readout", decay=0.5)
    Program(
        channels=CHANNELS, populations=(out,), edges=(edge,), readout="out", decision="summed_softmax",
        classes=("low", "middle", "high"), time_step_ms=10.0,
    ).save(good / "program.snn")  # fmt: skip
    cli.main(["export", str(good / "program.snn"), "--to", "npz", "-o", str(good / "program.npz")])
    (good / "config.toml").write_text('name = "mine"\n[data]\nname = "shd"\n')
    (good / "empty.toml").touch()
    (good / "binary.toml").write_bytes(bytes(range(256)))
    (good / "run").mkdir()
    (good / "run" / "config.toml").write_text('name = "mine"\n[data]\nname = "shd"\npath = "shd"\n')
    (good / "run" / "metrics.jsonl").write_text('{"epoch": "1"}\n[]\n')
    (good / "run" / "best.pt").write_bytes(b"PK\x03\x04 nothing")
    return good


def _value(draw: random.Random, hint: str, inputs: list[str]) -> str:
    """Return a value for an option: mostly one that its type takes, wherever it leads."""
    if draw.random() < 0.2:
        return draw.choice(VALUES + inputs)
    if "Literal" in hint:
        return draw.choice(re.findall("'([^']+)'", hint))
    if "int" in hint:
        return draw.choice(("-1", "0", "1", "2", "7", "64", "1000000000", "99999999999999999999"))
    if "float" in hint:
        return draw.choice(("-1", "0", "0.001", "0.5", "1", "10", "1e300", "1e400", "nan", "inf"))
    return draw.choice(VALUES + 2 * inputs)


def _line(draw: random.Random, inputs: list[str]) -> list[str]:
    """Return a command line that is wrong in some places, or in all."""
    name = draw.choice([*KINDS, "", "tarin"])
    words = name.split()
    if draw.random() < 0.8:
        words.append(draw.choice(FIRST.get(name, inputs)))
    if draw.random() < 0.6 and {"--output", "--data"} & {*OWN.get(name, ())}:
        words.extend(["-o", draw.choice(("out.snn", "out.snn", "out.npz", "out", "out.png"))])
    if draw.random() < 0.5 and "--data" in OWN.get(name, ()):
        words.extend(["--data", "shd/shd_test.h5"])
    for _ in range(draw.choice((0, 1, 1, 1, 2, 4))):
        chosen, own = draw.random(), OWN.get(name, {})
        option = draw.choice([*own] if own and draw.random() < 0.95 else OPTIONS)
        value = _value(draw, own.get(option, ""), inputs)
        if chosen < 0.1:
            words.insert(draw.randrange(len(words) + 1), value)
        elif own.get(option) == "<class 'bool'>":
            words.append(option)
        else:
            words.extend([option, value] if chosen < 0.4 else [f"{option}={value}"])
    return words


def test_command_lines_end_with_one_clear_line(world, tmp_path, monkeypatch, capsys, tally):
    draw = random.Random(0)
    inputs = sorted(str(path.relative_to(world)) for path in world.rglob("*"))
    for number in range(cases(60)):
        # a new folder for each line, as commands may write
        folder = tmp_path / f"line-{number}"
        shutil.copytree(world, folder)
        monkeypatch.chdir(folder)
        words = _line(draw, inputs)
        try:
            cli.main(words)
            code = 0
        except SystemExit as stopped:
            code = stopped.code
        except BaseException as error:
            raise AssertionError(f"{type(error).__name__}: {error}; the line was {words!r}") from error
        shown = capsys.readouterr()
        tally.counts["refused" if code else "accepted"] += 1
        assert code in (0, 1, 2), (code, words)
        assert "Traceback" not in shown.err, words
        if shown.err.startswith("snnsim: "):
            assert len(shown.err.split()) >= 4, (shown.err, words)
        assert code == 0 or (shown.err + shown.out).strip(), words
        shutil.rmtree(folder, ignore_errors=True)
