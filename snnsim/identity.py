"""Identity of a process, and whether it has ended, for locks on a disk that several machines may share.

A process number alone names no process: other machines, other containers and later processes have the same numbers. The
identity therefore includes the boot of the kernel, the namespace of process numbers and the time of the start. Where
they do not suffice (another machine, another container, a system without /proc and signals), the answer is None.
"""

import functools
import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


@dataclass(frozen=True)
class Identity:
    """A process and its machine; a text is empty where it is unknown."""

    host: str
    """Name of the machine."""
    machine: str
    """Identifier of the installed system."""
    boot: str
    """Identifier of the present start of the kernel."""
    namespace: str
    """Namespace in which the number of the process holds."""
    pid: int
    started: str
    """When the process started, in the kernel's ticks since its own start."""


def mine() -> Identity:
    """Return the identity of this process."""
    return Identity(*_place(), pid=os.getpid(), started=_started(os.getpid()))


def tag() -> str:
    """Return a short name of this process for the names of temporary files, from its machine and its number."""
    return f"{_digest()}-{os.getpid()}"


def tagged_has_ended(name: str) -> bool | None:
    """Return whether a process has ended, or None if its state is unknown.

    Args:
        name: The `tag` of the process.
    """
    digest, _, number = name.partition("-")
    return _ended(int(number), "") if digest == _digest() and number.isdigit() else None


def has_ended(other: Identity) -> bool | None:
    """Return whether a process has ended, or None if its state is unknown.

    Args:
        other: Identity of the process.
    """
    own = mine()
    if not own.boot or other.boot != own.boot:
        # the same machine after a restart: all earlier processes have ended
        same_machine = bool(own.machine) and (other.machine, other.host) == (own.machine, own.host)
        return True if same_machine and own.boot and other.boot else None
    return _ended(other.pid, other.started) if other.namespace == own.namespace else None


def _ended(pid: int, started: str) -> bool | None:
    # elsewhere, os.kill ends the process for every signal, 0 included
    if os.name != "posix" or pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        # the process runs, as another user
        pass
    now = _started(pid)
    # a killed process is in the list until its parent has waited for it
    return now == "ended" or bool(started and now and started != now)


def _started(pid: int) -> str:
    try:
        # the name of the program, in parentheses, may contain any characters
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if fields[0] in "ZX" else fields[19]


@functools.cache
def _place() -> tuple[str, str, str, str]:
    boot = _text(_PROC / "sys/kernel/random/boot_id")
    machine = next((text for path in _MACHINE_IDS if (text := _text(path))), "")
    try:
        namespace = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        namespace = ""
    return platform.node(), machine, boot, namespace


@functools.cache
def _digest() -> str:
    host, _, boot, namespace = _place()
    return hashlib.sha256(f"{host} {boot} {namespace}".encode()).hexdigest()[:8]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
