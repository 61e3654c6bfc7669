"""The training loop: in every epoch all batches once, then the validation split with integer delays.

A checkpoint stores no random state: the order of an epoch is a function of (seed, epoch), and the dropout of a batch is
a function of (seed, epoch, batch, process). A resumed run therefore has the numbers of a run that never stopped.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from snnsim import peak_memory
from snnsim.allocator import give_back
from snnsim.data.augmented_batches import AnyBatch, MixedBatch
from snnsim.data.batches import Batches
from snnsim.learning.losses import Batch, StepResult
from snnsim.learning.rules import Rule
from snnsim.learning.tasks import Task
from snnsim.nn.network import SpikingNetwork
from snnsim.training import checkpoint, evaluation, finite, loggers, reporting
from snnsim.training import sums as metric_sums
from snnsim.training.distributed import SINGLE, Distributed, all_reduce_sum, any_rank, share_buffers, wrap_ddp
from snnsim.training.loggers.protocol import LoggedRun, Logger
from snnsim.training.optimizers import Optimizers
from snnsim.training.precision import precision
from snnsim.training.run_folder import RunFolder, conditions
from snnsim.training.signals import Request, Stopped, watched
from snnsim.training.train_state import TrainState, score

CHECKPOINT_SECONDS = 300.0


@dataclass(frozen=True)
class TrainerConfig:
    """Constants of a training."""

    train: Batches
    valid: Batches | None
    """Recordings to choose the best epoch with; None takes the last epoch."""
    rule: Rule
    task: Task
    epochs: int
    seed: int
    patience: int
    width: Callable[[int], float] | None
    """Width of the delay windows by epoch, counted from 0; None leaves the width unchanged."""
    recurrent_width: Callable[[int], float] | None
    """Width of the recurrent delay windows by epoch, likewise."""
    architecture: dict[str, Any]
    """Description of the network, which a checkpoint must agree with."""
    device: torch.device
    mixed: bool = False
    """Whether large matrix products are computed in bfloat16."""
    processes: Distributed = SINGLE
    loggers: Sequence[Logger] = ()
    """Receivers of the metrics of each epoch, in the first process alone."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Values of the config, for loggers."""
    computed: Callable[[SpikingNetwork], AbstractContextManager[Any]] = nullcontext
    """Context in which the network has its effective parameters, such as rounded weights."""


