"""The experiment one-step: its cells, its results, and a stop in the middle of an epoch's cell."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from snnsim import cli
from snnsim.experiment import one_step
from snnsim.experiment.one_step import Budget, pictures, running, settings
from snnsim.program import Program
from snnsim.training import checkpoint

TINY = Budget(
    channels=(4, 4, 4), valid=1500, batch=99, ann_epochs=2, ladder_epochs=(1, 1), conversion_steps=(1, 2), seeds=1
)


class Killed(Exception):
    """The process ended here."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return one_step.reproduce(TINY, tmp_path_factory.mktemp("one") / "run", progress=False)


def results(folder):
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    # times differ from run to run
    return [{name: value for name, value in row.items() if name != "latency_ms"} for row in rows]


def test_every_network_has_its_results(folder):
    rows = results(folder)
    names = [(row["arm"], row["rule"], row["steps"]) for row in rows]
    assert names[:5] == [
        ("ann", "", "0"), ("ladder", "", "2"), ("ladder", "", "1"), ("binary", "", "1"), ("scratch", "", "1"),
    ]  # fmt: skip
    assert names[5:8] == [("qcfs", "", "0"), ("qcfs", "", "1"), ("qcfs", "", "2")]
    assert names[8:] == [
        ("converted", rule, steps) for rule in ("percentile 90", "percentile 99", "calibration") for steps in ("1", "2")
    ]
    for row in rows:
        spiking = row["steps"] != "0"
        # networks after so few epochs may be silent in some layers
        assert spiking or float(row["operations"]) == float(row["spikes_per_neuron"]) == 0
        # the first convolution multiplies in all of them: 4 kernels of 3 x 3 over 8 x 8 pixels with borders
        assert (float(row["multiplications"]) == 4 * 22 * 22) == spiking
        assert 0 < float(row["accuracy"]) < 1
    assert "| IIR ladder | 2 |" in (folder / "table.md").read_text()
    assert (folder / "few-steps.png").is_file()


def test_a_stopped_experiment_goes_on_to_the_same_results(folder, tmp_path, monkeypatch):
    save, calls = checkpoint.save, []

    def killed(*arguments):
        save(*arguments)
        calls.append(arguments)
        # behind the first epoch of the ann, and behind that of the second network of the ladder
        if len(calls) in (1, 5):
            raise Killed

    monkeypatch.setattr(checkpoint, "save", killed)
    for _ in range(2):
        with pytest.raises(Killed):
            one_step.reproduce(TINY, tmp_path, progress=False)
    resumed = one_step.reproduce(TINY, tmp_path, progress=False)
    # no epoch was computed twice
    assert len(calls) == 2 + 2 + 2 + 4 + 2
    assert results(resumed) == results(folder)


def test_other_settings_need_another_folder_and_more_arms_do_not(folder):
    with pytest.raises(ValueError, match="holds an experiment with other batch, ann_epochs; take these again"):
        one_step.reproduce(replace(TINY, batch=98, ann_epochs=3), folder, progress=False)
    assert one_step.reproduce(replace(TINY, arms=("binary",)), folder, progress=False) == folder
    assert {row["arm"] for row in results(folder)} == {"ann", "binary"}
    one_step.reproduce(TINY, folder, progress=False)
    with pytest.raises(ValueError, match="arms must be among"):
        Budget(arms=("snn",))
    with pytest.raises(ValueError, match="must be 1 or more"):
        Budget(seeds=0)


