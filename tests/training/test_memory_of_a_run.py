"""What validation needs for a moment is not kept beside what a training step needs."""

import json
import subprocess
import sys

import pytest

from snnsim import allocator

PROGRAM = """
import json, sys
from pathlib import Path
from snnsim.allocator import keep_memory
assert keep_memory()
import numpy as np
from snnsim import experiment
from snnsim.experiment import plot_run
from snnsim.training import evaluation
plot_run.AFTER_TRAINING = ()
usual = evaluation.evaluate
def large(*arguments, **options):
    parts = [np.ones(2**19) for _ in range(64)]
    return usual(*arguments, **options)
evaluation.evaluate = large
values = json.loads(sys.argv[1])
folder = experiment.train("shd", values, output=Path(sys.argv[2]), device="cpu")
print(json.dumps([row["peak_bytes"] for row in folder.read_metrics()]))
"""
EXTRA = 64 * 2**22
"""Bytes that the validation takes for a moment."""


@pytest.mark.skipif(allocator._glibc() is None, reason="needs glibc")
def test_memory_of_validation_is_returned(tiny, tmp_path, monkeypatch):
    for name in (*allocator.VARIABLES, allocator.OPT_OUT, "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    words = [sys.executable, "-c", PROGRAM, json.dumps(tiny), str(tmp_path / "run")]
    process = subprocess.run(words, capture_output=True, text=True, check=True)
    peaks = json.loads(process.stdout.splitlines()[-1])
    assert len(peaks) == 3
    assert all(peak < peaks[0] + EXTRA / 2 for peak in peaks), peaks
