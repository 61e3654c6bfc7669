"""Freed memory is kept for the next step where that is possible and not chosen otherwise; counted in page faults."""

import json
import os
import subprocess
import sys

import pytest

from snnsim import allocator

on_glibc = pytest.mark.skipif(allocator._glibc() is None, reason="needs glibc")
PIECE = 64 * 2**20
PROGRAM = f"""
import ctypes, json, resource
import numpy as np
from snnsim import allocator
# no huge pages, which would be 512 times fewer: PR_SET_THP_DISABLE
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)
{{call}}
def use():
    # bytes, and not zeros that calloc would get untouched
    return np.full({PIECE}, 1, np.uint8)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    use()
print(json.dumps([done, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before]))
"""


def faults(call="done = allocator.keep_memory()", **variables):
    """Return what the call gave, and the page faults of five large allocations after a first one, in a new process."""
    names = (*allocator.VARIABLES, allocator.OPT_OUT, "GLIBC_TUNABLES")
    environment = {name: value for name, value in os.environ.items() if name not in names} | variables
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=call)], env=environment, stdout=subprocess.PIPE, check=True
    )
    return json.loads(process.stdout)


@on_glibc
def test_kept_memory_causes_no_page_faults():
    done, is_little = faults()
    assert done
    _, given_back = faults("done = None")
    # at pages of 64 KiB, the largest in use, each piece is a thousand faults
    assert given_back > 5 * 1000
    assert is_little < 100


@on_glibc
@pytest.mark.parametrize(
    ("call", "variables"),
    [
        ("allocator.keep_memory(); done = allocator.keep_little()", {}),
        ("done = allocator.keep_memory()", {"SNNSIM_ALLOCATOR": "lean"}),
    ],
)
def test_lean_memory_is_returned(call, variables):
    done, given_back = faults(call, **variables)
    assert done
    assert given_back > 5 * 1000


@on_glibc
def test_the_call_equals_the_variables_of_glibc():
    _, by_variables = faults("done = None", MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="-1")
    assert by_variables < 100
    assert faults()[1] == pytest.approx(by_variables, abs=50)


@on_glibc
@pytest.mark.parametrize(
    "variables",
    [
        {"SNNSIM_ALLOCATOR": "system"},
        {"MALLOC_MMAP_MAX_": "65536"},
        {"MALLOC_TRIM_THRESHOLD_": "131072"},
        {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=65536"},
    ],
)
def test_the_choice_of_the_user_is_left_alone(variables):
    done, given_back = faults(**variables)
    assert not done
    assert given_back > 5 * 1000


def test_an_unknown_choice_is_an_error(monkeypatch):
    monkeypatch.setenv("SNNSIM_ALLOCATOR", "jemalloc")
    monkeypatch.setattr(allocator, "_glibc", lambda: object())
    with pytest.raises(ValueError, match="SNNSIM_ALLOCATOR must be one of tuned, lean, system, not 'jemalloc'"):
        allocator.keep_memory()


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    monkeypatch.delenv("SNNSIM_ALLOCATOR", raising=False)
    monkeypatch.setattr(allocator, "_little", False)
    assert allocator.keep_little() is False
    # what our own kernels take does not depend on the C library
    assert allocator.keeps_little()
    assert allocator.keep_memory() is False
    assert not allocator.keeps_little()
    allocator.give_back()
