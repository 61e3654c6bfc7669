"""The properties of every task, each written once; test_contracts.py runs them over all tasks.

A case is a task with outputs of its readout (or its heads), and recordings of different lengths with its targets.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, TARGETS, eighths, generator, random_spikes, small_network
from snnsim.learning import rules
from snnsim.learning.losses import Batch
from snnsim.learning.tasks import Heads, RecordingClass, RecordingRegression, StepClass, StepRegression, Task
from snnsim.learning.tasks.protocols import Span
from snnsim.metrics.losses import cross_entropy, squared_error
from snnsim.nn import DelayedLinear, Head, LeakyReadout
from snnsim.nn.network import SpikingNetwork

EXTRA = 2
LENGTHS = torch.tensor([STEPS, STEPS - 3, STEPS - 6])


class Case(NamedTuple):
    task: Task
    make_network: Callable[[], SpikingNetwork]


def _heads_network() -> SpikingNetwork:
    plain, draw = small_network(norm=False, extra_steps=EXTRA), generator(4)
    heads = {
        name: Head(DelayedLinear(7, TARGETS, 3, sigma=1.5, generator=draw), LeakyReadout(tau=3.0))
        for name in ("steps", "numbers", "label")
    }
    return SpikingNetwork(list(plain.layers), heads=heads, extra_steps=EXTRA).double()


def _plain_network() -> SpikingNetwork:
    return small_network(norm=False, extra_steps=EXTRA)


CASES = {
    "class": Case(RecordingClass(), _plain_network),
    "class of a target, losses of steps": Case(RecordingClass("mean_membrane", "steps", "label"), _plain_network),
    "step-class": Case(StepClass("phase"), _plain_network),
    "regression": Case(RecordingRegression("number"), _plain_network),
    "step-regression": Case(StepRegression("signal"), _plain_network),
    "heads": Case(
        Heads(
            {
                "steps": StepClass("phase"),
                "numbers": RecordingRegression("number"),
                "label": RecordingClass("mean_membrane", target="label"),
            },
            {"numbers": 0.25},
        ),
        _heads_network,
    ),
}


def batch() -> Batch:
    draw = generator(7)
    frames = random_spikes(STEPS, BATCH, NEURONS) * (torch.arange(STEPS)[:, None] < LENGTHS)[..., None]
    phase = torch.randint(-1, TARGETS, (STEPS, BATCH), generator=draw)
    signal = torch.randn(STEPS, BATCH, TARGETS, generator=draw).double()
    number = torch.randn(BATCH, TARGETS, generator=draw).double()
    signal[2:5, 1], number[2, 1] = torch.nan, torch.nan
    targets = {"phase": phase, "signal": signal, "number": number, "label": torch.tensor([1, -1, 3])}
    return Batch(frames, LENGTHS, torch.tensor([0, 2, 1]), float(BATCH), targets=targets)


def _each(output: Any, function: Callable[[Tensor], Tensor]) -> Any:
    return {name: function(part) for name, part in output.items()} if isinstance(output, dict) else function(output)


def _output(case: Case) -> Any:
    if isinstance(case.task, Heads):
        return {name: eighths(STEPS + EXTRA, BATCH, TARGETS, seed=n) for n, name in enumerate(case.task.tasks)}
    return eighths(STEPS + EXTRA, BATCH, TARGETS)


def _one(recordings: Batch, number: int) -> Batch:
    """Return one recording, without padding."""
    steps = int(recordings.lengths[number])
    axis = {"phase": 1, "signal": 1}
    targets = {
        name: target[:steps, number : number + 1] if name in axis else target[number : number + 1]
        for name, target in recordings.targets.items()
    }
    return replace(
        recordings,
        frames=recordings.frames[:steps, number : number + 1],
        lengths=recordings.lengths[number : number + 1],
        labels=recordings.labels[number : number + 1],
        targets=targets,
    )


def _plain_loss(task: Task, output: Any, recordings: Batch) -> float:
    """Return the loss of recordings by its definition, one after the other."""
    if isinstance(task, Heads):
        parts = ((task.weights.get(name, 1.0), each, output[name]) for name, each in task.tasks.items())
        return sum(weight * _plain_loss(each, part, recordings) for weight, each, part in parts)
    total = 0.0
    for number, steps in enumerate(recordings.lengths.tolist()):
        u = output[: steps + EXTRA, number]
        if isinstance(task, RecordingClass):
            label = recordings.labels[number] if task.target is None else recordings.targets["label"][number]
            if task.loss_of == "steps":
                total += cross_entropy(u.numpy(), label.expand(len(u)).numpy())
            else:
                score = u.softmax(-1).sum(0) if task.decision == "summed_softmax" else u.mean(0)
                total += cross_entropy(score.numpy(), label.numpy())
        elif isinstance(task, RecordingRegression):
            total += squared_error(u.mean(0).numpy(), recordings.targets["number"][number].numpy())
        elif isinstance(task, StepClass):
            total += cross_entropy(u[:steps].numpy(), recordings.targets["phase"][:steps, number].numpy())
        else:
            total += squared_error(u[:steps].numpy(), recordings.targets["signal"][:steps, number].numpy())
    return total


def loss_is_its_definition(case: Case) -> None:
    output, recordings = _output(case), batch()
    result = case.task.result(output, recordings)
    assert_close(float(result.loss), _plain_loss(case.task, output, recordings))
    decisive = isinstance(case.task, RecordingClass) and case.task.loss_of == "steps"
    if not decisive:
        assert_close(case.task.score_loss(result.scores, recordings), result.loss)


def padding_changes_nothing(case: Case) -> None:
    recordings, output = batch(), _each(_output(case), lambda part: part.requires_grad_())
    behind = torch.arange(STEPS)[:, None] >= recordings.lengths
    unread = torch.arange(STEPS + EXTRA)[:, None] >= recordings.lengths + EXTRA
    filled = recordings.targets | {
        "phase": recordings.targets["phase"].masked_fill(behind, 1),
        "signal": recordings.targets["signal"].masked_fill(behind[..., None], 1e6),
    }
    case.task.result(output, recordings).loss.backward()
    gradients = _each(output, lambda part: part.grad)
    other = _each(output, lambda part: part.detach().masked_fill(unread[..., None], 1e3).requires_grad_())
    result, expected = (
        case.task.result(other, replace(recordings, targets=filled)),
        case.task.result(output, recordings),
    )
    result.loss.backward()
    assert_close(result.loss, expected.loss)
    assert_close(_each(other, lambda part: part.grad), gradients)
    sums = case.task.sums(result.scores, replace(recordings, targets=filled))
    for one, another in zip(sums, case.task.sums(expected.scores, recordings), strict=True):
        np.testing.assert_allclose(one, another)


def batch_is_its_recordings(case: Case) -> None:
    recordings, output = batch(), _output(case)
    together = case.task.result(output, recordings)
    sums, loss = case.task.zeros(_each(output, lambda part: part.shape[-1])), 0.0
    for number, steps in enumerate(recordings.lengths.tolist()):
        part = _each(output, lambda each, steps=steps, number=number: each[: steps + EXTRA, number : number + 1])
        alone = _one(recordings, number)
        result = case.task.result(part, alone)
        loss += float(result.loss)
        more = case.task.sums(result.scores, alone)
        sums = tuple(one + other for one, other in zip(sums, more, strict=True))
    assert_close(float(together.loss), loss)
    for one, other in zip(sums, case.task.sums(together.scores, recordings), strict=True):
        np.testing.assert_allclose(one, other)


def shares_of_chunks_add_up(case: Case) -> None:
    recordings, output = batch(), _output(case)
    valid = recordings.lengths + EXTRA
    whole_shares = case.task.shares(output, recordings, Span(valid))
    for size in (1, 3, STEPS + EXTRA):
        spans = range(0, STEPS + EXTRA, size)
        chunks = [
            (_each(output, lambda part, first=first, size=size: part[first : first + size]), Span(valid, first))
            for first in spans
        ]
        shares = [case.task.shares(part, recordings, span) for part, span in chunks]
        for total, parts in zip(whole_shares, zip(*shares, strict=True), strict=True):
            assert_close(sum(parts), total)
        scores = case.task.combined([case.task.scores(part, span) for part, span in chunks])
        assert_close(scores, case.task.scores(output, Span(valid)))


def _gradients(case: Case, **settings: Any) -> tuple[Any, list[Tensor]]:
    network: nn.Module = case.make_network()
    result = rules.sltt(network, batch(), case.task, generator(), **settings)
    return result, [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


def rules_in_chunks_have_the_gradients_of_whole_recordings(case: Case) -> None:
    for settings in ({}, {"k": 5}):
        expected, gradients = _gradients(case, **settings)
        for chunk in (3, STEPS + EXTRA):
            result, ours = _gradients(case, chunk=chunk, **settings)
            # a chunk of steps without an error leaves its loss out
            if not settings:
                assert_close(result.loss, expected.loss)
            assert_close(result.scores, expected.scores)
            assert len(ours) == len(gradients) > 0
            for one, other in zip(ours, gradients, strict=True):
                assert_close(one, other)


def without_labels_there_is_no_loss(case: Case) -> None:
    recordings, output = batch(), _each(_output(case), lambda part: part.requires_grad_())
    none = {
        name: torch.full_like(target, torch.nan if target.is_floating_point() else -1)
        for name, target in recordings.targets.items()
    }
    if case.task.targets():
        result = case.task.result(output, replace(recordings, targets=none))
        assert float(result.loss) == 0
        result.loss.backward()
        for part in output.values() if isinstance(output, dict) else (output,):
            assert part.grad is None or not part.grad.any()


def a_missing_target_is_named(case: Case) -> None:
    for name in case.task.targets()[:1]:
        try:
            case.task.result(_output(case), replace(batch(), targets={}))
        except ValueError as error:
            assert f"no target {name!r}" in str(error)  # noqa: PT017
        else:
            raise AssertionError("a missing target must be an error")


TASK = [
    loss_is_its_definition,
    padding_changes_nothing,
    batch_is_its_recordings,
    shares_of_chunks_add_up,
    rules_in_chunks_have_the_gradients_of_whole_recordings,
    without_labels_there_is_no_loss,
    a_missing_target_is_named,
]
