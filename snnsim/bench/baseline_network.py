"""What all peers share: the delays of dcls, and a frame of layers like that of a SpikingNetwork.

    I[t, b, j] = Σ_i Σ_k kernel[j, i, k] s[t − (K − 1) + k, b, i]     kernel: Dcls1d's, of weight, P and SIG

    ours               theirs
    d                  P = (K − 1) / 2 − d, with K = max_delay + 1 odd
    σ                  SIG = σ − 0.27 for gauss, σ − 1 for max; not trained
    whole delays       version max, SIG = 0, P rounded

Dcls1d is called as in the recipe: time last, K − 1 steps of padding on the left. The frame is snnsim's own: order of
layers, extra steps, dropout; it stands here once more so that nothing which makes ours fast touches the peers.

Shapes   s, I (time, batch, source or target) · weight (target, source, tap) · P, SIG (1, target, source, tap)
Source   DCLS-Delays: Hammouamri, Khalfaoui-Hassani, Masquelier 2024 (ICLR), arXiv 2306.17670
Differs  their whole delays divide the weights by 1 + 1e-7
"""

from collections.abc import Iterator, Sequence

import torch
from DCLS.construct.modules import Dcls1d
from torch import Tensor, nn

from snnsim.nn import DelayedLinear, delay_windows
from snnsim.nn.decay import Decay
from snnsim.nn.dropout import SequenceDropout
from snnsim.nn.network import Record


def require(ok: bool, what: str, came: object) -> None:
    """Raise if a peer has no counterpart of a setting."""
    if not ok:
        raise ValueError(f"neighbors' parts are built here for {what}, not {came}; choose another config to compare")


def fixed_decay(decay: Decay) -> float:
    """Return β of a decay that is not trained."""
    require(decay.logit is None, "a fixed decay", "a trained one")
    return float(decay.value)


class Synapse(nn.Module):
    """Dcls1d with the parameters of a DelayedLinear; `late` steps of padding on the right make the sequence longer."""

    def __init__(self, ours: DelayedLinear, *, late: int = 0) -> None:
        super().__init__()
        require(ours.window in ("gauss", "max"), "windows gauss and max", ours.window)
        require(ours.max_delay % 2 == 0, "an even max_delay, which is an odd K", ours.max_delay)
        require(not isinstance(ours.sigma, nn.Parameter), "widths that are annealed", "trained widths")
        targets, sources, taps = ours.weight.shape
        self.max_delay, self.window, self.late = ours.max_delay, ours.window, late
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
        padded = nn.functional.pad(spikes.permute(1, 2, 0), (self.max_delay, self.late))
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
        self.dcls.SIG.data.fill_(float(self.sigma) - delay_windows.get_window(self.window).offset)
        return self.dcls(padded)

    def _whole(self, padded: Tensor) -> Tensor:
        # the recipe rounds the parameters in place, and reads them back from a file afterwards
        self.dcls.DCK.version = "max"
        whole = {"P": self.dcls.P.round(), "SIG": torch.zeros_like(self.dcls.SIG)}
        return torch.func.functional_call(self.dcls, whole, (padded,))


def synapse_like(ours: nn.Module, *, late: int = 0) -> nn.Module:
    """Return a synapse of dcls; plain connections are torch's own linear map either way."""
    return Synapse(ours, late=late) if isinstance(ours, DelayedLinear) else ours


class PeerLayer(nn.Module):
    """A synapse, an optional normalization, a neuron and dropout."""

    def __init__(self, synapse: nn.Module, neuron: nn.Module, *, norm: nn.Module | None, dropout: float) -> None:
        super().__init__()
        self.synapse, self.norm, self.neuron = synapse, norm, neuron
        self.dropout = SequenceDropout(dropout)

    def forward(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the layer's spikes after dropout."""
        current = self.synapse(spikes)
        return self.dropout(self.neuron(current if self.norm is None else self.norm(current)), generator)


class PeerNetwork(nn.Module):
    """Layers and a readout in the frame of a SpikingNetwork; padded steps count in its batch normalization."""

    def __init__(
        self, layers: Sequence[PeerLayer], synapse: nn.Module, readout: nn.Module, *, extra_steps: int
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.synapse, self.readout, self.extra_steps = synapse, readout, extra_steps

    def forward(
        self,
        frames: Tensor,
        lengths: Tensor | None = None,  # noqa: ARG002
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the readout's voltage, (time + extra_steps, batch, class)."""
        spikes = self._extended(frames)
        for layer in self.layers:
            spikes = layer(spikes, generator)
        return self.readout(self.synapse(spikes))

    def record(self, frames: Tensor, lengths: Tensor | None = None, draws: None = None) -> Record:  # noqa: ARG002
        """Return the spikes of every layer and the output; nothing is left to chance here, so nothing is drawn."""
        spikes = [self._extended(frames)]
        for layer in self.layers:
            spikes.append(layer(spikes[-1]))
        return Record(spikes, self.readout(self.synapse(spikes[-1])))

    def valid(self, lengths: Tensor) -> Tensor:
        """Return how many steps count for recordings of these lengths."""
        return lengths + self.extra_steps

    def constrain(self) -> None:
        """Bring all parameters back to what they may be; call after each optimizer step."""
        for synapse in self.synapses():
            synapse.constrain()

    def synapses(self) -> Iterator[nn.Module]:
        """Yield the synapses from the input to the output."""
        yield from (layer.synapse for layer in self.layers)
        yield self.synapse

    def delayed_synapses(self) -> list[Synapse]:
        """Return the synapses that have delays."""
        return [synapse for synapse in self.synapses() if isinstance(synapse, Synapse)]

    def _extended(self, frames: Tensor) -> Tensor:
        if not self.extra_steps:
            return frames
        return torch.cat([frames, frames.new_zeros(self.extra_steps, *frames.shape[1:])])
