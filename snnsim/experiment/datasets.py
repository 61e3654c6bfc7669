"""What is known of the data sets, where they lie, and getting them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snnsim.config import Config
from snnsim.data import heidelberg, registry
from snnsim.data.speech import audio_files
from snnsim.experiment import build


@dataclass(frozen=True)
class Choice:
    """A data set, and which form of it."""

    name: str
    path: str | None = None
    size: str = "default"
    seed: int = 0

    def config(self) -> Config:
        """Return a config with this data set."""
        known(self.name)
        return Config().with_values(
            {"data.name": self.name, "data.path": self.path, "data.size": self.size, "data.seed": self.seed}
        )


def known(name: str) -> registry.Source:
    """Return the facts of a data set."""
    if name not in registry.SOURCES:
        raise ValueError(f"data set {name!r} is unknown; the known ones are {', '.join(registry.SOURCES)}")
    return registry.SOURCES[name]


def listing() -> list[tuple[str, str, str]]:
    """Return name, title and state of every data set; nothing is made or fetched."""
    return [(name, source.title, _state(Choice(name))) for name, source in registry.SOURCES.items()]


def describe(choice: Choice) -> list[tuple[str, str]]:
    """Return the facts of a data set as (what, value); nothing is made or fetched."""
    source = known(choice.name)
    splits = ", ".join(f"{split} {count:,}" for split, count in source.recordings.items())
    facts = [
        ("name", choice.name),
        ("what", source.title),
        ("classes", str(source.classes)),
        ("recordings", splits),
        ("download", _megabytes(source.download_bytes) if source.download_bytes else "none"),
        ("on disk", _megabytes(source.disk_bytes)),
        ("licence", source.licence),
        ("citation", source.citation),
        ("home", source.url),
        ("how to get", source.how),
        ("state", _state(choice)),
    ]
    return [(what, value) for what, value in facts if value]


def make(choice: Choice) -> dict[str, Path]:
    """Make or download a data set if it is not there, and return the file of every split."""
    return heidelberg.find(build.data_folder(choice.config()), choice.name)


def folder(choice: Choice) -> Path:
    """Return where a data set lies, or would lie; nothing is made or fetched."""
    return build.planned_folder(choice.config())


def encode_audio(audio: Sequence[Path], output: Path, *, seed: int, workers: int | None) -> audio_files.Encoded:
    """Turn recordings into an SHD-format file of spikes."""
    return audio_files.encode_files(audio, output, seed=seed, workers=workers)


def _state(choice: Choice) -> str:
    place = folder(choice)
    try:
        found = heidelberg.find(place, choice.name)
    except FileNotFoundError:
        return f"not there; would lie in {place}"
    size = sum(path.stat().st_size for path in found.values())
    return f"in {next(iter(found.values())).parent} ({_megabytes(size)})"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"
