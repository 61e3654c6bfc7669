"""Labels, targets, groups and splits of the recordings of a file of arrays.

    labels        (recording,)          index into classes, or a class name
    step_labels   (recording, step)     index into classes, -1 for a step without a label
    targets       (recording, target) or (recording, step, target)     numbers, NaN for none
    label_step    duration of a step of step_labels and targets, in the time unit of the file, else in ms
    groups        (recording,)          optional: number or name of a speaker, subject, source image; -1 unknown
    splits        (recording,)          optional: train, valid or test
    classes       (class,)              optional names

A file has exactly one of labels, step_labels and targets.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from snnsim.data.columns import MOST_UNNAMED
from snnsim.data.registry import SPLITS
from snnsim.data.sources.array_files import ArrayFile
from snnsim.data.sources.findings import Findings
from snnsim.data.targets import NO_TARGETS, Target, Targets
from snnsim.data.time_units import IN_MS

ANSWERS = ("labels", "step_labels", "targets")
"""Arrays that a network learns; a file has one of them."""
NO_LABEL = -1
TARGET = "target"
"""Name of the target of step labels and targets, the default of tasks."""
_ADVICE = "correct the file"


@dataclass(frozen=True)
class Annotations:
    """Everything about recordings but their events."""

    label: np.ndarray
    """Class of each recording, int64 (recording,); -1 where there are step labels or targets."""
    group: np.ndarray
    """Group of each recording, int64 (recording,); -1 where unknown."""
    classes: tuple[str, ...] = ()
    """Names of the classes of recordings or steps; empty for targets."""
    named: bool = False
    """Whether the file names the classes."""
    split: np.ndarray | None = None
    """Index into SPLITS of each recording, int64 (recording,); None if the file has no splits."""
    step_label: np.ndarray | None = None
    """int64 (recording, step), -1 for no label."""
    target: np.ndarray | None = None
    """float64 (recording, target) or (recording, step, target), NaN for none."""
    label_step: float | None = None
    """Duration of a step of step_label and target, in the time unit of the file; ms for frames and pictures."""

    def __len__(self) -> int:
        return len(self.label)

    @classmethod
    def plain(cls, label: np.ndarray, classes: tuple[str, ...], *, group: np.ndarray | None = None) -> Self:
        """Return the annotations of recordings with one class each.

        Args:
            label: Class of each recording, int64 (recording,).
            classes: Names of the classes.
            group: Group of each recording, int64 (recording,); None if unknown.
        """
        return cls(label, np.full(len(label), -1) if group is None else group, classes, named=True)

    @property
    def recording_classes(self) -> tuple[str, ...]:
        """Names of the classes of recordings; empty where there are step labels or targets."""
        return self.classes if self.step_label is None and self.target is None else ()

    def targets(self, step_ms: float) -> Targets:
        """Return step labels or targets under the name TARGET, none where there are labels.

        Args:
            step_ms: Duration of a step of them.
        """
        if self.step_label is not None:
            return {TARGET: Target.of(self.step_label, self.classes, step_ms=step_ms)}
        if self.target is not None:
            return {TARGET: Target.of(self.target, step_ms=step_ms if self.target.ndim == 3 else None)}
        return NO_TARGETS

    def stratum(self) -> np.ndarray:
        """Return the class by which splits are stratified, int64 (recording,): the most frequent one of step labels."""
        if self.step_label is None:
            label: np.ndarray = np.maximum(self.label, 0)
            return label
        count = [(self.step_label == number).sum(1) for number in range(max(len(self.classes), 1))]
        frequent: np.ndarray = np.argmax(count, axis=0).astype(np.int64)
        return frequent


def read(file: ArrayFile, recordings: int, findings: Findings) -> Annotations | None:
    """Return the annotations of a file, or None with errors among the findings.

    Args:
        file: The open file.
        recordings: Number of recordings.
        findings: Errors are added to it.
    """
    before = len(findings.errors)
    present = [name for name in ANSWERS if name in file]
    if len(present) != 1:
        stated = " and ".join(present) or "none of them"
        findings.error(", ".join(ANSWERS), f"must be one array; the file has {stated}", "write exactly one")
    names = _names(file, findings)
    group = _column(file, "groups", recordings, findings)
    result = Annotations(
        np.full(recordings, -1),
        np.full(recordings, -1) if group is None else _group(group, findings),
        names or (),
        named=names is not None,
        split=_split(file, recordings, findings),
    )
    if "labels" in present:
        result = _with_labels(file, result, findings)
    if "step_labels" in present:
        result = _with_step_labels(file, result, findings)
    if "targets" in present:
        result = _with_targets(file, result, findings)
    return result if len(findings.errors) == before else None


def read_in_ms(file: ArrayFile, recordings: int, findings: Findings) -> Annotations | None:
    """Return the annotations of a file that may lack a time unit, with label_step in ms; None as `read`.

    Args:
        file: The open file.
        recordings: Number of recordings.
        findings: Errors are added to it.
    """
    result = read(file, recordings, findings)
    if result is None or result.label_step is None or "time_unit" not in file:
        return result
    value = file.all("time_unit").reshape(-1).tolist()
    if len(value) != 1 or str(value[0]) not in IN_MS:
        findings.error("time_unit", f"must be one of {', '.join(IN_MS)}; got {value[:3]}", "name the unit")
        return None
    factor, divisor = IN_MS[str(value[0])]
    return replace(result, label_step=result.label_step * factor / divisor)


def describe(annotated: Annotations, findings: Findings) -> None:
    """Add facts about the labels or targets, the groups and the splits to the findings.

    Args:
        annotated: Annotations without errors.
        findings: Facts are added to it.
    """
    if annotated.target is not None:
        *steps, numbers = annotated.target.shape[1:]
        each = f"each of {steps[0]:,} steps of each recording" if steps else "each recording"
        findings.facts.append(("targets", f"{numbers:,} number{'s' if numbers > 1 else ''} for {each}"))
    else:
        label = annotated.label if annotated.step_label is None else annotated.step_label
        count = np.bincount(label[label != NO_LABEL], minlength=len(annotated.classes))
        noun = "recordings" if annotated.step_label is None else f"steps, {label.shape[1]:,} of each recording"
        of = "class of" if len(count) == 1 else "classes of"
        findings.facts.append(("labels", f"{len(count):,} {of} {noun}: {_listed(annotated.classes, count)}"))
        if len(np.flatnonzero(count)) == 1:
            findings.warnings.append("labels may be wrong: all are the same class, so there is nothing to learn")
    unknown = np.flatnonzero(annotated.group < 0)
    if len(unknown) < len(annotated):
        findings.facts.append(("groups", f"{len(np.unique(annotated.group[annotated.group >= 0])):,}"))
        if len(unknown):
            findings.warnings.append(
                f"groups may be incomplete: {len(unknown):,} of {len(annotated):,} recordings have none, first "
                f"recording {unknown[0]}, so recordings are held out by class and not by group"
            )
    if annotated.split is not None:
        count = np.bincount(annotated.split, minlength=len(SPLITS))
        findings.facts.append(("splits", _listed(SPLITS, count)))


def _listed(names: tuple[str, ...], count: np.ndarray, most: int = 12) -> str:
    """Return names with their counts, and a remark in place of those behind the first few."""
    first = ", ".join(f"{name} {number:,}" for name, number in zip(names[:most], count.tolist(), strict=False))
    return first + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _names(file: ArrayFile, findings: Findings) -> tuple[str, ...] | None:
    if "classes" not in file:
        return None
    names = tuple(map(str, np.atleast_1d(file.all("classes")).ravel().tolist()))
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        findings.error("classes", f"must be different names; {', '.join(map(repr, twice[:5]))} occur twice", _ADVICE)
    return names


def _column(file: ArrayFile, name: str, recordings: int, findings: Findings) -> np.ndarray | None:
    if name not in file:
        return None
    shape = file.shape(name)
    if shape not in ((recordings,), (recordings, 1)):
        findings.error(name, f"must have one entry for each of {recordings:,} recordings; got shape {shape}", _ADVICE)
        return None
    return file.all(name).reshape(recordings)


def _group(values: np.ndarray, findings: Findings) -> np.ndarray:
    if values.dtype.kind == "U":
        return np.where(values == "-1", -1, np.unique(values, return_inverse=True)[1]).astype(np.int64)
    if values.dtype.kind not in "iu":
        findings.error("groups", f"must be integers or names, not {values.dtype}", _ADVICE)
        return np.full(len(values), -1)
    if values.max(initial=0) > np.iinfo(np.int64).max:
        # hashes, which int64 would turn into unknown groups
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    return np.maximum(values.astype(np.int64), -1)


def _split(file: ArrayFile, recordings: int, findings: Findings) -> np.ndarray | None:
    values = _column(file, "splits", recordings, findings)
    if values is None:
        return None
    number = np.full(len(values), -1, np.int64)
    for index, name in enumerate(SPLITS):
        number[values.astype(str) == name] = index
    findings.entries("splits", f"must be one of {', '.join(SPLITS)}", np.flatnonzero(number < 0), _ADVICE)
    return number


def _with_labels(file: ArrayFile, result: Annotations, findings: Findings) -> Annotations:
    values = _column(file, "labels", len(result), findings)
    if values is None:
        return result
    if values.dtype.kind == "U":
        names = result.classes if result.named else tuple(sorted(set(values.tolist())))
        index = {name: number for number, name in enumerate(names)}
        label = np.array([index.get(str(name), -1) for name in values.tolist()], np.int64)
        findings.entries("labels", "must be names among classes", np.flatnonzero(label < 0), _ADVICE)
        return replace(result, label=label, classes=names, named=True)
    return _checked(values, result, "labels", findings, least=0)


def _checked(values: np.ndarray, result: Annotations, name: str, findings: Findings, *, least: int) -> Annotations:
    """Return annotations with integer labels of recordings or steps that were checked."""
    if values.dtype.kind == "f" and values.size and np.all(values == np.floor(values)):
        values = values.astype(np.int64)
    if values.dtype.kind not in "biu":
        findings.error(name, f"must be integers or names, not {values.dtype}", "fractions and NaN are no classes")
        return result
    label = values.astype(np.int64)
    most = len(result.classes) - 1 if result.named else MOST_UNNAMED - 1
    wrong = (label < least) | (label > most)
    rows = np.flatnonzero(wrong.reshape(len(label), -1).any(axis=1)) if label.size else np.zeros(0, np.int64)
    rule = f"must lie in {least}..{most}" + (", one for each class name" if result.named else "")
    findings.entries(name, rule, rows, "a missing label is no class; leave such recordings out, or correct them")
    # a wrong label must not decide how many names there are
    label = np.where(wrong, max(least, 0), label)
    classes = result.classes if result.named else tuple(map(str, range(int(label.max(initial=0)) + 1)))
    if name == "labels":
        return replace(result, label=label, classes=classes)
    return replace(result, step_label=label, classes=classes)


def _with_step_labels(file: ArrayFile, result: Annotations, findings: Findings) -> Annotations:
    shape = file.shape("step_labels")
    if len(shape) != 2 or shape[0] != len(result):
        findings.error("step_labels", f"must be of shape ({len(result)}, step); got {shape}", _ADVICE)
        return result
    result = _checked(file.all("step_labels"), result, "step_labels", findings, least=NO_LABEL)
    if result.step_label is not None:
        empty = np.flatnonzero((result.step_label == NO_LABEL).all(axis=1))
        findings.entries("step_labels", "must have a label in each recording", empty, "leave such recordings out")
    return replace(result, label_step=_label_step(file, findings))


def _with_targets(file: ArrayFile, result: Annotations, findings: Findings) -> Annotations:
    shape, dtype = file.shape("targets"), file.dtype("targets")
    if len(shape) not in (2, 3) or shape[0] != len(result) or 0 in shape[1:]:
        must = f"must be of shape ({len(result)}, target) or ({len(result)}, step, target); got {shape}"
        findings.error("targets", must, _ADVICE)
        return result
    if dtype.kind not in "biuf":
        findings.error("targets", f"must be numbers, not {dtype}", _ADVICE)
        return result
    target = file.all("targets").astype(np.float64)
    rows = target.reshape(len(target), -1)
    findings.entries("targets", "must not be infinite", np.flatnonzero(np.isinf(rows).any(1)), "NaN is for none")
    findings.entries("targets", "must have a number in each recording", np.flatnonzero(np.isnan(rows).all(1)), _ADVICE)
    return replace(result, target=target, label_step=_label_step(file, findings) if len(shape) == 3 else None)


def _label_step(file: ArrayFile, findings: Findings) -> float | None:
    if "label_step" not in file:
        return None
    value = file.all("label_step")
    if value.size != 1 or value.dtype.kind not in "iuf" or not 0 < float(value.reshape(-1)[0]) < np.inf:
        findings.error("label_step", "must be one number above 0", "it is the duration of a step, in the time unit")
        return None
    return float(value.reshape(-1)[0])
