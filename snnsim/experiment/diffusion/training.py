"""Training of spiking diffusion: an epoch, its metrics, a checkpoint, and so on until the last.

Order, noise, steps of diffusion and dropout of an epoch are functions of the seed and the epoch, so a training that was
stopped goes on to the same parameters, bit for bit: from the batch of the last checkpoint, which is written after each
epoch, every five minutes and after a signal, or from the last finished epoch if several processes train.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from snnsim.diffusion import Diffusion, Options, SpikingUNet, step_scales
from snnsim.experiment.diffusion import losses
from snnsim.experiment.diffusion import settings as files
from snnsim.experiment.diffusion.losses import Execution
from snnsim.experiment.diffusion.settings import Settings
from snnsim.experiment.diffusion.state import State
from snnsim.experiment.one_step import pictures
from snnsim.experiment.one_step.pictures import Part, Pictures
from snnsim.files import at_home, remove_abandoned
from snnsim.training import distributed, lock, signals
from snnsim.training.distributed import any_rank
from snnsim.training.run_folder import RunFolder, environment, newest
from snnsim.validation import require

CHECKPOINT_SECONDS = 300.0
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


def _fit(folder: RunFolder, settings: Settings, data: Pictures, execution: Execution) -> None:
    """Train the epochs that are missing."""
    state = State(network_of(settings, data).to(execution.device), settings)
    diffusion = Diffusion(settings.noise_steps)
    if folder.last.is_file():
        state.load(folder.last)
    epochs = settings.epochs + settings.scaled_epochs
    with signals.watched() as request:
        while len(state.history) < epochs:
            epoch = len(state.history)
            for scale in step_scales(state.network):
                scale.requires_grad_(epoch >= settings.epochs)
            _Epoch(state, diffusion, settings, execution, folder).train(data.train, request)
            row = {"epoch": epoch + 1, "train_loss": state.mean_loss(len(data.train.label), execution)}
            distributed.share_buffers(state.network, execution.processes, state.average)
            with state.average.on():
                row["valid_loss"] = losses.mean(state.network, diffusion, data.valid, settings, execution)
            state.close({**row, "seconds": round(state.seconds, 3)})
            if execution.processes.first:
                state.save(folder)
                tqdm.write(
                    f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}  train loss {row['train_loss']:.4f}  "
                    f"valid loss {row['valid_loss']:.4f}  {state.history[-1]['seconds']:.1f} s"
                )


class _Epoch:
    """The training of an epoch, from its first batch or from the batch of a checkpoint.

    Args:
        state: What changes.
        diffusion: The diffusion.
        settings: Settings of the run.
        execution: Where it is trained.
        folder: Folder of the run.
    """

    def __init__(
        self, state: State, diffusion: Diffusion, settings: Settings, execution: Execution, folder: RunFolder
    ) -> None:
        self.state, self.diffusion, self.settings = state, diffusion, settings
        self.execution, self.folder = execution, folder
        self.number = len(state.history) + 1
        # anew in each epoch, as the parameters that are trained may be others
        self.network = distributed.wrap_ddp(state.network, execution.processes)

    def train(self, part: Part, request: signals.Request) -> None:
        """Train with all pictures once.

        Args:
            part: Training pictures.
            request: A request to stop, which is granted after a batch.

        Raises:
            Stopped: If a signal asked for it.
            ValueError: If the loss is not finite.
        """
        state, processes = self.state, self.execution.processes
        state.network.train()
        with losses.seeded(self.settings.seed, self.number - 1, execution=self.execution) as generator:
            order = torch.split(torch.randperm(len(part.label), generator=generator), self.settings.batch_size)
            state.restore_random(generator)
            bar = tqdm(
                order[state.step :], total=len(order), initial=state.step, unit="batch", leave=False,
                desc=f"epoch {self.number}/{self.settings.epochs + self.settings.scaled_epochs}",
                disable=None if processes.first else True,
            )  # fmt: skip
            began = saved = time.monotonic()
            for index in bar:
                self._step(Part(part.image[index], part.label[index]), generator, len(order))
                now = time.monotonic()
                state.seconds, began = state.seconds + now - began, now
                stop = any_rank(request.received, processes, self.execution.device)
                # a checkpoint has the random states of one process
                alone = processes.world == 1
                if alone and (stop or now - saved > CHECKPOINT_SECONDS):
                    state.save(self.folder, generator)
                    saved = now
                if stop:
                    bar.close()
                    where = f"after batch {state.step} of {len(order)}" if alone else "which will begin anew"
                    raise signals.Stopped(f"the training stopped in epoch {self.number}, {where}")

    def _step(self, batch: Part, generator: torch.Generator, count: int) -> None:
        state, settings = self.state, self.settings
        for group in state.optimizer.param_groups:
            # the rate rises in the first epoch
            group["lr"] = settings.lr * min(1.0, ((self.number - 1) * count + state.step + 1) / count)
        loss = losses.share(self.network, self.diffusion, batch, generator, self.execution)
        if any_rank(not torch.isfinite(loss), self.execution.processes, self.execution.device):
            raise ValueError(
                f"diffusion: the loss is not finite in epoch {self.number}; take a smaller rate, --set lr=..., and "
                "start anew"
            )
        state.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip_norm)
        state.optimizer.step()
        state.average.include(self.number - 1)
        state.loss += float(loss.detach()) * len(batch.label)
        state.step += 1
