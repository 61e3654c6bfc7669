"""Two groups of parameters, each with its own optimizer and schedule, as in the recipe of DCLS-Delays.

    weights and neurons   Adam, one cycle up to `lr` at 30 % of the steps and down to nothing; weight decay on weights
    delays                Adam, from `lr_delay` down to 0 along a cosine; no weight decay

Units    lr_delay in steps of delay
Differs  the reference code steps its schedules once an epoch; here they move with every batch, so that short runs
         see the whole cycle
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from snnsim.nn.network import SpikingNetwork


@dataclass
class Optimizers:
    """Optimizers with their schedules, by the name of their learning rate."""

    members: dict[str, tuple[Optimizer, LRScheduler]]

    def zero_grad(self) -> None:
        """Set all gradients to None."""
        for optimizer, _ in self.members.values():
            optimizer.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Update the parameters, and advance every schedule by one batch."""
        for optimizer, schedule in self.members.values():
            optimizer.step()
            schedule.step()

    def learning_rates(self) -> dict[str, float]:
        """Return the present learning rate of each group."""
        return {name: optimizer.param_groups[0]["lr"] for name, (optimizer, _) in self.members.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        return {
            name: {"optimiser": optimizer.state_dict(), "schedule": schedule.state_dict()}  # old name
            for name, (optimizer, schedule) in self.members.items()
        }

    def load_state_dict(self, state: Any, path: Path) -> None:
        """Restore a state.

        Args:
            state: Value of `state_dict`, as it was read from a checkpoint.
            path: The checkpoint, for messages.

        Raises:
            ValueError: If the value is no state of optimizers of these parameters.
        """
        for name, (optimizer, schedule) in self.members.items():
            try:
                optimizer.load_state_dict(state[name]["optimiser"])  # old name
                schedule.load_state_dict(state[name]["schedule"])
                fits = all(_fits(optimizer, parameter) for parameter in optimizer.state)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
                raise ValueError(
                    f"checkpoint {path}: optimizers must have a state of {name} that fits the network ({error!r})"
                ) from error
            if not fits:
                raise ValueError(
                    f"checkpoint {path}: the optimizer {name} must have sums of the shapes of its parameters"
                )


def _fits(optimizer: Optimizer, parameter: torch.Tensor) -> bool:
    """Return whether the running sums of a parameter's gradients are finite and have the shape of the parameter."""
    sums = [optimizer.state[parameter][name] for name in ("exp_avg", "exp_avg_sq")]
    return all(each.shape == parameter.shape and bool(torch.isfinite(each).all()) for each in sums)


def build(network: SpikingNetwork, *, lr: float, lr_delay: float, weight_decay: float, steps: int) -> Optimizers:
    """Return the optimizers of a network.

    Args:
        network: The network.
        lr: Highest learning rate of weights and neurons.
        lr_delay: First learning rate of delays, in steps of delay.
        weight_decay: Decay of weights.
        steps: Number of batches of the training, after which the schedules end.
    """
    delays = [synapse.delay for synapse in network.delayed_synapses() if synapse.learns_delay]
    synaptic = [synapse.weight for synapse in network.synapses()]
    known = {id(parameter) for parameter in (*delays, *synaptic)}
    others = [parameter for parameter in network.parameters() if id(parameter) not in known and parameter.requires_grad]
    groups = [{"params": synaptic, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    weights = torch.optim.Adam([group for group in groups if group["params"]], lr=lr)
    # one step more than the number of batches: torch raises where a schedule is advanced beyond its end
    members: dict[str, tuple[Optimizer, LRScheduler]] = {
        "lr": (weights, OneCycleLR(weights, lr, total_steps=steps + 1))
    }
    if delays:
        optimizer = torch.optim.Adam(delays, lr=lr_delay)
        members["lr_delay"] = (optimizer, CosineAnnealingLR(optimizer, steps))
    return Optimizers(members)


def trained_parameters(network: nn.Module) -> int:
    """Return the number of parameters that are trained.

    Args:
        network: Network, a module; parameters without a gradient do not count.
    """
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
