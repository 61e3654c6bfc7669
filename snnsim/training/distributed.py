"""Several processes, started by torchrun: each takes its share of every batch, and gradients are averaged.

Start with `torchrun --nproc-per-node 2 -m snnsim train ...`; torch's DistributedDataParallel does the work. Batch
normalization uses the statistics of a process's own share, as is usual.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Distributed:
    """Which of how many processes this is."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0


T = TypeVar("T")
SINGLE = Distributed()
"""A run in one process."""


@contextmanager
def init_distributed(device: torch.device) -> Iterator[Distributed]:
    """Join the processes that torchrun has started, if it has."""
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
    """Let the first process through before the others, so that data are made once."""
    if processes.world > 1 and not processes.first:
        distributed.barrier()
    yield
    if processes.world > 1 and processes.first:
        distributed.barrier()


def decided_by_main(choose: Callable[[], T], processes: Distributed, device: torch.device) -> T:
    """Return what the first process chooses, in all of them; where it raises, all of them raise.

    Raises:
        RuntimeError: In the other processes, if the first one has raised an error.
    """
    if processes.world == 1:
        return choose()
    outcome: list[T | None] = [None]
    try:
        if processes.first:
            outcome = [choose()]
    finally:
        # None is what the others get if the first one has raised
        distributed.broadcast_object_list(outcome, src=0, device=device)
    if outcome[0] is None:
        raise RuntimeError("the first process could not begin; its error says why")
    return outcome[0]


def choose_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is a GPU if there is one, each process's own where several share them."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device {name!r} is unknown; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {name!r} is not there: torch {torch.__version__} sees no GPU; use --device cpu")
    if device.type == "cuda" and device.index is None and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device


def wrap_ddp(network: nn.Module, processes: Distributed) -> nn.Module:
    """Return a network whose gradients are averaged over the processes."""
    return network if processes.world == 1 else nn.parallel.DistributedDataParallel(network)


def any_rank(yes: bool, processes: Distributed, device: torch.device) -> bool:
    """Return whether any process says yes."""
    return yes if processes.world == 1 else bool(all_reduce_sum(torch.tensor(float(yes), device=device), processes))


def all_reduce_sum(values: torch.Tensor, processes: Distributed) -> torch.Tensor:
    """Return the values added up over the processes."""
    if processes.world > 1:
        distributed.all_reduce(values)
    return values
