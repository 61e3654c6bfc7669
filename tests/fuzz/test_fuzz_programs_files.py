"""Changed files of programs are read or refused."""

import numpy as np
import pytest

from helpers.corrupted_files import changed_bytes, changed_npz, check, network
from helpers.fuzzing import cases
from helpers.random_convolutions import small_network
from snnsim.program import Program

NETWORKS = {
    "integers": lambda rng: network(rng, integers=True),
    "floats": network,
    "convolutions": small_network,
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_changed_files_are_read_or_refused(tally, tmp_path, kind):
    path, rng = tmp_path / "a.snn", np.random.default_rng(0)
    NETWORKS[kind](rng).save(path)
    content = path.read_bytes()
    for number in range(cases(200)):
        path.write_bytes(changed_npz(rng, content) if rng.random() < 0.6 else changed_bytes(rng, content))
        check(tally, lambda: Program.load(path), number)
