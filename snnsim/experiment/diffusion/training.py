"""Training of spiking diffusion: an epoch, its metrics, a checkpoint, and so on until the last.

Order, noise, steps of diffusion and dropout of an epoch are functions of the seed and the epoch, so a training that was
stopped goes on from its last finished epoch to the same parameters, bit for bit.
"""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from snnsim.diffusion import Diffusion, Options, SpikingUNet, step_scales
from snnsim.experiment.diffusion import losses
from snnsim.experiment.diffusion import settings as files
from snnsim.experiment.diffusion.losses import Execution
from snnsim.experiment.diffusion.settings import Settings
from snnsim.experiment.one_step import pictures
from snnsim.experiment.one_step.pictures import Part, Pictures
from snnsim.files import at_home, remove_abandoned
from snnsim.learning.options import EMA
from snnsim.nn import constrain_after
from snnsim.training import checkpoint, distributed, lock, signals
from snnsim.training.average import Average
from snnsim.training.distributed import any_rank
from snnsim.training.run_folder import RunFolder, environment, newest
from snnsim.validation import require

NAME, RUNS = "diffusion", Path("runs")
"""Target of a new run, and the folder of new runs."""


def load_pictures(settings: Settings) -> Pictures:
    """Return the pictures of a run, with values from −1 to 1.

    Args:
        settings: Settings of the run.

    Raises:
        ValueError: If rows or columns cannot be halved as often as the U-Net does.
    """
    loaded = pictures.load(None if settings.path is None else at_home(settings.path), settings.valid)
    halvings = 2 ** (len(settings.multipliers) - 1)
    rows, columns = loaded.train.image.shape[2:]
    require(
        rows % halvings == columns % halvings == 0,
        f"diffusion.multipliers: {len(settings.multipliers)} levels halve rows and columns "
        f"{len(settings.multipliers) - 1} times, and the pictures have {rows} x {columns} pixels; take fewer levels",
    )
    train, valid = (Part(2 * part.image - 1, part.label) for part in (loaded.train, loaded.valid))
    return Pictures(train, valid, loaded.classes)


