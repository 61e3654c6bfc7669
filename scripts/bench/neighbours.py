"""The same network out of neighbours' parts: Dcls1d of dcls; LIFNode and BatchNorm1d of spikingjelly.

    I[t, b, j] = Σ_i Σ_k kernel[j, i, k] s[t − (K − 1) + k, b, i]     kernel: Dcls1d's, of weight, P and SIG

    ours               theirs
    d                  P = (K − 1) / 2 − d, with K = max_delay + 1 odd
    σ                  SIG = σ − 0.27 for gauss, σ − 1 for max; not trained
    whole delays       version max, SIG = 0, P rounded
    β                  tau = 1 / (1 − β), decay_input=False
    leaky readout      LIFNode with a threshold out of reach, of which the voltages are kept

Parts are called as in the recipe: time last for the convolution, K − 1 steps of padding on the left, neurons
over whole sequences, their state forgotten after each. The frame around them is snnsim's: order of layers,
extra steps, dropout, loss, optimisers, training loop.

Shapes   s, I (time, batch, source or target) · weight (target, source, tap) · P, SIG (1, target, source, tap)
Source   DCLS-Delays: Hammouamri, Khalfaoui-Hassani, Masquelier 2024 (ICLR), arXiv 2306.17670
Differs  their batch normalisation counts padded steps, ours does not (the same where all lengths are); their
         whole delays divide the weights by 1 + 1e-7
"""

from collections.abc import Callable

import torch
from DCLS.construct.modules import Dcls1d
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from snnsim.config import Config
from snnsim.experiment import parts
from snnsim.network import SpikingLayer, SpikingNetwork
from snnsim.neurons import LIF, LeakyReadout
from snnsim.neurons.decay import Decay
from snnsim.synapses import DelayedLinear, windows

OUT_OF_REACH = 1e9
SURROGATES: dict[str, Callable[..., nn.Module]] = {
    "atan": surrogate.ATan,
    "sigmoid": surrogate.Sigmoid,
    "triangle": surrogate.PiecewiseQuadratic,
}


