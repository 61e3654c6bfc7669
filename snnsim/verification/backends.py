"""The one table of backends: software that runs exported files, each by a script in `runners/`.

A script is started as a process of its own, so snnsim imports no backend, and a backend that hangs is stopped. One
under another license stays separate, and one that needs other versions of packages runs in an environment of its own
(`--python`).
"""

from dataclasses import dataclass
from pathlib import Path

from snnsim.validation import known

SCRIPTS = Path(__file__).parent / "runners"


@dataclass(frozen=True)
class Backend:
    """Software that runs files of a target."""

    target: str
    """The target whose files it runs; a name of `snnsim.export.TARGETS`."""
    packages: str
    """Arguments of `pip install` that install it."""
    variants: tuple[str, ...] = ()
    """Encodings of the target that it runs, if not all of them."""
    integers: bool = False
    """Whether it computes Programs in integers with their arithmetic; if not, both sides compute in floats."""
    counts: bool = False
    """Whether it takes several spikes of a channel in a step; if not, both sides get one."""
    parallel: bool = False
    """Whether it takes threads and processes, see parallel.py."""
    seconds: float = 600.0
    """Time after which it is stopped."""

    def script(self, name: str) -> Path:
        """Return the path of the backend's script.

        Args:
            name: Name of the backend in BACKENDS.
        """
        return SCRIPTS / f"run_{name}.py"


_LAVA = "--ignore-requires-python"
BACKENDS: dict[str, Backend] = {
    "nest": Backend("npz", "nest-simulator", counts=True, parallel=True),
    "brian2": Backend("npz", "brian2 'numpy<2.4'", integers=True, counts=True),
    "bmtk": Backend("sonata", "bmtk nest-simulator", counts=True),
    "pynn-nest": Backend("spinnaker", "pynn nest-simulator", counts=True),
    "pynn-brian2": Backend("spinnaker", "pynn brian2 'numpy<2.4'"),
    "c": Backend("c", "a C compiler (cc)", integers=True, counts=True),
    "brian2-loihi": Backend("loihi1", '"brian2-loihi" "brian2" "numpy<2.4"', integers=True, counts=True, seconds=7200),
    "lava": Backend("loihi1", f'"lava-nc>=0.10" {_LAVA}', integers=True, counts=True, seconds=7200),
    "netx": Backend("loihi2", f'"lava-dl>=0.6" "lava-nc>=0.10" {_LAVA}', integers=True, counts=True, seconds=7200),
    "nirtorch": Backend("nir", "nir nirtorch", ("seq", "fan"), counts=True),
    "snntorch": Backend("nir", "nir nirtorch snntorch", ("relay",)),
    "spikingjelly": Backend("nir", "'spikingjelly[nir]'", ("relay",)),
    "norse": Backend("nir", "nir nirtorch norse", ("relay",)),
    "xylo": Backend("xylo", "rockpool xylosim", integers=True, seconds=3600),
}
"""The backends by name."""


def get_backend(name: str) -> Backend:
    """Return a backend by its name.

    Args:
        name: A name of BACKENDS.

    Raises:
        ValueError: If it is unknown; the message has the known names.
    """
    known(name, BACKENDS, "verify: backend")
    return BACKENDS[name]


def backends_of(target: str, variant: str | None = None, *, name: str | None = None) -> list[str]:
    """Return the names of the backends that run files of a target.

    Args:
        target: The target.
        variant: The encoding of the file, if the target has several.
        name: The one wanted backend; None for all of them.

    Raises:
        ValueError: If there are none, or the wanted one is not among them.
    """
    names = [
        each
        for each, backend in BACKENDS.items()
        if backend.target == target and (variant is None or variant in (backend.variants or (variant,)))
    ]
    if not names:
        targets = ", ".join(sorted({backend.target for backend in BACKENDS.values()}))
        raise ValueError(f"verify: no backend runs {target}; there are some for {targets}")
    if name is None:
        return names
    wanted = get_backend(name)
    if name not in names:
        same = wanted.target == target
        runs, file = (" or ".join(wanted.variants), variant) if same else (wanted.target, target)
        raise ValueError(f"verify: {name} runs {runs}, not {file}; the backends that run this file: {', '.join(names)}")
    return [name]
