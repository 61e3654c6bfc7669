"""Files of programs, changed."""

import numpy as np
import pytest

from helpers.corrupted_files import changed_bytes, changed_npz, check, network
from helpers.fuzzing import cases
from snnsim.program import Program


@pytest.mark.parametrize("whole", [True, False])
def test_changed_programs_are_read_or_refused(tally, tmp_path, whole):
    path, rng = tmp_path / "a.snn", np.random.default_rng(0)
    network(rng, whole=whole).save(path)
    content = path.read_bytes()
    for number in range(cases(200)):
        path.write_bytes(changed_npz(rng, content) if rng.random() < 0.6 else changed_bytes(rng, content))
        check(tally, lambda: Program.load(path), number)
