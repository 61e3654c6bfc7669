"""Constraints of parameters: after an optimizer step, all synapses and neurons bring theirs back into their ranges."""

from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from snnsim.nn.protocols import Neuron, Synapse


def constrain(module: nn.Module) -> None:
    """Bring the parameters of all synapses and neurons in a module back into their ranges.

    Args:
        module: Network, layer or any other module with synapses and neurons at any depth.
    """
    for part in module.modules():
        if isinstance(part, Synapse | Neuron):
            part.constrain()


def constrain_after(optimizer: torch.optim.Optimizer, module: nn.Module) -> RemovableHandle:
    """Constrain the parameters of a module after each step of an optimizer, so that no loop has to call `constrain`.

    `snnsim.fit` and `snnsim train` do so by themselves.

    Args:
        optimizer: The optimizer; with several, each gets its own call.
        module: A network, a layer, or any module that contains synapses or neurons.

    Returns:
        A handle; `handle.remove()` ends it.
    """

    def after_step(*_: Any) -> None:
        constrain(module)

    return optimizer.register_step_post_hook(after_step)
