"""Files of NumPy's format and HDF5 that snnsim wrote, changed: plain arrays, Loihi, Xylo; folders of C and PyNN."""

import json
import shutil

import numpy as np
import pytest

from helpers.corrupted_files import changed_bytes, changed_hdf5, changed_json, changed_npz, check, network
from helpers.fuzzing import cases
from helpers.loihi_programs import sigma_delta_chain
from snnsim import export

INTEGERS = ("loihi1", "loihi2", "xylo", "c")


def exported(target, path, *, graded=False):
    rng = np.random.default_rng(1)
    simple = target in ("loihi1", "loihi2", "xylo")
    program = sigma_delta_chain(rng) if graded else network(rng, integers=target in INTEGERS, simple=simple)
    if target == "xylo":
        program = export.targets.fixed(program, target)[0]
    export.write(program, target, path)


@pytest.mark.parametrize(
    ("target", "usual", "structural", "graded"),
    [
        ("npz", 150, changed_npz, False),
        ("xylo", 60, changed_npz, False),
        ("hdf5", 100, changed_hdf5, False),
        ("loihi1", 60, changed_hdf5, False),
        ("loihi2", 60, changed_hdf5, False),
        ("loihi2", 60, changed_hdf5, True),
    ],
)
def test_changed_files_are_read_or_refused(tally, tmp_path, target, usual, structural, graded):
    path, rng = tmp_path / "file", np.random.default_rng(0)
    exported(target, path, graded=graded)
    content = path.read_bytes()
    for number in range(cases(usual)):
        path.write_bytes(structural(rng, content) if rng.random() < 0.6 else changed_bytes(rng, content))
        check(tally, lambda: export.read(target, path), number)


@pytest.mark.parametrize(("target", "usual"), [("spinnaker", 100), ("c", 60)])
def test_changed_folders_are_read_or_refused(tally, tmp_path, target, usual):
    original, path, rng = tmp_path / "whole", tmp_path / "folder", np.random.default_rng(0)
    exported(target, original)
    shutil.copytree(original, path)
    files = [file for file in sorted(original.rglob("*")) if file.suffix in (".json", ".txt", ".h", ".c")]
    files = [file for file in files if file.name not in ("golden.h", "snn.h", "snn.c", "run.c", "test.c", "bench.c")]
    for number in range(cases(usual)):
        file = files[rng.integers(len(files))]
        copied, content = path / file.relative_to(original), file.read_bytes()
        if file.suffix == ".json" and rng.random() < 0.8:
            copied.write_text(json.dumps(changed_json(rng, json.loads(content))))
        elif file.suffix == ".h" and rng.random() < 0.8:
            text = content.decode()
            start, end = text.index("{"), text.index("\n */")
            copied.write_text(text[:start] + json.dumps(changed_json(rng, json.loads(text[start:end]))) + text[end:])
        else:
            copied.write_bytes(changed_bytes(rng, content))
        check(tally, lambda: export.read(target, path), (number, file.name))
        copied.write_bytes(content)
