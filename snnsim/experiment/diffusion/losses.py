"""The loss of spiking diffusion: mean squared error of the predicted noise, of batches that processes share.

Process r of n takes pictures r, r + n, r + 2n ... of a batch. All processes draw the noise and the steps of diffusion
of the complete batch, so that these do not depend on the number of processes. The loss of a process is that of its
pictures times n times their share of the batch, and the mean over the processes is the loss of the batch. In training,
batch normalization takes the statistics of the pictures of its process.
"""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from snnsim.diffusion import Diffusion
from snnsim.experiment.diffusion.settings import Settings
from snnsim.experiment.one_step.pictures import Part
from snnsim.training.distributed import SINGLE, Distributed, all_reduce_sum


class Execution(NamedTuple):
    """Where and how a loss is computed."""

    device: torch.device = torch.device("cpu")
    processes: Distributed = SINGLE
    mixed: bool = False
    """Whether convolutions and linear maps multiply in bfloat16."""


ON_CPU = Execution()
"""The CPU, one process, 32 bits."""


@contextlib.contextmanager
def seeded(*numbers: int, execution: Execution = ON_CPU) -> Iterator[torch.Generator]:
    """Seed torch, and yield a generator on the CPU, for a block; the state outside of it stays.

    The generator is the same in all processes. The generators of torch, which draw dropout, differ.

    Args:
        numbers: Numbers that the seed is a function of, such as a seed and an epoch.
        execution: Where the block computes.
    """
    first, second = np.random.SeedSequence(numbers).generate_state(2)
    own, _ = np.random.SeedSequence((*numbers, execution.processes.rank)).generate_state(2)
    with torch.random.fork_rng(devices=[execution.device] if execution.device.type == "cuda" else []):
        torch.manual_seed(int(first if execution.processes.first else own))
        yield torch.Generator().manual_seed(int(second))


def share(
    network: nn.Module, diffusion: Diffusion, part: Part, generator: torch.Generator, execution: Execution
) -> Tensor:
    """Return the loss of the pictures of this process; its mean over the processes is the loss of the batch.

    Args:
        network: The network, on the device.
        diffusion: The diffusion.
        part: Pictures and labels of the complete batch, on the CPU.
        generator: Generator of noise and steps, on the CPU.
        execution: Where it is computed.
    """
    noise = torch.randn(part.image.shape, generator=generator)
    step = torch.randint(diffusion.steps, part.label.shape, generator=generator)
    device, processes = execution.device, execution.processes
    mine = slice(processes.rank, None, processes.world)
    if len(noise[mine]) == 0:
        return torch.zeros((), device=device)
    noisy = diffusion.noisy(part.image, noise, step)[mine].to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=execution.mixed):
        predicted: Tensor = network(noisy, step[mine].to(device), part.label[mine].to(device))
    loss = (predicted.float() - noise[mine].to(device)).square().mean()
    return loss * (len(noisy) * processes.world / len(noise))


def over_processes(value: float, execution: Execution) -> float:
    """Return the mean of a number over the processes, each of which has its own.

    Args:
        value: Number of this process.
        execution: The processes.
    """
    total = torch.tensor(value, dtype=torch.float64, device=execution.device)
    return float(all_reduce_sum(total, execution.processes)) / execution.processes.world


@torch.no_grad()
def mean(
    network: nn.Module, diffusion: Diffusion, part: Part, settings: Settings, execution: Execution = ON_CPU
) -> float:
    """Return the mean loss of pictures in evaluation mode, with the same noise for every network of a seed.

    Args:
        network: The network, on the device.
        diffusion: The diffusion.
        part: The pictures, on the CPU.
        settings: Settings of the run.
        execution: Where it is computed; always in 32 bits.
    """
    network.eval()
    total, exact = 0.0, execution._replace(mixed=False)
    with seeded(settings.seed, 2**31, execution=execution) as generator:
        for begin in range(0, len(part.label), settings.batch_size):
            batch = Part(*(each[begin : begin + settings.batch_size] for each in part))
            total += float(share(network, diffusion, batch, generator, exact)) * len(batch.label)
    return over_processes(total / len(part.label), execution)
