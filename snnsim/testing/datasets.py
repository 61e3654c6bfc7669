"""The properties of data sets that are generated: a function of the seed, and the sizes that the registry states."""

from pathlib import Path

import numpy as np

from snnsim.data import heidelberg, registry


def check_dataset(name: str, folder: Path) -> None:
    """Check a data set that is generated.

    Args:
        name: Name of the data set.
        folder: An empty folder for its files.

    Raises:
        AssertionError: If a property does not hold.
    """
    dataset = registry.get_dataset(name)
    assert registry.known_name(name), f"{name}: configs take the name"
    assert dataset.name == name, f"{name}: the data set has the name of its entry point, not {dataset.name!r}"
    assert dataset.license, f"{name}: a data set has a license"
    assert dataset.generator is not None, f"{name}: only data sets that are generated can be checked"
    generator = dataset.generator("small")
    assert generator.name == name, f"{name}: the files begin with the name of the data set, not {generator.name!r}"
    assert generator.folder(0) != generator.folder(1), f"{name}: another seed has another cache folder"
    first, repeated, other = (
        generator.make(Path(folder) / part, seed) for part, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert set(first) == set(dataset.recordings), f"{name}: splits are those of the registry, not {sorted(first)}"
    equal = []
    for split, path in first.items():
        recordings = heidelberg.read(path)
        stated = dataset.recordings[split]
        assert len(recordings) == stated, f"{name}: {split} has {stated} recordings, not {len(recordings)}"
        assert recordings.unit.max(initial=0) < dataset.channels, f"{name}: units are below {dataset.channels}"
        if dataset.classes:
            assert recordings.label.max() < dataset.classes, f"{name}: labels are below {dataset.classes}"
        same, differs = heidelberg.read(repeated[split]), heidelberg.read(other[split])
        for part in ("time_ms", "unit", "label"):
            values, others = getattr(recordings, part), getattr(same, part)
            np.testing.assert_array_equal(values, others, err_msg=f"{name}: a seed has the same recordings")
        times = np.array_equal(recordings.time_ms, differs.time_ms)
        equal.append(times and np.array_equal(recordings.unit, differs.unit))
    assert not all(equal), f"{name}: another seed has other recordings"
