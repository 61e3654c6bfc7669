"""Connections with learnable delays: a spike of source i reaches target j after d[j, i] steps.

    training     I[t, j] = Σ_i Σ_k kernel[k, j, i] s[t − k, i]     kernel: a window of width σ around d
    evaluation   I[t, j] = Σ_i w[j, i] s[t − round(d[j, i]), i]    integer delays, as chips have them; half to even

Training with fixed delays computes what evaluation does. Sums over integer delays are taken in one order everywhere,
see kernels/delay/integer_delays.py, so that a membrane which reaches its threshold exactly does so in the frozen
network too. Sums over windows are taken by Fourier transforms, with an error of some 1e-7 of the largest
current in float32: in training, a membrane that should reach its threshold exactly may miss it by that much.

Axonal delays d[i] belong to sources, dendritic delays d[j] to targets. A window then filters the spikes of a source, or
the current of a target, and one matrix product remains:

    axonal       I[t, j] = Σ_i w[j, i] Σ_k window[k, i] s[t − k, i]
    dendritic    I[t, j] = Σ_k window[k, j] Σ_i w[j, i] s[t − k, i]

Shapes   s (time, ..., source) · I (time, ..., target) · w (target, source, tap)
         d as w; axonal (1, source, tap); dendritic (target, 1, tap)
Units    d and σ in steps, counted from 0 (the same step) to max_delay
Source   DCLS-Delays: Hammouamri, Khalfaoui-Hassani, Masquelier 2024 (ICLR), arXiv 2306.17670; axonal and dendritic
         delays by the same windows: Bouhadjar, Neftci 2026
Differs  delays are uniform over the whole range at the start, and mean "steps later"; the reference code draws
         positions partly outside of the range and clamps them
"""

import math

import torch
from torch import Tensor, nn

from snnsim import validation
from snnsim.kernels.common import gates
from snnsim.kernels.delay.currents import spread_current
from snnsim.kernels.delay.integer_delays import dense_kernel
from snnsim.kernels.delay.kept_synapses import KeptSynapses
from snnsim.kernels.delay.shared_delays import shared_current
from snnsim.nn import delay_windows, settings
from snnsim.nn.connectivity import check_features, kaiming_weights, random_connections
from snnsim.nn.protocols import Synapse

DELAYS = ("synaptic", "axonal", "dendritic")


