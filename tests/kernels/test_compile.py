"""torch.compile of a network: kernels are called as they stand, and the result is that without it."""

import subprocess
import sys

import numba
import pytest

PROGRAM = """
import torch
from snnsim.experiment import build
from snnsim.config import Config

config = Config().with_values({"network.hidden": (9, 8), "network.max_delay_ms": 80.0, "data.channels": 7})
network = build.build_network(config, classes=4).train()
frames = torch.poisson(torch.full((20, 3, 7), 0.5), generator=torch.Generator().manual_seed(0))

def gradients(run):
    network.zero_grad()
    torch.manual_seed(1)
    output = run(frames, torch.tensor([20, 11, 16]))
    output.square().sum().backward()
    return [output.detach(), *(parameter.grad.clone() for parameter in network.parameters())]

expected = gradients(network)
assert expected[1].abs().max() > 0
for backend in ("eager", "aot_eager"):
    torch._dynamo.reset()
    found = gradients(torch.compile(network, backend=backend))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    print(backend)
"""


@pytest.mark.slow
@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes without compilation")
def test_a_compiled_network_is_the_network():
    # a process of its own: torch's compiler changes how every later test runs
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["eager", "aot_eager"], done.stderr
    assert "recompile_limit" not in done.stderr
