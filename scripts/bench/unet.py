"""A training step of the spiking U-Net of `snnsim train diffusion`, and of the same network with spikingjelly.

A step is forward and backward pass of the mean squared error of the noise, without data and optimizer. Both networks
have the same parameters and torch's convolutions; in the baseline, every SpikingActivation is spikingjelly's IFNode in
multi-step mode, with the same threshold, reset and surrogate, and every other module is that of snnsim. Convolutions
and normalization alone are timed for comparison: the same network with the identity in the place of the neurons.
`channels last` is the network of snnsim in that order of memory.

Times are taken in turns in one process after a warm-up; a ratio is the median over turns. The loss and gradients of
both are compared first.
"""

import copy
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from common import run_sizes
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor, nn

from snnsim.bench import tables, timing
from snnsim.diffusion.unet import Options, SpikingUNet
from snnsim.nn.folded import SpikingActivation, folded, unfolded

SIZES = {
    "digits: 8 x 8, batch 64": (Options(width=32, multipliers=(1, 2)), 8, 64),
    "pictures: 28 x 28, batch 32": (Options(width=32, multipliers=(1, 2, 2)), 28, 32),
}
OURS, LAST, BASELINE, PLAIN = "snnsim", "snnsim, channels last", "spikingjelly", "without neurons"


class IntegrateAndFire(nn.Module):
    """spikingjelly's integrate-and-fire neurons over a folded sequence that starts anew in each call.

    Args:
        ours: Neurons of snnsim with a threshold of 1, a hard reset and the surrogate of the arc tangent.
    """

    def __init__(self, ours: SpikingActivation) -> None:
        super().__init__()
        self.steps = ours.steps
        alpha = float(ours.neuron.surrogate.alpha)
        self.node = neuron.IFNode(surrogate_function=surrogate.ATan(alpha), detach_reset=True, step_mode="m")

    def forward(self, values: Tensor) -> Tensor:
        """Return the spikes.

        Args:
            values: Currents (step · picture, ...).
        """
        functional.reset_net(self.node)
        return folded(self.node(unfolded(values, self.steps)))


def replaced(network: nn.Module, make: Callable[[SpikingActivation], nn.Module]) -> nn.Module:
    """Return a copy of a network with other modules in the place of its neurons.

    Args:
        network: The network.
        make: Function from the neurons to the module.
    """
    network = copy.deepcopy(network)
    named = [(name, part) for name, part in network.named_modules() if isinstance(part, SpikingActivation)]
    for name, part in named:
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, make(part))
    return network


def step(network: nn.Module, pictures: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Return the loss after its gradients were computed.

    Args:
        network: The network.
        pictures: Pictures with noise.
        noise: The noise.
        times: Steps of diffusion.
    """
    network.zero_grad()
    loss: Tensor = (network(pictures, times) - noise).square().mean()
    torch.autograd.backward(loss)
    return loss.detach()


def measured(name: str, repeats: int, loops: int) -> dict[str, Any]:
    """Return seconds by candidate, and the differences of losses and gradients.

    Args:
        name: A size in SIZES.
        repeats: Number of turns.
        loops: Calls of a turn.
    """
    options, side, batch = SIZES[name]
    torch.manual_seed(0)
    ours = SpikingUNet(1, options._replace(dropout=0.0))
    # gradients of all layers, which a last convolution of zeros has not
    nn.init.normal_(ours.tail[-1].weight, std=0.1)
    pictures, noise = torch.randn(2, batch, 1, side, side)
    times = torch.randint(1000, (batch,))
    networks = {
        OURS: ours,
        LAST: copy.deepcopy(ours).to(memory_format=torch.channels_last),
        BASELINE: replaced(ours, IntegrateAndFire),
        PLAIN: replaced(ours, lambda _: nn.Identity()),
    }
    losses = {key: float(step(network, pictures, noise, times)) for key, network in networks.items()}
    gradients = {key: [each.grad for each in network.parameters()] for key, network in networks.items()}
    works: dict[str, Callable[[], object]] = {
        key: partial(step, network, pictures, noise, times) for key, network in networks.items()
    }
    seconds = timing.in_turns(works, repeats=repeats, loops=loops)
    pairs = [(a, b) for a, b in zip(gradients[OURS], gradients[BASELINE], strict=True) if a is not None]
    worst = max(float((a - b).abs().max() / a.abs().max().clamp(min=1e-12)) for a, b in pairs)
    return {"size": name, "seconds": seconds, "losses": losses, "difference": worst}


def shown(results: list[dict[str, Any]]) -> str:
    """Return the results as a table with a line for every size.

    Args:
        results: Size, seconds, losses and difference.
    """
    rows = []
    for result in results:
        samples = result["seconds"]
        cells = [f"{1000 * median(samples[name]):.0f}" for name in (OURS, LAST, BASELINE, PLAIN)]
        faster = [tables.times(timing.ratio(samples[name], samples[BASELINE])) for name in (OURS, LAST)]
        rows.append((result["size"], *cells, *faster, f"{result['difference']:.1e}"))
    names = (f"{name}, ms" for name in (OURS, LAST, BASELINE, PLAIN))
    head = ("size", *names, f"{BASELINE} / {OURS}", f"{BASELINE} / {LAST}", "difference of gradients")
    return tables.table(head, rows)


if __name__ == "__main__":
    run_sizes(__doc__, SIZES, measured, shown, json="figures/bench-unet.json", names=["spikingjelly"])
