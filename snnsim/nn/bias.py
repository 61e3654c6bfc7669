"""A learned bias of each neuron, in the place of batch normalization.

    y = x + b

A bias is a batch normalization whose mean is 0, whose variance and scale are 1, and whose statistics never change. So
kernels, chunks of time and freezing take it as one.

Shapes   x (time, batch, neuron) · b (neuron,)
"""

import math

from torch import Tensor

from snnsim.kernels.common import gates
from snnsim.kernels.neuron.autograd import Statistics
from snnsim.nn.batch_norm import BatchNorm, valid_steps


class Bias(BatchNorm):
    """A learned bias of each neuron, `SpikingLayer(..., norm=Bias(64))`.

    Args:
        num_features: Number of neurons, or of channels of a field.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__(num_features, eps=0.0)
        self.weight.requires_grad_(False)

    def forward(self, current: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the currents with the bias; in training mode, they are 0 where a step does not count.

        Args:
            current: The currents, (time, ..., neuron).
            valid: Steps of each recording that count; None if every step counts.
        """
        self._check(current)
        biased = current + self.bias
        if not self.training or valid is None:
            return biased
        valid = gates.lengths(valid, who="Bias", name="valid", batch=math.prod(current.shape[1:-1]))
        return biased * valid_steps(valid, len(current)).view(*current.shape[:-1], 1)

    def statistics(self, current: Tensor, valid: Tensor, total: Tensor | None = None) -> Statistics:  # noqa: ARG002
        """Return a mean of 0 and a variance of 1.

        Args:
            current: The currents, (time, batch, neuron).
            valid: Steps of each recording that count, (batch,).
            total: Number of steps of the complete sequence; None for a complete sequence.
        """
        self._check(current)
        return self.running()
