"""Two groups of parameters, each with its own optimizer and schedule.

    weights and neurons   by default Adam, one cycle up to `lr` at 30 % of the steps and down to nothing
    delays                by default Adam, from `lr_delay` down to 0 along a cosine

Weight decay is `weight_decay` on the weights of synapses, and 0 by default on batch normalization and delays; other
parameters of neurons have none. A clip norm bounds the norm of all gradients of a group.

Units    lr_delay in steps of delay
Source   the defaults are the recipe of DCLS-Delays (Hammouamri, Khalfaoui-Hassani, Masquelier 2024)
Differs  the reference code steps its schedules once an epoch; here they move with every batch, so that short runs
         see the whole cycle
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self, get_type_hints

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from snnsim.learning.options import SGD, Adam, AdamKind, AnyAverage, AnyOptimizer, AnySchedule, Cosine, OneCycle, chosen
from snnsim.nn.batch_norm import BatchNorm
from snnsim.nn.network import SpikingNetwork
from snnsim.training import schedules
from snnsim.training.average import Average
from snnsim.validation import real


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Optimizers, schedules and the average of a training; the defaults are those of `snnsim train`."""

    lr: float = 5e-3
    """Highest learning rate of weights and neurons."""
    lr_delay: float = 0.1
    """Highest learning rate of delays, in steps of delay."""
    weight_decay: float = 1e-5
    """Decay of the weights of synapses."""
    weight_decay_norm: float = 0.0
    """Decay of the parameters of batch normalization."""
    weight_decay_delay: float = 0.0
    """Decay of delays."""
    optimizer: AnyOptimizer = field(default_factory=Adam)
    delay_optimizer: AnyOptimizer = field(default_factory=Adam)
    schedule: AnySchedule = field(default_factory=OneCycle)
    delay_schedule: AnySchedule = field(default_factory=Cosine)
    average: AnyAverage | None = None
    """Average of the parameters that is evaluated; None evaluates the parameters of the last step."""

    @classmethod
    def of(cls, who: str, **values: Any) -> Self:
        """Return checked settings.

        Args:
            who: The caller, for messages.
            **values: Fields of the settings; kinds may be given by their names.

        Raises:
            TypeError: If a number is none.
            ValueError: If a value is out of its range, or there is no such kind.
        """
        unions = get_type_hints(cls)
        for name, value in values.items():
            if unions[name] is float:
                values[name] = real(value, who=who, name=name, at_least=0)
            else:
                values[name] = chosen(unions[name], value, who=who, name=name)
        return cls(**values)

    @property
    def needs_validation(self) -> bool:
        """Whether a schedule goes by the validation accuracy."""
        return "plateau" in (self.schedule.kind, self.delay_schedule.kind)


class Member(NamedTuple):
    """An optimizer with its schedule."""

    optimizer: Optimizer
    schedule: LRScheduler
    clip_norm: float | None = None
    """Largest norm of all gradients; None for no bound."""

    def step(self) -> None:
        """Update the parameters, and advance the schedule by one batch."""
        if self.clip_norm is not None:
            parameters = chain.from_iterable(group["params"] for group in self.optimizer.param_groups)
            nn.utils.clip_grad_norm_(parameters, self.clip_norm)
        self.optimizer.step()
        if not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()


