"""SLTT in windows of time: forward and backward go on together, and what is kept does not grow with time.

Without a route through the membrane an error reaches back in time through delays alone, each layer's by its longest
delay D. When the output of a window is there, so is its error; the errors that spikes of the layer before get from it
end D steps later, and only then go on:

    window  c      forward through all layers;  L(c);  backward through the synapses to the readout
    layer   l      backward through window c as soon as layer l + 1 has been through the steps up to the end of c + D

So layer l keeps about D · (layers behind it) + window steps. All sums are those of the whole sequence, so gradients are
too, with any window; but batch norm, whose mean and variance of a sequence are not known before its end, normalizes
windows with its running averages, see snnsim.nn.batch_norm.

A loss of every step needs one pass. That of a decision, which is a function of a sum over time, needs a pass before,
without gradients, to know ∂L/∂scores; its dropout is the same.

Shapes   windows (time, batch, channel) · output (time, batch, class) · valid (batch,)
Memory   backward: what each layer keeps of its windows that wait, see snnsim.kernels
Source   rules.py; waiting for the delays is ours
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from snnsim.gradient_paths import SPATIAL, GradientPaths
from snnsim.kernels.delay.bitpack import Packed, packed
from snnsim.learning import losses
from snnsim.learning.decisions import SUMS, Decision
from snnsim.learning.losses import Batch, Objective, StepResult
from snnsim.nn.layer import LayerState
from snnsim.nn.network import SpikingNetwork
from snnsim.validation import integer


def backpropagate(
    network: SpikingNetwork,
    windows: Iterable[Tensor],
    objective: Objective,
    *,
    credit: GradientPaths = SPATIAL,
    valid: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> float:
    """Add the gradient of a loss that is a sum over windows of time to the parameters' own, and return the loss.

    `windows` may be an iterator over a recording that would not fit into memory, in windows of any lengths.
    `objective(output, first)` is the loss of a window that begins at step `first`, or None if it has none.
    """
    if credit.temporal:
        raise ValueError("windows of time need a rule without routes through the membrane: Credit(temporal=False)")
    around = {"valid": valid, "generator": generator, "credit": credit}
    stages = [
        _Stage(partial(layer.run, **around), *_reaches(layer.synapse, credit), passes=bool(n))
        for n, layer in enumerate(network.layers)
    ]
    stages.append(_Stage(partial(network.read, credit=credit), *_reaches(network.synapse, credit), passes=bool(stages)))
    loss, first = 0.0, 0
    for frames in windows:
        spikes = frames
        for stage in stages:
            spikes = stage.forward(spikes)
        found = objective(spikes, first)
        del spikes
        loss += 0.0 if found is None else found.item()
        _back(stages, found)
        first += len(frames)
    _finish(stages)
    return loss


def of_batch(  # noqa: PLR0913
    network: SpikingNetwork,
    batch: Batch,
    decide: Decision,
    generator: torch.Generator | None,
    *,
    window: int,
    credit: GradientPaths = SPATIAL,
    loss: str = "decision",
    k: int | None = None,
) -> StepResult:
    """Backpropagate a batch's mean loss in windows of so many steps."""
    if integer(window, who="streaming", name="window") < 1:
        raise ValueError(f"a window of time must have at least 1 step, not {window}")
    if decide not in SUMS:
        known = " or ".join(one.__name__ for one in SUMS)
        raise ValueError(f"windows of time need a decision that is a sum over time: {known}, not {decide.__name__}")
    valid = network.valid(batch.lengths)
    mask = losses.chosen(k, len(batch.frames) + network.extra_steps, generator)
    scores = valid.new_zeros(())
    pull = None
    if losses.checked(loss) == "decision":
        seen = _ahead(network, batch, decide, generator, window)
        seen.requires_grad_()
        total = losses.of_scores(seen, batch.labels)
        (pull,) = torch.autograd.grad(total / batch.whole, seen)

    def objective(output: Tensor, first: int) -> Tensor | None:
        nonlocal scores
        added = decide(output.detach(), valid, first)
        scores = scores + added
        some = None if mask is None else mask[first : first + len(output)]
        if some is not None and not some.any():
            return None
        output = losses.at(output, some)
        if pull is None:
            return losses.of_steps(output, batch.labels, valid, first) / batch.whole
        return (pull * decide(output, valid, first)).sum()

    found = backpropagate(
        network, windows_of(network, batch, window), objective, credit=credit, valid=valid, generator=generator
    )
    return StepResult(scores.new_tensor(found * batch.whole) if pull is None else total.detach(), scores)


def windows_of(network: SpikingNetwork, batch: Batch, window: int) -> Iterator[Tensor]:
    """Yield a batch's frames and the silence behind them in windows of so many steps."""
    frames = batch.frames
    total = len(frames) + network.extra_steps
    for first in range(0, total, window):
        some = frames[first : first + window]
        missing = min(window, total - first) - len(some)
        yield torch.cat([some, some.new_zeros(missing, *some.shape[1:])]) if missing else some