class DelayedLinear(Synapse):
    """A linear map in which every connection has its own delay, or several (weight, delay) taps.

    `synapse(spikes)` takes (time, ..., source) and returns (time, ..., target), of the same number of steps; it is
    causal. In training mode the delays are spread over a window of width `sigma`, so that they get gradients; in
    evaluation mode they are rounded. After each optimizer step, `constrain()` keeps delays in their range; see
    `snnsim.nn.constrain_after`.

    Args:
        in_features: Number of sources.
        out_features: Number of targets.
        max_delay: The longest delay in steps.
        taps: Number of (weight, delay) pairs of a connection.
        window: Name of the delay window, see nn/delay_windows.py.
        delays: "synaptic", "axonal" or "dendritic": every connection, every source or every target has a delay, or one
            for each tap.
        sigma: Width of the window in steps; None for half the range of delays.
        learn_delay: Whether delays are trained; otherwise they are integers, drawn once.
        learn_sigma: Whether each tap's width is trained.
        sparsity: Share of the connections that are absent, at least 0 and below 1.
        generator: Generator of the initial weights, the delays and the absent connections.

    Raises:
        ValueError: If an argument is out of its range.
    """

    delay: nn.Parameter
    """Delays in steps, (target, source, tap); axonal (1, source, tap), dendritic (target, 1, tap)."""
    sigma: Tensor

    def __init__(  # noqa: PLR0913
        self,
        in_features: int,
        out_features: int,
        max_delay: int,
        *,
        taps: int = 1,
        window: str = "gauss",
        delays: str = "synaptic",
        sigma: float | None = None,
        learn_delay: bool = True,
        learn_sigma: bool = False,
        sparsity: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_features("DelayedLinear", in_features, out_features)
        steps = validation.number(max_delay, who="DelayedLinear", name="max_delay")
        taps = validation.integer(taps, who="DelayedLinear", name="taps")
        if not steps.is_integer() or not 0 <= steps < 2**31 or taps < 1:
            raise ValueError(
                f"DelayedLinear: max_delay must be 0 or more whole steps and taps 1 or more, not {max_delay} and {taps}"
            )
        max_delay = int(steps)
        for name, value in (("learn_delay", learn_delay), ("learn_sigma", learn_sigma)):
            validation.truth(value, who="DelayedLinear", name=name)
        if learn_sigma and not (learn_delay and delay_windows.get_window(window).has_width):
            raise ValueError(
                "DelayedLinear: learn_sigma needs learned delays and a window with a width (gauss or max), "
                f"not learn_delay={learn_delay} and window={window!r}"
            )
        width = delay_windows.checked_width(window, delay_windows.widest(window, max_delay) if sigma is None else sigma)
        self.max_delay, self.window = max_delay, window
        self.delays = validation.one_of(delays, DELAYS, who="DelayedLinear", name="delays")
        settings.carry(self, max_delay=max_delay, window=window)
        shape = (out_features, in_features, taps)
        self.weight = nn.Parameter(kaiming_weights(shape, fan_in=in_features * taps, generator=generator))
        each = (1 if delays == "axonal" else out_features, 1 if delays == "dendritic" else in_features, taps)
        if learn_delay:
            delay = torch.rand(each, generator=generator) * max_delay
        else:
            delay = torch.randint(max_delay + 1, each, generator=generator).to(self.weight.dtype)
        self.delay = nn.Parameter(delay, requires_grad=learn_delay)
        if learn_sigma:
            self.sigma = nn.Parameter(torch.full(each, width))
        else:
            self.register_buffer("sigma", torch.tensor(width))
        self.register_buffer("connected", random_connections(shape, sparsity=sparsity, generator=generator))
        self._kept = KeptSynapses()
        self.constrain()

    @property
    def targets(self) -> int:
        """Number of target neurons."""
        return len(self.weight)

    @property
    def learns_delay(self) -> bool:
        """Whether the delays are trained."""
        return self.delay.requires_grad

    @property
    def spreads(self) -> bool:
        """Whether delays are spread over a window in the present mode; otherwise they are integers."""
        return self.training and self.learns_delay

    def integer_delay(self) -> Tensor:
        """Return the delays of evaluation as int64, (target, source, tap): rounded, half to even, and clamped.

        Raises:
            ValueError: If a delay is NaN.
        """
        delay = self.delay.detach()
        if bool(delay.isnan().any()):
            raise ValueError("DelayedLinear: delays must be numbers, and some are NaN; train with a smaller lr_delay")
        return delay.round().clamp(0, self.max_delay).long().expand(self.weight.shape)

    def kernel(self) -> Tensor:
        """Return the kernel (delay, target, source) that the layer uses in its present mode."""
        if self.spreads:
            return self.spread(*self.parameters_of_kernel())
        return dense_kernel(self.weight, self.integer_delay(), self.max_delay + 1)

    def parameters_of_kernel(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return weight, delay and width of every tap in training, (target, source, tap); a shared width is ().

        Raises:
            ValueError: If a delay or a width is not finite.
        """
        gates.window(self.delay, self.sigma, who="DelayedLinear")
        shape = self.weight.shape
        return self.weight, self.delay.expand(shape), self.sigma.expand(shape) if self.sigma.ndim else self.sigma

    def spread(self, weight: Tensor, delay: Tensor, sigma: Tensor) -> Tensor:
        """Return the kernel (delay, target, source) of taps in training.

        Args:
            weight: Weights, (target, source, tap).
            delay: Delays in steps, real numbers (target, source, tap), from 0 to `max_delay`.
            sigma: Width of the windows in steps, of any shape that broadcasts to that of the weights.
        """
        return delay_windows.delay_kernel(weight, delay, sigma, max_delay=self.max_delay, window=self.window)

    def current(self, spikes: Tensor, *, before: int = 0, delayed: str = "exact") -> Tensor:
        """Return the currents of all steps but the first `before`.

        Args:
            spikes: Spikes (time, ..., source).
            before: Number of steps at the beginning whose spikes are history; at most the longest delay.
            delayed: Gradient path from a current to the spikes that it came from; see `snnsim.gradient_paths`.
        """
        spikes = gates.spikes(spikes, who="DelayedLinear", like=self.weight, width=self.weight.shape[1])
        flat = spikes.reshape(len(spikes), math.prod(spikes.shape[1:-1]), spikes.shape[-1])
        sent = flat if delayed == "exact" else flat.detach()
        delays = self.max_delay + 1
        if self.spreads and self.delays != "synaptic":
            gates.window(self.delay, self.sigma, who="DelayedLinear")
            current = self.filtered_current(sent, self.weight, self.delay, self.sigma)[before:]
        elif self.spreads:
            parameters = self.parameters_of_kernel()
            current = spread_current(sent, self.spread, parameters, delays=delays, before=before)
        else:
            parts = sent, self.weight, self.delay, self.integer_delay
            current = self._kept.current(*parts, delays=delays, before=before)
        if delayed != "exact" and flat.requires_grad:
            kernel = self.kernel().detach()
            path = flat[before:] @ (kernel[0] if delayed == "cut" else kernel.sum(0)).mT
            # 0, with the gradient of the path
            current = current + (path - path.detach())
        return current.reshape(len(current), *spikes.shape[1:-1], len(self.weight))

    def tap_windows(self, delay: Tensor, sigma: Tensor) -> list[Tensor]:
        """Return the window of every tap, (delay, channel), of sources or targets.

        Args:
            delay: Axonal or dendritic delays in steps, with their axes.
            sigma: Widths in steps, of the same shape or ().
        """
        taps = range(delay.shape[-1])
        widths = [sigma[..., tap : tap + 1] if sigma.ndim else sigma for tap in taps]
        delays = [delay[..., tap : tap + 1].contiguous() for tap in taps]
        return [self.spread(torch.ones_like(d), d, s).flatten(1) for d, s in zip(delays, widths, strict=True)]

    def filtered_current(self, spikes: Tensor, weight: Tensor, delay: Tensor, sigma: Tensor) -> Tensor:
        """Return the currents of axonal or dendritic delays in training.

        Args:
            spikes: Spikes (time, batch, source).
            weight: Weights (target, source, tap).
            delay: Axonal or dendritic delays in steps, with their axes.
            sigma: Widths in steps, of the same shape or ().
        """
        return shared_current(spikes, weight, self.tap_windows(delay, sigma), axonal=self.delays == "axonal")

    def run(
        self, spikes: Tensor, history: Tensor | None = None, *, delayed: str = "exact"
    ) -> tuple[Tensor, Tensor | None]:
        """Return the currents of a sequence that goes on from a history, and the next history.

        Args:
            spikes: Spikes (time, ..., source).
            history: The last `max_delay` steps of the input before them, (max_delay, ..., source); None for silence.
            delayed: Gradient path from a current to the spikes that it came from; see `snnsim.gradient_paths`.
        """
        return run_delayed(self, spikes, history, delayed=delayed)

    def step(self, spikes: Tensor, history: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the currents (..., target) of one step, and the next history.

        Args:
            spikes: Spikes of the step, (..., source).
            history: The last `max_delay` steps of spikes before, (max_delay, ..., source); None for silence.
        """
        current, history = self.run(spikes[None], history)
        return current[0], history

    @torch.no_grad()
    def constrain(self) -> None:
        """Clamp delays to their range and set absent connections to 0; called after each optimizer step."""
        self.delay.clamp_(0, self.max_delay)
        if isinstance(self.sigma, nn.Parameter):
            self.sigma.clamp_(min=delay_windows.get_window(self.window).offset)
        if self.connected is not None:
            self.weight.mul_(self.connected)

    def extra_repr(self) -> str:
        """Return the settings that `print(network)` shows."""
        targets, sources, taps = self.weight.shape
        learned = "learned" if self.learns_delay else "fixed"
        kind = learned if self.delays == "synaptic" else f"{learned}, {self.delays}"
        return f"{sources} -> {targets}, max_delay={self.max_delay} ({kind}), taps={taps}, window={self.window}"


def run_delayed(synapse: Synapse, spikes: Tensor, history: Tensor | None, *, delayed: str) -> tuple[Tensor, Tensor]:
    """Return the currents of a synapse with delays, and the next history.

    Args:
        synapse: The synapse.
        spikes: Spikes (time, ..., source).
        history: The last `max_delay` steps of the input before them; None for silence.
        delayed: Gradient path from a current to the spikes that it came from.
    """
    who, before = type(synapse).__name__, synapse.max_delay
    spikes = gates.spikes(spikes, who=who, like=synapse.weight)
    if history is None:
        history = spikes.new_zeros(before, *spikes.shape[1:])
    else:
        gates.shaped(who=who, history=(history, (before, *spikes.shape[1:])))
        gates.finite(history, who=who, name="history")
    joined = gates.known(torch.cat([history, spikes]))
    return synapse.current(joined, before=before, delayed=delayed), joined[len(joined) - before :]