def test_a_folder_without_pictures_leaves_no_settings(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty: a folder of pictures has"):
        one_step.reproduce(TINY, tmp_path / "run", tmp_path / "empty", progress=False)
    assert not (tmp_path / "run").exists()


def test_the_ladder_begins_where_the_network_before_ended(tmp_path, monkeypatch):
    loaded = pictures.load(None, TINY.valid)
    folder = running.RunFolder(tmp_path)
    cells = settings.cells(replace(TINY, arms=("ladder",)))
    assert [cell.name() for cell in cells] == ["ann-0", "ladder-2-0", "ladder-1-0"]
    runs = [running._Run(folder, cell, TINY, loaded, lambda _: None) for cell in cells]
    starts = []
    monkeypatch.setattr(running, "train", lambda network, *_, **__: starts.append(network))
    saved = {}
    for run in runs:
        network = run._random("ann") if run.cell.arm == "ann" else run._ladder_start(2)
        saved[run.cell.name()] = {name: value + 0.25 for name, value in network.state_dict().items()}
        checkpoint.save(run._network_file(run.cell), {}, {"network": saved[run.cell.name()]})
    runs[2]._ladder()
    assert {part.steps for part in starts[0].modules() if hasattr(part, "steps")} == {1}
    state = starts[0].state_dict()
    assert all(torch.equal(value, saved["ladder-2-0"][name]) for name, value in state.items())


def test_pictures_are_divided_once_and_shifted_with_black(tmp_path):
    digits = pictures.load(None, 360)
    assert (len(digits.train.label), len(digits.valid.label), digits.classes) == (1437, 360, 10)
    image = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)
    for name, shape, content in (("images-idx3", (6, 4, 5), image), ("labels-idx1", (6,), np.arange(6) % 3)):
        head = bytes([0, 0, 8, len(shape)]) + b"".join(side.to_bytes(4, "big") for side in shape)
        (tmp_path / f"train-{name}-ubyte").write_bytes(head + content.astype(np.uint8).tobytes())
    loaded = pictures.load(tmp_path, 2)
    assert loaded.classes == 3
    assert loaded.train.image.shape == (4, 1, 4, 5)
    together = torch.cat([loaded.train.image, loaded.valid.image]).flatten(1)
    assert sorted((255 * together[:, 0]).round().int().tolist()) == [0, 20, 40, 60, 80, 100]
    with pytest.raises(ValueError, match="more than the 6 pictures that validate"):
        pictures.load(tmp_path, 6)
    generator = torch.Generator().manual_seed(0)
    one = torch.zeros(500, 1, 5, 5)
    one[:, 0, 2, 1] = 1
    moved = pictures.augmented(one, 1, True, generator)
    pixels = {tuple(pixel) for pixel in moved.nonzero()[:, 2:].tolist()}
    assert pixels == {(row, column) for row in (1, 2, 3) for column in range(5)}


def test_a_network_of_the_folder_becomes_a_program(folder, tmp_path, capsys):
    cli.main(["convert", str(folder), "--steps", "2", "-o", str(tmp_path / "a.snn")])
    printed = capsys.readouterr().out
    accuracy = {(row["arm"], row["rule"], row["steps"]): float(row["accuracy"]) for row in results(folder)}
    before, after = (100 * accuracy[key] for key in (("ann", "", "0"), ("converted", "calibration", "2")))
    assert f"accuracy on validation pictures: {before:.2f} % before, {after:.2f} % after conversion" in printed
    program = Program.load(tmp_path / "a.snn")
    assert [each.model for each in program.populations] == ["lif_soft_initial"] * 3 + ["readout"]
    assert program.provenance["conversion"]["thresholds"] == "calibration"
    for words, message in (
        (["--network", "qcfs", "--seed", "3"], "there is no"),
        (["--data-path", str(tmp_path)], "was trained on other pictures than"),
    ):
        with pytest.raises(SystemExit):
            cli.main(["convert", str(folder), *words, "-o", str(tmp_path / "b.snn")])
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["convert", str(tmp_path), "-o", str(tmp_path / "b.snn")])
    assert "is no folder of `snnsim reproduce one-step`" in capsys.readouterr().err


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(one_step, "BUDGETS", {"digits": TINY})
    words = ["reproduce", "one-step", "--arms", "ann", "--output-dir", str(tmp_path / "run")]
    cli.main(words)
    printed = capsys.readouterr().out
    assert "| ANN, ReLU | - |" in printed
    assert "done:" in printed