@torch.no_grad()
def _ahead(
    network: SpikingNetwork, batch: Batch, decide: Decision, generator: torch.Generator | None, window: int
) -> Tensor:
    """Return a batch's scores, and leave the generator and the running statistics as they were."""
    kept = [buffer.clone() for buffer in network.buffers()]
    drawn = None if generator is None else generator.get_state()
    valid, state, scores, first = network.valid(batch.lengths), None, 0.0, 0
    for frames in windows_of(network, batch, window):
        output, state = network.run(frames, state, valid=valid, generator=generator)
        scores, first = scores + decide(output, valid, first), first + len(frames)
    for buffer, value in zip(network.buffers(), kept, strict=True):
        buffer.copy_(value)
    if generator is not None:
        generator.set_state(drawn)
    return scores


@dataclass
class _Piece:
    """A window of a layer that waits for its error."""

    first: int
    end: int
    output: GradientEdge
    """Where its error comes in."""
    ghost: Tensor
    """Where errors of its spikes come out, those before the window that reach into it first."""
    error: Tensor | None = None


@dataclass
class _Stage:
    """A layer, and its windows that wait."""

    run: Callable[..., tuple[Tensor, LayerState]]
    before: int
    """Steps that spikes reach forward."""
    reach: int
    """Steps that an error goes back."""
    passes: bool
    """Whether errors go on to a layer before."""
    state: LayerState = field(default_factory=LayerState)
    history: Packed | None = None
    """Spikes before the next window, as far back as delays reach."""
    waiting: deque[_Piece] = field(default_factory=deque)
    done: int = 0
    """Steps whose error has gone through."""

    def forward(self, spikes: Tensor) -> Tensor:
        spikes = self._joined(spikes.detach())
        ghost = spikes.new_zeros(()).expand(spikes.shape)
        if self.passes:
            spikes = _Gate.apply(ghost.requires_grad_(), spikes)
        output, state = self.run(spikes, self.state, before=self.before)
        self.waiting.append(_Piece(self.state.first, state.first, get_gradient_edge(output), ghost))
        self.state = state._replace(voltage=state.voltage.detach())
        return output

    def _joined(self, spikes: Tensor) -> Tensor:
        if not self.before:
            return spikes
        joined = spikes.new_zeros(self.before + len(spikes), *spikes.shape[1:])
        if self.history is not None:
            self.history.into(joined[: self.before])
        joined[self.before :] = spikes
        self.history = packed(joined[len(spikes) :])
        return joined

    def back(self, piece: _Piece, loss: Tensor | None = None) -> None:
        """Let the error of a window, or its loss, go through the layer."""
        if loss is not None:
            loss.backward()
        elif piece.error is not None:
            torch.autograd.backward(piece.output, piece.error)
        self.done = piece.end

    def receive(self, first: int, error: Tensor) -> None:
        """Add an error of the spikes from step `first` on to what the windows have got so far."""
        for piece in self.waiting:
            begin, end = max(first, piece.first), min(first + len(error), piece.end)
            if begin < end:
                if piece.error is None:
                    piece.error = error.new_zeros(piece.end - piece.first, *error.shape[1:])
                piece.error[begin - piece.first : end - piece.first] += error[begin - first : end - first]


def _back(stages: list[_Stage], loss: Tensor | None) -> None:
    """Let the error of the newest window go back, and what has been waiting for it."""
    place = len(stages) - 1
    _through(stages, place, stages[place].waiting.popleft(), loss)
    while place > 0:
        behind, place = stages[place], place - 1
        waiting = stages[place].waiting
        while waiting and waiting[0].end + behind.reach <= behind.done:
            _through(stages, place, waiting.popleft())


def _finish(stages: list[_Stage]) -> None:
    """Let all that waits go back: no later errors will come."""
    for place in reversed(range(len(stages))):
        while stages[place].waiting:
            _through(stages, place, stages[place].waiting.popleft())


def _through(stages: list[_Stage], place: int, piece: _Piece, loss: Tensor | None = None) -> None:
    stages[place].back(piece, loss)
    if stages[place].passes and piece.ghost.grad is not None:
        stages[place - 1].receive(piece.first - stages[place].before, piece.ghost.grad)
        # the graph of a loss outlives its backward pass, and has the ghost
        piece.ghost.grad = None


def _reaches(synapse: torch.nn.Module, credit: GradientPaths) -> tuple[int, int]:
    """Return how many steps spikes go forward, and errors back."""
    longest = getattr(synapse, "max_delay", 0)
    return longest, longest if credit.delayed == "exact" else 0


class _Gate(torch.autograd.Function):
    """Values whose error goes to a ghost, which has their shape and no memory: what is waiting keeps no spikes."""

    @staticmethod
    def forward(ctx, ghost, values):  # noqa: ARG004
        return values.view_as(values)

    @staticmethod
    def backward(ctx, error):  # noqa: ARG004
        return error, None
