"""Kernels that are symmetric under turns by 90 degrees and mirroring, and stay so in training.

    K[g c, g e] = K[c, e]      for all eight g, which act on classes (directions) and elements (rows and columns)

The gradient of a symmetric kernel over all eight turned and mirrored copies of a movie is the mean of the gradient over
the group. It is obtained from one copy, so that every movie counts eight times at the cost of one.

Shapes   parameters (class, element, tap), an element being (polarity, row, column)
"""

import torch
from torch import Tensor

from snnsim.data.event_camera.motion import Motions
from snnsim.nn.logistic_conv import LogisticConv


class Symmetry:
    """The group as permutations of classes and elements.

    Args:
        motions: The classes; the number of directions must be a multiple of four.
        kernel: Rows and columns of a kernel, the same number.
    """

    def __init__(self, motions: Motions, kernel: int) -> None:
        speeds, directions = len(motions.speeds), motions.directions
        direction = torch.arange(directions * speeds) // speeds
        speed = torch.arange(directions * speeds) % speeds
        element = torch.arange(2 * kernel * kernel).view(2, kernel, kernel)
        self.classes, self.elements = [], []
        for mirrored in (False, True):
            for quarters in range(4):
                turned = directions // 2 - direction if mirrored else direction
                turned = (turned + quarters * (directions // 4)) % directions
                self.classes.append(turned * speeds + speed)
                moved = element.flip(2) if mirrored else element
                self.elements.append(torch.rot90(moved, -quarters, (1, 2)).flatten())

    def moved(self, values: Tensor, number: int) -> Tensor:
        """Return values (class, element, tap) after an element of the group.

        Args:
            values: The values.
            number: Number of the element, from 0 to 7.
        """
        result = torch.empty_like(values)
        result[self.classes[number]] = values[:, self.elements[number]]
        return result

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of values (class, element, tap) over the group.

        Args:
            values: The values.
        """
        return torch.stack([self.moved(values, number) for number in range(len(self.classes))]).mean(0)

    def representative(self, values: Tensor) -> Tensor:
        """Return symmetric values: all members of an orbit have the value of one of them.

        Args:
            values: Values (class, element, tap).
        """
        rank = torch.arange(values[..., 0].numel(), dtype=torch.float64).view(values.shape[:2])[..., None]
        ranks = torch.stack([self.moved(rank, number) for number in range(len(self.classes))])
        first = ranks.amin(0).long()[..., 0]
        return values.flatten(0, 1)[first.flatten()].view_as(values)

    @torch.no_grad()
    def make_symmetric(self, layer: LogisticConv) -> None:
        """Make the parameters and the absent connections of a layer symmetric.

        Args:
            layer: The layer.
        """
        connections = layer.synapse.connections
        for values in (connections.weight, connections.delay):
            values.copy_(self.representative(values.detach().clone()))
        if connections.connected is not None:
            connections.connected.copy_(self.representative(connections.connected.clone()))

    @torch.no_grad()
    def average_gradients(self, layer: LogisticConv) -> None:
        """Replace the gradients of a symmetric layer by their means over the group.

        Args:
            layer: The layer after `backward`.
        """
        for values in (layer.synapse.weight, layer.synapse.delay):
            if values.grad is not None:
                values.grad.copy_(self.mean(values.grad))
        if layer.bias.grad is not None:
            each = layer.bias.grad[:, None, None]
            result = torch.zeros_like(each)
            for number in self.classes:
                result[number] += each / len(self.classes)
            layer.bias.grad.copy_(result[:, 0, 0])
