"""nirtorch runs a NIR file in float64, with modules of this script: Delay, LIF, LI and CubaLIF, by NIR's equations.

v ← v + dt / τ (v_leak − v + r I), fires at v > θ, then v = v_reset; Delay is a row of the last inputs. The I of a
CubaLIF is its synaptic current: i ← i + dt / τ_syn (w_in x − i).
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import nir
import nirtorch
import numpy as np
import torch
from exchange import Membranes, Recordings, Spikes, main
from torch_modules import read, run


class Delay(torch.nn.Module):
    """Each channel of the input, some steps later.

    Args:
        node: NIR's Delay, with the delay of each channel in seconds.
        step: Seconds of a step in the file.
    """

    def __init__(self, node: Any, step: float) -> None:
        super().__init__()
        delay = np.rint(node.delay / step).astype(int)
        self.longest = int(delay.max())
        self.columns = {int(steps): torch.from_numpy(np.flatnonzero(delay == steps)) for steps in np.unique(delay)}

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        """Return the delayed input, and the inputs of the last steps, the newest first.

        Args:
            x: Input of the step (recording, channel).
            state: Inputs of the last steps, the newest first; None at the start.
        """
        past = [x, *(state or [])][: self.longest + 1]
        delayed = torch.zeros_like(x)
        for steps, columns in self.columns.items():
            if steps < len(past):
                delayed[..., columns] = past[steps][..., columns]
        return delayed, past


class Neurons(torch.nn.Module):
    """LIF, CubaLIF, or LI, whose output is its membrane.

    Args:
        node: NIR's LIF, CubaLIF or LI.
        step: Seconds of a step in the file.
    """

    def __init__(self, node: Any, step: float) -> None:
        super().__init__()
        tau = node.tau_mem if hasattr(node, "tau_mem") else node.tau
        self.decay, self.gain = (torch.from_numpy(row) for row in (1 - step / tau, node.r * step / tau))
        self.synapse = None
        if hasattr(node, "tau_syn"):
            remaining, arriving = 1 - step / node.tau_syn, node.w_in * step / node.tau_syn
            self.synapse = torch.from_numpy(remaining), torch.from_numpy(arriving)
        self.leak = torch.from_numpy(node.v_leak * step / tau)
        self.limit = torch.from_numpy(np.asarray(getattr(node, "v_threshold", np.inf)))
        self.rest = torch.from_numpy(np.asarray(getattr(node, "v_reset", 0.0)))
        self.fires = hasattr(node, "v_threshold")

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        """Return spikes or membranes, and the state: the voltage, and the synaptic current.

        Args:
            x: Current of the step (recording, neuron).
            state: Voltage and synaptic current after the step before (recording, neuron); None at the start.
        """
        voltage, current = (0, 0) if state is None else state
        if self.synapse is not None:
            remaining, arriving = self.synapse
            x = current = current * remaining + arriving * x
        u = voltage * self.decay + self.leak + self.gain * x
        z = (u > self.limit).to(x.dtype)
        return (z, (torch.where(z > 0, self.rest.to(u.dtype), u), current)) if self.fires else (u, (u, current))


def imported(path: Path, recordings: Recordings) -> tuple[Spikes, Membranes]:
    """Return the spikes of every population that fires, and the membranes of readouts.

    Args:
        path: The file in the encoding `seq` or `fan`.
        recordings: The recordings, with the count of each spike.
    """
    graph, metadata = read(path, ["seq", "fan"])
    step = float(metadata["dt"])
    modules: dict[Any, Any] = {nir.Delay: lambda node: Delay(node, step)}
    modules |= {kind: lambda node: Neurons(node, step) for kind in (nir.LIF, nir.LI, nir.CubaLIF)}
    modules |= {nir.Linear: linear, nir.Affine: lambda node: linear(node, node.bias)}
    network = nirtorch.nir_to_torch(graph, modules, dtype=torch.float64)
    results: tuple[Spikes, Membranes] = run(
        lambda frame, state: network(frame.double(), state)[1],
        graph, dict(network.named_children()), recordings, membrane=lambda _, output: output[0],
    )  # fmt: skip
    return results


def linear(node: Any, bias: Any = None) -> torch.nn.Linear:
    """Return torch's Linear of a node.

    Args:
        node: NIR's Linear or Affine, with a weight (output, input).
        bias: Bias (output,); None for none.
    """
    outputs, inputs = node.weight.shape
    module = torch.nn.Linear(inputs, outputs, bias=bias is not None)
    module.weight.data = torch.from_numpy(node.weight)
    if bias is not None:
        module.bias.data = torch.from_numpy(bias)
    return module


if __name__ == "__main__":
    main(imported, version("nirtorch"))
