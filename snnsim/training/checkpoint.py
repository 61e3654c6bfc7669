"""Checkpoints: one file with everything a run needs to go on, written whole, read without running its content."""

import pickle
from pathlib import Path
from typing import Any

import torch

from snnsim.files import written_whole

VERSION = 1


def save(path: Path, architecture: dict[str, Any], content: dict[str, Any]) -> None:
    """Write a checkpoint; if that fails, the one that was there before is untouched."""
    payload = {"snnsim_checkpoint": VERSION, "architecture": architecture, **content}
    try:
        with written_whole(path) as partial:
            torch.save(payload, partial)
    except (OSError, RuntimeError) as error:
        # torch turns a full disk into a RuntimeError of its archive writer
        raise OSError(
            f"checkpoint {path} could not be written ({error}); what was there before is untouched. "
            "Is the disk full? Free some space and go on with --resume"
        ) from error


def load(path: Path, architecture: dict[str, Any] | None) -> dict[str, Any]:
    """Return the content of a checkpoint of a network of this architecture, or of any if None."""
    payload = _read(path)
    if architecture is not None:
        _check_architecture(path, payload["architecture"], architecture)
    return payload


def is_finished(path: Path) -> bool:
    """Return whether the checkpoint of a run says that its training has ended."""
    return bool(_read(path)["standing"]["finished"])


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; has the run been started?")
    try:
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        reason = (str(error).splitlines() or ["it ends too soon"])[0]
        raise ValueError(f"checkpoint {path} is damaged or not a checkpoint: {reason}") from error
    if not isinstance(payload, dict) or "snnsim_checkpoint" not in payload:
        raise ValueError(f"{path} is not a checkpoint of snnsim")
    if payload["snnsim_checkpoint"] > VERSION:
        raise ValueError(
            f"checkpoint {path} has version {payload['snnsim_checkpoint']}, newer than the {VERSION} that this "
            "snnsim knows; upgrade snnsim to read it"
        )
    return payload


def _check_architecture(path: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    different = [
        f"{name} {theirs.get(name)!r} there, {ours.get(name)!r} here"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]
    if different:
        raise ValueError(f"checkpoint {path} is of another network: {'; '.join(different)}")
