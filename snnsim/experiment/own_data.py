"""Data of users in configs: where they lie, their splits, and the numbers of a config that follow from them."""

from collections.abc import Mapping
from pathlib import Path

from snnsim import files
from snnsim.config import Config, Data
from snnsim.config.task import ClassTask
from snnsim.data import archives, registry
from snnsim.data.cameras import conversion
from snnsim.data.cameras.conversion import Converted
from snnsim.data.cameras.events import Options
from snnsim.data.registry import SourceKind
from snnsim.data.sources import array_files, audio_source, event_files, frame_files, loading, parts, tonic_files
from snnsim.data.sources.annotations import Annotations
from snnsim.data.sources.findings import Findings
from snnsim.data.sources.loading import Loaded
from snnsim.data.sources.source import Settings, Source
from snnsim.validation import shown


def kind_of(data: Data) -> SourceKind | None:
    """Return the kind of a user's data; None for a data set of the registry.

    Args:
        data: Section `data` of a config.
    """
    return registry.source_kind(data.name)


def folder(data: Data) -> Path:
    """Return the file or folder of a user's data.

    Args:
        data: Section `data` of a config.

    Raises:
        ValueError: If the config names none.
    """
    if data.path is None:
        if data.name.startswith(registry.TONIC):
            return files.cache_folder() / "datasets"
        kind = registry.SOURCES[data.name]
        raise ValueError(f"data.path must lead to the {data.name}: {kind.files}; name it with --data-path")
    return files.at_home(data.path)


def _settings(data: Data) -> Settings:
    return Settings(
        time_step_ms=data.time_step_ms,
        channels=data.channels,
        max_time_ms=data.max_time_ms,
        coding=data.coding,
        seed=data.seed,
    )


def load(kind: SourceKind, data: Data, names: tuple[str, ...]) -> dict[str, Loaded]:
    """Return splits of a user's data.

    Args:
        kind: Kind of the data.
        data: The section of the config.
        names: Wanted splits.
    """
    shares = loading.Shares(
        valid=data.valid_share, test=data.test_share, by_class=data.split_by == "class", seed=data.seed
    )
    path = folder(data)
    return loading.load(kind, kind.parts(path, data.name), names, _settings(data), shares)


def make(kind: SourceKind, data: Data) -> dict[str, Path]:
    """Return the files of a user's data; a data set of tonic is downloaded and converted if it is missing.

    Args:
        kind: Kind of the data.
        data: The section of the config.
    """
    path = folder(data)
    if data.name.startswith(registry.TONIC):
        return tonic_files.parts(path, data.name, download=True)
    return dict(kind.parts(path, data.name))


def require_present(data: Data) -> None:
    """Check that nothing has to be downloaded or converted: the file of a program may be of any origin.

    Args:
        data: Section `data` of a config.

    Raises:
        FileNotFoundError: If a data set of tonic was not converted, or audio not encoded before.
    """
    inner_ear = data.name == "audio" and (data.coding is None or data.coding.kind == "inner_ear")
    if inner_ear and not audio_source.is_encoded(folder(data), data.name, data.seed):
        raise FileNotFoundError(
            f"{folder(data)}: the audio was not encoded before, and nothing is encoded because a program says so; get "
            f"the spikes by `snnsim train audio --data-path {data.path}`"
        )
    if data.name.startswith(registry.TONIC) and not tonic_files.present(folder(data), data.name):
        option = "" if data.path is None else f" --data-path {data.path}"
        raise FileNotFoundError(
            f"{data.name} is not in the cache folder, and nothing is downloaded because a program says so; get it by "
            f"`snnsim data make {data.name}{option}`"
        )


def with_values(config: Config, values: Mapping[str, object]) -> Config:
    """Return a resolved config with new values; the task of the data does not take the place of one among them.

    Args:
        config: The config of a run.
        values: New values of the config by dotted names.

    Raises:
        ValueError: If a value is wrong, or the data have no field for convolutions.
    """
    chosen = any(name.partition(".")[0] == "task" for name in values)
    return resolved(config.with_values(values), choose_task=not chosen)


