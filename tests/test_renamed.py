"""Names of before: importing one warns, and gives the object of today."""

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from snnsim import Events, Program, renamed, simulate
from snnsim.program import Edge, Population


def test_old_module_names_give_the_modules_of_today():
    assert len(renamed.MODULES) > 80
    for old, new in renamed.MODULES.items():
        if "gpu" in new:
            # Triton is not installed everywhere
            continue
        sys.modules.pop(f"snnsim.{old}", None)
        with pytest.warns(DeprecationWarning, match=f"snnsim.{old} is now snnsim.{new}; import that"):
            module = import_module(f"snnsim.{old}")
        assert module is import_module(f"snnsim.{new}")
        assert module.__name__ == module.__spec__.name == f"snnsim.{new}"


def test_the_package_uses_no_old_names():
    code = (
        "import snnsim.cli, snnsim.experiment, snnsim.export, snnsim.verification, snnsim.bench.compare, snnsim.plots"
    )
    subprocess.run([sys.executable, "-W", "error::DeprecationWarning:snnsim", "-c", code], check=True)


def test_old_names_of_engines_and_of_the_probe():
    edge = Edge.of("input", "a", (np.zeros(1, int), np.zeros(1, int), np.zeros(1, int), np.ones(1)), sources=1)
    program = Program(channels=1, populations=(Population.of("a", 1, decay=0.0),), edges=(edge,), time_step_ms=1.0)
    events = Events.from_frames(np.ones((3, 1, 1)))
    for engine in ("clock", "touched"):
        with pytest.warns(DeprecationWarning, match=f"the engine '{engine}' is now called '.*_driven'"):
            assert simulate(program, events, engine=engine).counts("a").tolist() == [[3]]
    from snnsim import simulation

    with pytest.warns(DeprecationWarning, match=r"simulation\.Record is now snnsim\.simulation\.Probe"):
        assert simulation.Record is simulation.Probe
