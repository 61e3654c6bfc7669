"""Files of every target, read back number for number, and the C runtime where there is a compiler."""

import shutil
from pathlib import Path

import numpy as np

from snnsim.export import targets
from snnsim.quantization import Scheme
from snnsim.quantization.quantize import quantize
from snnsim.verification import verify
from snnsim.verification.networks import NETWORKS, recordings


def files(folder: Path) -> str:
    """Write a network for every target that takes it, after the target's repairs, and read the files back.

    Args:
        folder: Folder for the files.

    Raises:
        AssertionError: If a number differs, or no target takes the network.
    """
    written = []
    for name, target in targets.TARGETS.items():
        for network in ("toy", "biased"):
            program, _ = targets.fixed(NETWORKS[network](), name)
            if target.read is None or list(target.check(program)):
                continue
            path = folder / f"{network}-{name}{target.suffix}"
            targets.write(program, name, path)
            for (label, mine), (_, theirs) in zip(program.arrays(), targets.read(name, path).arrays(), strict=True):
                np.testing.assert_array_equal(mine, theirs, err_msg=f"{name}: {label}")
            written.append(name)
            break
    assert written, "one target at least takes a network"
    return f"files of {', '.join(written)} are read back number for number"


def c_runtime(folder: Path) -> str:
    """Compile the C runtime, run a network in it, and compare every spike.

    Args:
        folder: Folder for the code.

    Raises:
        AssertionError: If a spike differs.
    """
    if shutil.which("cc") is None:
        return "left out: there is no C compiler"
    program = NETWORKS["toy"]()
    program = program if program.fixed is not None else quantize(program, Scheme(weights="int8"))
    program, _ = targets.fixed(program, "c")
    targets.write(program, "c", folder / "network")
    report = verify(folder / "network", program, recordings(program, 3), backend="c")
    cells = report.total("cells_equal"), report.total("cells_total")
    assert report.equal, f"{cells[1] - cells[0]:,} of {cells[1]:,} cells differ in C"
    return f"{cells[1]:,} cells are equal in C"
