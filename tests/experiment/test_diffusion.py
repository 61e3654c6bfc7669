"""Spiking diffusion: samplers with known noise, conversion, measures, and the commands."""

import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.small_diffusion import SMALL, trained
from snnsim.cli import main
from snnsim.conversion import QCFS
from snnsim.conversion.costs import count
from snnsim.diffusion import Diffusion, Options, SpikingUNet, converted, guide, samples, step_scales
from snnsim.diffusion.activations import make
from snnsim.experiment import diffusion as experiment
from snnsim.experiment.diffusion import features, measures, sampling, training
from snnsim.nn.folded import SpikingActivation


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 7), ("ddim", 1), ("ddpm", 50)])
def test_samplers_go_back_to_the_picture_whose_noise_is_known(sampler, steps):
    diffusion, clean = Diffusion(50), torch.rand(3, 1, 4, 4, generator=generator(), dtype=torch.float64) * 2 - 1

    def predict(x, step):
        remaining = diffusion.remaining[step][:, None, None, None]
        return (x - remaining.sqrt() * clean) / (1 - remaining).sqrt()

    start = torch.randn(clean.shape, generator=generator(1), dtype=torch.float64)
    *_, last = samples(diffusion, predict, start, sampler=sampler, steps=steps, generator=generator(2))
    assert_close(last, clean, rtol=1e-9, atol=1e-9)


def test_noise_of_a_step():
    diffusion = Diffusion()
    pictures, noise = torch.full((2, 1, 1, 1), 3.0), torch.full((2, 1, 1, 1), 5.0)
    noisy = diffusion.noisy(pictures, noise, torch.tensor([0, 999]))
    beta = np.linspace(1e-4, 0.02, 1000)
    for value, remaining in zip(noisy.flatten(), (1 - beta[0], np.prod(1 - beta)), strict=True):
        assert value.item() == pytest.approx(3 * remaining**0.5 + 5 * (1 - remaining) ** 0.5, rel=1e-5)
    assert diffusion.chosen(3) == [999, 500, 0]
    with pytest.raises(ValueError, match="steps must be from 0 to 999, not -1 to 7"):
        diffusion.noisy(pictures, noise, torch.tensor([-1, 7]))
    with pytest.raises(ValueError, match="steps must be from 0 to 999, not 0 to 1000"):
        diffusion.noisy(pictures, noise, torch.tensor([0, 1000]))
    with pytest.raises(ValueError, match="sampling steps must be"):
        diffusion.chosen(1001)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_first_steps_have_their_noise_in_16_bits(dtype):
    diffusion, noise = Diffusion(), torch.full((3, 1, 1, 1), 5.0, dtype=dtype)
    noisy = diffusion.noisy(torch.zeros_like(noise), noise, torch.tensor([0, 1, 2]))
    expected = 5 * (1 - diffusion.remaining[:3]).sqrt()
    assert_close(noisy.flatten().double(), expected, rtol=0.01, atol=0)


def unet(**settings):
    torch.manual_seed(0)
    network = SpikingUNet(1, Options(width=4, multipliers=(1, 2), dropout=0.0, **settings))
    # the last convolution starts at 0
    torch.nn.init.normal_(network.tail[-1].weight)
    return network.eval()


@pytest.mark.parametrize("recompute", [False, True])
def test_gradients_reach_every_parameter(recompute):
    network = unet(steps=3, recompute=recompute).train()
    for scale in step_scales(network):
        scale.requires_grad_()
    picture, step = torch.rand(4, 1, 8, 8, generator=generator()), torch.tensor([1, 5, 100, 900])
    network(picture, step).square().sum().backward()
    without = [name for name, each in network.named_parameters() if each.grad is None or each.grad.abs().max() == 0]
    # a normalization takes away the bias in front of it
    assert [name for name in without if not name.endswith(".bias")] == []


