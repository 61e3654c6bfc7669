"""Tasks of configs: their values, the targets of the data that they read, and the names of their outputs."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snnsim.config import Config
from snnsim.config.task import ClassTask, HeadsTask, RegressionTask, StepClassTask, StepRegressionTask
from snnsim.config.task import Task as Section
from snnsim.data.binning import Binned
from snnsim.data.grid_recordings import GridRecordings
from snnsim.data.targets import Target, Targets
from snnsim.learning.tasks import Heads, RecordingClass, RecordingRegression, StepClass, StepRegression, Task
from snnsim.program import Readout
from snnsim.validation import require

LARGE = 10.0
"""Mean and standard deviation of numbers above which `scale_notes` has a line, and its inverse for small deviations."""
Names = tuple[str, ...] | dict[str, tuple[str, ...]]
"""Names of the classes or numbers of a readout, or those of each head by its name."""
Sizes = int | Mapping[str, int]
"""Number of outputs of a readout, or of each head by its name."""


def build(config: Config) -> Task:
    """Return the task of a config.

    Args:
        config: The config of a run.
    """
    section, training = config.task, config.training
    if isinstance(section, HeadsTask):
        tasks = {
            head.name: _single(head, head.decision if isinstance(head, ClassTask) else "") for head in section.heads
        }
        return Heads(tasks, {head.name: head.weight for head in section.heads})
    if isinstance(section, ClassTask):
        return RecordingClass(training.decision, training.loss, section.target)
    return _single(section, "")


def _single(section: Section, decision: str) -> Task:
    if isinstance(section, ClassTask):
        return RecordingClass(decision, target=section.target)
    if isinstance(section, StepClassTask):
        return StepClass(section.target)
    if isinstance(section, RegressionTask):
        return RecordingRegression(section.target, section.decision)
    if isinstance(section, StepRegressionTask):
        return StepRegression(section.target)
    raise TypeError(f"a task of a head, or of a readout, is needed, not {type(section).__name__}")


def names(config: Config, data: GridRecordings) -> Names:
    """Return the names of the outputs of a config's network on data, which must have the targets of the task.

    Args:
        config: The config of a run.
        data: Recordings of any split.

    Raises:
        ValueError: If the data lack a target of the task, or have one of another kind.
    """
    section = config.task
    if isinstance(section, HeadsTask):
        return {head.name: _names(head, data) for head in section.heads}
    return _names(section, data)


def _names(section: Section, data: GridRecordings) -> tuple[str, ...]:
    if isinstance(section, ClassTask) and section.target is None:
        known = ", ".join(data.targets) or "none"
        require(bool(data.classes), f"task {section.kind}: the data have no classes; they have the targets: {known}")
        return data.classes
    return _target(section, data.targets).names


def _target(section: Section, targets: Targets) -> Target:
    name = str(section.target) if not isinstance(section, HeadsTask) else ""  # type: ignore[attr-defined]
    known = ", ".join(f"{other} ({_described(target)})" for other, target in targets.items())
    advice = f"set task.target to one of: {known}" if known else "they have classes of recordings alone, the task class"
    require(name in targets, f"task {section.kind}: the data have no target {name!r}; {advice}")
    wanted = {ClassTask: (True, False), StepClassTask: (True, True), RegressionTask: (False, False)}
    kind = next((fits for each, fits in wanted.items() if isinstance(section, each)), (False, True))
    target = targets[name]
    require(
        (target.of_classes, target.per_step) == kind,
        f"task {section.kind}: the target {name!r} must be {_KINDS[kind]}, not {_described(target)}; the targets of "
        f"the data are: {known}",
    )
    return target


_KINDS = {
    (True, False): "classes of recordings",
    (True, True): "classes of steps",
    (False, False): "numbers of recordings",
    (False, True): "numbers of steps",
}


def _described(target: Target) -> str:
    return _KINDS[target.of_classes, target.per_step]


def sizes(outputs: Names) -> Sizes:
    """Return the numbers of outputs by their names.

    Args:
        outputs: Names of the outputs, or those of each head.
    """
    return {head: len(each) for head, each in outputs.items()} if isinstance(outputs, dict) else len(outputs)


def total(outputs: Sizes) -> int:
    """Return the number of outputs of all heads together.

    Args:
        outputs: Number of outputs, or that of each head.
    """
    return sum(outputs.values()) if isinstance(outputs, Mapping) else outputs


def read_by(config: Config, data: Binned) -> Binned:
    """Return recordings with the targets that the task reads, and no others.

    Args:
        config: The config of a run.
        data: Recordings with all targets that they have; a ValueError names those if the task reads another one.
    """
    names(config, data)
    return replace(data, targets=targets_read(config, data.targets))


def targets_read(config: Config, targets: Targets) -> dict[str, Target]:
    """Return the targets that the task of a config reads.

    Args:
        config: The config of a run.
        targets: Targets of recordings by their names.
    """
    wanted = build(config).targets()
    return {name: target for name, target in targets.items() if name in wanted}


def scale_notes(config: Config, targets: Targets) -> list[str]:
    """Return a line for each number of the task's targets that is far from those a readout learns, near -1 to 1.

    Args:
        config: The config of a run.
        targets: Targets of the training recordings.
    """
    notes = []
    for name, target in targets_read(config, targets).items():
        if target.of_classes:
            continue
        for number, values in zip(target.names, target.values.T, strict=True):
            present = values[~np.isnan(values)]
            mean, sd = (present.mean(), present.std()) if present.size else (0.0, 1.0)
            if abs(mean) + sd > LARGE or 0 < sd < 1 / LARGE:
                notes.append(
                    f"note: {number!r} of the target {name!r} is {mean:.3g} with a standard deviation of {sd:.3g}; "
                    "networks learn numbers near -1 to 1, so subtract the mean and divide by the deviation"
                )
    return notes


def weights(config: Config | None) -> dict[str, float]:
    """Return the weights of the losses of a config's heads.

    Args:
        config: The config of a run; None has no heads.
    """
    section = None if config is None else config.task
    return {head.name: head.weight for head in section.heads} if isinstance(section, HeadsTask) else {}


def target_of(readout: Readout, config: Config | None, targets: Targets) -> str | None:
    """Return the name of the target of a readout of a Program, or None for the labels.

    Args:
        readout: The readout.
        config: The config that the Program comes from, or None.
        targets: Targets of the recordings.

    Raises:
        ValueError: If the recordings have no such target, or several of its kind.
    """
    section = None if config is None else config.task
    if isinstance(section, HeadsTask):
        section = next((head for head in section.heads if head.name == readout.population), None)
    if section is None and readout.task == "class":
        return None
    if isinstance(section, ClassTask) and section.target is None:
        return None
    kind = readout.of_classes, readout.per_step
    fitting = [name for name, target in targets.items() if (target.of_classes, target.per_step) == kind]
    wanted = fitting if section is None else [str(section.target)]
    require(
        len(wanted) == 1 and wanted[0] in fitting,
        f"the readout {readout.population!r} predicts {_KINDS[kind]}; the recordings must have one such target"
        f"{'' if section is None else f', {wanted[0]!r}'}, and have: {', '.join(fitting) or 'none'}",
    )
    return wanted[0]
