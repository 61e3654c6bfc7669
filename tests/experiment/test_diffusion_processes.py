"""Spiking diffusion by several processes, and with products in bfloat16."""

import re

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from helpers import two_diffusions, two_processes
from helpers.small_diffusion import SMALL, WORDS
from snnsim.diffusion import Diffusion, Options, SpikingUNet
from snnsim.experiment.diffusion import losses, training
from snnsim.experiment.diffusion.losses import Execution
from snnsim.experiment.diffusion.settings import Settings
from snnsim.experiment.one_step.pictures import Part
from snnsim.nn import ALIF, LIF
from snnsim.nn.folded import SpikingActivation
from snnsim.training.distributed import Distributed
from snnsim.training.run_folder import RunFolder


class Convolution(nn.Module):
    """A network without normalization, whose pictures do not depend on each other."""

    def __init__(self):
        super().__init__()
        self.map = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, pictures, step, label):
        return self.map(pictures) * (1 + step[:, None, None, None] / 1000) + label[:, None, None, None]


def test_shares_of_processes_are_the_complete_batch():
    torch.manual_seed(0)
    network, diffusion = Convolution(), Diffusion(20)
    part = Part(torch.rand(7, 1, 4, 4), torch.arange(7))

    def result(*executions):
        values = [losses.share(network, diffusion, part, torch.Generator().manual_seed(1), each) for each in executions]
        value = sum(values) / len(values)
        return value, *torch.autograd.grad(value, list(network.parameters()))

    complete = result(losses.ON_CPU)
    # 7 pictures are shares of 3, 2 and 2
    shared = result(*(Execution(processes=Distributed(rank, 3)) for rank in range(3)))
    for one, other in zip(complete, shared, strict=True):
        assert_close(one, other)
    # more processes than pictures: the last ones have none
    assert losses.share(network, diffusion, part, torch.Generator(), Execution(processes=Distributed(7, 9))) == 0


def test_dropout_differs_between_processes_and_noise_does_not():
    drawn = []
    for rank in range(2):
        with losses.seeded(3, 4, execution=Execution(processes=Distributed(rank, 2))) as generator:
            drawn.append((torch.rand(3), torch.rand(3, generator=generator)))
    assert not torch.equal(drawn[0][0], drawn[1][0])
    assert torch.equal(drawn[0][1], drawn[1][1])
    with losses.seeded(3, 4) as generator:
        assert torch.equal(torch.rand(3), drawn[0][0])


def test_two_processes_have_the_same_parameters(tmp_path):
    finished = two_processes.train(
        "diffusion", "--device=cpu", "--set=scaled_epochs=1", f"--output-dir={tmp_path / 'two'}", *WORDS,
        script=two_diffusions.__file__,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    # each process has half of every batch, and the gradients of all
    sums = dict(re.findall(r"rank (\d) has (\S+)", finished.stdout))
    assert sums.keys() == {"0", "1"}
    assert sums["0"] == sums["1"]
    assert finished.stdout.count("done: ") == 1
    alone = training.train("diffusion", {**SMALL, "scaled_epochs": 1}, output=tmp_path / "one", device="cpu")
    for ours, theirs in zip(alone.read_metrics(), RunFolder(tmp_path / "two").read_metrics(), strict=True):
        assert theirs["valid_loss"] == pytest.approx(ours["valid_loss"], rel=0.1)


def test_every_process_needs_pictures():
    with pytest.raises(ValueError, match="4 processes need as many pictures in every batch, and a batch has 3"):
        training._check_shares(Settings(batch_size=10), 23, 4)
    training._check_shares(Settings(batch_size=10), 20, 4)


@pytest.mark.parametrize("neuron", [LIF(beta=1.0), ALIF(tau=5.0, tau_adaptation=20.0)])
def test_thresholds_decide_in_32_bits(neuron):
    activation = SpikingActivation(neuron, 4)
    currents = torch.randn(4 * 2, 3, 5, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        spikes = activation(currents)
    assert spikes.dtype == torch.float32
    assert 0 < spikes.count_nonzero() < spikes.numel()
    assert torch.equal(spikes, activation(currents.float()))


def test_products_in_bfloat16(tmp_path):
    torch.manual_seed(0)
    network = SpikingUNet(1, Options(width=4, multipliers=(1, 2), dropout=0.0, steps=2)).train()
    part, types = Part(torch.rand(4, 1, 8, 8), torch.arange(4)), set()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _, __, result: types.add(result.dtype))
    generator = torch.Generator().manual_seed(0)
    loss = losses.share(network, Diffusion(), part, generator, Execution(mixed=True))
    loss.backward()
    assert types == {torch.bfloat16}
    assert loss.dtype == torch.float32
    assert all(each.grad is None or each.grad.dtype == torch.float32 for each in network.parameters())
    folder = training.train("diffusion", {**SMALL, "precision": "bfloat16"}, output=tmp_path / "run", device="cpu")
    rows = folder.read_metrics()
    assert rows[-1]["valid_loss"] < rows[0]["valid_loss"]
