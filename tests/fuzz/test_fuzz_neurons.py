"""Neurons, their passes and packed spikes with arguments of every kind; what is accepted is what plain forms give."""

# every function is called before the loop goes on
# ruff: noqa: B023

import random

import torch

from helpers.fuzzing import cases
from snnsim import kernels
from snnsim.kernels.common import gates
from snnsim.kernels.common.counter_rng import Draws
from snnsim.kernels.delay.bitpack import packed
from snnsim.kernels.neuron import autograd
from snnsim.kernels.neuron.autograd import Statistics
from snnsim.kernels.neuron.types import Noise
from snnsim.nn import LIF, LeakyReadout, LevyBaxter, MetaNeuron, SecondOrder

NAN = float("nan")
SETTINGS = {
    "tau": [None, None, 2.0, 1, 0.5, NAN, float("inf"), "2", [2.0], True],
    "beta": [None, None, 0.5, 0, 1, 2.0, NAN, "x"],
    "threshold": [1.0, 0.3, 0, -1.0, NAN, float("inf"), "1", None, [1.0], torch.tensor(1.0)],
    "reset": ["hard", "soft", "zero", None, 1],
    "detach_reset": [True, False, "no", None, 1],
    "surrogate": ["atan", "triangle", "relu", None, 3],
    "learn_decay": ["fixed", "layer", "neuron", "all", None, True],
    "learn": ["fixed", "layer", "neuron", "all", None, True],
    "learn_threshold": [True, False, "no", None],
    "features": [None, 3, 3, 4, 0, -1, 2.5, "3", 2**70],
    "sources": [None, 3, 0, -1, "3"],
    "width": [0.2, 0.0, -1.0, NAN, float("inf"), "x", None],
    "reset_value": [0.0, 0.5, NAN, "x", None],
    "success": [0.75, 1, 0, 2.0, NAN, "x", None],
    "amplitude": [1.0, 0, -1, NAN, float("inf"), "x"],
    "estimator": ["straight_through", "expectation", "score", None],
    "pace": [0.5, 0, 2, NAN, "x"],
}
KINDS = {
    LIF: (
        "tau",
        "beta",
        "threshold",
        "reset",
        "detach_reset",
        "surrogate",
        "learn_decay",
        "learn_threshold",
        "features",
    ),
    LeakyReadout: ("tau", "beta", "learn_decay", "features"),
    MetaNeuron: (
        "tau",
        "beta",
        "threshold",
        "width",
        "reset",
        "reset_value",
        "surrogate",
        "estimator",
        "learn",
        "features",
    ),
    LevyBaxter: ("threshold", "success", "amplitude", "surrogate", "learn", "sources"),
    SecondOrder: ("threshold", "pace", "reset_value", "detach_reset", "surrogate", "learn", "features"),
}


def tensor(draw, *shapes):
    shape = draw.choice(shapes)
    values = torch.randn(shape, generator=torch.Generator().manual_seed(draw.randrange(99)))
    change = draw.randrange(14)
    if change == 0 and values.numel():
        values.view(-1)[draw.randrange(values.numel())] = draw.choice([NAN, float("inf"), -float("inf")])
    if change == 1:
        return values.to(draw.choice([torch.float64, torch.int64, torch.bool, torch.bfloat16, torch.complex64]))
    if change == 2:
        return draw.choice([None, "x", 3, values.numpy(), values.tolist()])
    if change == 3 and values.ndim > 1:
        return values.mT.contiguous().mT
    return values


def settings_of(draw):
    kind = draw.choice(list(KINDS))
    settings = {
        name: draw.choice(SETTINGS[name][: draw.choice([2, 2, 2, 99])]) for name in KINDS[kind] if draw.random() < 0.4
    }
    return kind, settings


