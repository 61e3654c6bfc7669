"""Folders of SONATA, ours and of others, changed."""

import csv
import io
import json
import shutil

import numpy as np
import pytest

from helpers.corrupted_files import NASTY, changed_bytes, changed_hdf5, changed_json, check, network
from helpers.fuzzing import cases
from snnsim import export


def changed_csv(rng, content):
    """Return a table with another value in one place."""
    rows = list(csv.reader(io.StringIO(content.decode()), delimiter=" "))
    row = rows[rng.integers(len(rows))]
    row[rng.integers(len(row))] = str(NASTY[rng.integers(len(NASTY) - 7)]).encode(errors="replace").decode()
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=" ").writerows(rows)
    return buffer.getvalue().encode()


def changed(rng, file, content):
    if rng.random() < 0.3:
        return changed_bytes(rng, content)
    if file.suffix == ".json":
        return json.dumps(changed_json(rng, json.loads(content))).encode()
    return (changed_csv if file.suffix == ".csv" else changed_hdf5)(rng, content)


@pytest.mark.parametrize("ours", [True, False])
def test_changed_folders_are_read_or_refused(tally, tmp_path, ours):
    original, path, rng = tmp_path / "whole", tmp_path / "folder", np.random.default_rng(0)
    export.write(network(rng, simple=not ours), "sonata", original)
    if not ours:
        (original / "snnsim.json").unlink()
    shutil.copytree(original, path)
    files = [file for file in sorted(original.rglob("*")) if file.is_file() and file.name != "inputs.h5"]
    for number in range(cases(150)):
        file = files[rng.integers(len(files))]
        target, content = path / file.relative_to(original), file.read_bytes()
        target.write_bytes(changed(rng, file, content))
        check(tally, lambda: export.read("sonata", path), (number, file.name))
        target.write_bytes(content)
