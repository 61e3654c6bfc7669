"""The recurrent current of a convolution in training, step by step: a spike adds its currents to those of later steps.

    pending[d, b, j] ← pending[d, b, j] + Σ_k kernel[d, k] s[b, j + k]          after every step, for each delay d

A kernel along the neuron axis has few weights, so the products of a step are small, and autograd passes through them.

Shapes   spikes and currents (batch, neuron) · kernel (delay, out channel, element of a patch) · patches (batch, pixel,
         element)
"""

import torch
from torch import Tensor

from snnsim.nn.conv import DelayedConv


class ConvLoop:
    """The recurrent current of one sequence: `current()`, then `push(spikes)`, and so on.

    Args:
        synapse: The convolution, in training mode.
    """

    def __init__(self, synapse: DelayedConv) -> None:
        self.synapse, self.table = synapse, synapse.kernel()
        self.pending: Tensor | None = None

    def current(self) -> Tensor | None:
        """Return the current of the next step, (batch, target); None before the first spikes."""
        return None if self.pending is None else self.pending[0]

    def push(self, spikes: Tensor) -> None:
        """Take the spikes of a step, after its current was asked for.

        Args:
            spikes: The spikes, (batch, source).
        """
        patches = self.synapse.patches.of_spikes(spikes[None])[0]
        # a pixel's channels lie side by side
        added = torch.einsum("bpe,dce->dbpc", patches, self.table).flatten(2)
        if self.pending is not None:
            added = torch.cat([self.pending[1:] + added[:-1], added[-1:]])
        self.pending = added
