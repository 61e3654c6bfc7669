"""A work that needs more memory than there is is refused with its size and largest parts, before it begins."""

import re

import pytest

from snnsim import limits


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("64GB", 64e9), ("1.5 tb", 1.5e12), ("2M", 2e6), ("3k", 3e3), ("7 B", 7)]
)
def test_the_limit_of_the_user_is_read_with_and_without_units(monkeypatch, text, size):
    monkeypatch.setenv(limits.VARIABLE, text)
    assert limits.available_memory() == size


@pytest.mark.parametrize("text", ["much", "-3", "1e3", "4 PB", "nan", "1GBB"])
def test_another_text_as_limit_is_refused(monkeypatch, text):
    monkeypatch.setenv(limits.VARIABLE, text)
    with pytest.raises(ValueError, match="SNNSIM_MEMORY_LIMIT: the value must be a number of bytes"):
        limits.require_memory("simulate", {"all": 1})


def test_an_excess_is_refused_with_the_largest_parts(monkeypatch):
    monkeypatch.setenv(limits.VARIABLE, "1000")
    limits.require_memory("simulate", {"one": 600, "other": 400})
    parts = {"counts": 1, "membranes": 5 * 10**9, "spikes": 2000, "events": 222 * 10**9}
    with pytest.raises(MemoryError) as error:
        limits.require_memory("simulate", parts)
    assert str(error.value) == (
        "simulate: needs about 227 GB of memory, and 1.0 kB are available; largest parts: events: 222 GB, membranes: "
        "5.0 GB, spikes: 2.0 kB; choose smaller sizes, or set SNNSIM_MEMORY_LIMIT (such as 64GB) if more is available"
    )


def test_available_memory_without_the_variable(monkeypatch):
    monkeypatch.delenv(limits.VARIABLE, raising=False)
    available = limits.available_memory()
    assert available is None or available > 0
    limits.require_memory("simulate", {"little": limits.LITTLE})
    monkeypatch.setattr(limits, "available_memory", lambda: 10**9)
    with pytest.raises(MemoryError, match=re.escape("needs about 1.0 TB of memory, and 1.0 GB are available")):
        limits.require_memory("simulate", {"much": 10**12})


def test_the_limit_of_a_container_counts(tmp_path):
    names = limits._CONTAINERS[0]
    assert limits._of_container(names, tmp_path) is None
    for name, text in zip(names, ("max\n", "300\n", "anon 200\ninactive_file 50\nother 1\n"), strict=True):
        (tmp_path / name).write_text(text)
    assert limits._of_container(names, tmp_path) is None
    (tmp_path / names[0]).write_text("1000\n")
    assert limits._of_container(names, tmp_path) == 750
