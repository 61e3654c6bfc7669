"""Networks, layers and normalizations with arguments of every kind; what is accepted is what the plain forms give."""

# every function is called before the loop goes on
# ruff: noqa: B023

import random

import numpy as np
import torch

from helpers.fuzzing import cases
from snnsim import LIF, BatchNorm, DelayedLinear, LeakyReadout, SpikingLayer, SpikingNetwork, freeze, kernels
from snnsim.nn import Conv, LevyBaxter, MetaNeuron, SparseLinear

WIDTH, BATCH, STEPS = 4, 3, 6
NAN = float("nan")


def synapse(draw, source, target):
    if draw.random() < 0.3:
        return SparseLinear(source, target)
    return DelayedLinear(source, target, draw.randint(0, 3))


def neuron(draw, width):
    return draw.choice(
        [
            lambda: LIF(tau=2.0, reset=draw.choice(["hard", "soft"])),
            lambda: LIF(beta=0.5, learn_decay="neuron", features=width, learn_threshold=True),
            lambda: MetaNeuron(beta=0.5),
            lambda: LevyBaxter(),
            lambda: LIF(learn_decay="neuron", features=draw.choice([width, width + 1])),
        ]
    )()


def network(draw):
    """Return a network, or None where its parts do not fit."""
    torch.manual_seed(draw.randrange(2**31))
    hidden = draw.choice([5, 5, 600])
    layers = []
    if draw.random() < 0.9:
        norm = draw.choice([None, BatchNorm(hidden)])
        first = synapse(draw, WIDTH, hidden)
        if draw.random() < 0.2:
            first, hidden = Conv((2, 2, 1), 5, 1), 20
            norm = draw.choice([None, BatchNorm(5)])
        layers.append(SpikingLayer(first, neuron(draw, hidden), norm=norm, dropout=draw.choice([0.0, 0.5])))
        if norm is not None and draw.random() < 0.2:
            layers[0].norm = BatchNorm(draw.choice([1, hidden, hidden + 1]))
    last = synapse(draw, hidden if layers else WIDTH, 3)
    made = SpikingNetwork(layers, last, LeakyReadout(tau=3.0), extra_steps=draw.choice([0, 2]))
    return made.to(draw.choice([torch.float32, torch.float32, torch.float64])).train(draw.random() < 0.5)


def frames(draw):
    shape = draw.choice(
        [(STEPS, BATCH, WIDTH)] * 6 + [(0, BATCH, WIDTH), (STEPS, 0, WIDTH), (STEPS, WIDTH), (WIDTH,), ()]
    )
    shape = draw.choice([shape, shape, (STEPS, BATCH, WIDTH + 1), (STEPS, 2, BATCH, WIDTH)])
    made = (torch.rand(shape, generator=torch.Generator().manual_seed(draw.randrange(99))) < 0.5).float()
    change = draw.randrange(16)
    if change < 6:
        kind = (torch.bool, torch.uint8, torch.int64, torch.float64, torch.float16, torch.complex64)[change]
        return made.to(kind)
    if change < 9 and made.numel():
        made.view(-1)[draw.randrange(made.numel())] = draw.choice([NAN, float("inf"), -float("inf"), 3e38])
    if change == 9:
        return draw.choice([made.numpy(), made.tolist(), None, "frames", 3])
    if change == 10 and made.ndim == 3:
        return made.transpose(0, 1).contiguous().transpose(0, 1)
    return made


def lengths(draw):
    numbers = [draw.randint(0, STEPS) for _ in range(draw.choice([BATCH] * 5 + [0, 1, BATCH + 1, 40]))]
    if draw.random() < 0.15 and numbers:
        numbers[0] = draw.choice([-1, STEPS + 1, 2**40, -(2**62)])
    made = torch.tensor(numbers, dtype=torch.int64)
    return draw.choice(
        [
            None,
            made,
            made,
            made,
            made.int(),
            made.float(),
            made[:, None],
            numbers,
            made.numpy(),
            STEPS,
            2,
            -1,
            NAN,
            True,
            *(torch.tensor(STEPS), torch.tensor(2.0), "all", made.repeat_interleave(2)[::2], made.to(torch.int8)),
        ]
    )


def run(made, given, counted, seed):
    return made(given, counted, torch.Generator().manual_seed(seed))


def test_networks_take_or_refuse_frames_and_lengths(tally):
    draw = random.Random(1)
    for number in range(cases(150)):
        made = tally.call(lambda: network(draw), case=number)
        if made is None:
            continue
        state = {name: value.clone() for name, value in made.state_dict().items()}
        for _ in range(4):
            given, counted = frames(draw), lengths(draw)
            output = tally.call(lambda: run(made, given, counted, number), case=(number, made, given, counted))
            if output is not None and made.training and output.numel():
                output.square().sum().backward()
            made.load_state_dict(state)
            if output is None:
                continue
            assert output.isfinite().all()
            with kernels.plain():
                assert torch.equal(output.sum(-1).isfinite(), run(made, given, counted, number).sum(-1).isfinite())
                made.load_state_dict(state)
                if not made.training:
                    torch.testing.assert_close(output, run(made, given, counted, number), rtol=1e-4, atol=1e-4)


def test_layers_take_or_refuse_states_and_valid(tally):
    draw = random.Random(2)
    for number in range(cases(300)):
        made = tally.call(lambda: network(draw), case=number)
        if made is None:
            continue
        first, state = frames(draw), None
        found = tally.call(lambda: made.run(first), case=(number, made, first))
        if found is not None:
            _, state = found
        for _ in range(3):
            given, counted = frames(draw), lengths(draw)
            state = draw.choice([state, state, None, (None,)])
            tally.call(lambda: made.run(given, state, valid=counted), case=(number, made, given, counted))
            for layer in made.layers:
                tally.call(lambda: layer(given, counted), case=(number, layer, given, counted))


def test_parts_of_networks_are_taken_or_refused(tally):
    draw = random.Random(3)
    parts = [
        lambda: None, lambda: "x", lambda: 3, lambda: torch.nn.Linear(4, 5), lambda: torch.nn.ReLU(), lambda: LIF(),
        lambda: LeakyReadout(), lambda: DelayedLinear(4, 5, 2), lambda: SparseLinear(5, 3), lambda: BatchNorm(5),
        lambda: SpikingLayer(DelayedLinear(4, 5, 2), LIF(), norm=None, dropout=0.0), lambda: [], lambda: np.zeros(3),
    ]  # fmt: skip
    numbers = [0, 0.0, 0.5, 1, 1.5, -1, NAN, float("inf"), "x", None, True, 2**70, [1]]

    def part():
        return draw.choice(parts)()

    for number in range(cases(300)):
        tally.call(lambda: SpikingLayer(part(), part(), norm=part(), dropout=draw.choice(numbers)), case=number)
        layers = draw.choice([[], [part()], part(), (parts[-3](), part())])
        made = tally.call(
            lambda: SpikingNetwork(layers, part(), part(), extra_steps=draw.choice([0, 0, *numbers[:-2]])), case=number
        )
        tally.call(lambda: freeze(draw.choice([made, part()]), time_step_ms=1.0), case=number)
        tally.call(lambda: BatchNorm(draw.choice(numbers), eps=draw.choice(numbers)), case=number)
