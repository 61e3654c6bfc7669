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
    net = SpikingNetwork(layers, last, LeakyReadout(tau=3.0), extra_steps=draw.choice([0, 2]))
    return net.to(draw.choice([torch.float32, torch.float32, torch.float64])).train(draw.random() < 0.5)


def frames(draw):
    shape = draw.choice(
        [(STEPS, BATCH, WIDTH)] * 6 + [(0, BATCH, WIDTH), (STEPS, 0, WIDTH), (STEPS, WIDTH), (WIDTH,), ()]
    )
    shape = draw.choice([shape, shape, (STEPS, BATCH, WIDTH + 1), (STEPS, 2, BATCH, WIDTH)])
    values = (torch.rand(shape, generator=torch.Generator().manual_seed(draw.randrange(99))) < 0.5).float()
    change = draw.randrange(16)
    if change < 6:
        kind = (torch.bool, torch.uint8, torch.int64, torch.float64, torch.float16, torch.complex64)[change]
        return values.to(kind)
    if change < 9 and values.numel():
        values.view(-1)[draw.randrange(values.numel())] = draw.choice([NAN, float("inf"), -float("inf"), 3e38])
    if change == 9:
        return draw.choice([values.numpy(), values.tolist(), None, "frames", 3])
    if change == 10 and values.ndim == 3:
        return values.transpose(0, 1).contiguous().transpose(0, 1)
    return values


def lengths(draw):
    numbers = [draw.randint(0, STEPS) for _ in range(draw.choice([BATCH] * 5 + [0, 1, BATCH + 1, 40]))]
    if draw.random() < 0.15 and numbers:
        numbers[0] = draw.choice([-1, STEPS + 1, 2**40, -(2**62)])
    tensor = torch.tensor(numbers, dtype=torch.int64)
    return draw.choice(
        [
            None,
            tensor,
            tensor,
            tensor,
            tensor.int(),
            tensor.float(),
            tensor[:, None],
            numbers,
            tensor.numpy(),
            STEPS,
            2,
            -1,
            NAN,
            True,
            *(torch.tensor(STEPS), torch.tensor(2.0), "all", tensor.repeat_interleave(2)[::2], tensor.to(torch.int8)),
        ]
    )


def run(net, inputs, counted, seed):
    return net(inputs, counted, torch.Generator().manual_seed(seed))


def test_networks_take_or_refuse_frames_and_lengths(tally):
    draw = random.Random(1)
    for number in range(cases(150)):
        net = tally.call(lambda: network(draw), case=number)
        if net is None:
            continue
        state = {name: value.clone() for name, value in net.state_dict().items()}
        for _ in range(4):
            inputs, counted = frames(draw), lengths(draw)
            output = tally.call(lambda: run(net, inputs, counted, number), case=(number, net, inputs, counted))
            if output is not None and net.training and output.numel():
                output.square().sum().backward()
            net.load_state_dict(state)
            if output is None:
                continue
            assert output.isfinite().all()
            with kernels.plain():
                assert torch.equal(output.sum(-1).isfinite(), run(net, inputs, counted, number).sum(-1).isfinite())
                net.load_state_dict(state)
                if not net.training:
                    torch.testing.assert_close(output, run(net, inputs, counted, number), rtol=1e-4, atol=1e-4)


def test_layers_take_or_refuse_states_and_valid(tally):
    draw = random.Random(2)
    for number in range(cases(300)):
        net = tally.call(lambda: network(draw), case=number)
        if net is None:
            continue
        first, state = frames(draw), None
        result = tally.call(lambda: net.run(first), case=(number, net, first))
        if result is not None:
            _, state = result
        for _ in range(3):
            inputs, counted = frames(draw), lengths(draw)
            state = draw.choice([state, state, None, (None,)])
            tally.call(lambda: net.run(inputs, state, valid=counted), case=(number, net, inputs, counted))
            for layer in net.layers:
                tally.call(lambda: layer(inputs, counted), case=(number, layer, inputs, counted))


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
        net = tally.call(
            lambda: SpikingNetwork(layers, part(), part(), extra_steps=draw.choice([0, 0, *numbers[:-2]])), case=number
        )
        tally.call(lambda: freeze(draw.choice([net, part()]), time_step_ms=1.0), case=number)
        tally.call(lambda: BatchNorm(draw.choice(numbers), eps=draw.choice(numbers)), case=number)
