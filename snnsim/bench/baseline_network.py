"""Parts that all baselines share: the delays of dcls, and a sequence of layers like that of a SpikingNetwork.

    I[t, b, j] = Σ_i Σ_k kernel[j, i, k] s[t − (K − 1) + k, b, i]     kernel: Dcls1d's, of weight, P and SIG

    snnsim             dcls
    d                  P = (K − 1) / 2 − d, with K = max_delay + 1 odd
    σ                  SIG = σ − 0.27 for gauss, σ − 1 for max; not trained
    integer delays     version max, SIG = 0, P rounded

Dcls1d is called as in the recipe: time last, K − 1 steps of padding on the left. Order of layers, extra steps and
dropout are those of snnsim. They are implemented a second time here, so that baselines run none of snnsim's fast code.

Shapes   s, I (time, batch, source or target) · weight (target, source, tap) · P, SIG (1, target, source, tap)
Source   DCLS-Delays: Hammouamri, Khalfaoui-Hassani, Masquelier 2024 (ICLR), arXiv 2306.17670
Differs  dcls divides the weights by 1 + 1e-7 where delays are integers
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from DCLS.construct.modules import Dcls1d
from torch import Tensor, nn

from snnsim.nn import DelayedLinear, delay_windows
from snnsim.nn.decay import Decay
from snnsim.nn.dropout import SequenceDropout
from snnsim.nn.heads import HeadParts
from snnsim.nn.network import Record, SpikingNetwork
from snnsim.nn.skip import Skip


def require(ok: bool, supported: str, value: object) -> None:
    """Check that baselines support a setting.

    Args:
        ok: Whether they support it.
        supported: The values that they support, for the message.
        value: Value of the config.

    Raises:
        ValueError: If they do not support it.
    """
    if not ok:
        raise ValueError(f"baselines are built for {supported}, not {value}; choose another config to compare")


def fixed_decay(decay: Decay) -> float:
    """Return β of a decay that is not trained.

    Args:
        decay: The decay of a neuron of snnsim.

    Raises:
        ValueError: If the decay is trained.
    """
    require(decay.logit is None, "a fixed decay", "a trained one")
    return float(decay.get_buffer("value"))


class Synapse(nn.Module):
    """Dcls1d with the parameters of a DelayedLinear.

    Args:
        ours: The synapse of snnsim.
        late: Steps of padding on the right, by which the sequence becomes longer.
    """

    sigma: Tensor
    connected: Tensor | None

    def __init__(self, ours: DelayedLinear, *, late: int = 0) -> None:
        super().__init__()
        require(ours.window in ("gauss", "max"), "windows gauss and max", ours.window)
        require(ours.max_delay % 2 == 0, "an even max_delay, which is an odd K", ours.max_delay)
        require(not isinstance(ours.sigma, nn.Parameter), "widths that are annealed", "trained widths")
        self.targets, sources, taps = ours.weight.shape
        self.max_delay, self.window, self.late = ours.max_delay, ours.window, late
        self.dcls = Dcls1d(
            sources, self.targets, taps, dilated_kernel_size=ours.max_delay + 1, bias=False, version=ours.window
        )
        with torch.no_grad():
            self.dcls.weight.copy_(ours.weight)
            self.dcls.P.copy_(ours.max_delay / 2 - ours.delay)
        self.dcls.P.requires_grad_(ours.learns_delay)
        self.dcls.SIG.requires_grad_(False)
        self.register_buffer("sigma", ours.sigma.clone())
        self.register_buffer("connected", ours.get_buffer("connected"))

    @property
    def weight(self) -> nn.Parameter:
        """The weights, (target, source, tap)."""
        weight: nn.Parameter = self.dcls.weight
        return weight

    @property
    def delay(self) -> nn.Parameter:
        """The positions P, which fall as delays grow; the optimizer of delays trains them."""
        position: nn.Parameter = self.dcls.P
        return position

    @property
    def learns_delay(self) -> bool:
        """Whether the delays are trained."""
        return self.delay.requires_grad

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the currents of a sequence, (time + late, batch, target).

        Args:
            spikes: Spikes of the source neurons (time, batch, source).
        """
        padded = nn.functional.pad(spikes.permute(1, 2, 0), (self.max_delay, self.late))
        current = self._spread(padded) if self.training and self.learns_delay else self._rounded(padded)
        return current.permute(2, 0, 1)

    @torch.no_grad()
    def constrain(self) -> None:
        """Clamp the positions to their range, and set the weights of absent connections to 0."""
        self.dcls.clamp_parameters()
        if self.connected is not None:
            self.dcls.weight *= self.connected

    def _spread(self, padded: Tensor) -> Tensor:
        self.dcls.DCK.version = self.window
        self.dcls.SIG.data.fill_(float(self.sigma) - delay_windows.get_window(self.window).offset)
        current: Tensor = self.dcls(padded)
        return current

    def _rounded(self, padded: Tensor) -> Tensor:
        # the recipe rounds the parameters in place, and reads them from a file again afterwards
        self.dcls.DCK.version = "max"
        rounded = {"P": self.dcls.P.round(), "SIG": torch.zeros_like(self.dcls.SIG)}
        current: Tensor = torch.func.functional_call(self.dcls, rounded, (padded,))
        return current


