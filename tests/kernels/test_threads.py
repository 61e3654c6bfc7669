"""Processes that were forked after their parent has computed: they answer, and with the numbers of the parent."""

import multiprocessing
import os
import subprocess
import sys

import numba
import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)

PROGRAM = """
import multiprocessing
import numpy as np
import torch
from torch.utils.data import DataLoader
from snnsim import LIF, BatchNorm, DelayedLinear, LeakyReadout, SpikingLayer, SpikingNetwork
from snnsim.data.binning import bin_events
from snnsim.data.recordings import Recordings
from snnsim.kernels.common import threads

torch.set_num_threads(THREADS)
frames = (torch.rand(40, 4, 14, generator=torch.Generator().manual_seed(1)) < 0.3).float()

def fires(seed):
    current = torch.rand(9, 3, 600, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    spikes = LIF(tau=2.0)(current)
    spikes.sum().backward()
    # torch's own threads, too
    torch.rand(700, 700).mm(torch.ones(700, 700))
    return float(spikes.detach().sum()), float(current.grad.double().sum())

def trains(seed):
    torch.manual_seed(seed)
    layer = SpikingLayer(DelayedLinear(14, 16, 24), LIF(tau=1.5), norm=BatchNorm(16), dropout=0.0)
    network = SpikingNetwork([layer], DelayedLinear(16, 3, 24), LeakyReadout(tau=2.0))
    network(frames).square().sum().backward()
    found = [float(parameter.grad.double().sum()) for parameter in network.parameters() if parameter.grad is not None]
    return found, float(network.eval()(frames).detach().double().sum())

def loads(_):
    time = np.arange(40, dtype=np.float32)
    offset, none = np.array([0, 10, 20, 30, 40]), np.zeros(4, int)
    made = Recordings(time, np.zeros(40, np.uint16), offset, none, none, ("a",))
    binned = bin_events(made, time_step_ms=1.0, channels=1)
    class Set(torch.utils.data.Dataset):
        def __len__(self): return 4
        def __getitem__(self, index): return binned.dense(np.array([index]))[0].sum()
    loader = DataLoader(Set(), batch_size=2, num_workers=COUNT, multiprocessing_context=FORK)
    return [float(batch.sum()) for batch in loader]

if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    with fork.Pool(1) as pool:
        # forked before anything was compiled or loaded
        early = pool.map_async(fires, [0]).get(timeout=400)
    assert early == [fires(0)]
    for work in WORKS:
        COUNT, FORK = 0, None
        here = [work(0), work(1)]
        if work is loads:
            COUNT, FORK = 2, "fork"
            there = [loads(0), loads(1)]
        else:
            with fork.Pool(2) as pool:
                there = pool.map_async(work, [0, 1]).get(timeout=400)
                assert pool.map(abs, [-1]) == [1] and pool.apply(threads.forked)
        assert there == here, (there, here)
        assert not threads.forked() and torch.get_num_threads() == THREADS
        print(work.__name__)
"""


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
@pytest.mark.parametrize(("works", "threads"), [(["fires", "loads", "trains"], 2), (["trains"], 1)])
def test_forked_processes_answer_as_their_parent(works, threads, tmp_path):
    # a file and a process of its own: what is forked here would be all of pytest
    program = tmp_path / "program.py"
    text = PROGRAM.replace("WORKS", f"({', '.join(works)},)").replace("THREADS", str(threads))
    program.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, timeout=500)
    assert done.stdout.split() == works, done.stderr[-2000:]
