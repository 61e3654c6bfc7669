"""Signals of a user, a frame of values per time step, in one file of arrays.

    frames     (recording, step, channel)   numbers
    lengths    (recording,)                 optional: steps of each recording; the frames behind them are left out
    or
    frames     (step, channel)              all recordings end to end
    offsets    (recording + 1,)             first step of each recording, and the number of all steps
    frame_ms   one number                   optional: duration of a step, which must be that of the config

Labels, targets, groups and splits are those of annotations.py. A step of labels is a step of the frames unless
label_step states its duration: in time_unit if the file has it, else in ms.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnsim import ragged
from snnsim.data.coding.kinds import Values
from snnsim.data.coding.signals import SignalCoder
from snnsim.data.sources import annotations, array_files, parts
from snnsim.data.sources.annotations import Annotations
from snnsim.data.sources.array_files import ArrayFile
from snnsim.data.sources.findings import Findings
from snnsim.data.sources.source import CodedSource, Settings

_ADVICE = "correct the file"


@dataclass(frozen=True)
class Signals:
    """Annotated signals, all recordings end to end."""

    values: np.ndarray
    """Numbers (step, channel)."""
    offset: np.ndarray
    """int64 (recording + 1,)."""
    annotations: Annotations
    frame_ms: float | None = None
    """Duration of a step, if the file states it."""


def is_of_frames(file: ArrayFile) -> bool:
    """Return whether a file has an array of frames.

    Args:
        file: The open file.
    """
    return "frames" in file


def read(file: ArrayFile, findings: Findings) -> Signals | None:
    """Return the signals of a file, or None with errors among the findings.

    Args:
        file: The open file.
        findings: Errors and facts are added to it.
    """
    for name in file.duplicates:
        findings.error(name, "must be one array; the file has it twice", "write the file again")
    if not is_of_frames(file):
        findings.error("frames", f"must be in the file; it has {', '.join(file.names())}", "add the array")
        return None
    shape, dtype = file.shape("frames"), file.dtype("frames")
    if len(shape) not in (2, 3) or 0 in shape or dtype.kind not in "biuf":
        must = f"must be numbers (recording, step, channel), or (step, channel) beside offsets; got {dtype} of {shape}"
        findings.error("frames", must, _ADVICE)
        return None
    offset = _offset(file, shape, findings)
    if offset is None:
        return None
    values = file.all("frames")
    _check_values(values, offset, findings)
    labeled = annotations.read_in_ms(file, len(offset) - 1, findings)
    if labeled is None:
        return None
    if values.ndim == 3:
        inside = np.arange(shape[1]) < np.diff(offset)[:, None]
        values = values.reshape(-1, shape[2]) if inside.all() else values[inside]
    steps = np.diff(offset)
    findings.facts.append(
        ("frames", f"{len(steps):,} recordings of {steps.min():,} to {steps.max():,} steps and {shape[-1]:,} channels")
    )
    return Signals(values, offset, labeled, _frame_ms(file, findings))


def _offset(file: ArrayFile, shape: tuple[int, ...], findings: Findings) -> np.ndarray | None:
    if len(shape) == 3:
        if "lengths" not in file:
            return np.arange(shape[0] + 1) * shape[1]
        steps = file.all("lengths")
        if steps.shape != (shape[0],) or steps.dtype.kind not in "iu":
            must = f"must be integers, one for each of {shape[0]:,} recordings; got {steps.dtype} of {steps.shape}"
            findings.error("lengths", must, _ADVICE)
            return None
        wrong = np.flatnonzero((steps < 1) | (steps > shape[1]))
        findings.entries("lengths", f"must lie in 1..{shape[1]}", wrong, "leave empty recordings out")
        return None if len(wrong) else ragged.indptr(steps)
    offset = file.all("offsets") if "offsets" in file else np.zeros(0, np.int64)
    offset = offset.astype(np.int64) if offset.dtype.kind in "iu" else np.zeros(0, np.int64)
    good = offset.ndim == 1 and len(offset) > 1 and offset[0] == 0 and offset[-1] == shape[0]
    if not good or np.any(np.diff(offset) < 1):
        must = f"must ascend from 0 to the {shape[0]:,} steps of frames, in integers, by a step or more each time"
        findings.error("offsets", must, "add them, or correct them")
        return None
    return offset


def _check_values(values: np.ndarray, offset: np.ndarray, findings: Findings) -> None:
    if values.dtype.kind != "f":
        return
    wrong = ~np.isfinite(values)
    if values.ndim == 3:
        # what lies behind the end of a recording is left out
        wrong &= (np.arange(values.shape[1]) < np.diff(offset)[:, None])[:, :, None]
        bad = np.flatnonzero(wrong.any(axis=(1, 2)))
    else:
        bad = np.unique(np.searchsorted(offset, np.flatnonzero(wrong.any(axis=1)), side="right") - 1)
    findings.entries("frames", "must be finite", bad, "replace NaN and infinite values")
    constant = values.size and not wrong.any() and float(values.min()) == float(values.max())
    if constant:
        findings.warnings.append("frames may be wrong: all values are the same")


def _frame_ms(file: ArrayFile, findings: Findings) -> float | None:
    if "frame_ms" not in file:
        return None
    value = file.all("frame_ms")
    if value.size != 1 or value.dtype.kind not in "iuf" or not 0 < float(value.reshape(-1)[0]) < np.inf:
        findings.error("frame_ms", "must be one number above 0", _ADVICE)
        return None
    return float(value.reshape(-1)[0])


def source(path: Path, settings: Settings) -> CodedSource:
    """Return the signals of a file with their coding.

    Args:
        path: The file.
        settings: Time step and coding.

    Raises:
        ValueError: If the file has an error, or another time step.
    """
    findings = Findings(Path(path))
    with array_files.opened(findings.path) as file:
        signals = read(file, findings)
    findings.require()
    assert signals is not None  # noqa: S101 - a file without errors
    if signals.frame_ms is not None and not np.isclose(signals.frame_ms, settings.time_step_ms, rtol=1e-6):
        raise ValueError(
            f"{path}: a frame lasts {signals.frame_ms:g} ms, and data.time_step_ms is {settings.time_step_ms:g}; set "
            f"data.time_step_ms={signals.frame_ms:g}"
        )
    coder = SignalCoder(signals.values, signals.offset, settings.coding or Values())
    return CodedSource(findings.path, signals.annotations, coder, settings)


def check(path: Path) -> Findings:
    """Return what is in files of frames, and everything that is wrong with them.

    Args:
        path: A file, .npz or HDF5, or a folder with a file for each split.
    """
    return parts.checked(Path(path), _check)


def _check(path: Path) -> Findings:
    findings = Findings(path)
    with array_files.opened(findings.path) as file:
        signals = read(file, findings)
        if signals is not None:
            annotations.describe(signals.annotations, findings)
    return findings
