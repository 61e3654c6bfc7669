"""Evaluation of the runs of a sweep: statistics over seeds and folds, and ensembles under their own name.

    mean, sd, min, max   of the accuracies of single networks
    ci95                 binomial interval of the mean accuracy over the distinct recordings: recordings that several
                         seeds are evaluated with count once
    ensemble             decision by the sum of the scores of all seeds, fold by fold; its ci95 as that of the mean

The test split is for the last figure: only the refitted networks are evaluated with it, or the configuration with the
best validation result.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snnsim.experiment import build, evaluate_run
from snnsim.experiment.evaluate_run import Split
from snnsim.experiment.sweeps import chosen
from snnsim.experiment.sweeps.planned import Group, PlannedRun, groups_in
from snnsim.learning import decisions
from snnsim.learning.tasks.recording_class import RecordingClass
from snnsim.training import distributed, evaluation
from snnsim.training.evaluation import wilson


def evaluate(folder: Path, split: Split, *, data_path: str | None = None, device: str = "auto") -> list[dict[str, Any]]:
    """Return the statistics of every configuration of a folder with finished runs.

    Args:
        folder: Folder of a sweep, or of folds and seeds.
        split: Split of the data.
        data_path: Folder of the data, if they have moved since training.
        device: Device of the networks, or "auto".

    Raises:
        ValueError: If there are no finished runs with the split.
    """
    groups = [group for group in groups_in(folder) if group.results]
    if split == "test":
        groups = chosen.for_test(folder, groups)
    elif split == "valid":
        groups = [group for group in groups if all(run.config.data.validate for run in group.runs)]
    if not groups:
        raise ValueError(f"{folder} has no finished run to evaluate on the {split} split; train first, or go on")
    return [_of_group(group, split, data_path=data_path, device=device) for group in groups]


def _of_group(group: Group, split: Split, *, data_path: str | None, device: str) -> dict[str, Any]:
    accuracies: list[float] = []
    ensembles: list[tuple[int, int]] = []
    recordings, sizes = 0, []
    for runs in _by_fold(group).values():
        scores, label = zip(*(scored(run, split, data_path=data_path, device=device) for run in runs), strict=True)
        accuracies += [_correct(one, label[0]) / len(label[0]) for one in scores]
        sizes.append(len(runs))
        recordings = recordings + len(label[0]) if split == "valid" else len(label[0])
        if len(runs) > 1:
            ensembles.append((_correct(np.sum(scores, axis=0), label[0]), len(label[0])))
    facts: dict[str, Any] = {
        "configuration": group.path.name,
        "label": group.label,
        "split": split,
        "runs": len(accuracies),
        "of": len(group.runs),
        "accuracies": accuracies,
        "mean": mean(accuracies),
        "sd": stdev(accuracies) if len(accuracies) > 1 else None,
        "min": min(accuracies),
        "max": max(accuracies),
        "recordings": recordings,
        "ci95": list(wilson(round(mean(accuracies) * recordings), recordings)),
    }
    if ensembles:
        facts["ensemble"] = {"networks": max(sizes), **_ensemble(ensembles, recordings)}
    return facts


def _ensemble(ensembles: Sequence[tuple[int, int]], recordings: int) -> dict[str, Any]:
    """Return the result of the ensembles of all folds together, which may decide about the same recordings."""
    correct, total = (sum(numbers) for numbers in zip(*ensembles, strict=True))
    distinct = min(total, recordings)
    return {
        "accuracy": correct / total,
        "correct": correct,
        "total": total,
        "recordings": distinct,
        "ci95": list(wilson(round(correct / total * distinct), distinct)),
    }


def _by_fold(group: Group) -> dict[int | None, list[PlannedRun]]:
    folds: dict[int | None, list[PlannedRun]] = {}
    for run in group.runs:
        if run.result is not None:
            folds.setdefault(run.fold, []).append(run)
    return folds


def _correct(scores: np.ndarray, label: np.ndarray) -> int:
    return int((scores.argmax(1) == label).sum())


def scored(
    run: PlannedRun, split: Split, *, data_path: str | None = None, device: str = "auto"
) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the best network of a run (recording, class), and the labels (recording,).

    Args:
        run: A finished run.
        split: Split of the data.
        data_path: Folder of the data, if they have moved since training.
        device: Device of the network, or "auto".

    Raises:
        ValueError: If the task is none of one class for each recording.
    """
    loaded, on = evaluate_run.load(run.folder.path, split, data_path=data_path), distributed.choose_device(device)
    if not isinstance(loaded.task, RecordingClass):
        raise ValueError(
            f"statistics over seeds and folds are those of classes of recordings, and the task is {loaded.task.kind}; "
            f"evaluate the runs one by one, such as {run.folder.path}"
        )
    decide = decisions.get_decision(loaded.task.decision_name)
    scores: list[np.ndarray] = []

    def noted(output: Tensor, valid: Tensor) -> Tensor:
        decided = decide(output, valid)
        scores.append(decided.double().cpu().numpy())
        return decided

    batches = loaded.part.batches(build.EVALUATION_BATCH)
    with torch.no_grad():
        evaluation.evaluate(loaded.network.to(on), batches, noted, device=on, seed=0)
    return np.concatenate(scores), loaded.part.binned.label[loaded.part.indices]


def lines(facts: Sequence[dict[str, Any]]) -> list[str]:
    """Return the statistics as lines of text; an ensemble has a line of its own.

    Args:
        facts: The statistics of each configuration.
    """
    written = []
    for one in facts:
        low, high = one["ci95"]
        spread = "" if one["sd"] is None else f" ± {one['sd']:.2%} (standard deviation)"
        label = one["label"] and f" ({one['label']})"
        written.append(
            f"{one['configuration']}{label}, {one['split']}: mean {one['mean']:.2%}"
            f"{spread} of {one['runs']} networks, {one['min']:.2%} to {one['max']:.2%}; 95 % interval of the mean "
            f"{low:.2%} to {high:.2%} ({one['recordings']} recordings)"
        )
        if one["runs"] < one["of"]:
            written[-1] += f"; {one['of'] - one['runs']} runs are not finished"
        if "ensemble" in one:
            many = one["ensemble"]
            low, high = many["ci95"]
            total = f"{many['total']}"
            if many["recordings"] < many["total"]:
                total += f" decisions about {many['recordings']} recordings"
            written.append(
                f"  ensemble of {many['networks']} seeds by summed scores: {many['accuracy']:.2%} "
                f"({many['correct']} of {total}, 95 % interval {low:.2%} to {high:.2%})"
            )
    return written
