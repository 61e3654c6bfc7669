"""Data-parallel training: each process computes a share of every batch, and the gradients are averaged.

`torchrun --nproc-per-node 2 -m snnsim train ...` starts the processes; torch's DistributedDataParallel averages the
gradients. Batch normalization uses the statistics of the share of its process, as usual.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed, nn

from snnsim.training.average import Average


@dataclass(frozen=True)
class Distributed:
    """Rank of this process among all processes of a training."""

    rank: int = 0
    world: int = 1
    """Number of processes."""

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0


T = TypeVar("T")
SINGLE = Distributed()
"""A run in one process."""


@contextmanager
def init_distributed(device: torch.device) -> Iterator[Distributed]:
    """Join the processes that torchrun has started, and yield the rank of this one; without torchrun it is `SINGLE`.

    Args:
        device: Device of this process; a GPU needs the backend nccl, the CPU gloo.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield SINGLE
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Distributed(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


@contextmanager
def main_process_first(processes: Distributed) -> Iterator[None]:
    """Run the block in the first process before all others, so that data are generated once.

    Args:
        processes: Rank of this process among all.
    """
    if processes.world > 1 and not processes.first:
        distributed.barrier()
    yield
    if processes.world > 1 and processes.first:
        distributed.barrier()


def decided_by_main(choose: Callable[[], T], processes: Distributed, device: torch.device) -> T:
    """Return a choice of the first process in all processes; if `choose` raises an error, all processes raise one.

    Args:
        choose: Function without arguments that the first process calls.
        processes: The processes of the training.
        device: Device through which the choice is sent.

    Raises:
        RuntimeError: In the other processes, if the first process has raised an error.
    """
    if processes.world == 1:
        return choose()
    outcome: list[T | None] = [None]
    try:
        if processes.first:
            outcome = [choose()]
    finally:
        # if the first process has raised, the others receive None
        distributed.broadcast_object_list(outcome, src=0, device=device)
    if outcome[0] is None:
        raise RuntimeError("the first process could not begin; its error says why")
    return outcome[0]


def choose_device(name: str) -> torch.device:
    """Return a torch device by its name.

    Args:
        name: "auto", "cpu", "cuda" or "cuda:N". "auto" is a GPU if the machine has one. With torchrun, "cuda" is the
            GPU of the process.

    Raises:
        ValueError: If the name is unknown, or torch has no GPU.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device {name!r} is unknown; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} is not available: torch {torch.__version__} sees no GPU; use --device cpu")
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def wrap_ddp(network: nn.Module, processes: Distributed) -> nn.Module:
    """Return a network whose gradients are averaged over the processes.

    Args:
        network: Network on the device of this process.
        processes: Rank of this process among all; with a single process the network itself is returned.
    """
    return network if processes.world == 1 else nn.parallel.DistributedDataParallel(network)


def share_buffers(network: nn.Module, processes: Distributed, average: Average | None = None) -> None:
    """Set the running statistics of all processes to those of the first one, whose network the checkpoint has.

    Args:
        network: Network of this process.
        processes: The processes of the training.
        average: Average of the network's parameters and running statistics, if there is one.
    """
    if processes.world > 1:
        averages = () if average is None else average.values.values()
        for values in (*network.buffers(), *averages):
            distributed.broadcast(values, src=0)


def any_rank(yes: bool, processes: Distributed, device: torch.device) -> bool:
    """Return whether a condition holds in any process.

    Args:
        yes: Whether the condition holds in this process.
        processes: Rank of this process among all; all of them must call.
        device: Device of the exchanged number.
    """
    return yes if processes.world == 1 else bool(all_reduce_sum(torch.tensor(float(yes), device=device), processes))


def all_reduce_sum(values: torch.Tensor, processes: Distributed) -> torch.Tensor:
    """Return the values added up over the processes.

    Args:
        values: Numbers of this process, of the same shape in all processes; overwritten by the sum.
        processes: Rank of this process among all; all of them must call.
    """
    if processes.world > 1:
        distributed.all_reduce(values)
    return values
