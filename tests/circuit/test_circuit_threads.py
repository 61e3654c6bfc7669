"""Building and running a circuit leaves the numbers of threads of torch and Numba as they were."""

import os
import subprocess
import sys

import numba
import pytest

# a process of its own: Numba sets the number of threads that it shares with torch when it starts its own, once
PROGRAM = """
import numba
import torch
from snnsim.circuit import Spec, at_start, build, run

before = torch.get_num_threads()
spec = Spec(
    names=("E",), sizes=(20,), synapses=((90,),), weight_pa=((400.0,),), weight_sd_pa=((200.0,),), delay_ms=(1.5,),
    delay_sd_ms=(0.75,), drive_hz=(900.0,), drive_weight_pa=(500.0,), constant_pa=(300.0,), start_mv=(-58.0,),
    start_sd_mv=(5.0,),
)
circuit = build(spec, seed=0, threads=THREADS)
run(circuit, at_start(circuit), first=0, count=100, threads=THREADS)
print(before, torch.get_num_threads(), numba.get_num_threads())
"""


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_numbers_of_threads_are_those_of_before(threads):
    program = PROGRAM.replace("THREADS", str(threads))
    variables = os.environ | {"NUMBA_NUM_THREADS": "2", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.stdout.split() == ["1", "1", "2"], done.stderr[-2000:]
