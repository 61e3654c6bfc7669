"""Measurements of a trained network at one level N.

    stream         random bits, P(1) = 1/2; the first 100 steps are left out, and each later step is decided
    tau            single-neuron time constants in bits
    network tau    from the autocorrelation of the activity, see analysis/timescales.py; P(1) is drawn for each trial
    lesions        units of the smallest and of the largest tau, one at a time
    perturbation   noise on recurrent weights and on tau
    course         accuracy against the time since the start, in a stream of 10 N steps or more
    retraining     a new head for a larger N, and some epochs of training

Source   Khajehabdollahi et al. 2024 (ICLR), arXiv 2309.12927; sizes of the noise are theirs
"""

import copy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from snnsim.analysis.delay_memory import delay_memory
from snnsim.analysis.timescales import Timescales, network_timescales
from snnsim.data.synthetic import bit_memory
from snnsim.experiment.timescales import models
from snnsim.experiment.timescales.learner import BitLearner, head_of, quantities
from snnsim.experiment.timescales.settings import Budget, Cell
from snnsim.experiment.timescales.spiking import SpikingModel
from snnsim.kernels.rate.autograd import Diverged
from snnsim.learning.lesions import lesions, perturbed, relative_accuracy
from snnsim.nn.network import constrain
from snnsim.nn.time_constant import TimeConstant

STREAMS, STEPS, DISCARDED = 10, 1000, 100
BEFORE_ACTIVITY = 500
"""Steps before the activity is recorded."""
WEIGHT_NOISE = tuple(float(size) for size in np.geomspace(1e-2, 10, 10))
TAU_NOISE = tuple(float(size) for size in np.geomspace(1e-3, 10, 13))
BEYOND = (1, 2, 5, 10)
"""Distances of larger N for which a network is trained again."""


class Measured(NamedTuple):
    """A network at a level."""

    model: nn.Module
    cell: Cell
    budget: Budget
    level: int

    def right(self, steps: int, seed: int) -> Tensor:
        """Return whether each decision of streams is right, bool (time, stream), from step N − 1 on.

        Args:
            steps: Number of steps.
            seed: Seed of the bits and of the states before them.
        """
        generator = np.random.default_rng((seed, 20))
        bits = (generator.random((steps, STREAMS)) < 0.5).astype(np.uint8)
        labels = torch.from_numpy(bit_memory.labels(self.budget.task, bits, self.level))
        model: models.Model = self.model  # type: ignore[assignment]
        heads = [head_of(self.level, self.cell.curriculum)]
        with torch.no_grad():
            logits = model.logits(
                torch.from_numpy(bits).float(), heads, torch.Generator().manual_seed(seed), last=False
            )
        return logits[self.level - 1 :, :, 0].argmax(-1) == labels

    def accuracy(self) -> float:
        """Return the accuracy over streams after the first steps."""
        right = self.right(DISCARDED + STEPS, self.cell.seed)
        return right[max(0, DISCARDED - self.level + 1) :].float().mean().item()


def measure(model: nn.Module, cell: Cell, budget: Budget, level: int) -> dict[str, Any]:
    """Return all measurements of a network at a level, by name.

    Args:
        model: The network in evaluation mode.
        cell: Curriculum and seed.
        budget: Sizes.
        level: N, which the network has passed.
    """
    measured = Measured(model, cell, budget, level)
    intact = measured.accuracy()
    result: dict[str, Any] = {"level": level, "accuracy": intact, **quantities(model)}
    result["network tau"] = {
        kind: _summary(constants) for kind, constants in _network_taus(model, budget, level, cell.seed).items()
    }
    if budget.neuron in ("rate", "lif"):
        result["lesions"] = _lesions(measured, intact)
        result["perturbation"] = _perturbations(measured, intact)
    delays = model.delays() if isinstance(model, SpikingModel) else None
    if isinstance(model, SpikingModel) and delays is not None:
        result["delay memory"] = delay_memory(delays.numpy(), model.weights().numpy())._asdict()
    result["course"] = _course(measured)
    return result


