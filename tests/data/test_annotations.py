"""Labels and names of classes of users' files: errors are found in little time and memory."""

import time
import tracemalloc

import numpy as np

from helpers.own_data import event_arrays, write
from snnsim.data.sources import annotations, array_files
from snnsim.data.sources.findings import Findings


def faults_of_annotations(path):
    findings = Findings(path)
    with array_files.opened(path) as file:
        annotations.read(file, 30, findings)
    return findings.errors


def test_a_label_that_is_too_large_adds_no_names_of_classes(tmp_path):
    # names up to the largest label would take hundreds of MB
    arrays = event_arrays()
    del arrays["classes"]
    arrays["labels"][4] = 5_000_000
    path = write(tmp_path / "mine.npz", arrays)
    tracemalloc.start()
    try:
        errors = faults_of_annotations(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "labels must lie in 0..1048575; 1 recording does not, first recording 4" in errors[0]
    assert most < 20e6


def test_many_names_of_classes_are_compared_in_one_pass(tmp_path):
    names = np.array([f"class {number}" for number in range(40_000)])
    names[-1] = names[0]
    path = write(tmp_path / "mine.npz", event_arrays() | {"classes": names})
    begin = time.perf_counter()
    errors = faults_of_annotations(path)
    # a search for every name takes 15 s and more
    assert time.perf_counter() - begin < 4
    assert errors[0].startswith("classes must be different names; 'class 0' occur twice")


def test_groups_in_text_may_be_unknown(tmp_path):
    names = np.array(["anna", "-1", "ben"])[np.arange(30) % 3]
    path = write(tmp_path / "mine.npz", event_arrays() | {"groups": names})
    with array_files.opened(path) as file:
        group = annotations.read(file, 30, Findings(path)).group
    np.testing.assert_array_equal(group < 0, names == "-1")
    np.testing.assert_array_equal((group[:, None] == group), names[:, None] == names)


def test_large_numbers_of_groups_are_groups(tmp_path):
    hashes = np.random.default_rng(0).integers(2**63, 2**64, 5, np.uint64)[np.arange(30) % 5]
    path = write(tmp_path / "mine.npz", event_arrays() | {"groups": hashes})
    with array_files.opened(path) as file:
        group = annotations.read(file, 30, Findings(path)).group
    assert group.min() >= 0
    np.testing.assert_array_equal(group[:, None] == group, hashes[:, None] == hashes)