def network_of(settings: Settings, data: Pictures) -> SpikingUNet:
    """Return a network with random parameters of the seed.

    Args:
        settings: Settings of the run.
        data: Its pictures.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        options = Options(
            settings.width, settings.multipliers, settings.blocks, settings.neuron_steps, settings.activation,
            settings.steps, settings.dropout, settings.temporal, data.classes if settings.conditional else 0,
            settings.recompute,
        )  # fmt: skip
        return SpikingUNet(data.train.image.shape[1], options)


def train(
    target: str,
    values: Mapping[str, object],
    *,
    output: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
) -> RunFolder:
    """Train, and return the folder of the run; the processes that torchrun has started share every batch.

    Args:
        target: "diffusion", a TOML file with a section `diffusion`, or the folder of a run to resume.
        values: New values of the settings by their names; a run that is resumed takes more epochs alone.
        output: Folder of the run; None is a new folder in runs.
        resume: Whether the run of `output` or `target` goes on, or the newest one in runs if `target` is "diffusion".
        device: Device of the network, or "auto".

    Raises:
        ValueError: If a folder has a run already, or none to resume.
    """
    torch_device, chosen = distributed.choose_device(device), None if output is None else Path(output)
    path, settings = _resumed(target, values, chosen) if resume else (chosen, _base(target, values).with_values(values))
    # before the folder, so that a failure leaves none
    data = load_pictures(settings)
    with distributed.init_distributed(torch_device) as processes, contextlib.ExitStack() as stack:
        _check_shares(settings, len(data.train.label), processes.world)
        folder = distributed.decided_by_main(
            lambda: stack.enter_context(_held(path, settings, resume=resume)), processes, torch_device
        )
        _fit(folder, settings, data, Execution(torch_device, processes, settings.precision == "bfloat16"))
    return folder


def _resumed(target: str, values: Mapping[str, object], output: Path | None) -> tuple[Path | None, Settings]:
    last = newest(RUNS, NAME) if target == NAME and output is None else None
    path = output or (Path(target) if last is None else last.path)
    require(files.is_of_diffusion(path), f"--resume: {path} must be the folder of a run of diffusion")
    require(
        set(values) <= {"epochs", "scaled_epochs"},
        f"--resume: only epochs can change in a run, not {', '.join(sorted(values))}; start a new one",
    )
    return path, files.load(path / "config.toml").with_values(values)


@contextlib.contextmanager
def _held(path: Path | None, settings: Settings, *, resume: bool) -> Iterator[RunFolder]:
    """Lock the folder of a run, a new one for None, and write what it begins with."""
    folder = RunFolder(path or lock.new_folder(RUNS, f"{NAME}-{datetime.now():%Y%m%d-%H%M%S}"))
    with lock.held(folder.path, say=tqdm.write):
        remove_abandoned(folder.path)
        require(
            resume or not folder.config.exists(),
            f"{folder.path} holds a run; choose another folder, or go on with --resume",
        )
        settings.save(folder.config)
        folder.write_json(folder.path / "environment.json", environment(settings.seed))
        yield folder


def _check_shares(settings: Settings, pictures: int, world: int) -> None:
    """Check that every process has pictures of every batch.

    Raises:
        ValueError: If one has none.
    """
    fewest = pictures % settings.batch_size or settings.batch_size
    require(
        fewest >= world,
        f"diffusion.batch_size: {world} processes need as many pictures in every batch, and a batch has {fewest}; "
        "take another batch size or fewer processes",
    )


def _base(target: str, values: Mapping[str, object]) -> Settings:
    if target != NAME:
        return files.load(Path(target))
    return Settings() if values.get("path") is None else files.PICTURES


class _State:
    """What a training changes: parameters, their average, the optimizer, and the metrics of the finished epochs.

    Args:
        settings: Settings of the run.
        data: Its pictures.
        execution: Where it is trained.
    """

    def __init__(self, settings: Settings, data: Pictures, execution: Execution) -> None:
        self.network = network_of(settings, data).to(execution.device)
        self.average = Average(self.network, EMA(decay=settings.decay))
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.lr)
        constrain_after(self.optimizer, self.network)
        self.history: list[dict[str, Any]] = []
        self.architecture = {"network": str(self.network)}

    def load(self, path: Path) -> None:
        """Restore the state of a checkpoint."""
        saved = checkpoint.load(path, self.architecture)
        checkpoint.into(path, self.network, saved)
        self.optimizer.load_state_dict(saved["optimizer"])
        self.average.load_state_dict(saved["average"], path)
        self.history = saved["history"]

    def save(self, folder: RunFolder) -> None:
        """Write a checkpoint and the metrics."""
        content = {
            "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(), "history": self.history,
        }  # fmt: skip
        checkpoint.save(folder.last, self.architecture, content)
        folder.write_metrics(self.history)


def _fit(folder: RunFolder, settings: Settings, data: Pictures, execution: Execution) -> None:
    """Train the epochs that are missing."""
    state, diffusion = _State(settings, data, execution), Diffusion(settings.noise_steps)
    if folder.last.is_file():
        state.load(folder.last)
    done, epochs = len(state.history), settings.epochs + settings.scaled_epochs
    first = execution.processes.first
    bar = tqdm(range(done, epochs), initial=done, total=epochs, unit="epoch", disable=None if first else True)
    with signals.watched() as request:
        for epoch in bar:
            for scale in step_scales(state.network):
                scale.requires_grad_(epoch >= settings.epochs)
            began = time.perf_counter()
            loss = _epoch(state, diffusion, settings, data.train, execution, request)
            row = {"epoch": epoch + 1, "train_loss": loss, "seconds": round(time.perf_counter() - began, 3)}
            distributed.share_buffers(state.network, execution.processes, state.average)
            with state.average.on():
                row["valid_loss"] = losses.mean(state.network, diffusion, data.valid, settings, execution)
            state.history.append(row)
            bar.set_postfix_str(f"loss {loss:.4f}, valid {row['valid_loss']:.4f}")
            if first:
                state.save(folder)


def _epoch(
    state: _State, diffusion: Diffusion, settings: Settings, part: Part, execution: Execution, request: signals.Request
) -> float:
    """Return the mean loss of the next epoch.

    Raises:
        Stopped: If a signal asked for it.
        ValueError: If the loss is not finite.
    """
    epoch, total, count = len(state.history), 0.0, math.ceil(len(part.label) / settings.batch_size)
    state.network.train()
    # anew in each epoch, as the parameters that are trained may be others
    network = distributed.wrap_ddp(state.network, execution.processes)
    with losses.seeded(settings.seed, epoch, execution=execution) as generator:
        order = torch.randperm(len(part.label), generator=generator)
        for number, index in enumerate(torch.split(order, settings.batch_size)):
            for group in state.optimizer.param_groups:
                group["lr"] = settings.lr * min(1.0, (epoch * count + number + 1) / count)
            batch = Part(part.image[index], part.label[index])
            loss = losses.share(network, diffusion, batch, generator, execution)
            if any_rank(not torch.isfinite(loss), execution.processes, execution.device):
                raise ValueError(
                    f"diffusion: the loss is not finite in epoch {epoch + 1}; take a smaller rate, --set lr=..., and "
                    "start anew"
                )
            state.optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip_norm)
            state.optimizer.step()
            state.average.include(epoch)
            total += float(loss.detach()) * len(index)
            if any_rank(request.received, execution.processes, execution.device):
                raise signals.Stopped(f"the training stopped in epoch {epoch + 1}")
    return losses.over_processes(total / len(part.label), execution)