def resolved(config: Config, *, choose_task: bool = True) -> Config:
    """Return a config with the channels, the field of convolutions and the task of its data, where it leaves them open.

    The task of data with step labels or targets is that of these, if the config has the task of one class each.

    Args:
        config: The config of a run.
        choose_task: Whether the data may choose the task.

    Raises:
        ValueError: If the data have no field for convolutions.
    """
    kind, data = kind_of(config.data), config.data
    spatial = bool(config.network.convolutions) and data.height is None
    if kind is None:
        return config
    source = _training(kind, data)
    values: dict[str, object] = {} if data.channels else {"data.channels": source.units}
    task = _task(source.annotations) if choose_task else None
    if config.task == ClassTask() and task is not None:
        values["task"] = task
    if spatial:
        if source.field is None:
            raise ValueError(
                f"{source.path}: network.convolutions need rows and columns, and the data have {source.units} channels "
                "without them; set data.height and data.width, or leave out the convolutions"
            )
        values |= {"data.height": source.field[0], "data.width": source.field[1]}
    return config.with_values(values)


def _task(annotations: Annotations) -> str | None:
    """Return the kind of task of step labels or targets; None for labels."""
    if annotations.step_label is not None:
        return "step-class"
    if annotations.target is None:
        return None
    return "regression" if annotations.target.ndim == 2 else "step-regression"


def _training(kind: SourceKind, data: Data) -> Source:
    present = kind.parts(folder(data), data.name)
    return loading.opened(kind, present[parts.ALL if parts.ALL in present else "train"], _settings(data))


def check(path: Path, name: str | None) -> Findings:
    """Return what is in a user's data, and everything that is wrong with them.

    Args:
        path: The file or folder.
        name: Kind of the data, of registry.SOURCES; None finds it out.
    """
    kind = registry.SOURCES[_kind_of_path(path) if name is None else name]
    return kind.check(path)


def _kind_of_path(path: Path) -> str:
    """Return the kind of data that a path leads to."""
    if path.is_file() and path.suffix in array_files.SUFFIXES:
        with array_files.opened(path) as file:
            if frame_files.is_of_frames(file) and not event_files.is_of_events(file):
                return "frames"
            return "pictures" if "images" in file and not event_files.is_of_events(file) else "events"
    if path.is_dir() and (arrays := [each for each in sorted(path.iterdir()) if each.suffix in array_files.SUFFIXES]):
        return _kind_of_path(arrays[0])
    return "audio" if path.is_dir() and audio_source.is_of_audio(path) else "pictures"


def convert(source: Path, output: Path, *, sensor: str | None, camera: str | None, unit: str | None) -> Converted:
    """Write event-camera files as files of arrays.

    Args:
        source: Folder of files by class, or a file.
        output: The file to write; a folder if the source has splits.
        sensor: Shape of the sensor, such as 34x34x2; None takes it from the files.
        camera: dvs128 or davis, for AEDAT 2 files whose header names no camera.
        unit: Unit of the times of CSV files.

    Raises:
        ValueError: If the shape is none, or a file is damaged.
    """
    sizes = None if sensor is None else sensor.lower().split("x")
    if sizes is not None and not (2 <= len(sizes) <= 3 and all(size.isdecimal() and int(size) > 0 for size in sizes)):
        raise ValueError(f"--sensor must be such as 34x34 or 34x34x2, not {shown(sensor)}")
    shape = None if sizes is None else tuple(map(int, sizes))
    options = Options(camera=camera, unit=unit)
    return conversion.convert(source, output, options=options, sensor=shape)


def is_heidelberg(path: Path) -> bool:
    """Return whether a path leads to a file that can only be one of the SHD format.

    Args:
        path: Any path; only a file that exists is looked into.
    """
    if not path.is_file() or path.suffix == ".npz":
        return False
    if archives.is_packed(path):
        return ".h5" in path.suffixes
    if path.suffix not in array_files.SUFFIXES:
        return False
    with array_files.opened(path) as file:
        return not any(name in file for name in ("times", "frames", "images"))


def describe(kind: SourceKind) -> list[tuple[str, str]]:
    """Return the facts of a kind of data of users as (topic, text).

    Args:
        kind: Kind of the data, of registry.SOURCES.
    """
    facts = [
        ("name", kind.name),
        ("what", kind.title),
        ("files", kind.files),
        ("codings", ", ".join(kind.codings)),
        ("how to train", f"snnsim train {kind.name} --data-path PATH"),
    ]
    return [(topic, text) for topic, text in facts if text]