@dataclass
class Optimizers:
    """Optimizers with their schedules, by the name of their learning rate, and the average of what they update."""

    members: dict[str, Member]
    average: Average | None = None

    def zero_grad(self) -> None:
        """Set all gradients to None."""
        for member in self.members.values():
            member.optimizer.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Update the parameters, and advance every schedule by one batch."""
        for member in self.members.values():
            member.step()

    def include(self, epoch: int) -> None:
        """Take the parameters of a step, which have been brought back into their ranges, into the average.

        Args:
            epoch: Number of the epoch, counted from 0.
        """
        if self.average is not None:
            self.average.include(epoch)

    def averaged(self) -> AbstractContextManager[None]:
        """Return a context in which the network has its average parameters, if there is an average."""
        return nullcontext() if self.average is None else self.average.on()

    def keep_average(self) -> None:
        """Give the network its average parameters for good, if there is an average."""
        if self.average is not None:
            self.average.apply()

    def end_epoch(self, score: float) -> None:
        """Advance the schedules that go by the validation.

        Args:
            score: Validation accuracy of the epoch, or the metric of another task; higher is better.
        """
        for member in self.members.values():
            if isinstance(member.schedule, ReduceLROnPlateau):
                member.schedule.step(score)

    def learning_rates(self) -> dict[str, float]:
        """Return the present learning rate of each group."""
        return {name: member.optimizer.param_groups[0]["lr"] for name, member in self.members.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        state: dict[str, Any] = {
            name: {"optimiser": member.optimizer.state_dict(), "schedule": member.schedule.state_dict()}  # old name
            for name, member in self.members.items()
        }
        return state if self.average is None else state | {"average": self.average.state_dict()}

    def load_state_dict(self, state: Any, path: Path) -> None:
        """Restore a state.

        Args:
            state: Value of `state_dict`, as it was read from a checkpoint.
            path: The checkpoint, for messages.

        Raises:
            ValueError: If the value is no state of optimizers of these parameters.
        """
        for name, member in self.members.items():
            try:
                member.optimizer.load_state_dict(state[name]["optimiser"])  # old name
                member.schedule.load_state_dict(state[name]["schedule"])
                fits = all(_fits(member.optimizer, parameter) for parameter in member.optimizer.state)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
                raise ValueError(
                    f"checkpoint {path}: optimizers must have a state of {name} that fits the network ({error!r})"
                ) from error
            if not fits:
                raise ValueError(
                    f"checkpoint {path}: the optimizer {name} must have sums of the shapes of its parameters"
                )
        if self.average is not None:
            self.average.load_state_dict(state.get("average"), path)


def _fits(optimizer: Optimizer, parameter: torch.Tensor) -> bool:
    """Return whether the running sums of a parameter's gradients are finite and have the shape of the parameter."""
    state = optimizer.state[parameter]
    if isinstance(optimizer, torch.optim.SGD):
        sums = [state["momentum_buffer"]] if optimizer.param_groups[0]["momentum"] else []
    else:
        sums = [state[name] for name in ("exp_avg", "exp_avg_sq")]
    return all(each.shape == parameter.shape and bool(torch.isfinite(each).all()) for each in sums)


def build(
    network: SpikingNetwork, *, steps: int, epochs: int = 1, settings: Settings | None = None, **values: Any
) -> Optimizers:
    """Return the optimizers of a network.

    Args:
        network: The network.
        steps: Number of batches of the training, after which the schedules end.
        epochs: Number of epochs of the training.
        settings: The settings.
        **values: Fields of Settings, in place of `settings`.
    """
    settings = Settings(**values) if settings is None else settings
    # a synapse in several places is one parameter
    delays = list(dict.fromkeys(synapse.delay for synapse in network.delayed_synapses() if synapse.learns_delay))
    weights = _optimizer(settings.optimizer, list(_groups(network, delays, settings)), settings.lr)
    schedule = schedules.build(settings.schedule, weights, lr=settings.lr, steps=steps, epochs=epochs)
    members = {"lr": Member(weights, schedule, settings.optimizer.clip_norm)}
    if delays:
        group = {"params": delays, "weight_decay": settings.weight_decay_delay}
        optimizer = _optimizer(settings.delay_optimizer, [group], settings.lr_delay)
        schedule = schedules.build(settings.delay_schedule, optimizer, lr=settings.lr_delay, steps=steps, epochs=epochs)
        members["lr_delay"] = Member(optimizer, schedule, settings.delay_optimizer.clip_norm)
    return Optimizers(members, None if settings.average is None else Average(network, settings.average))


def _groups(network: SpikingNetwork, delays: list[nn.Parameter], settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the groups of all parameters but delays, each with its weight decay."""
    synaptic = list(dict.fromkeys(synapse.weight for synapse in network.synapses()))
    norms = [part for part in network.modules() if isinstance(part, BatchNorm)]
    if not settings.weight_decay_norm:
        norms = []
    normalizing = [parameter for part in norms for parameter in part.parameters() if parameter.requires_grad]
    known = {id(parameter) for parameter in (*delays, *synaptic, *normalizing)}
    others = [parameter for parameter in network.parameters() if id(parameter) not in known and parameter.requires_grad]
    decays = settings.weight_decay, settings.weight_decay_norm, 0.0
    for parameters, decay in zip((synaptic, normalizing, others), decays, strict=True):
        if parameters:
            yield {"params": parameters, "weight_decay": decay}


def _optimizer(kind: AnyOptimizer, groups: list[dict[str, Any]], lr: float) -> Optimizer:
    if isinstance(kind, SGD):
        return torch.optim.SGD(groups, lr=lr, momentum=kind.momentum, nesterov=kind.nesterov)
    return _adam(kind, groups, lr)


def _adam(kind: AdamKind, groups: list[dict[str, Any]], lr: float) -> Optimizer:
    first, second = kind.betas
    optimizer = torch.optim.Adam if isinstance(kind, Adam) else torch.optim.AdamW
    return optimizer(groups, lr=lr, betas=(first, second), eps=kind.epsilon)


def trained_parameters(network: nn.Module) -> int:
    """Return the number of parameters that are trained.

    Args:
        network: Network, a module; parameters without a gradient do not count.
    """
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
