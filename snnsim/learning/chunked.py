"""SLTT in chunks of time: forward and backward advance together, and memory does not grow with time.

Without a gradient path through the membrane, an error reaches back in time through delays alone: each layer's by its
longest delay D. A loss of every step gives the errors of the readout's chunk as soon as its output is known. Errors of
a hidden layer's chunk are complete once the layer behind it has gone back through all steps up to D after the chunk:

    chunk   c      forward through all layers;  L(c);  backward through the readout and its synapse
    layer   l      backward through chunk c once layer l + 1 is back through the steps up to the end of c + D

So layer l holds about D · (layers behind it) + chunk steps: its pending chunks. All sums are those of the whole
sequence, and so are the gradients, for any chunk length. Batch normalization is the exception: the mean and variance of
a sequence are not known before its end, so running averages normalize chunks, see snnsim.nn.batch_norm.

A loss of every step needs one pass. The loss of a decision, a function of a sum over time, needs a pass without
gradients before it, for ∂L/∂scores, with the same dropout. Errors that pass through a recurrent connection end at the
beginning of their chunk, as a spike before it would need the errors of all later chunks; so a chunk should be several
recurrent delays long. snnsim.kernels describes the memory of the graphs of pending chunks.

Shapes   chunks (time, batch, channel) · output (time, batch, class) · valid (batch,)
Source   rules.py; the wait for the delays is ours
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from snnsim.gradient_paths import SPATIAL, GradientPaths
from snnsim.kernels.delay.bitpack import Packed, packed
from snnsim.learning import losses
from snnsim.learning.decisions import SUMS, Decision
from snnsim.learning.losses import Batch, Objective, StepResult
from snnsim.nn.layer_state import LayerState
from snnsim.nn.network import SpikingNetwork
from snnsim.nn.protocols import Synapse
from snnsim.renamed import attributes, keywords
from snnsim.validation import integer

__getattr__ = attributes(__name__, {"of_batch": "backpropagate_batch", "windows_of": "chunks_of"})


@keywords(windows="chunks")
def backpropagate(
    network: SpikingNetwork,
    chunks: Iterable[Tensor],
    objective: Objective,
    *,
    credit: GradientPaths = SPATIAL,
    valid: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> float:
    """Add the gradient of a loss that is a sum over chunks of time to the parameters' gradients; return the loss.

    Args:
        network: The network.
        chunks: Frames (time, batch, channel) in chunks of any lengths, which an iterator may read one after the other.
        objective: Function from the output of a chunk and the number of its first step to its loss, or None.
        credit: Gradient paths, without a path through the membrane.
        valid: Steps of each recording that count, (batch,); None if every step counts.
        generator: Generator of dropout and draws.

    Raises:
        ValueError: If the gradient paths go through the membrane, or the network has skip connections.
    """
    if len(network.skips):
        raise ValueError("chunks of time: networks with skip connections learn from whole sequences; leave out `chunk`")
    if credit.temporal:
        raise ValueError("chunks of time need gradient paths without the membrane: GradientPaths(temporal=False)")
    stages: list[_Stage] = []
    for layer in network.layers:
        run = partial(layer.run, valid=valid, generator=generator, credit=credit)
        stages.append(_Stage(run, *_delays(layer.synapse, credit), has_source=bool(stages)))
    read = partial(network.read, credit=credit)
    stages.append(_Stage(read, *_delays(network.synapse, credit), has_source=bool(stages)))
    total, first = 0.0, 0
    for frames in chunks:
        spikes = frames
        for stage in stages:
            spikes = stage.forward(spikes)
        loss = objective(spikes, first)
        del spikes
        total += 0.0 if loss is None else loss.item()
        _backward(stages, loss)
        first += len(frames)
    _finish(stages)
    return total


@keywords(window="chunk")
def backpropagate_batch(  # noqa: PLR0913
    network: SpikingNetwork,
    batch: Batch,
    decide: Decision,
    generator: torch.Generator | None,
    *,
    chunk: int,
    credit: GradientPaths = SPATIAL,
    loss: str = "decision",
    k: int | None = None,
) -> StepResult:
    """Backpropagate the mean loss of a batch in chunks of time; `snnsim.sltt` calls it for a `chunk`.

    Args:
        network: The network.
        batch: The recordings.
        decide: The decision, a sum over time.
        generator: Generator of dropout, draws and the `k` steps.
        chunk: Steps of a chunk.
        credit: Gradient paths, without a path through the membrane.
        loss: "decision" or "steps".
        k: Number of steps whose errors count, drawn at random; None for all.

    Raises:
        ValueError: If the chunk has no step, or the decision is no sum over time.
    """
    if integer(chunk, who="streaming", name="chunk") < 1:
        raise ValueError(f"a chunk of time must have at least 1 step, not {chunk}")
    if decide not in SUMS:
        known = " or ".join(one.__name__ for one in SUMS)
        raise ValueError(f"chunks of time need a decision that is a sum over time: {known}, not {decide.__name__}")
    valid = network.valid(batch.lengths)
    mask = losses.random_steps(k, len(batch.frames) + network.extra_steps, generator)
    scores = valid.new_zeros(())
    score_gradient = None
    if losses.checked(loss) == "decision":
        known_scores = _scores(network, batch, decide, generator, chunk).requires_grad_()
        total = losses.decision_loss(known_scores, batch.target)
        (score_gradient,) = torch.autograd.grad(total / batch.normalizer, known_scores)

    def objective(output: Tensor, first: int) -> Tensor | None:
        nonlocal scores
        scores = scores + decide(output.detach(), valid, first)
        selected = None if mask is None else mask[first : first + len(output)]
        if selected is not None and not selected.any():
            return None
        output = losses.with_gradient_at(output, selected)
        if score_gradient is None:
            return losses.step_loss(output, batch.target, valid, first) / batch.normalizer
        return (score_gradient * decide(output, valid, first)).sum()

    chunks = chunks_of(network, batch, chunk)
    mean = backpropagate(network, chunks, objective, credit=credit, valid=valid, generator=generator)
    summed = scores.new_tensor(mean * batch.normalizer) if score_gradient is None else total.detach()
    return StepResult(summed, scores)


def chunks_of(network: SpikingNetwork, batch: Batch, chunk: int) -> Iterator[Tensor]:
    """Yield the frames of a batch, and the network's extra steps of silence, in chunks of time.

    Args:
        network: Network that the chunks are for; its extra steps come after the frames.
        batch: Recordings, whose frames (time, batch, channel) are cut.
        chunk: Steps of a chunk, at least 1; the last chunk may be shorter.
    """
    total = len(batch.frames) + network.extra_steps
    for first in range(0, total, chunk):
        frames = batch.frames[first : first + chunk]
        missing = min(chunk, total - first) - len(frames)
        yield torch.cat([frames, frames.new_zeros(missing, *frames.shape[1:])]) if missing else frames


@torch.no_grad()
def _scores(
    network: SpikingNetwork, batch: Batch, decide: Decision, generator: torch.Generator | None, chunk: int
) -> Tensor:
    """Return the scores of a batch; the generator and the running statistics stay as they are."""
    saved = [buffer.clone() for buffer in network.buffers()]
    generator_state = None if generator is None else generator.get_state()
    valid, state, first = network.valid(batch.lengths), None, 0
    scores: Any = 0.0
    for frames in chunks_of(network, batch, chunk):
        output, state = network.run(frames, state, valid=valid, generator=generator)
        scores, first = scores + decide(output, valid, first), first + len(frames)
    for buffer, value in zip(network.buffers(), saved, strict=True):
        buffer.copy_(value)
    if generator is not None and generator_state is not None:
        generator.set_state(generator_state)
    result: Tensor = scores
    return result


@dataclass
class _Chunk:
    """A chunk of a layer between its forward and its backward pass."""

    first: int
    end: int
    output: GradientEdge
    """Entry of the errors of the output."""
    sink: Tensor
    """Exit of the errors of the input: a tensor in the input's shape, the history first, whose gradient they become."""
    error: Tensor | None = None
    """Error of the output so far, from the chunks of the next layer that are back."""


