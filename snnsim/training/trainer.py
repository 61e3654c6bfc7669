"""The training loop: every epoch all batches once, then the validation split with whole delays.

Nothing random is remembered: the order of an epoch is a function of (seed, epoch) and the dropout of a batch one of
(seed, epoch, batch, process), so a run that goes on from a checkpoint gives the numbers of one that never stopped.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from snnsim import peak_memory
from snnsim.allocator import give_back
from snnsim.data.augmented_batches import MixedBatch
from snnsim.data.batches import ArrayBatch, Batches
from snnsim.learning.decisions import Decision
from snnsim.learning.rules import Batch, Rule, StepResult
from snnsim.nn.network import SpikingNetwork
from snnsim.training import checkpoint, evaluation, finite, reporting
from snnsim.training.distributed import SINGLE, Distributed, all_reduce_sum, any_rank, wrap_ddp
from snnsim.training.optimizers import Optimizers
from snnsim.training.run_folder import RunFolder, conditions
from snnsim.training.signals import Request, Stopped, watched
from snnsim.training.train_state import TrainState

CHECKPOINT_SECONDS = 300.0


@dataclass(frozen=True)
class TrainerConfig:
    """What does not change during a run."""

    train: Batches
    valid: Batches
    rule: Rule
    decide: Decision
    epochs: int
    seed: int
    patience: int
    width: Callable[[int], float] | None
    """Width of the delay windows by epoch, counted from 0; None leaves it."""
    architecture: dict[str, Any]
    """What a checkpoint must agree on."""
    device: torch.device
    mixed: bool = False
    """Whether large products are done in bfloat16."""
    processes: Distributed = SINGLE
    computed: Callable[[SpikingNetwork], AbstractContextManager[None]] = nullcontext
    """Context in which the network has the parameters that it computes with."""


class Trainer:
    """A network in training, in a folder."""

    def __init__(self, network: SpikingNetwork, optimizers: Optimizers, plan: TrainerConfig, folder: RunFolder) -> None:
        self.network, self.optimizers, self.plan, self.folder = network, optimizers, plan, folder
        self.standing = TrainState()
        self.conditions = conditions(plan.processes, plan.device)
        """What the run's numbers depend on besides its config, as they were when it began."""
        self.before = 0
        """Bytes that were there before training."""
        self._watched = False

    def resume(self) -> list[str]:
        """Go on from the last checkpoint, and return what is not as it was when the run began."""
        path = self.folder.last
        content = checkpoint.load(path, self.plan.architecture)
        standing = TrainState.of(content.get("standing"), path)
        checkpoint.into(path, self.network, content)
        self.optimizers.load_state_dict(content.get("optimisers"), path)  # old name
        self.standing = standing
        # a checkpoint from before these were kept says nothing of them
        now, self.conditions = self.conditions, content.get("conditions") or self.conditions
        changed = [name for name, then in self.conditions.items() if then != now.get(name)]
        return [f"{name} {self.conditions[name]} then, {now.get(name)} now" for name in changed]

    def fit(self, *, progress: bool = True) -> None:
        """Train until all epochs are done or validation stops getting better."""
        self.before = peak_memory.settled()
        network = wrap_ddp(self.network, self.plan.processes)
        with watched() as request, self._writer() as writer:
            if not self.standing.finished:
                self.save()
            while not self.standing.finished:
                self._epoch(network, request, progress=progress)
                self._close_epoch(writer, progress=progress)

    def save(self) -> None:
        """Write the checkpoint to go on from."""
        if self.plan.processes.first:
            content = {
                "network": self.network.state_dict(),
                "optimisers": self.optimizers.state_dict(),  # old name
                "standing": asdict(self.standing),
                "conditions": self.conditions,
            }
            checkpoint.save(self.folder.last, self.plan.architecture, content)

    def _epoch(self, network: nn.Module, request: Request, *, progress: bool) -> None:
        standing, plan = self.standing, self.plan
        batches = plan.train.of_epoch(plan.seed, standing.epoch)
        if plan.width is not None:
            self._set_width(plan.width(standing.epoch))
        network.train()
        self._watched = peak_memory.start_anew()
        # a thread that prepares batches ahead ends with the epoch, however the epoch ends
        with closing(batches.starting_at(standing.step)) as ahead:
            self._steps(network, ahead, batches, request, progress=progress)

    def _steps(
        self,
        network: nn.Module,
        ahead: Iterator[ArrayBatch | MixedBatch],
        batches: Batches,
        request: Request,
        *,
        progress: bool,
    ) -> None:
        standing, plan = self.standing, self.plan
        bar = tqdm(
            ahead, total=len(batches), initial=standing.step, unit="batch", leave=False,
            desc=f"epoch {standing.epoch + 1}/{plan.epochs}", disable=None if progress and plan.processes.first else True,  # noqa: E501
        )  # fmt: skip
        began = saved = time.monotonic()
        for arrays in bar:
            self._step(network, arrays, batches)
            now = time.monotonic()
            standing.seconds, began = standing.seconds + now - began, now
            bar.set_postfix(loss=f"{standing.loss / max(1, standing.total):.3f}")
            # all processes stop after the same batch
            stop = any_rank(request.made, plan.processes, plan.device)
            if stop or now - saved > CHECKPOINT_SECONDS:
                self.save()
                saved = now
            if stop:
                bar.close()
                raise Stopped(f"stopped in epoch {standing.epoch + 1} after batch {standing.step} of {len(batches)}")

    def _step(self, network: nn.Module, arrays: ArrayBatch | MixedBatch, batches: Batches) -> None:
        standing, plan = self.standing, self.plan
        start = standing.step * batches.batch_size
        size = min(batches.batch_size, len(batches.indices) - start)
        # a last batch with fewer recordings than processes would leave a process without any
        if size >= plan.processes.world:
            key = (plan.seed, standing.epoch, standing.step, plan.processes.rank)
            generator = torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))
            batch = to_tensors(arrays, plan.device, whole=size / plan.processes.world)
            self.optimizers.zero_grad()
            with precision(plan), plan.computed(self.network):
                seen = plan.rule(network, batch, plan.decide, generator)
            self.optimizers.step()
            self.network.constrain()
            self._count(seen, batch)
        standing.step += 1

    def _count(self, seen: StepResult, batch: Batch) -> None:
        correct = (seen.scores.argmax(1) == batch.labels).sum()
        sums = [seen.loss, correct, torch.tensor(len(batch.labels)), finite.total(self.network)]
        sums = torch.stack([part.to(correct.device, torch.float64) for part in sums])
        loss, hits, total, parameters = all_reduce_sum(sums, self.plan.processes).tolist()
        where = f"batch {self.standing.step + 1} of epoch {self.standing.epoch + 1}"
        if not np.isfinite(loss):
            raise ValueError(f"the loss of {where} is {loss}; {finite.ADVICE}. The last checkpoint is from before")
        if not np.isfinite(parameters):
            name = finite.broken(self.network.state_dict()) or "a parameter of another process"
            raise ValueError(
                f"{name} has values that are not finite after {where}; {finite.ADVICE}. The last checkpoint is from "
                "before"
            )
        self.standing.loss += loss
        self.standing.correct += int(hits)
        self.standing.total += int(total)

    def _peak(self) -> int | None:
        """Return the most memory that the epoch's training has taken, None where the system does not tell."""
        if self.plan.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.plan.device)
        return peak_memory.highest() - self.before if self._watched else None

    def _close_epoch(self, writer: Any, *, progress: bool) -> None:
        standing, plan, peak = self.standing, self.plan, self._peak()
        with precision(plan), plan.computed(self.network):
            found = evaluation.evaluate(
                self.network, plan.valid, plan.decide, device=plan.device, processes=plan.processes, seed=plan.seed
            )
        # what validation has freed lies in other pieces than a step asks for, and would be kept beside those for ever
        give_back()
        if not np.isfinite(found.loss):
            raise ValueError(
                f"the validation loss of epoch {standing.epoch + 1} is {found.loss}; {finite.ADVICE}. The last "
                "checkpoint is from before"
            )
        row = {
            "epoch": standing.epoch + 1,
            "train_loss": standing.loss / max(1, standing.total),
            "train_accuracy": standing.correct / max(1, standing.total),
            "valid_loss": found.loss,
            "valid_accuracy": found.accuracy,
            **self.optimizers.learning_rates(),
            **({} if plan.width is None else {"sigma": plan.width(standing.epoch)}),
            "activity": found.activity,
            **reporting.learned_numbers(self.network),
            "seconds": round(standing.seconds, 3),
            "peak_bytes": peak,
        }
        better = standing.close(row)
        stale = plan.patience > 0 and standing.epoch - standing.best_epoch >= plan.patience
        standing.finished = standing.epoch >= plan.epochs or stale
        if plan.processes.first:
            self._write_epoch(row, writer, better=better)
            if progress:
                tqdm.write(reporting.described(row, plan.epochs, better=better))

    def _write_epoch(self, row: dict[str, Any], writer: Any, *, better: bool) -> None:
        # last.pt closes the epoch: killed before it, the epoch is done again and writes the same files
        if better:
            best = {"network": self.network.state_dict(), "metrics": row}
            checkpoint.save(self.folder.best, self.plan.architecture, best)
        self.folder.write_metrics(self.standing.history)
        self.save()
        if writer is not None:
            # killed before it, the run writes it when it goes on
            reporting.add(writer, row)

    def _writer(self) -> Any:
        if not self.plan.processes.first:
            return nullcontext()
        if self.standing.history:
            self.folder.write_metrics(self.standing.history)
        return reporting.writer(self.folder, self.standing.history)

    def _set_width(self, width: float) -> None:
        for synapse in self.network.delayed_synapses():
            if not isinstance(synapse.sigma, nn.Parameter):
                synapse.sigma.fill_(width)


def to_tensors(arrays: ArrayBatch | MixedBatch, device: torch.device, *, whole: float | None = None) -> Batch:
    """Return a batch on its device; the mean loss is taken over `whole` recordings, by default over all."""
    probability = torch.from_numpy(arrays.probability).to(device) if isinstance(arrays, MixedBatch) else None
    return Batch(
        torch.from_numpy(arrays.frames).to(device),
        torch.from_numpy(arrays.length).to(device),
        torch.from_numpy(arrays.label).to(device),
        float(len(arrays.label)) if whole is None else whole,
        probability,
    )


def precision(plan: TrainerConfig) -> Any:
    """Return the context in which a network runs."""
    return torch.autocast(plan.device.type, torch.bfloat16) if plan.mixed else nullcontext()