def test_recomputed_blocks_have_the_same_gradients():
    results = []
    for recompute in (False, True):
        network = unet(steps=2, recompute=recompute).train()
        network(torch.rand(2, 1, 8, 8, generator=generator()), torch.tensor([3, 700])).sum().backward()
        results.append([each.grad for each in network.parameters() if each.grad is not None])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_step_scales_weigh_their_steps():
    network = unet(steps=2)
    picture, step = torch.rand(2, 1, 8, 8, generator=generator()), torch.tensor([3, 700])
    before = network(picture, step)
    for scale in step_scales(network):
        scale.data[1] = 2.0
    assert not torch.equal(network(picture, step), before)
    scale = step_scales(network)[0]
    layer = network.head[0]
    assert layer.scale is scale
    values = torch.rand(4, 4, 2, 2, generator=generator())
    assert torch.equal(layer(values), torch.cat([values[:2], 2 * values[2:]]))


def test_converted_neurons_fire_as_often_as_their_activation_says():
    levels = 4
    before = unet(steps=1, activation="qcfs", levels=levels)
    spiking = converted(unet(steps=1, activation="qcfs", levels=levels))
    assert not [part for part in spiking.modules() if isinstance(part, QCFS)]
    values, step = torch.rand(5, 1, 8, 8, generator=generator()), torch.tensor([0, 1, 50, 500, 999])
    records = []
    for network in (before, spiking):
        network.down[0].first.register_forward_hook(lambda _, __, result: records.append(result))
        network(values, step)
    # the input of the first activation is the same in every step, so the counts are those of the levels
    rates = records[1].unflatten(0, (levels, 5)).mean(0)
    assert_close(rates, records[0], rtol=1e-6, atol=1e-6)
    assert records[0].count_nonzero() > 20
    with pytest.raises(ValueError, match="QCFS activations of one number of levels"):
        converted(unet(steps=2))


def test_guidance_changes_thresholds():
    network, counts = unet(steps=4), []
    picture, step = torch.rand(4, 1, 8, 8, generator=generator()), torch.full((4,), 10)
    for factor in (1.0, 0.5):
        guide(network, factor)
        records = []
        hook = network.down[0].first.register_forward_hook(lambda _, __, result, to=records: to.append(result))
        network(picture, step)
        hook.remove()
        counts.append(int(records[0].count_nonzero()))
    assert counts[1] > counts[0] > 0
    with pytest.raises(ValueError, match="guide: the network must have spiking neurons"):
        guide(unet(steps=1, activation="silu"), 0.9)
    with pytest.raises(ValueError, match="steps must be 1 for silu, not 2"):
        unet(steps=2, activation="silu")


def test_repeated_spikes_are_operations_each():
    layers = torch.nn.Sequential(
        torch.nn.Identity(), make("spiking", 1, levels=1, temporal=True), torch.nn.Upsample(scale_factor=2),
        torch.nn.Conv2d(1, 3, 1),
    )  # fmt: skip
    picture = torch.tensor([[[[1.5, 0.0], [0.0, 0.0]]]])
    # one spike, four copies, three channels
    assert count(layers.eval(), picture)[1].operations == 12


def test_feature_distance():
    draw = np.random.default_rng(0)
    one, other = draw.normal(size=(4000, 3)), draw.normal(size=(4000, 3))
    assert features.distance(one, one) == pytest.approx(0, abs=1e-9)
    assert features.distance(one, other) < 0.02
    # normal distributions with means 2 apart and deviations 1 and 3: 3 (2² + (3 − 1)²)
    assert features.distance(one, 3 * other + 2) == pytest.approx(24, rel=0.05)
    with pytest.raises(ValueError, match="two pictures at least, not 1 and 4000"):
        features.distance(one[:1], other)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("diffusion") / "run")


def test_pictures_are_drawn_and_measured(run, tmp_path, capsys):
    grid, film, raster = (tmp_path / name for name in ("grid.png", "film.gif", "raster.png"))
    words = ["sample", str(run), "-n", "5", "-o", str(grid), "--steps", "3", "--film", str(film)]
    main([*words, "--raster", str(raster), "--threshold", "0.9"])
    assert all(path.stat().st_size > 100 for path in (grid, film, raster))
    trained = sampling.load(run)
    one, other = (sampling.draw(trained, 2, sampling.Sampler(steps=3, seed=seed)) for seed in (0, 1))
    assert one.shape == (2, 1, 8, 8)
    assert one.abs().max() <= 1
    assert torch.equal(one, sampling.draw(trained, 2, sampling.Sampler(steps=3)))
    assert not torch.equal(one, other)
    capsys.readouterr()
    main(["evaluate", str(run), "--json"])
    result = json.loads(capsys.readouterr().out)
    # two epochs draw no digits: farther from real pictures than real ones are
    assert result["distance"] > 2 * result["floor"] > 0
    assert result["operations"] > 0
    assert json.loads((run / "evaluation-drawn.json").read_text())["distance"] == result["distance"]


