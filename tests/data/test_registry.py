"""The registry of data sets agrees with generators, configs, presets, commands and the documentation."""

import re
from pathlib import Path
from typing import get_args

import pytest

from snnsim import presets
from snnsim.cli import data as commands
from snnsim.config import Data
from snnsim.data import heidelberg, registry
from snnsim.data.coding import kinds
from snnsim.data.synthetic import moving_dots, optical_digits, spoken_digits

README = (Path(__file__).parents[2] / "datasets" / "README.md").read_text(encoding="utf-8")
TABLE = README.partition("\n## ")[0]
SLOW = ("digits", "motion", "motion-full")
ROWS = {line.split("|")[1].strip(" `"): line.strip("|").split("|") for line in TABLE.splitlines() if "| `" in line}


@pytest.mark.parametrize("name", registry.NAMES)
def test_every_data_set_is_complete(name):
    dataset = registry.get_dataset(name)
    assert dataset.title
    assert dataset.license
    assert dataset.instructions
    assert set(dataset.recordings) <= set(registry.SPLITS)
    assert bool(dataset.url) == bool(dataset.download_bytes) == (dataset.downloader is not None)
    if dataset.field is not None:
        rows, columns, polarities = dataset.field
        assert rows * columns * polarities == dataset.channels


@pytest.mark.parametrize("name", [name for name in registry.GENERATED if name not in SLOW])
def test_generated_files_are_as_registered(name, tmp_path, monkeypatch):
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path))
    dataset = registry.get_dataset(name)
    synthetic = dataset.generator("default")
    assert synthetic.name == name
    recordings = {split: heidelberg.read(path) for split, path in heidelberg.find(synthetic.prepare(0), name).items()}
    assert {split: len(each) for split, each in recordings.items()} == dataset.recordings
    for each in recordings.values():
        assert (len(each.classes), each.units) == (dataset.classes, dataset.channels)


def test_digits_are_as_registered():
    dataset = registry.get_dataset("digits")
    assert dataset.generator("default").recipe.recordings == dataset.recordings
    assert len(spoken_digits.WORDS) == dataset.classes
    assert set(spoken_digits.SIZES) == set(Data.__annotations__["size"].__args__)


def test_motions_are_as_registered():
    for name in ("motion", "motion-full"):
        dataset = registry.get_dataset(name)
        recipe = dataset.generator("default").recipe
        assert dict(recipe.recordings) == dataset.recordings
        assert dataset.field == (recipe.side, recipe.side, 2)
        assert dataset.classes == recipe.motions.count


def test_fields_are_those_of_the_generators():
    assert registry.get_dataset("patterns").field == (moving_dots.Recipe().side, moving_dots.Recipe().side, 2)
    assert registry.get_dataset("images").field == (optical_digits.SIDE, optical_digits.SIDE, 1)


def test_configs_take_exactly_these_names():
    for name in registry.NAMES:
        assert Data(name).name == name
    for name in ("events", "frames", "pictures", "audio", "tonic:NMNIST"):
        assert Data(name, channels=0).channels == 0
    names = ", ".join((*registry.NAMES, *registry.SOURCES))
    with pytest.raises(ValueError, match=f"data.name must be one of {names}, not 'other'"):
        Data("other")


@pytest.mark.parametrize("name", ["tonic:", "tonic:a b", "tonic:../x", "tonic"])
def test_names_of_tonic_are_names_of_classes(name):
    with pytest.raises(ValueError, match=r"data\.name must be one of"):
        Data(name)


def test_only_data_of_users_have_a_number_of_channels_of_their_own():
    with pytest.raises(ValueError, match=r"data\.channels must be at least 1 for digits, not 0"):
        Data("digits", channels=0)


@pytest.mark.parametrize(
    ("name", "coding", "must"),
    [
        ("digits", "rate", "absent, as digits have no codings"),
        ("events", "rate", "absent, as events have no codings"),
        ("frames", "latency", ".* for frames"),
    ],
)
def test_codings_belong_to_a_kind_of_data(name, coding, must):
    with pytest.raises(ValueError, match=rf"data\.coding must be {must}, not '{coding}'"):
        Data(name, coding=coding)


@pytest.mark.parametrize("name", registry.SOURCES)
def test_the_codings_of_a_kind_are_those_of_the_config(name):
    kind = registry.SOURCES[name]
    for coding in kind.codings:
        assert Data(name.replace("NAME", "NMNIST"), coding=coding).coding.kind == coding
    assert set(kind.codings) <= {section.kind for section in get_args(kinds.AnyCoding)}


def test_the_page_of_own_data_has_a_row_for_each_kind():
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if line.startswith("| `")}
    for name, kind in registry.SOURCES.items():
        assert all(f"`{coding}`" in rows[name] for coding in kind.codings)


@pytest.mark.parametrize("config", presets.PRESETS.values(), ids=lambda config: config.name)
def test_presets_fit_their_data_sets(config):
    if config.data.name in registry.SOURCES:
        return
    dataset = registry.get_dataset(config.data.name)
    assert dataset.channels % config.data.channels == 0
    if config.network.convolutions:
        assert (config.data.height, config.data.width) == dataset.field[:2]


def test_commands_name_every_data_set():
    for name in registry.NAMES:
        assert re.search(rf"\b{name}\b", commands.DataMake.__doc__)


@pytest.mark.parametrize("name", registry.NAMES)
def test_the_table_of_the_documentation(name):
    dataset, row = registry.get_dataset(name), ROWS[name]
    counts = [f"{dataset.recordings[split]:,}" if split in dataset.recordings else "–" for split in registry.SPLITS]
    assert row[2].strip() == str(dataset.classes)
    assert row[3].strip() == " / ".join(counts)
    assert _size(dataset.disk_bytes) in row[4]
    assert not dataset.download_bytes or _size(dataset.download_bytes) in row[4]
    assert dataset.license.partition(":")[0] in row[5]
    assert set(ROWS) == set(registry.NAMES)


def _size(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="data set 'shdd' is unknown; the known ones are shd, ssc, digits"):
        registry.get_dataset("shdd")
