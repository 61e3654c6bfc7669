"""The recurrent connections of a config, with their initial parameters.

    w orthogonal, its diagonal included        d uniform from 1 step to the longest delay
    w of a kernel along the neuron axis uniform within ± √(6 / kernel)

Source   orthogonal weights of gain 1: DelRec (Queant et al. 2025, arXiv 2509.24852) and SE-adLIF (Baronig et al. 2025)
Differs  DelRec draws delays of SHD uniformly from 10 to 30 steps and narrows a triangle from 11 steps to 1; here they
         are uniform over their range, and windows narrow as those of the feed-forward connections do
"""

from typing import Any

import torch
from torch import nn

from snnsim.config import Config
from snnsim.config.recurrence import ConvolutionalRecurrence, DelayedRecurrence, RecurrentDelays
from snnsim.nn import DelayedLinear, Recurrence, SparseLinear, delay_windows
from snnsim.units import to_steps


def layers(config: Config) -> tuple[int, ...]:
    """Return the numbers of the recurrent hidden layers, counted from 1.

    Args:
        config: Config of the run; no layer is recurrent without `network.recurrent`, and all are if it names none.
    """
    net = config.network
    return () if net.recurrent is None else net.recurrent.layers or tuple(range(1, len(net.hidden) + 1))


def build(config: Config, layer: int, width: int, generator: torch.Generator) -> Recurrence | None:
    """Return the recurrent connections of a hidden layer, or None.

    Args:
        config: The config of the run.
        layer: Number of the hidden layer, counted from 1.
        width: Number of neurons of the layer.
        generator: Generator of initial parameters.
    """
    kind = config.network.recurrent
    if kind is None or layer not in layers(config):
        return None
    delays: dict[str, Any] = {"generator": generator}
    if isinstance(kind, RecurrentDelays):
        delays |= {"window": kind.window, "sigma": widths(config)[0], "learn_delay": kind.learn_delay}
    if isinstance(kind, ConvolutionalRecurrence):
        longest = max_delay(config)
        return Recurrence.along_neurons(width, longest, kernel=kind.kernel, dropout=kind.dropout, **delays)
    synapse: DelayedLinear | SparseLinear
    if isinstance(kind, DelayedRecurrence):
        synapse = DelayedLinear(width, width, max_delay(config), delays=kind.delays, **delays)
        _start(config, kind, synapse)
    else:
        synapse = SparseLinear(width, width, generator=generator)
    with torch.no_grad():
        synapse.weight.view(width, width).copy_(nn.init.orthogonal_(torch.empty(width, width), generator=generator))
    return Recurrence(synapse, dropout=kind.dropout)


@torch.no_grad()
def _start(config: Config, kind: DelayedRecurrence, synapse: DelayedLinear) -> None:
    """Move delays, which are uniform over their range, between the bounds at which they start."""
    if kind.start_ms and synapse.max_delay:
        # a delay of 0 in the synapse is one step in the loop
        least, most = (max(0.0, to_steps(time, config.data.time_step_ms) - 1) for time in kind.start_ms)
        synapse.delay.mul_((most - least) / synapse.max_delay).add_(least)
        synapse.constrain()


def max_delay(config: Config) -> int:
    """Return the longest delay of the recurrent synapses in steps; that of the loop is one step longer.

    Args:
        config: Config of the run: `network.recurrent.max_delay_ms`, one step for recurrence without delays.
    """
    kind = config.network.recurrent
    longest = kind.max_delay_ms if isinstance(kind, RecurrentDelays) else config.data.time_step_ms
    return max(1, round(to_steps(longest, config.data.time_step_ms))) - 1


def learns_delays(config: Config) -> bool:
    """Return whether recurrent delays are learned.

    Args:
        config: Config of the run; without `network.recurrent`, and without delays in it, none are.
    """
    kind = config.network.recurrent
    return isinstance(kind, RecurrentDelays) and kind.learn_delay


def widths(config: Config) -> tuple[float, float]:
    """Return the first and the last width of the recurrent delay windows in steps.

    Args:
        config: Config of the run; widths that it leaves out follow the recipe of DCLS-Delays.
    """
    kind = config.network.recurrent
    settings = kind if isinstance(kind, RecurrentDelays) else DelayedRecurrence()
    last = delay_windows.narrowest(settings.window) if settings.sigma_end is None else settings.sigma_end
    if settings.sigma_start is not None:
        return settings.sigma_start, last
    # half of a short range may be narrower than the last width
    return max(last, delay_windows.widest(settings.window, max_delay(config))), last