class Synapse(nn.Module):
    """Dcls1d with the parameters of a DelayedLinear."""

    def __init__(self, ours: DelayedLinear) -> None:
        super().__init__()
        _supported(ours.window in ("gauss", "max"), "windows gauss and max", ours.window)
        _supported(ours.max_delay % 2 == 0, "an even max_delay, which is an odd K", ours.max_delay)
        _supported(not isinstance(ours.sigma, nn.Parameter), "widths that are annealed", "trained widths")
        targets, sources, taps = ours.weight.shape
        self.max_delay, self.window = ours.max_delay, ours.window
        self.dcls = Dcls1d(
            sources, targets, taps, dilated_kernel_size=ours.max_delay + 1, bias=False, version=ours.window
        )
        with torch.no_grad():
            self.dcls.weight.copy_(ours.weight)
            self.dcls.P.copy_(ours.max_delay / 2 - ours.delay)
        self.dcls.P.requires_grad_(ours.learns_delay)
        self.dcls.SIG.requires_grad_(False)
        self.register_buffer("sigma", ours.sigma.clone())
        self.register_buffer("connected", ours.connected)

    @property
    def weight(self) -> nn.Parameter:
        """The weights, (target, source, tap)."""
        return self.dcls.weight

    @property
    def delay(self) -> nn.Parameter:
        """What is trained at the rate of delays: P, which runs against them."""
        return self.dcls.P

    @property
    def learns_delay(self) -> bool:
        """Whether the delays are trained."""
        return self.dcls.P.requires_grad

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the currents of a sequence (time, batch, source)."""
        padded = nn.functional.pad(spikes.permute(1, 2, 0), (self.max_delay, 0))
        current = self._spread(padded) if self.training and self.learns_delay else self._whole(padded)
        return current.permute(2, 0, 1)

    @torch.no_grad()
    def constrain(self) -> None:
        """Bring positions back into their range and absent connections to 0."""
        self.dcls.clamp_parameters()
        if self.connected is not None:
            self.dcls.weight *= self.connected

    def _spread(self, padded: Tensor) -> Tensor:
        self.dcls.DCK.version = self.window
        self.dcls.SIG.data.fill_(float(self.sigma) - windows.named(self.window).offset)
        return self.dcls(padded)

    def _whole(self, padded: Tensor) -> Tensor:
        # the recipe rounds the parameters in place, and reads them back from a file afterwards
        self.dcls.DCK.version = "max"
        whole = {"P": self.dcls.P.round(), "SIG": torch.zeros_like(self.dcls.SIG)}
        return torch.func.functional_call(self.dcls, whole, (padded,))


class Neuron(nn.Module):
    """LIFNode with the settings of a LIF."""

    def __init__(self, ours: LIF) -> None:
        super().__init__()
        _supported(not isinstance(ours.threshold, nn.Parameter), "a fixed threshold", "a trained one")
        shape = ours.surrogate
        _supported(shape.name in SURROGATES, f"surrogates {', '.join(SURROGATES)}", shape.name)
        self.node = neuron.LIFNode(
            tau=_tau(ours.decay),
            decay_input=False,
            v_threshold=float(ours.threshold),
            v_reset=0.0 if ours.reset.hard else None,
            surrogate_function=SURROGATES[shape.name](alpha=shape.sharpness),
            detach_reset=ours.reset.detached,
            step_mode="m",
        )

    def forward(self, current: Tensor) -> Tensor:
        """Return the spikes of a sequence that starts at rest."""
        spikes = self.node(current)
        functional.reset_net(self.node)
        return spikes


class Readout(nn.Module):
    """LIFNode that never fires, with the settings of a LeakyReadout."""

    def __init__(self, ours: LeakyReadout) -> None:
        super().__init__()
        self.node = neuron.LIFNode(
            tau=_tau(ours.decay),
            decay_input=False,
            v_threshold=OUT_OF_REACH,
            v_reset=0.0,
            surrogate_function=surrogate.ATan(alpha=5.0),
            detach_reset=True,
            step_mode="m",
            store_v_seq=True,
        )

    def forward(self, current: Tensor) -> Tensor:
        """Return the voltages of a sequence that starts at rest."""
        self.node(current)
        voltage = self.node.v_seq
        functional.reset_net(self.node)
        return voltage


class Norm(nn.Module):
    """spikingjelly's BatchNorm1d over all steps, padded or not."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = layer.BatchNorm1d(features, step_mode="m")

    def forward(self, current: Tensor, valid: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the normalised currents."""
        return self.norm(current)


class Network(SpikingNetwork):
    """A SpikingNetwork whose delays are Dcls1d's."""

    def delayed_synapses(self) -> list[Synapse]:
        """Return the synapses that have delays."""
        return [synapse for synapse in self.synapses() if isinstance(synapse, Synapse)]


def network_like(ours: SpikingNetwork) -> Network:
    """Return a network of neighbours' parts with the same initial parameters."""
    layers = [
        SpikingLayer(
            _synapse(part.synapse),
            Neuron(part.neuron),
            norm=None if part.norm is None else Norm(part.norm.num_features),
            dropout=part.dropout.p,
        )
        for part in ours.layers
    ]
    return Network(layers, _synapse(ours.synapse), Readout(ours.readout), extra_steps=ours.extra_steps)


def build_network(config: Config, *, classes: int) -> Network:
    """Return the config's network of neighbours' parts, with the initial parameters of ours."""
    return network_like(parts.build_network(config, classes=classes))


def _synapse(ours: nn.Module) -> nn.Module:
    # plain connections are torch's own linear map either way
    return Synapse(ours) if isinstance(ours, DelayedLinear) else ours


def _tau(decay: Decay) -> float:
    _supported(decay.logit is None, "a fixed decay", "a trained one")
    return 1 / (1 - float(decay.value))


def _supported(ok: bool, what: str, came: object) -> None:
    if not ok:
        raise ValueError(f"neighbours' parts are built here for {what}, not {came}; choose another config to compare")