def test_neurons_take_or_refuse_settings_currents_and_states(tally):
    draw = random.Random(4)
    for _ in range(cases(600)):
        kind, settings = settings_of(draw)
        neuron = tally.call(lambda: kind(**settings), case=(kind, settings))
        if neuron is None:
            continue
        for _ in range(3):
            current = tensor(draw, *[(5, 2, 3)] * 5, (5, 3), (0, 2, 3), (5, 0, 3), (5, 2, 4), (3,), (), (2, 600, 3))
            state = draw.choice([None, tensor(draw, (2, 3), (2, 2, 3), (3, 3), (3,), (), (2, 4))])
            result = tally.call(lambda: neuron.run(current, state), case=(neuron, current, state))
            tally.call(lambda: neuron.step(current, state), case=(neuron, current, state)) if result else None
            if result is None:
                continue
            with kernels.plain():
                expected = neuron.run(current, state)
            torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


def test_passes_take_or_refuse_what_their_kernels_read(tally):
    draw = random.Random(5)
    reset = LIF().reset
    for _ in range(cases(1500)):
        current = tensor(draw, *[(5, 2, 3)] * 8, (5, 3), (0, 2, 3), (5, 2, 0), (4, 3, 2))
        voltage, keep = tensor(draw, *[(2, 3)] * 8, (2, 4), (1, 3)), tensor(draw, *[(2, 3)] * 8, (3, 3), ())
        beta, threshold, gamma, bias, mean = (tensor(draw, *[(3,)] * 9, (1,), (4,), (3, 1)) for _ in range(5))
        valid = draw.choice(
            [None, torch.tensor([5, 2]), torch.tensor([9, 0]), torch.tensor([1]), torch.tensor([-1, 2])]
        )
        norm = draw.choice([None, "norm"]) and (gamma, bias, Statistics(mean, abs_or(mean), 1e-5, own=False))
        noise = draw.choice([None, None, "noise"]) and Noise(abs_or(beta), threshold, draw.choice([None, Draws.of(3)]))
        options = {"norm": norm, "lengths": valid, "mask": draw.choice([None, keep]), "noise": noise}
        case = (current, voltage, beta, threshold, options)
        result = tally.call(
            lambda: autograd.lif(current, voltage, beta, threshold, reset=reset, record=True, **options), case=case
        )
        assert result is None or result.spikes.isfinite().all()
        tally.call(lambda: autograd.leaky(current, voltage, beta), case=case)
        tally.call(lambda: autograd.moments(current, torch.tensor(5) if valid is None else valid), case=case)


def abs_or(part):
    return part.abs() if isinstance(part, torch.Tensor) and part.is_floating_point() else part


def test_packed_spikes_come_back(tally):
    draw = random.Random(6)
    for _ in range(cases(600)):
        spikes = tensor(draw, (5, 2, 3), (0,), (), (7,), (3, 100))
        if isinstance(spikes, torch.Tensor) and draw.random() < 0.7 and not spikes.is_complex():
            scale = draw.choice([1.0, 0.3, 1e-40, 1e30, -1.0])
            spikes = (spikes.double().clamp(-3, draw.choice([1, 3, 300])) * 2).round().mul(scale).to(spikes.dtype)
        bits = tally.call(lambda: packed(spikes), case=spikes)
        if bits is None:
            continue
        unpacked = torch.empty_like(spikes)
        bits.into(unpacked)
        assert torch.equal(unpacked.nan_to_num(7.0), spikes.nan_to_num(7.0))
        other = tensor(draw, spikes.shape, (4,), ())
        tally.call(lambda: bits.into(other), case=(spikes, other))


def test_gates_take_or_refuse_lengths(tally):
    draw = random.Random(7)
    for _ in range(cases(400)):
        batch, longest = draw.randint(0, 3), draw.choice([None, 5])
        lengths = draw.choice(
            [tensor(draw, (batch,), (), (1,), (batch, 1)), draw.randint(-2, 7), None, [1], 2**70, True]
        )
        if isinstance(lengths, torch.Tensor) and draw.random() < 0.7 and not lengths.is_complex():
            lengths = lengths.nan_to_num(0, 0, 0).mul(4).long()
        case = (lengths, batch, longest)
        result = tally.call(lambda: gates.lengths(lengths, who="f", name="l", batch=batch, longest=longest), case=case)
        if result is not None:
            assert result.shape == (batch,)
            assert result.dtype == torch.int64
            assert result.is_contiguous()
            assert all(0 <= length <= (longest or 2**62) for length in result.tolist())
