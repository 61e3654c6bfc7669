"""SLTT in chunks of time: forward and backward advance together, and memory does not grow with time.

Without a gradient path through the membrane, an error reaches back in time through delays alone: each layer's by its
longest delay D. A loss of every step gives the errors of the readout's chunk as soon as its output is known. Errors of
a hidden layer's chunk are complete once the layer behind it has gone back through all steps up to D after the chunk:

    chunk   c      forward through all layers;  L(c);  backward through the readout and its synapse
    layer   l      backward through chunk c once layer l + 1 is back through the steps up to the end of c + D

So layer l holds about D · (layers behind it) + chunk steps: its pending chunks. All sums are those of the whole
sequence, and so are the gradients, for any chunk length. Batch normalization is the exception: the mean and variance of
a sequence are not known before its end, so running averages normalize chunks, see snnsim.nn.batch_norm.

A loss of every step needs one pass. The loss of a decision, which is a function of a sum over time, needs a pass
without gradients before, for ∂L/∂scores; both passes have the same dropout.

For the backward pass, a layer keeps the graph of its pending chunks, whose memory snnsim.kernels describes.

In a loop, errors come from all later chunks, so none are complete before the end of the recording:

    loops = "exact"   chunks go back from the last one, see checkpoints.py; memory grows by a bit per spike position
    loops = "cut"     errors that pass through a recurrent connection end at the beginning of their chunk, which should
                      be several recurrent delays long; memory does not grow

Shapes   chunks (time, batch, channel) · output (time, batch, class) · valid (batch,)
Source   rules.py; the wait for the delays is ours
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from snnsim.gradient_paths import SPATIAL, GradientPaths
from snnsim.kernels.delay.kept_spectra import keep_spectra
from snnsim.learning import losses
from snnsim.learning.checkpoints import Checkpoints
from snnsim.learning.decisions import Decision
from snnsim.learning.losses import Batch, Objective, StepResult
from snnsim.learning.outcome import each, steps_of
from snnsim.learning.stages import Stages
from snnsim.learning.tasks import Task, as_task
from snnsim.learning.tasks.protocols import Span, summed
from snnsim.nn.heads import Output
from snnsim.nn.network import SpikingNetwork
from snnsim.renamed import attributes, keywords
from snnsim.validation import integer, known

LOOPS = ("exact", "cut")

__getattr__ = attributes(__name__, {"of_batch": "backpropagate_batch", "windows_of": "chunks_of"})


@keywords(windows="chunks")
@keep_spectra()
def backpropagate(  # noqa: PLR0913
    network: SpikingNetwork,
    chunks: Iterable[Tensor],
    objective: Objective,
    *,
    credit: GradientPaths = SPATIAL,
    valid: Tensor | None = None,
    generator: torch.Generator | None = None,
    loops: str = "exact",
) -> float:
    """Add the gradient of a loss that is a sum over chunks of time to the parameters' gradients; return the loss.

    Args:
        network: The network.
        chunks: Frames (time, batch, channel) in chunks of any lengths, which an iterator may read one after the other.
        objective: Function from the output of a chunk and the number of its first step to its loss, or None.
        credit: Gradient paths, without a path through the membrane.
        valid: Steps of each recording that count, (batch,); None if every step counts.
        generator: Generator of dropout and draws; None for torch's default one.
        loops: Errors through recurrent connections, "exact" or "cut" at the beginning of a chunk.

    Raises:
        ValueError: If the gradient paths go through the membrane, or `loops` is unknown.
    """
    known(loops, LOOPS, "chunks of time: loops")
    if credit.temporal:
        raise ValueError("chunks of time need gradient paths without the membrane: GradientPaths(temporal=False)")
    feedback = any(skip.is_feedback for skip in network.skips)
    if feedback and loops == "cut":
        raise ValueError("chunks of time: loops='cut' takes recurrent layers; feedback between layers needs 'exact'")
    if loops == "exact" and (feedback or (network.has_loops and credit.delayed == "exact")):
        checkpoints = Checkpoints(network, credit, valid, generator or torch.default_generator)
        checkpoints.forward(chunks)
        return checkpoints.backward(objective)
    stages = Stages(network, credit, valid=valid, generator=generator)
    total, first = 0.0, 0
    for frames in chunks:
        output = stages.forward(frames)
        loss = objective(output, first)
        del output
        total += 0.0 if loss is None else loss.item()
        stages.backward(loss)
        first += len(frames)
    stages.finish()
    return total


@keywords(window="chunk")
@keep_spectra()
def backpropagate_batch(  # noqa: PLR0913
    network: SpikingNetwork,
    batch: Batch,
    task: Task | Decision,
    generator: torch.Generator | None,
    *,
    chunk: int,
    credit: GradientPaths = SPATIAL,
    loss: str = "decision",
    k: int | None = None,
    loops: str = "exact",
) -> StepResult:
    """Backpropagate the mean loss of a batch in chunks of time; `snnsim.sltt` calls it for a `chunk`.

    Args:
        network: The network.
        batch: The recordings.
        task: The task, or the decision of one class for each recording; a sum over time.
        generator: Generator of dropout, draws and the `k` steps; None for torch's default one.
        chunk: Steps of a chunk.
        credit: Gradient paths, without a path through the membrane.
        loss: "decision" or "steps", of a decision; a task has its own.
        k: Number of steps whose errors count, drawn at random; None for all.
        loops: Errors through recurrent connections, "exact" or "cut" at the beginning of a chunk.

    Raises:
        ValueError: If the chunk has no step, or the task is no sum over time.
    """
    if integer(chunk, who="streaming", name="chunk") < 1:
        raise ValueError(f"a chunk of time must have at least 1 step, not {chunk}")
    task = as_task(task, loss)
    task.check_chunks()
    valid = network.valid(batch.lengths)
    mask = losses.random_steps(k, len(batch.frames) + network.extra_steps, generator)
    # the two passes draw the same numbers, so that the first one sets the generator back
    generator = generator or torch.default_generator
    gradients: tuple[Tensor, ...] = ()
    if not task.linear:
        sums = _shares(network, batch, task, generator, chunk)
        total = task.loss(sums, batch)
        gradients = torch.autograd.grad(total / batch.normalizer, sums)
    parts: dict[int, Any] = {}

    def objective(output: Output, first: int) -> Tensor | None:
        parts[first] = task.scores(each(output, Tensor.detach), Span(valid, first))
        selected = None if mask is None else mask[first : first + steps_of(output)]
        if selected is not None and not selected.any():
            return None
        shares = task.shares(losses.with_gradient_at(output, selected), batch, Span(valid, first))
        if not gradients:
            return task.loss(shares, batch) / batch.normalizer
        return summed([(gradient * share).sum() for gradient, share in zip(gradients, shares, strict=True)])

    chunks = chunks_of(network, batch, chunk)
    mean = backpropagate(network, chunks, objective, credit=credit, valid=valid, generator=generator, loops=loops)
    # exact loops go through the chunks from the last one
    scores = task.combined([part for _, part in sorted(parts.items())])
    like = next(iter(scores.values())) if isinstance(scores, dict) else scores
    return StepResult(total.detach() if gradients else like.new_tensor(mean * batch.normalizer), scores)


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
def _shares(
    network: SpikingNetwork, batch: Batch, task: Task, generator: torch.Generator, chunk: int
) -> tuple[Tensor, ...]:
    """Return the sums that a loss depends on; the generator and the running statistics stay as they are."""
    saved = [buffer.clone() for buffer in network.buffers()]
    generator_state = generator.get_state()
    valid, state, first = network.valid(batch.lengths), None, 0
    sums: tuple[Tensor, ...] = ()
    for frames in chunks_of(network, batch, chunk):
        output, state = network.run(frames, state, valid=valid, generator=generator)
        shares, first = task.shares(output, batch, Span(valid, first)), first + len(frames)
        sums = tuple(map(torch.add, sums, shares)) if sums else shares
    for buffer, value in zip(network.buffers(), saved, strict=True):
        # a buffer that is written counts as changed, even to the same numbers: widths of windows stay as they are
        if not torch.equal(buffer, value):
            buffer.copy_(value)
    generator.set_state(generator_state)
    return tuple(part.detach().requires_grad_() for part in sums)
