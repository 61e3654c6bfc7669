"""Changed files of programs are read or refused."""

import numpy as np
import pytest

from helpers.corrupted_files import changed_bytes, changed_npz, check, network
from helpers.fuzzing import cases
from snnsim.program import Program


@pytest.mark.parametrize("integers", [True, False])
def test_changed_files_are_read_or_refused(tally, tmp_path, integers):
    path, rng = tmp_path / "a.snn", np.random.default_rng(0)
    network(rng, integers=integers).save(path)
    content = path.read_bytes()
    for number in range(cases(200)):
        path.write_bytes(changed_npz(rng, content) if rng.random() < 0.6 else changed_bytes(rng, content))
        check(tally, lambda: Program.load(path), number)
