"""A weighted layer behind a coding, computed in three ways that agree: dense, by differences, and by events.

    dense        y[t] = W q[t] + b
    differences  a[t] = a[t−1] + W (q[t] − q[t−1]), y[t] = a[t] + b            the bias joins after the integration
    events       a[t, j] += W[j, i] (q[t, i] − q[t−1, i]) for every i with a difference, one after the other

Shapes   q (time, batch, axes of an input) · y, a (time, batch, axes of an output)
Exact    the three are equal where sums do not round, as with weights and steps that are multiples of powers of 2;
         otherwise they differ by rounding. Programs keep integer levels, and have no such difference in integers
"""

import torch
from torch import Tensor, nn

from snnsim.delta.coding import Coding, DeltaActivation
from snnsim.delta.fan_out import LINEAR, without_bias
from snnsim.validation import require


class DeltaLayer(nn.Module):
    """A linear or convolutional layer whose inputs are coded.

    Args:
        layer: An nn.Linear or a convolution.
        coding: Its coding; None for a DeltaActivation with its defaults.

    Raises:
        ValueError: If the layer is of another type.
    """

    def __init__(self, layer: nn.Module, coding: Coding | None = None) -> None:
        super().__init__()
        names = ", ".join(kind.__name__ for kind in LINEAR)
        require(isinstance(layer, LINEAR), f"DeltaLayer: the layer must be one of {names}, not {type(layer).__name__}")
        self.layer, self.coding = layer, DeltaActivation() if coding is None else coding

    def forward(self, values: Tensor) -> Tensor:
        """Return the outputs (time, batch, axes of an output), computed densely.

        Args:
            values: Inputs of the coding's activation (time, batch, axes of an input).
        """
        return self._of_frames(self.layer, self.coding(values))

    def by_differences(self, values: Tensor) -> Tensor:
        """Return the same, computed from differences.

        Args:
            values: Inputs of the coding's activation (time, batch, axes of an input).
        """
        sums = self._of_frames(without_bias(self.layer), differences(self.coding(values))).cumsum(0)
        return sums + self._bias(sums)

    @torch.no_grad()
    def by_events(self, values: Tensor) -> Tensor:
        """Return the same, computed event by event; slow, for tests.

        Args:
            values: Inputs of the coding's activation (time, batch, axes of an input).
        """
        change, plain = differences(self.coding(values)), without_bias(self.layer)
        outputs = []
        sums = torch.zeros_like(plain(change[0]))
        for step in change:
            for batch, *index in torch.nonzero(step).tolist():
                event = torch.zeros_like(step[batch : batch + 1])
                event[(0, *index)] = step[(batch, *index)]
                sums[batch] += plain(event)[0]
            outputs.append(sums.clone())
        result = torch.stack(outputs)
        return result + self._bias(result)

    def _of_frames(self, layer: nn.Module, values: Tensor) -> Tensor:
        outputs: Tensor = layer(values.flatten(0, 1))
        return outputs.reshape(*values.shape[:2], *outputs.shape[1:])

    def _bias(self, outputs: Tensor) -> Tensor:
        bias = self.layer.bias
        if not isinstance(bias, Tensor):
            return outputs.new_zeros(())
        spatial = 0 if isinstance(self.layer, nn.Linear) else outputs.ndim - 3
        return bias.view(-1, *(1,) * spatial)


def differences(coded: Tensor) -> Tensor:
    """Return the change of every step; the first step is a change from 0.

    Args:
        coded: Coded values (time, ...).
    """
    return torch.cat([coded[:1], coded[1:] - coded[:-1]])
