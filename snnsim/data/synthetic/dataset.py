"""Data sets that are generated on this machine, one HDF5 file per split, and kept in the cache folder.

Every generator is a pure function of a seed and a recipe. The name of a data set's folder depends on both, so that a
changed recipe never reads the files of another one.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnsim.data import heidelberg
from snnsim.data.recordings import Recordings
from snnsim.data.synthetic import files


class SyntheticDataset(ABC):
    """A recipe under a name, from which files are generated."""

    name: str
    """Name of the data set, with which its files begin."""
    recipe: Any
    """Everything but the seed that the recordings depend on."""

    @abstractmethod
    def folder(self, seed: int = 0) -> Path:
        """Return the cache folder of the files of a seed.

        Args:
            seed: Seed of the generator, at least 0.
        """

    @abstractmethod
    def make(self, folder: Path, seed: int = 0) -> dict[str, Path]:
        """Write the recordings of a seed.

        Args:
            folder: Folder of the files.
            seed: Seed of all random numbers.

        Returns:
            The file of every split.
        """

    def path(self, folder: Path, split: str) -> Path:
        """Return the file of a split in a folder.

        Args:
            folder: Folder of the data set, as `folder(seed)` or `prepare(seed)` returns it.
            split: Name of the split, such as "train", "valid" or "test".
        """
        return Path(folder) / f"{self.name}_{split}.h5"

    def prepare(self, seed: int = 0) -> Path:
        """Return the cache folder of a seed after its files were generated, where one was missing or damaged.

        Args:
            seed: Seed of the generator, at least 0.
        """
        folder = self.folder(seed)
        if not files.complete([self.path(folder, split) for split in heidelberg.SPLITS]):
            files.seal([*self.make(folder, seed).values()])
        return folder


@dataclass(frozen=True)
class GridDataset(SyntheticDataset):
    """A data set whose recordings are counts on a grid of steps, small enough to be generated at once."""

    name: str
    recipe: Any
    version: int
    """A number that is raised when the same seed and recipe give other recordings."""
    generate: Callable[[int, Any], Mapping[str, Recordings]]
    """Function from the seed and the recipe to the recordings of every split."""

    def folder(self, seed: int = 0) -> Path:
        """Return the cache folder of the files of a seed; its name depends on version and recipe.

        Args:
            seed: Seed of the generator, at least 0.
        """
        return files.folder(self.name, seed, (self.version, self.recipe))

    def make(self, folder: Path, seed: int = 0) -> dict[str, Path]:
        """Write the recordings of a seed, and return the file of every split.

        Args:
            folder: Folder of the files.
            seed: Seed of all random numbers.
        """
        paths = {}
        for split, recordings in self.generate(seed, self.recipe).items():
            paths[split] = self.path(folder, split)
            heidelberg.write(paths[split], recordings)
        return paths