class Trainer:
    """Training of a network in a run folder.

    Args:
        network: The network; its parameters are changed.
        optimizers: Optimizers of these parameters.
        plan: Constants of the training.
        folder: Folder of checkpoints and metrics.
    """

    def __init__(self, network: SpikingNetwork, optimizers: Optimizers, plan: TrainerConfig, folder: RunFolder) -> None:
        self.network, self.optimizers, self.plan, self.folder = network, optimizers, plan, folder
        self.state = TrainState()
        self.conditions = conditions(plan.processes, plan.device)
        self.before, self._watched = 0, False  # bytes of the process before training

    def resume(self) -> list[str]:
        """Restore the last checkpoint, and return a line for each condition that has changed since the run began."""
        path = self.folder.last
        content = checkpoint.load(path, self.plan.architecture)
        state = TrainState.of(content.get("standing"), path, self.plan.task.best)
        checkpoint.into(path, self.network, content)
        self.optimizers.load_state_dict(content.get("optimisers"), path)  # old name
        self.state = state
        # old checkpoints have no conditions
        now, self.conditions = self.conditions, content.get("conditions") or self.conditions
        changed = [name for name, then in self.conditions.items() if then != now.get(name)]
        return [f"{name} {self.conditions[name]} then, {now.get(name)} now" for name in changed]

    def fit(self, *, progress: bool = True) -> None:
        """Train until all epochs are done, or the validation metric has stopped to improve.

        Args:
            progress: Whether to show a progress bar and a line for each epoch.
        """
        self.before = peak_memory.settled()
        network = wrap_ddp(self.network, self.plan.processes)
        with watched() as request, self._loggers() as opened:
            if not self.state.finished:
                self.save()
            while not self.state.finished:
                self._epoch(network, request, progress=progress)
                self._close_epoch(opened, progress=progress)

    def save(self) -> None:
        """Write the checkpoint to resume from."""
        if self.plan.processes.first:
            content = {
                "network": self.network.state_dict(),
                "optimisers": self.optimizers.state_dict(),  # old name
                "standing": asdict(self.state),
                "conditions": self.conditions,
            }
            checkpoint.save(self.folder.last, self.plan.architecture, content)

    def _epoch(self, network: nn.Module, request: Request, *, progress: bool) -> None:
        state, plan = self.state, self.plan
        batches = plan.train.of_epoch(plan.seed, state.epoch)
        self._set_widths(state.epoch)
        network.train()
        self._watched = peak_memory.start_anew()
        # a thread that prepares batches ahead ends with the epoch, however the epoch ends
        with closing(batches.starting_at(state.step)) as ahead:
            self._steps(network, ahead, batches, request, progress=progress)

    def _steps(
        self,
        network: nn.Module,
        ahead: Iterator[AnyBatch],
        batches: Batches,
        request: Request,
        *,
        progress: bool,
    ) -> None:
        state, plan = self.state, self.plan
        bar = tqdm(
            ahead, total=len(batches), initial=state.step, unit="batch", leave=False,
            desc=f"epoch {state.epoch + 1}/{plan.epochs}", disable=None if progress and plan.processes.first else True,
        )  # fmt: skip
        began = saved = time.monotonic()
        for arrays in bar:
            self._step(network, arrays, batches)
            now = time.monotonic()
            state.seconds, began = state.seconds + now - began, now
            bar.set_postfix(loss=f"{state.loss / max(1, state.total):.3f}")
            # reduced over the processes, so that all of them stop after the same batch
            stop = any_rank(request.received, plan.processes, plan.device)
            if stop or now - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = now
            if stop:
                bar.close()
                raise Stopped(f"stopped in epoch {state.epoch + 1} after batch {state.step} of {len(batches)}")

    def _step(self, network: nn.Module, arrays: AnyBatch, batches: Batches) -> None:
        state, plan = self.state, self.plan
        start = state.step * batches.batch_size
        size = min(batches.batch_size, len(batches.indices) - start)
        # a last batch with fewer recordings than processes is skipped, as a process would have none
        if size >= plan.processes.world:
            key = (plan.seed, state.epoch, state.step, plan.processes.rank)
            generator = torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
            batch = to_tensors(arrays, plan.device, normalizer=size / plan.processes.world)
            self.optimizers.zero_grad()
            with precision(plan.device, mixed=plan.mixed), plan.computed(self.network):
                result = plan.rule(network, batch, plan.task, generator)
            self.optimizers.step()
            self.network.constrain()
            self.optimizers.include(state.epoch)
            self._count(result, batch)
        state.step += 1

    def _count(self, result: StepResult, batch: Batch) -> None:
        """Add the result of a batch to the sums of the epoch.

        Raises:
            ValueError: If the loss or a parameter is no longer finite.
        """
        sums = self.plan.task.sums(result.scores, batch)
        terms = [result.loss, torch.tensor(len(batch.labels)), finite.total(self.network)]
        device = batch.labels.device
        # one reduction over the processes for all of them
        totals = torch.stack([term.to(device, torch.float64) for term in terms])
        joined = torch.cat([totals, torch.from_numpy(np.concatenate(sums)).to(device)])
        loss, total, parameters, *rest = all_reduce_sum(joined, self.plan.processes).tolist()
        where = f"batch {self.state.step + 1} of epoch {self.state.epoch + 1}"
        if not np.isfinite(loss):
            raise ValueError(f"the loss of {where} is {loss}; {finite.ADVICE}. The last checkpoint is from before")
        if not np.isfinite(parameters):
            name = finite.broken(self.network.state_dict()) or "a parameter of another process"
            raise ValueError(
                f"{name} has values that are not finite after {where}; {finite.ADVICE}. The last checkpoint is from "
                "before"
            )
        self.state.loss += loss
        more = metric_sums.split(np.array(rest), sums)
        before = metric_sums.of_lists(self.state.sums)
        self.state.sums = [part.tolist() for part in metric_sums.added(before, more)]
        self.state.total += int(total)

    def _peak(self) -> int | None:
        """Return the peak memory of the epoch's training in bytes, or None where it is unknown."""
        if self.plan.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.plan.device)
        return peak_memory.highest() - self.before if self._watched else None

    def _close_epoch(self, opened: Sequence[Logger], *, progress: bool) -> None:
        state, plan, peak = self.state, self.plan, self._peak()
        share_buffers(self.network, plan.processes, self.optimizers.average)
        result = None if plan.valid is None else self._validated(plan.valid)
        sums = metric_sums.of_lists(state.sums) or plan.task.zeros(evaluation.outputs(self.network))
        trained = plan.task.report(sums)
        row = {
            "epoch": state.epoch + 1,
            "train_loss": state.loss / max(1, state.total),
            **{f"train_{name}": value for name, value in trained.scalars().items()},
            **({} if result is None else reporting.validated(result)),
            **self.optimizers.learning_rates(),
            **({} if plan.width is None else {"sigma": plan.width(state.epoch)}),
            **({} if plan.recurrent_width is None else {"sigma_recurrent": plan.recurrent_width(state.epoch)}),
            **reporting.learned_numbers(self.network),
            "seconds": round(state.seconds, 3),
            "peak_bytes": peak,
        }
        self.optimizers.end_epoch(score(row, plan.task.best))
        better = state.close(row, plan.task.best)
        stale = plan.patience > 0 and state.epoch - state.best_epoch >= plan.patience
        state.finished = state.epoch >= plan.epochs or stale
        if plan.processes.first:
            self._write_epoch(row, opened, better=better)
            if progress:
                reports = trained.short(), "" if result is None else result.report.short()
                tqdm.write(reporting.described(row, plan.epochs, reports=reports, better=better))

    def _validated(self, valid: Batches) -> evaluation.EvaluationResult:
        """Return the evaluation with the validation recordings, whose loss is finite."""
        plan = self.plan
        with self.optimizers.averaged(), plan.computed(self.network):
            result = evaluation.evaluate(
                self.network, valid, plan.task, device=plan.device, processes=plan.processes, seed=plan.seed
            )
        give_back()  # validation frees blocks of other sizes than a step allocates
        finite.check_validation(result.loss, self.state.epoch + 1)
        return result

    def _write_epoch(self, row: dict[str, Any], opened: Sequence[Logger], *, better: bool) -> None:
        # last.pt comes last: a run that is killed earlier repeats the epoch, and writes the same files
        if better:
            with self.optimizers.averaged():
                best = {"network": self.network.state_dict(), "metrics": row}
                checkpoint.save(self.folder.best, self.plan.architecture, best)
        self.folder.write_metrics(self.state.history)
        self.save()
        for logger in opened:
            logger.add(row)  # a run that is killed before this line logs the row when it is resumed

    def _loggers(self) -> AbstractContextManager[Sequence[Logger]]:
        if self.state.history and self.plan.processes.first:
            self.folder.write_metrics(self.state.history)
        run = LoggedRun(self.folder.path, self.plan.config, tuple(self.state.history))
        return loggers.opened(self.plan.loggers, run)

    def _set_widths(self, epoch: int) -> None:
        feedback = {id(skip.synapse) for skip in self.network.skips}
        recurrent = {id(synapse) for synapse in self.network.looped_synapses()} - feedback
        for synapse in self.network.delayed_synapses():
            width = self.plan.recurrent_width if id(synapse) in recurrent else self.plan.width
            if width is not None and not isinstance(synapse.sigma, nn.Parameter):
                synapse.sigma.fill_(width(epoch))


def to_tensors(arrays: AnyBatch, device: torch.device, *, normalizer: float | None = None) -> Batch:
    """Return a batch as tensors on a device.

    Args:
        arrays: The batch as arrays.
        device: The device.
        normalizer: Number of recordings that the mean loss is taken over, in all processes; by default those of the
            batch.
    """
    batch = evaluation.to_tensors(arrays, device)
    if isinstance(arrays, MixedBatch):
        batch = replace(batch, probabilities=torch.from_numpy(arrays.probability).to(device))
    return batch if normalizer is None else replace(batch, normalizer=normalizer)