def retrained(model: nn.Module, cell: Cell, budget: Budget, level: int, epochs: int) -> dict[str, float]:
    """Return the accuracies at larger N after a training with a new head, by N.

    Args:
        model: The network; a copy is trained.
        cell: Curriculum and seed.
        budget: Sizes.
        level: N that the network has passed.
        epochs: Number of epochs for each larger N.
    """
    single, result = cell._replace(curriculum="none"), {}
    for distance in BEYOND:
        copied = copy.deepcopy(model)
        copied.with_head(torch.Generator().manual_seed(cell.seed))  # type: ignore[operator]
        learner = BitLearner(copied, single, replace(budget, seeds=1))
        for epoch in range(1, epochs + 1):
            learner.train((level + distance,), epoch)
        result[str(level + distance)] = learner.accuracy((level + distance,), epochs)[level + distance]
    return result


@torch.no_grad()
def _network_taus(model: nn.Module, budget: Budget, level: int, seed: int) -> dict[str, Timescales]:
    """Return network time constants of each kind of activity, and of lags up to 2 N beside those up to 30."""
    generator = np.random.default_rng((seed, 21))
    steps = BEFORE_ACTIVITY + budget.stream
    bits = (generator.random((steps, STREAMS)) < generator.random(STREAMS)).astype(np.float32)
    kinds: dict[str, Tensor] = model.activities(torch.from_numpy(bits), torch.Generator().manual_seed(seed))  # type: ignore[operator]
    result = {}
    for kind, activity in kinds.items():
        trials = activity[BEFORE_ACTIVITY:].permute(1, 0, 2).numpy()
        result[kind] = network_timescales(trials)
        result[f"{kind}, 2 N lags"] = network_timescales(
            trials, longest=max(30, 2 * level), longest_tau=max(100.0, 4.0 * level)
        )
    return result


def _summary(constants: Timescales) -> dict[str, float | int | None]:
    above = constants.resolved()
    mean, spread = (float(above.mean()), float(above.std())) if len(above) else (None, None)
    return {"mean": mean, "sd": spread, "units": len(above), "silent": constants.silent, "all": len(constants.tau)}


def _lesions(measured: Measured, intact: float) -> dict[str, Any]:
    order = np.argsort(measured.model.taus().numpy(), kind="stable")  # type: ignore[operator]
    count = min(measured.budget.lesions, len(order) // 2)
    outgoing = measured.model.outgoing()  # type: ignore[operator]
    result = {}
    for name, units in (("fastest", order[:count]), ("slowest", order[-count:])):
        accuracies = list(lesions(measured.accuracy, outgoing, [int(unit) for unit in units]).values())
        mean = float(np.mean(accuracies))
        relative = relative_accuracy(mean, intact) if intact > 0.5 else None
        result[name] = {
            "accuracy": mean, "relative": relative, "tau": float(measured.model.taus()[units].mean()),  # type: ignore[operator]
        }  # fmt: skip
    return result


def _perturbations(measured: Measured, intact: float) -> dict[str, list[tuple[float, float | None]]]:
    """Return relative accuracies by the size of the noise."""
    model, generator = measured.model, torch.Generator().manual_seed(measured.cell.seed)

    def relative() -> float | None:
        try:
            accuracy = measured.accuracy()
        except Diverged:
            accuracy = 0.5
        return relative_accuracy(accuracy, intact) if intact > 0.5 else None

    weights = []
    for size in WEIGHT_NOISE:
        with perturbed(model.recurrent_weight, size, generator):  # type: ignore[arg-type]
            # no connection of a neuron to itself
            constrain(model)
            weights.append((size, relative()))
    constant: TimeConstant = model.time_constant  # type: ignore[assignment]
    tau, raw, taus = constant().detach().clone(), constant.raw.detach().clone(), []
    for size in TAU_NOISE:
        with perturbed(tau, size, generator, positive=True), torch.no_grad():
            constant.raw.copy_(constant.inverse(tau))
            taus.append((size, relative()))
    with torch.no_grad():
        constant.raw.copy_(raw)
    return {"weights": weights, "tau": taus}


def _course(measured: Measured) -> list[float]:
    """Return the accuracy of ten equal pieces of time, from step N − 1 on."""
    right = measured.right(max(10 * measured.level, 200), measured.cell.seed + 1)
    return [float(piece.float().mean()) for piece in right.tensor_split(10)]
