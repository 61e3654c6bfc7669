"""The data sets of configs: their folders, their splits on a grid, and the facts that `snnsim data` prints."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from snnsim import files
from snnsim.config import Config, Data
from snnsim.data import cache, heidelberg, registry, splits
from snnsim.data.augment import kinds
from snnsim.data.augmented_batches import AugmentedBatches
from snnsim.data.batches import Batches
from snnsim.data.binning import Binned
from snnsim.data.grid_recordings import GridRecordings
from snnsim.data.recordings import Recordings
from snnsim.data.sources.loading import Loaded
from snnsim.data.sources.source import Source
from snnsim.data.speech import audio_files
from snnsim.experiment import own_data, tasks


@dataclass(frozen=True)
class Part:
    """One split of a data set: the recordings at `indices` of a binned file."""

    binned: GridRecordings
    indices: np.ndarray
    path: Path | None = None
    """The file; None where the recordings come from no file."""
    source: Source | None = None
    """The data of a user; None for a data set of the registry."""

    def batches(self, batch_size: int, *, rank: int = 0, world: int = 1) -> Batches:
        """Return the recordings in batches, in their order.

        Args:
            batch_size: Recordings of a batch, of all processes together.
            rank: Number of this process.
            world: Number of processes.
        """
        return Batches(self.binned, self.indices, batch_size=batch_size, rank=rank, world=world)

    def recordings(self) -> Recordings:
        """Return the spikes of all recordings of the file.

        Raises:
            ValueError: If the recordings come from no file, or are no spikes.
        """
        if self.source is not None:
            return self.source.recordings()
        if self.path is None:
            raise ValueError("data.augment: the training recordings must come from a file, whose spikes are changed")
        return heidelberg.read(self.path)


def planned_folder(data: Data) -> Path:
    """Return the folder where a data set lies or would lie; nothing is generated or downloaded.

    Args:
        data: Section `data` of a config: path of the files, or name, size and seed of a generated data set.
    """
    if own_data.kind_of(data) is not None:
        return own_data.folder(data)
    if data.path is not None:
        return files.at_home(data.path)
    if (generator := registry.get_dataset(data.name).generator) is not None:
        return generator(data.size).folder(data.seed)
    # downloads go to ./datasets where it exists, as in a checkout
    local = Path("datasets")
    return local if local.is_dir() else files.cache_folder() / "datasets"


def data_folder(data: Data, *, fill: bool = True) -> Path:
    """Return the folder of a data set after the files were generated or downloaded, if necessary.

    Args:
        data: The data set.
        fill: Whether a folder that the config names gets files of a data set that it does not have; a folder that the
            config does not name always does.
    """
    dataset, folder = registry.get_dataset(data.name), planned_folder(data)
    if dataset.generator is not None and data.path is None:
        return dataset.generator(data.size).prepare(data.seed)
    if dataset.generator is not None and fill and not _has(folder, data.name):
        dataset.generator(data.size).make(folder, data.seed)
    # a folder with other files is more likely a slip than the destination of gigabytes; a download that failed leaves
    # the folders SHD or SSC in it
    names = {path.name for path in folder.iterdir()} if data.path is not None and folder.is_dir() else set()
    untouched = data.path is not None and not fill
    if dataset.downloader is not None and not untouched and not names - {"SHD", "SSC"} and not _has(folder, data.name):
        dataset.downloader(folder)
    return folder


def _has(folder: Path, name: str) -> bool:
    try:
        return bool(heidelberg.find(folder, name))
    except FileNotFoundError:
        return False


def load_splits(config: Config, *names: str) -> dict[str, Part]:
    """Return splits of the config's data set, reading no other file.

    Args:
        config: The config of a run.
        *names: Splits, each "train", "valid" or "test".

    Raises:
        ValueError: If the run has no validation recordings, and a split is "valid".
    """
    data = config.data
    if (data.folds is None and data.validate) or names == ("test",):
        return _standard_splits(config, *names)
    if not data.validate and "valid" in names:
        must = "it was trained on all recordings of the training file (data.validate is false); take train or test"
        raise ValueError(f"the run has no validation recordings, as {must}")
    pool = training_pool(config)
    indices = {"train": pool.indices}
    if data.folds is not None:
        speaker, label = pool.binned.speaker[pool.indices], pool.binned.label[pool.indices]
        split = splits.of_fold(speaker, label, folds=data.folds, number=data.fold)
        indices = {"train": pool.indices[split.train], "valid": pool.indices[split.valid]}
    parts = {name: replace(pool, indices=indices[name]) for name in names if name != "test"}
    parts |= _standard_splits(config, "test") if "test" in names else {}
    _check_outputs(config, parts)
    return parts


def training_pool(config: Config) -> Part:
    """Return all recordings that the training file holds, those that the standard split validates with included.

    Args:
        config: The config of a run.
    """
    train, valid = _standard_splits(config, "train", "valid").values()
    # indices that are in both splits are those of two files
    carved = train.path == valid.path and not np.intersect1d(train.indices, valid.indices).size
    return replace(train, indices=np.union1d(train.indices, valid.indices)) if carved else train


def _standard_splits(config: Config, *names: str) -> dict[str, Part]:
    """Return splits of the config's data set, without its folds.

    Raises:
        FileNotFoundError: If there is no file of a split.
    """
    kind = own_data.kind_of(config.data)
    if kind is not None:
        loaded = own_data.load(kind, config.data, names)
        return {name: _own_part(config, part) for name, part in loaded.items()}
    # a path with a slip must not start a download
    paths = heidelberg.find(data_folder(config.data, fill=False), config.data.name)
    parts: dict[str, Part] = {}
    for name in names:
        file = "train" if name == "valid" and "valid" not in paths else name
        if file not in paths:
            raise FileNotFoundError(
                f"there is no {name} file beside {next(iter(paths.values()))}; found: {', '.join(paths)}"
            )
        binned = tasks.read_by(config, _binned(config.data, paths[file]))
        indices = np.arange(len(binned))
        if "valid" not in paths and name in ("train", "valid"):
            # SHD comes without a validation split, and the test file is never used for one
            split = splits.of_training_file(binned, paths[file])
            indices = split.train if name == "train" else split.valid
        parts[name] = Part(binned, indices, paths[file])
    _check_outputs(config, parts)
    return parts


def _own_part(config: Config, part: Loaded) -> Part:
    own = replace(part.binned, targets=tasks.targets_read(config, part.binned.targets))
    return Part(own, part.indices, part.source.path, part.source)


def _binned(data: Data, path: Path) -> Binned:
    return cache.binned(path, time_step_ms=data.time_step_ms, channels=data.channels, max_time_ms=data.max_time_ms)


def training_batches(config: Config, part: Part, *, rank: int = 0, world: int = 1) -> Batches:
    """Return the training recordings in batches, with the augmentations of the config.

    Args:
        config: The config of a run.
        part: The training split, from a file.
        rank: Number of this process.
        world: Number of processes.

    Raises:
        ValueError: If the config has augmentations, and one does not fit the recordings.
    """
    data, batch_size = config.data, config.training.batch_size
    if not data.augment:
        return part.batches(batch_size, rank=rank, world=world)
    return AugmentedBatches.of(
        part.recordings(),
        part.binned,
        part.indices,
        data.augment,
        batch_size=batch_size,
        max_time_ms=data.max_time_ms,
        workers=data.workers,
        rank=rank,
        world=world,
    )


def longest_steps(config: Config, part: Part) -> int:
    """Return the largest number of steps that a training recording may have after augmentations.

    Args:
        config: Config of the run: augmentations, time step and longest time.
        part: The training split, before augmentations.
    """
    data, steps = config.data, int(part.binned.length[part.indices].max(initial=1))
    if not data.augment:
        return steps
    time_ms = kinds.longest(data.augment, steps * data.time_step_ms)
    return int(min(time_ms, np.inf if data.max_time_ms is None else data.max_time_ms) / data.time_step_ms) + 1


def _check_outputs(config: Config, parts: dict[str, Part]) -> None:
    names = {name: tasks.names(config, part.binned) for name, part in parts.items()}
    first = next(iter(names.values()))
    if any(other != first for other in names.values()):
        raise ValueError(f"the splits of a data set must have the same classes or targets, not {names}")


def listing() -> list[tuple[str, str, str]]:
    """Return name, title and state of every data set; nothing is generated or downloaded."""
    known = [(name, dataset.title, _state(Data(name))) for name, dataset in registry.DATASETS.items()]
    return known + [(name, kind.title, f"yours: {kind.files}") for name, kind in registry.SOURCES.items()]


def describe(data: Data) -> list[tuple[str, str]]:
    """Return the facts of a data set as (topic, text); nothing is generated or downloaded.

    Args:
        data: Section `data` of a config; its name must be in the registry.
    """
    kind = own_data.kind_of(data)
    if kind is not None:
        return own_data.describe(kind)
    dataset = registry.get_dataset(data.name)
    counts = ", ".join(f"{split} {count:,}" for split, count in dataset.recordings.items())
    facts = [
        ("name", data.name),
        ("what", dataset.title),
        ("classes", str(dataset.classes)),
        ("recordings", counts),
        ("download", _megabytes(dataset.download_bytes) if dataset.download_bytes else "none"),
        ("on disk", _megabytes(dataset.disk_bytes)),
        ("license", dataset.license),
        ("citation", dataset.citation),
        ("home", dataset.url),
        ("how to get", dataset.instructions),
        ("state", _state(data)),
    ]
    return [(topic, text) for topic, text in facts if text]


def make(data: Data) -> dict[str, Path]:
    """Generate or download a data set if its files are missing, and return the file of every split.

    Args:
        data: Section `data` of a config; its name must be in the registry.
    """
    kind = own_data.kind_of(data)
    if kind is not None:
        return own_data.make(kind, data)
    return heidelberg.find(data_folder(data), data.name)


def encode_audio(audio: Sequence[Path], output: Path, *, seed: int, workers: int | None) -> audio_files.Encoded:
    """Write the spikes of audio files as one file of the SHD format.

    Args:
        audio: Audio files, and folders of them.
        output: The file to write.
        seed: Seed of the inner-ear model.
        workers: Number of threads; None is one per processor.
    """
    return audio_files.encode_files(audio, output, seed=seed, workers=workers)


def _state(data: Data) -> str:
    folder = planned_folder(data)
    try:
        paths = heidelberg.find(folder, data.name)
    except FileNotFoundError:
        return f"not there; would lie in {folder}"
    size = sum(path.stat().st_size for path in paths.values())
    return f"in {next(iter(paths.values())).parent} ({_megabytes(size)})"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"
