"""Checkpoints: one file with the complete state of a run, written atomically and read without executing its content."""

import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from snnsim.config import renamed_keys
from snnsim.files import written_whole
from snnsim.training import finite
from snnsim.training.train_state import TrainState
from snnsim.validation import integer, require, shown

VERSION = 1
# errors of the readers of archives and pickles at damaged files
_DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError,
    pickle.UnpicklingError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_ADVICE = (
    "If it is last.pt, the best network is still in best.pt beside it: `snnsim evaluate`; to train on, start again "
    "from its parameters: --set training.start=RUN"
)


def save(path: Path, architecture: dict[str, Any], content: dict[str, Any]) -> None:
    """Write a checkpoint; if writing fails, the previous checkpoint of this path is unchanged.

    Args:
        path: The file to write.
        architecture: Description of the network, which `load` compares.
        content: Tensors and plain values by name.

    Raises:
        OSError: If the file cannot be written.
    """
    payload = {"snnsim_checkpoint": VERSION, "architecture": architecture, **content}
    try:
        with written_whole(path) as partial:
            torch.save(payload, partial)
    except (OSError, RuntimeError) as error:
        # torch turns a full disk into a RuntimeError of its archive writer
        raise OSError(
            f"checkpoint {path} could not be written ({error}); the previous checkpoint is unchanged. "
            "Is the disk full? Free some space and go on with --resume"
        ) from error


def load(path: Path, architecture: dict[str, Any] | None) -> dict[str, Any]:
    """Return the content of a checkpoint.

    Args:
        path: The file.
        architecture: Description of the network that the checkpoint must be of; None accepts any network.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, is no checkpoint, is of another network, or has parameters that are not
            finite.
    """
    payload = _read(path)
    if architecture is not None:
        _check_architecture(path, renamed_keys.of_architecture(payload["architecture"]), architecture)
    return payload


def into(path: Path, network: nn.Module, content: dict[str, Any]) -> None:
    """Load the parameters of a checkpoint into a network.

    Args:
        path: The file, for messages.
        network: The network; its parameters and buffers are changed.
        content: Content of the checkpoint.

    Raises:
        ValueError: If the parameters are those of another network.
    """
    try:
        network.load_state_dict(content["network"])
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise ValueError(f"checkpoint {path} is of another network: {reason}") from error


def is_finished(path: Path) -> bool:
    """Return whether the training has ended, by the checkpoint of a run.

    Args:
        path: Path of the checkpoint of a run, such as last.pt.
    """
    return TrainState.of(_read(path).get("standing"), path).finished


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; has the run been started?")
    try:
        with path.open("rb") as file:
            payload = torch.load(_checked(file), map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        reason = (str(error).splitlines() or ["it ends too soon"])[0]
        raise ValueError(f"checkpoint {path} is damaged or not a checkpoint: {reason}. {_ADVICE}") from error
    if not isinstance(payload, dict) or "snnsim_checkpoint" not in payload:
        raise ValueError(f"{path} is not a checkpoint of snnsim")
    version = integer(payload["snnsim_checkpoint"], who=f"checkpoint {path}", name="snnsim_checkpoint", at_least=1)
    if version > VERSION:
        raise ValueError(
            f"checkpoint {path} has version {version}, newer than the {VERSION} that this "
            "snnsim knows; upgrade snnsim to read it"
        )
    _check_content(path, payload)
    return payload


def _checked(file: BinaryIO) -> BinaryIO:
    """Return a copy of the archive, after comparing every member with its checksum, which torch does not do.

    torch reads the copy only: its own reader takes a member of a changed type for an empty folder, and then leaves
    uninitialized numbers in memory.

    Raises:
        ValueError: If a member is compressed or damaged, or the members are larger than the file.
    """
    checked = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(checked, "w") as copy:
        packed = [each.filename for each in archive.infolist() if each.compress_type != zipfile.ZIP_STORED]
        # torch compresses nothing; a small compressed file may claim to hold gigabytes
        require(not packed, f"its part {packed[:1]} is compressed")
        size = file.seek(0, 2)
        # overlapping parts could each be as large as the file
        require(sum(each.file_size for each in archive.infolist()) <= size, "its parts are larger than the file")
        for each in archive.infolist():
            try:
                part = archive.read(each)
            except zipfile.BadZipFile as error:
                raise ValueError(f"its part {each.filename} has another checksum than it was written with") from error
            copy.writestr(each.filename, part)
    checked.seek(0)
    return checked


def _check_content(path: Path, payload: dict[Any, Any]) -> None:
    for name in ("architecture", "network"):
        require(
            isinstance(payload.get(name), dict) and all(isinstance(key, str) for key in payload[name]),
            f"checkpoint {path}: {name} must be a table of names, not {shown(payload.get(name))}",
        )
    require(
        isinstance(payload.get("conditions", {}), dict),
        f"checkpoint {path}: conditions must be a table, not {shown(payload.get('conditions'))}",
    )
    strange = [name for name, value in payload["network"].items() if not isinstance(value, Tensor)]
    require(not strange, f"checkpoint {path}: network must hold arrays alone; {strange[:1]} is none")
    broken = finite.broken(payload["network"])
    require(
        broken is None,
        f"checkpoint {path}: its parameter {broken} has values that are not finite, so that nothing can be computed; "
        f"train again: {finite.ADVICE}",
    )


def _check_architecture(path: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    different = [
        f"{name} is {theirs.get(name)!r} in the checkpoint, {ours.get(name)!r} in the config"
        for name in sorted(theirs.keys() | ours.keys())
        if theirs.get(name) != ours.get(name)
    ]
    if different:
        raise ValueError(f"checkpoint {path} is of another network: {'; '.join(different)}")