@dataclass
class _Stage:
    """A layer, or the readout with its synapse, and its chunks before their backward pass, the oldest first."""

    run: Callable[..., tuple[Tensor, LayerState]]
    before: int
    """Steps of history that a chunk needs: the longest delay."""
    reach: int
    """Steps that an error of a current reaches back to spikes."""
    has_source: bool
    """Whether errors go on to a layer before."""
    state: LayerState = field(default_factory=LayerState)
    history: Packed | None = None
    """Spikes before the next chunk, as far back as delays reach."""
    pending: deque[_Chunk] = field(default_factory=deque)
    back_until: int = 0
    """Number of steps that the backward pass has gone through."""

    def forward(self, spikes: Tensor) -> Tensor:
        """Run a chunk, and let it wait for its error."""
        spikes = self._with_history(spikes.detach())
        # expanded from one zero: a shape without memory, so that a pending chunk keeps no spikes
        sink = spikes.new_zeros(()).expand(spikes.shape)
        if self.has_source:
            spikes = _ToSink.apply(sink.requires_grad_(), spikes)  # type: ignore[no-untyped-call]
        output, state = self.run(spikes, self.state, before=self.before)
        self.pending.append(_Chunk(self.state.step, state.step, get_gradient_edge(output), sink))
        self.state = state.detached()
        return output

    def _with_history(self, spikes: Tensor) -> Tensor:
        if not self.before:
            return spikes
        joined = spikes.new_zeros(self.before + len(spikes), *spikes.shape[1:])
        if self.history is not None:
            self.history.into(joined[: self.before])
        joined[self.before :] = spikes
        self.history = packed(joined[len(spikes) :])
        return joined

    def backward(self, chunk: _Chunk, loss: Tensor | None = None) -> None:
        """Backpropagate the error of a chunk, or its loss, through the layer."""
        if loss is not None:
            loss.backward()  # type: ignore[no-untyped-call]
        elif chunk.error is not None:
            torch.autograd.backward(chunk.output, chunk.error)
        self.back_until = chunk.end

    def receive(self, first: int, error: Tensor) -> None:
        """Add the error of the spikes from step `first` on to the pending chunks."""
        for chunk in self.pending:
            begin, end = max(first, chunk.first), min(first + len(error), chunk.end)
            if begin < end:
                if chunk.error is None:
                    chunk.error = error.new_zeros(chunk.end - chunk.first, *error.shape[1:])
                chunk.error[begin - chunk.first : end - chunk.first] += error[begin - first : end - first]


