"""The experiments on motion and motifs: cells, symmetry, measures, reports, and pictures of recordings."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from snnsim import cli
from snnsim.data.event_camera.motion import Motions
from snnsim.experiment import motif_detection, motion
from snnsim.experiment.motif_detection import running as motif_running
from snnsim.experiment.motion import drawing, measures, movies, running, settings, sparsifying, training, tuning
from snnsim.experiment.motion.movies import Movies
from snnsim.experiment.motion.settings import Budget, Cell
from snnsim.experiment.motion.symmetry import Symmetry

TINY = Budget(
    models=("dense", "learned-delays", "collapsed"), images="power-law", side=18, steps=16, kernel=5, max_delay=4,
    train=12, valid=2, test=4, epochs=1, batch=6, clip=12, clip_steps=6, stride=(2, 2, 2), probes=2, penalty=0.0,
)  # fmt: skip


SHARES = (1.0, 0.5, 0.25, 0.125, 0.03)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished experiment with a few points of each curve."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "TEXTURES", ("power-law",))
        patch.setattr(running, "SHARES", SHARES)
        for name in ("FREQUENCIES", "ANGLES", "BANDWIDTHS"):
            patch.setattr(tuning, name, getattr(tuning, name)[1:2])
        patch.setattr(tuning, "SPEEDS", (0.7, 2.83))
        return motion.reproduce(TINY, tmp_path_factory.mktemp("motion"), progress=False)


def test_all_cells_are_run_and_reported(folder):
    with (folder / "results.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["model"] for line in lines] == list(TINY.models)
    dense, sparse = (int(line["weights"]) for line in lines[:2])
    assert dense == 36 * 50 * 5
    assert 0.9 * dense / settings.SPARSITY < sparse <= dense / settings.SPARSITY
    for name in ("accuracy.png", "pruning.png", "tuning.png"):
        assert (folder / name).stat().st_size > 10_000
    assert "half-saturation" in (folder / "table.md").read_text()
    row = json.loads((folder / "cells" / "dense-0.json").read_text())
    assert [point["share"] for point in row["pruning"]] == list(SHARES)
    assert row["pruning"][0]["accuracy"] == row["shortening"][-1]["accuracy"]
    assert set(row["tuning"]) == {"frequency", "grating", "orientation", "bandwidth", "speed"}


@pytest.mark.parametrize("model", ["dense", "learned-delays"])
def test_a_training_goes_on_from_its_last_epoch(folder, tmp_path, monkeypatch, model):
    data = movies.load(folder / "movies" / "power-law-train-0.npz", "train", 0, TINY.recipe())
    cell, two = Cell(model, 0), replace(TINY, epochs=2, decay=False, penalty=0.1)
    with monkeypatch.context() as stopped:
        # the second epoch is not reached
        stopped.setattr(training, "range", lambda *_: range(1), raising=False)
        training.train(cell, two, data, tmp_path / "a.pt", progress=False)
    continued = training.train(cell, two, data, tmp_path / "a.pt", progress=False)
    at_once = training.train(cell, two, data, tmp_path / "b.pt", progress=False)
    for one, other in zip(continued.parameters(), at_once.parameters(), strict=True):
        assert torch.equal(one, other)


def test_weights_are_pruned_to_the_number_of_connections():
    layer = training.build(Cell("learned-delays", 0), TINY)
    weight, symmetry = layer.synapse.weight, Symmetry(TINY.recipe().motions, TINY.kernel)
    start = weight.numel()
    counts = [sparsifying.remaining(start, TINY, done) for done in (0.0, 0.2, 0.4, 0.6, 1.0)]
    assert counts[:2] == [start, start]
    assert counts[3:] == [TINY.connections] * 2
    # half-way, (1 - 1/2)^3 of what is pruned is still there
    assert counts[2] == pytest.approx(TINY.connections + (start - TINY.connections) / 8, abs=1)
    before = weight.detach().clone()
    sparsifying.prune(layer, symmetry, counts[2])
    present = weight != 0
    assert 0.9 * counts[2] < present.sum() <= counts[2]
    assert torch.equal(weight[present], before[present])
    assert before.abs()[~present].max() <= before.abs()[present].min()
    for number in range(8):
        assert torch.equal(symmetry.moved(present.float(), number), present.float())
    sparsifying.prune(layer, None, 10)
    assert 0 < (weight != 0).sum() <= 10


def test_a_penalty_brings_weights_nearer_to_zero():
    weight = torch.tensor([0.5, -0.5, 0.05, -0.05, 0.0])
    sparsifying.shrink(weight, 0.1)
    torch.testing.assert_close(weight, torch.tensor([0.4, -0.4, 0.0, 0.0, 0.0]))
    layer = training.build(Cell("dense", 0), TINY)
    weight = layer.synapse.weight.detach()
    before = weight.abs().sum()
    sparsifying.shrink(layer.synapse.weight, 1e-3)
    assert weight.abs().sum() < before


def test_a_model_that_is_named_twice_counts_once():
    assert settings.cells(Budget(models=("dense", "shuffled", "dense"), seeds=2)) == [
        Cell(model, seed) for seed in (0, 1) for model in ("dense", "shuffled")
    ]


def test_other_settings_are_refused(folder):
    with pytest.raises(ValueError, match="other epochs; take these again"):
        motion.reproduce(replace(TINY, epochs=3), folder, progress=False)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_turned_movies_have_the_classes_of_their_motion(quarters, mirrored):
    motions = Motions()
    for label in range(motions.count):
        events = torch.zeros(6, 1, 31, 31, 2, dtype=torch.bool)
        for step in range(6):
            row, column = np.round(15 + step * motions.velocity(np.array(label))).astype(int)
            events[step, 0, row, column, 0] = True
        moved = movies.turned(
            Movies(events, torch.full((6, 1), label)), motions, quarters=quarters, mirrored=mirrored, swapped=True
        )
        first, last = (np.argwhere(moved.events[step, 0, :, :, 1].numpy())[0] for step in (0, 5))
        np.testing.assert_allclose((last - first) / 5, motions.velocity(moved.label[0, 0].numpy()), atol=0.21)


def test_gradients_of_a_symmetric_kernel_are_those_of_all_turned_copies():
    layer = training.build(Cell("dense", 0), TINY)
    motions = TINY.recipe().motions
    symmetry = Symmetry(motions, TINY.kernel)
    generator = torch.Generator().manual_seed(0)
    events = torch.rand(11, 2, 12, 12, 2, generator=generator) < 0.05
    data = Movies(events, torch.randint(36, (11, 2), generator=generator))

    def gradients(part):
        layer.zero_grad()
        evidence = layer(movies.flat(part.events), before=4, field=(12, 12))
        training.loss(layer, evidence, part.label[4:], "pooled").backward()
        return layer.synapse.weight.grad.clone(), layer.bias.grad.clone()

    copies = [
        gradients(movies.turned(data, motions, quarters=quarters, mirrored=mirrored, swapped=False))
        for quarters in range(4)
        for mirrored in (False, True)
    ]
    mean = [torch.stack(parts).mean(0) for parts in zip(*copies, strict=True)]
    one = gradients(data)
    assert (one[0] - mean[0]).abs().max() > 10 * 1e-6
    symmetry.average_gradients(layer)
    torch.testing.assert_close([layer.synapse.weight.grad, layer.bias.grad], mean, atol=1e-6, rtol=1e-4)


def test_controls_lose_the_order_of_steps():
    events = torch.rand(9, 3, 4, 4, 2) < 0.3
    assert torch.equal(movies.collapsed(events)[0], movies.collapsed(events.flip(0))[5])
    shuffled = movies.shuffled(events, torch.Generator().manual_seed(0))
    assert not torch.equal(shuffled, events)
    assert torch.equal(shuffled.sum(0), events.sum(0))


def test_half_saturation_is_found():
    shares = 2.0 ** -np.arange(13)
    rows = [{"share": share, "accuracy": 0.1 + 0.8 / (1 + (0.01 / share) ** 1.5)} for share in shares]
    fit = measures.half_saturation(rows, 0.1)
    assert fit["half"] == pytest.approx(0.01, rel=0.01)
    assert fit["top"] == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("kind", ["multinomial", "binary"])
def test_losses_of_positions_are_means_of_their_own(kind):
    layer = training.build(Cell("dense", 0), TINY)
    evidence = torch.randn(2, 3, 4, 4, 36, generator=torch.Generator().manual_seed(0))
    label = torch.randint(36, (2, 3), generator=torch.Generator().manual_seed(1))
    if kind == "multinomial":
        own = -evidence.log_softmax(-1)
        expected = torch.stack([own[t, b, ..., label[t, b]] for t in range(2) for b in range(3)]).mean()
    else:
        wanted = torch.zeros_like(evidence)
        for t, b in np.ndindex(2, 3):
            wanted[t, b, ..., label[t, b]] = 1
        expected = -(wanted * evidence.sigmoid().log() + (1 - wanted) * (1 - evidence.sigmoid()).log()).mean()
    torch.testing.assert_close(training.loss(layer, evidence, label, kind), expected)


def test_kernels_and_flow_are_drawn(folder, capsys, tmp_path):
    for words in (["kernels"], ["kernels", "-o", str(tmp_path / "kernels.gif")], ["flow", "--index", "1"]):
        cli.main(["plot", str(folder), *words])
        path = capsys.readouterr().out.strip().splitlines()[-1]
        assert drawing.Path(path).stat().st_size > 5000


def test_a_recording_of_a_user_is_seen(folder, capsys, tmp_path):
    """A file of N-MNIST has five bytes for an event: column, row, polarity and time."""
    generator = np.random.default_rng(0)
    time = np.sort(generator.integers(0, 30_000, 400))
    raw = np.zeros((400, 5), np.uint8)
    raw[:, 0], raw[:, 1] = generator.integers(20, size=(2, 400))
    raw[:, 2] = (generator.integers(2, size=400) << 7) | (time >> 16)
    raw[:, 3], raw[:, 4] = (time >> 8) & 255, time & 255
    (tmp_path / "a.bin").write_bytes(raw.tobytes())
    cli.main(["detect", str(folder), str(tmp_path / "a.bin"), "--duration-ms", "20", "-o", str(tmp_path / "flow.png")])
    shown = capsys.readouterr().out
    assert "events per second" in shown
    assert (tmp_path / "flow.png").stat().st_size > 10_000
    part = drawing.Part(tmp_path / "a.bin", drawing.Options(), 0.0, 1000.0)
    events = drawing.read(part)
    # two events of a pixel, polarity and step are one
    assert 350 < int(events.sum()) <= 400
    assert events.shape[2:] == (20, 20, 2)


def test_the_commands(tmp_path, monkeypatch, capsys):
    """Options are those of the budget, and the table is printed."""
    asked = []

    def reproduce(budget, path):
        asked.append((budget, path))
        (tmp_path / "table.md").write_text("| model |")
        return tmp_path

    monkeypatch.setattr(motion, "reproduce", reproduce)
    monkeypatch.setattr(motif_detection, "reproduce", reproduce)
    cli.main(["reproduce", "motion", "--models", "dense", "--seeds", "2"])
    cli.main(["reproduce", "motif-detection", "--output-dir", str(tmp_path)])
    (first, path), (second, other) = asked
    assert first == replace(motion.BUDGETS["small"], models=("dense",), seeds=2)
    assert path.as_posix() == "runs/motion-small"
    assert (second, other) == (motif_detection.BUDGETS["small"], tmp_path)
    assert capsys.readouterr().out.count("| model |") == 2


SMALL = motif_detection.Budget(
    seeds=1, channels=40, motifs=12, delays=11, steps=300, crowds=(60,), depths=(1,), trials=60, batch=2, test=6
)


def test_motifs_are_detected_with_their_exact_times(tmp_path):
    path = motif_detection.reproduce(SMALL, tmp_path, progress=False)
    with (path / "results.csv").open() as file:
        rows = {(row["kernels"], row["motifs"], row["delays"]): row for row in csv.DictReader(file)}
    known = rows["known", "12", "11"]
    assert float(known["accuracy"]) > 0.7
    # the more motifs and the fewer delays, the more motifs are alike
    assert float(rows["known", "12", "1"]["accuracy"]) < float(known["accuracy"])
    assert 0 <= float(rows["learned", "12", "11"]["recovered"]) <= 1


def test_the_detector_that_knows_the_motifs_has_their_log_odds():
    """With one motif alone, the evidence is the logarithm of the odds by Bayes' rule over the window of the motif."""
    model = SMALL.model(_single())
    kernel = model.draw_kernel(np.random.default_rng(0))
    weight, bias = model.detector(kernel)
    rasters = model.draw(kernel, 2, np.random.default_rng(1))
    evidence, wanted = motif_running.evidence(
        rasters, torch.from_numpy(weight).float(), torch.from_numpy(bias).float(), model
    )
    synapses = kernel.sum((0, 2))
    mean = 1 - (1 - model.background) * (1 - model.rate * model.reliability) ** synapses
    for step, recording in ((50, 0), (120, 1), (int(wanted.nonzero()[0][0]) if wanted.any() else 60, 0)):
        odds = np.log(model.rate / (1 - model.rate))
        for delay, channel in zip(*kernel[:, :, 0].nonzero(), strict=True):
            spike = rasters.spikes[step - (model.delays - 1) + delay, recording, channel]
            p = model.reliability
            odds += np.log(p / mean[channel]) if spike else np.log((1 - p) / (1 - mean[channel]))
        assert float(evidence[step, recording, 0]) == pytest.approx(odds, abs=1e-3)


def _single():
    return motif_detection.settings.Cell("known", 1, 11, 0)


def test_recovered_kernels_are_counted():
    kernel = np.random.default_rng(0).random((5, 6, 4)) < 0.3
    noisy = kernel + 0.1 * np.random.default_rng(1).standard_normal(kernel.shape)
    assert motif_running.recovered(noisy, kernel) == 1
    assert motif_running.recovered(noisy[..., [1, 0, 2, 3]], kernel) == 0.5
