"""nirtorch runs a NIR file with modules made here, in float64: Delay, LIF and LI, as the equations of NIR have them.

v ← v + dt / τ (v_leak − v + r I), fires at v > θ, then v = v_reset; Delay is a row of the last inputs.
"""

from importlib.metadata import version

import nir
import nirtorch
import numpy as np
import torch
from exchange import main
from through_torch import read, run


class Delay(torch.nn.Module):
    """Each channel of the input, some steps later."""

    def __init__(self, node, step):
        super().__init__()
        wait = np.rint(node.delay / step).astype(int)
        self.longest = int(wait.max())
        self.columns = {int(steps): torch.from_numpy(np.flatnonzero(wait == steps)) for steps in np.unique(wait)}

    def forward(self, x, state=None):
        """Return the delayed input, and the inputs of the last steps, the newest first."""
        past = [x, *(state or [])][: self.longest + 1]
        delayed = torch.zeros_like(x)
        for steps, columns in self.columns.items():
            if steps < len(past):
                delayed[..., columns] = past[steps][..., columns]
        return delayed, past


class Neurons(torch.nn.Module):
    """LIF, or LI, which gives its membrane."""

    def __init__(self, node, step):
        super().__init__()
        self.kept, self.gain = (torch.from_numpy(row) for row in (1 - step / node.tau, node.r * step / node.tau))
        self.leak = torch.from_numpy(node.v_leak * step / node.tau)
        self.limit = torch.from_numpy(np.asarray(getattr(node, "v_threshold", np.inf)))
        self.rest = torch.from_numpy(np.asarray(getattr(node, "v_reset", 0.0)))
        self.fires = hasattr(node, "v_threshold")

    def forward(self, x, state=None):
        """Return spikes or membranes, and the voltage."""
        u = (0 if state is None else state) * self.kept + self.leak + self.gain * x
        z = (u > self.limit).to(x.dtype)
        return (z, torch.where(z > 0, self.rest.to(u.dtype), u)) if self.fires else (u, u)


def imported(path, recordings):
    """Return the spikes of every population that fires, and the membranes of readouts."""
    graph, about = read(path, ["seq", "fan"])
    step = float(about["dt"])
    known = {nir.Delay: lambda node: Delay(node, step)}
    known |= {kind: lambda node: Neurons(node, step) for kind in (nir.LIF, nir.LI)}
    known |= {nir.Linear: lambda node: linear(node), nir.Affine: lambda node: linear(node, node.bias)}
    network = nirtorch.nir_to_torch(graph, known, dtype=torch.float64)
    return run(
        lambda frame, state: network(frame.double(), state)[1],
        graph, dict(network.named_children()), recordings, membrane=lambda _, output: output[1],
    )  # fmt: skip


def linear(node, bias=None):
    """Return torch's Linear of a node."""
    module = torch.nn.Linear(*node.weight.shape[::-1], bias=bias is not None)
    module.weight.data = torch.from_numpy(node.weight)
    if bias is not None:
        module.bias.data = torch.from_numpy(bias)
    return module


if __name__ == "__main__":
    main(imported, version("nirtorch"))