def test_costs_of_neurons_are_additions(run):
    trained = sampling.load(run)
    costs = measures.of_network(trained)
    names = [name for name, part in trained.network.named_modules() if isinstance(part, SpikingActivation)]
    assert len(names) == 2 * 7 + 2
    # the head, the tail, the time and its maps for each block are products of real numbers; nothing else is
    width, blocks = SMALL["width"], [part for part in trained.network.modules() if hasattr(part, "widen")]
    # a convolution of 3 x 3 pixels has fewer connections at the border of 8 x 8
    maps = (
        2 * (3 * 8 - 2) ** 2 * width
        + width * 4 * width
        + (4 * width) ** 2
        + sum(part.time.weight.numel() for part in blocks)
    )
    assert costs["multiplications"] == maps


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "diffusion", "--set", "stesp=8"], "stesp"),
        (["train", "diffusion", "--set", "width=3"], "diffusion.width must be even, not 3"),
        (["train", "diffusion", "--set", "multipliers=[1, 2, 2, 2, 2]"], "halve rows and columns 4 times"),
        (["train", "diffusion", "--k", "4"], "training.k cannot be set for diffusion"),
        (["train", "diffusion", "--seeds", "5", "--jobs", "2"], "--seeds, --jobs have no meaning for diffusion"),
        (["evaluate", "RUN", "--split", "test"], "--split has no meaning for a run of diffusion"),
        (["sample", "RUN", "--label", "3"], "draws no chosen class"),
        (["sample", "RUN", "-o", "grid.jpg", "--steps", "1"], "must end in .png"),
        (["sample", "missing"], "missing"),
    ],
)
def test_wrong_input_is_named(run, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([str(run) if word == "RUN" else word for word in words])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.glob("runs/*")) == []


def test_a_folder_holds_one_run(run, capsys):
    with pytest.raises(SystemExit):
        main(["train", "diffusion", "--output-dir", str(run)])
    assert "holds a run" in capsys.readouterr().err


def test_a_chosen_class_is_drawn(tmp_path):
    folder = training.train("diffusion", {**SMALL, "epochs": 1, "conditional": True}, output=tmp_path / "run")
    trained = sampling.load(folder.path)
    one, other = (sampling.draw(trained, 2, sampling.Sampler(steps=2, label=label)) for label in (0, 7))
    assert not torch.equal(one, other)
    assert 0 <= measures.learned_from(torch.cat([one] * 10), trained.data) <= 1
    with pytest.raises(ValueError, match="the class must be from 0 to 9, not 10"):
        sampling.draw(trained, 2, sampling.Sampler(label=10))


def test_variants_are_compared(tmp_path):
    budget = experiment.BUDGETS["digits"].__class__(
        epochs=1, width=4, pictures=40, sampling_steps=2, thresholds=(0.9, 1.0),
        variants=("spiking-4", "silu", "conditional-4"),
    )  # fmt: skip
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty: a folder of pictures has"):
        experiment.reproduce(budget, tmp_path / "all", tmp_path / "empty")
    folder = experiment.reproduce(budget, tmp_path / "all")
    table = (folder / "table.md").read_text()
    for variant in budget.variants:
        assert f"| {variant} | 0 |" in table
    assert "A classifier of pictures drawn by conditional-4 (seed 0) knows" in table
    assert "Guidance by the threshold" in table
    cells = {path.name: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()}
    assert experiment.reproduce(budget, folder) == folder
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "cells").iterdir()} == cells
    with pytest.raises(ValueError, match="holds an experiment with other epochs"):
        experiment.reproduce(budget.__class__(epochs=2, variants=("silu",)), folder)
