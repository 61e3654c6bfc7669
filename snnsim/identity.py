"""Which process this is, and whether another one has ended: for locks on a disk that several machines may share.

A number alone does not name a process: other machines, other containers and later processes have the same numbers.
So the kernel's boot, the namespace of process numbers and the time of the start belong to the name. Where they cannot
tell (another machine, another container, a system without /proc and signals), nothing is said.
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
    """A process and where it runs; texts are empty where the system does not tell."""

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
    """Return a short name of this process for temporary files, of its machine and its number."""
    return f"{_digest()}-{os.getpid()}"


def tagged_has_ended(name: str) -> bool | None:
    """Return whether the process of a `tag` has ended; None if that cannot be told from here."""
    digest, _, number = name.partition("-")
    return _ended(int(number), "") if digest == _digest() and number.isdigit() else None


def has_ended(other: Identity) -> bool | None:
    """Return whether a process has ended; None if that cannot be told from here."""
    here = mine()
    if not here.boot or other.boot != here.boot:
        # the same machine, started anew: all that ran before has ended
        named = bool(here.machine) and (other.machine, other.host) == (here.machine, here.host)
        return True if named and here.boot and other.boot else None
    return _ended(other.pid, other.started) if other.namespace == here.namespace else None


def _ended(pid: int, started: str) -> bool | None:
    # on other systems os.kill does what its name says, whatever the signal
    if os.name != "posix" or pid <= 0:
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        # it runs, as another user's
        pass
    now = _started(pid)
    # a process that was killed stays in the list until its parent has asked for it
    return now == "ended" or bool(started and now and started != now)


def _started(pid: int) -> str:
    try:
        # the name of the program, in parentheses, may hold anything
        found = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if found[0] in "ZX" else found[19]


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