def _backward(stages: list[_Stage], loss: Tensor | None) -> None:
    """Backpropagate the newest chunk of the readout, and every chunk whose error is then complete."""
    number = len(stages) - 1
    _through(stages, number, stages[number].pending.popleft(), loss)
    while number > 0:
        behind, number = stages[number], number - 1
        pending = stages[number].pending
        while pending and pending[0].end + behind.reach <= behind.back_until:
            _through(stages, number, pending.popleft())


def _finish(stages: list[_Stage]) -> None:
    """Backpropagate all pending chunks: no later errors will come."""
    for number in reversed(range(len(stages))):
        while stages[number].pending:
            _through(stages, number, stages[number].pending.popleft())


def _through(stages: list[_Stage], number: int, chunk: _Chunk, loss: Tensor | None = None) -> None:
    """Backpropagate a chunk of a stage, and pass its input's error on to the stage before."""
    stages[number].backward(chunk, loss)
    if stages[number].has_source and chunk.sink.grad is not None:
        stages[number - 1].receive(chunk.first - stages[number].before, chunk.sink.grad)
        # the graph of a loss outlives its backward pass, and holds the sink
        chunk.sink.grad = None


def _delays(synapse: Synapse, credit: GradientPaths) -> tuple[int, int]:
    """Return the steps that spikes reach forward, and errors back."""
    return synapse.max_delay, synapse.max_delay if credit.delayed == "exact" else 0


class _ToSink(torch.autograd.Function):
    """The values themselves, whose error goes to a sink."""

    @staticmethod
    def forward(ctx: Any, sink: Tensor, values: Tensor) -> Tensor:  # noqa: ARG004
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return error, None