def synapse_like(ours: nn.Module, *, late: int = 0) -> nn.Module:
    """Return a synapse of dcls for a DelayedLinear; other connections are shared with the network of snnsim.

    Args:
        ours: The synapse of snnsim.
        late: Steps of padding on the right.
    """
    return Synapse(ours, late=late) if isinstance(ours, DelayedLinear) else ours


def layers_of(ours: SpikingNetwork) -> list[Any]:
    """Return the hidden layers of a network; their parts have the types of its config.

    Args:
        ours: Network of snnsim whose layers a baseline builds anew.

    Raises:
        ValueError: If the network has recurrent layers or skip connections.
    """
    require(not ours.skips, "networks without skip connections", f"one with {len(ours.skips)}")
    require(not ours.looped_synapses(), "feed-forward networks", "one with recurrent layers")
    return list(ours.layers)


class BaselineLayer(nn.Module):
    """A layer of a baseline.

    Args:
        synapse: Module from spikes to currents.
        neuron: Module from currents to spikes.
        norm: Normalization of the currents, or None.
        dropout: Share of spikes that dropout removes.
    """

    recurrent = None
    """The compared networks are feed-forward."""

    def __init__(self, synapse: nn.Module, neuron: nn.Module, *, norm: nn.Module | None, dropout: float) -> None:
        super().__init__()
        self.synapse, self.norm, self.neuron = synapse, norm, neuron
        self.dropout = SequenceDropout(dropout)

    def forward(self, spikes: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the layer's spikes after dropout, (time, batch, neuron).

        Args:
            spikes: Spikes of the layer before, or counts of the input (time, batch, source).
            generator: Source of the dropout mask in training; None takes torch's own.
        """
        current = self.synapse(spikes)
        spikes = self.neuron(current if self.norm is None else self.norm(current))
        dropped: Tensor = self.dropout(spikes, generator)
        return dropped


class BaselineNetwork(nn.Module):
    """Layers and a readout in the order of a SpikingNetwork; batch normalization counts padded steps.

    Args:
        layers: The hidden layers.
        synapse: Synapse of the readout.
        readout: Module from currents to voltages.
        extra_steps: Steps of silence after every recording.
    """

    def __init__(
        self, layers: Sequence[BaselineLayer], synapse: nn.Module, readout: nn.Module, *, extra_steps: int
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.synapse, self.readout, self.extra_steps = synapse, readout, extra_steps
        self.skips: tuple[Skip, ...] = ()

    def forward(
        self,
        frames: Tensor,
        lengths: Tensor | None = None,  # noqa: ARG002
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the readout's voltage, (time + extra_steps, batch, class).

        Args:
            frames: Counts of spikes (time, batch, channel).
            lengths: Not used, as padded steps count like all others; it stands here as in SpikingNetwork.
            generator: Source of the dropout masks in training; None takes torch's own.
        """
        spikes = self._extended(frames)
        for layer in self.layers:
            spikes = layer(spikes, generator)
        voltage: Tensor = self.readout(self.synapse(spikes))
        return voltage

    def record(self, frames: Tensor, lengths: Tensor | None = None, draws: None = None) -> Record:  # noqa: ARG002
        """Return the spikes of every layer and the output.

        Args:
            frames: Counts of spikes (time, batch, channel).
            lengths: Not used; it stands here as in SpikingNetwork.
            draws: Not used, as the network is deterministic; it stands here as in SpikingNetwork.
        """
        spikes = [self._extended(frames)]
        for layer in self.layers:
            spikes.append(layer(spikes[-1]))
        return Record(spikes, self.readout(self.synapse(spikes[-1])))

    def valid(self, lengths: Tensor) -> Tensor:
        """Return the number of valid steps of recordings, (batch,).

        Args:
            lengths: Steps of each recording (batch,).
        """
        return lengths + self.extra_steps

    def constrain(self) -> None:
        """Clamp all parameters to their ranges; call it after each optimizer step."""
        for synapse in self.synapses():
            synapse.constrain()

    def synapses(self) -> Iterator[Any]:
        """Yield the synapses from the input to the output."""
        yield from (layer.synapse for layer in self.layers)
        yield self.synapse

    def readouts(self) -> tuple[HeadParts, ...]:
        """Return the one readout, which has no name, with its synapse."""
        last = len(self.layers)
        return (HeadParts(last + 1, last, self.synapse, self.readout),)  # type: ignore[arg-type]

    def looped_synapses(self) -> list[Synapse]:
        """Return the synapses that are recurrent or feedback: none."""
        return []

    def delayed_synapses(self) -> list[Synapse]:
        """Return the synapses that have delays."""
        return [synapse for synapse in self.synapses() if isinstance(synapse, Synapse)]

    def _extended(self, frames: Tensor) -> Tensor:
        if not self.extra_steps:
            return frames
        return torch.cat([frames, frames.new_zeros(self.extra_steps, *frames.shape[1:])])
