"""Plasticity, tempotron, complexity, decisions and losses with arguments of every kind, against plain computations."""

# every function is called before the loop goes on
# ruff: noqa: B023

import random

import numpy as np
import torch

from helpers.fuzzing import cases
from snnsim.analysis import classify, complexity, information, intervals
from snnsim.learning import decisions, losses, sigma_schedule, stdp, stdp_layer, tempotron
from snnsim.learning.stdp import STDP
from snnsim.learning.tempotron import Tempotron, Trains

NAN, INF = float("nan"), float("inf")
ODD = [0, -1, 2.5, NAN, INF, "x", None, True, 2**70, [1]]


def array(draw, *shapes, integers=False, spread=2):
    rng = np.random.default_rng(draw.randrange(99))
    shape = draw.choice(shapes)
    values = rng.integers(0, spread, shape) if integers else rng.normal(0.5, 0.5, shape)
    change = draw.randrange(16)
    if change == 0 and values.size:
        values = values.astype(float)
        values.flat[draw.randrange(values.size)] = draw.choice([NAN, INF, -INF, 0.5])
    if change == 1:
        return values.astype(draw.choice([np.float32, np.int8, bool, str, object, complex, np.uint64]))
    if change == 2:
        return draw.choice([values.tolist(), None, "x", 3, [[1], [1, 2]]])
    if change == 3 and values.size:
        values = values.astype(np.int64)
        values.flat[draw.randrange(values.size)] = draw.choice([-1, 2**40, -(2**62)])
    if change == 4:
        return np.asfortranarray(values)
    return values


def test_layers_that_learn_take_or_refuse_states_and_events(tally):
    draw = random.Random(8)
    state = None
    for _ in range(cases(500)):
        weight = array(draw, *[(2, 3)] * 6, (3,), (0, 3), (2, 0))
        first = tally.call(lambda: stdp_layer.initial_state(weight), case=weight)
        if first is not None and draw.random() < 0.3:
            parts = {"weight": weight, "membrane": array(draw, (2, 3), (3, 3)), "step": draw.choice([0, 5, *ODD])}
            traces = array(draw, (3, 2), (2, 2)), array(draw, (2, 2), (3, 2))
            first = stdp_layer.State(**parts, traces=draw.choice([first.traces, traces]))
        state = draw.choice([state, first])
        if state is None:
            continue
        step = array(draw, (4,), (0,), (5,), integers=True, spread=6)
        source = array(draw, *[(4,)] * 3, (0,), integers=True)
        if draw.random() < 0.8 and isinstance(step, np.ndarray) and step.dtype.kind in "iuf":
            step = np.sort(step) + (state.step if isinstance(state.step, int) and 0 <= state.step < 2**40 else 0)
        neurons = tally.call(
            lambda: stdp_layer.Neurons(
                draw.choice([5.0, 5.0, *ODD]), draw.choice([2.0, 2.0, *ODD]), draw.choice([0.5, *ODD])
            ),
            case="neurons",
        )
        rule = tally.call(
            lambda: STDP(
                *(draw.choice([0.1, 0.1, 0.1, draw.choice(ODD)]) for _ in range(4)), highest=draw.choice([1.0, *ODD])
            ),
            case="rule",
        )
        steps = draw.choice([10, 10, 10, *ODD])
        result = tally.call(
            lambda: stdp_layer.run(
                state, (step, source), steps, neurons=neurons or stdp_layer.Neurons(5.0, 2.0, 0.5), rule=rule or STDP()
            ),
            case=(state, step, source, steps, neurons, rule),
        )
        state = state if result is None else result[0]
        if result is not None:
            assert np.isfinite(state.weight).all()
            assert len(result[1][0]) <= 10 * len(state.weight)


def plainly_learned(weight, pre, post, rule):
    """Return weights after all pairs, one after the other, within hard bounds."""
    weight = weight.astype(float).copy()
    for t in range(len(pre)):
        for i in np.flatnonzero(pre[t]):
            for j in range(len(weight)):
                trace = sum(np.exp((s - t) / rule.tau_minus) for s in range(t) if post[s, j])
                if trace:
                    weight[j, i] = np.clip(weight[j, i] - rule.depression * trace, rule.lowest, rule.highest)
        for j in np.flatnonzero(post[t]):
            for i in range(weight.shape[1]):
                trace = sum(np.exp((s - t) / rule.tau_plus) for s in range(t + 1) if pre[s, i])
                if trace:
                    weight[j, i] = np.clip(weight[j, i] + rule.potentiation * trace, rule.lowest, rule.highest)
    return weight


def test_plasticity_takes_or_refuses_trains(tally):
    draw = random.Random(9)
    for _ in range(cases(500)):
        weight, pre = (
            array(draw, *[(2, 3)] * 6, (3, 2), (6,)),
            array(draw, *[(6, 3)] * 6, (5, 3), (6, 0), integers=True),
        )
        post = array(draw, *[(6, 2)] * 6, (5, 2), (0, 2), integers=True)
        weights = tally.call(lambda: stdp.stdp(weight, pre, post), case=(weight, pre, post))
        if weights is not None:
            expected = plainly_learned(np.asarray(weight), np.asarray(pre) != 0, np.asarray(post) != 0, STDP())
            np.testing.assert_allclose(weights, expected, atol=1e-9)
        tau = draw.choice([4.0, 4.0, *ODD])
        left = tally.call(lambda: stdp.eligibility(pre, post, tau=tau), case=(pre, post, tau))
        reward = draw.choice([1.0, array(draw, (2,), (3,), ()), *ODD])
        tally.call(lambda: stdp.apply_reward(weight, draw.choice([left, weight]), reward), case=(weight, left, reward))


def highest(weight, time, source, rule):
    """Return the highest membrane on a fine grid."""
    grid = np.linspace(0, time.max(initial=0) + 5 * rule.tau_ms, 20000)[:, None] - time
    scale = rule.constants()[2]
    course = np.where(grid >= 0, np.exp(-np.abs(grid) / rule.tau_ms) - np.exp(-np.abs(grid) / rule.tau_s_ms), 0)
    return (scale * course @ weight[source]).max(initial=-INF)


def test_tempotron_takes_or_refuses_trains(tally):
    draw = random.Random(10)
    for number in range(cases(400)):
        weight = array(draw, *[(2, 3)] * 6, (3,), (0, 3), (2, 2))
        times = array(draw, *[(4, 3)] * 5, (0, 3), (4,))
        trains = tally.call(lambda: tempotron.from_times(times), case=times)
        if trains is None or draw.random() < 0.4:
            time, source = array(draw, (5,), (0,)), array(draw, (5,), (4,), integers=True, spread=3)
            offset = draw.choice(
                [np.array([0, 2, 5]), np.array([0, 9]), np.array([5, 0]), array(draw, (3,), integers=True)]
            )
            trains = Trains(
                np.sort(time) if isinstance(time, np.ndarray) and draw.random() < 0.5 else time, source, offset
            )
        wanted = array(draw, *[(4, 2)] * 5, (2, 2), (4,), (8,), integers=True)
        rng, epochs = np.random.default_rng(0), draw.choice([2, 2, 0, *ODD[:-2]])
        delay = draw.choice([None, None, array(draw, (2, 3), (3, 2))])
        case = (number, weight, trains, wanted, epochs, delay)
        tally.call(lambda: tempotron.fit(weight, trains, wanted, rng, epochs=epochs, delay_ms=delay), case=case)
        peaks = tally.call(lambda: tempotron.peaks(weight, trains, delay_ms=delay), case=case)
        if peaks is not None and len(peaks.value.T) and delay is None and number % 10 == 0:
            for pattern in range(len(trains.offset) - 1):
                events = slice(trains.offset[pattern], trains.offset[pattern + 1])
                time, source = np.asarray(trains.time_ms)[events], np.asarray(trains.source)[events]
                if len(time) and time.min() >= 0:
                    expected = highest(np.asarray(weight, float)[0], time, source, Tempotron())
                    assert peaks.value[pattern, 0] >= expected - 1e-6
                    assert peaks.value[pattern, 0] <= expected + 1e-2 or expected < 0
        spikes, step = array(draw, (6, 4, 3), (6, 4), integers=True), draw.choice([1.0, *ODD])
        tally.call(lambda: tempotron.from_rasters(spikes, time_step_ms=step), case=(spikes, step))
        label, classes = array(draw, (4,), (4, 1), integers=True), draw.choice([2, *ODD[:-2]])
        if classes != 2**70:
            tally.call(lambda: tempotron.one_hot(label, classes), case=(label, classes))


def phrases(symbols):
    """Return the number of phrases of LZ76, from its definition."""
    text, position, count = "".join(chr(symbol) for symbol in np.unique(symbols, return_inverse=True)[1]), 0, 0
    while position < len(text):
        length = 1
        while position + length <= len(text) and text[position : position + length] in text[: position + length - 1]:
            length += 1
        position, count = position + length, count + 1
    return count


def test_complexity_takes_or_refuses_symbols(tally):
    draw = random.Random(11)
    for _ in range(cases(500)):
        symbols = array(draw, *[(30,)] * 5, (0,), (1,), (6, 2), (), integers=True, spread=draw.choice([1, 2, 5]))
        phrase_count = tally.call(lambda: complexity.lz76(symbols), case=symbols)
        if phrase_count is not None:
            assert phrase_count == phrases(list(symbols) if isinstance(symbols, str) else symbols)
        for function in (complexity.of_trains, complexity.normalized, complexity.interleaved, complexity.joint):
            tally.call(lambda function=function: function(symbols), case=(function, symbols))
        tally.call(lambda: information.entropy_rate(symbols), case=symbols)
        tally.call(lambda: information.mutual_information(symbols, draw.choice([symbols, [1, 2]])), case=symbols)
        trains, kind = (
            array(draw, (6, 2, 3), (6, 2), (0, 2, 3), integers=True),
            draw.choice(["rate", "lz", "isi", None, ["lz"]]),
        )
        tally.call(lambda: classify.features(trains, kind), case=(trains, kind))
        tally.call(lambda: intervals.of_mean(symbols), case=symbols)


def test_decisions_and_losses_take_or_refuse_outputs(tally):
    draw = random.Random(12)
    for _ in range(cases(500)):
        output = torch.randn(draw.choice([(5, 2, 3)] * 4 + [(5, 3), (0, 2, 3), (5, 0, 3)]))
        output = draw.choice([output, output, output, output.long(), output.numpy()])
        valid = draw.choice(
            [torch.tensor([5, 2]), torch.tensor([9, 1]), torch.tensor([0, 1]), torch.tensor([1]), 3, [5, 2], 2.0]
        )
        labels = draw.choice(
            [torch.tensor([0, 2]), torch.tensor([0, 3]), torch.tensor([-1, 0]), torch.tensor([1]), [0, 1], None]
        )
        for name in (*decisions.DECISIONS, "best", None):
            case = (name, output, valid, labels)
            scores = tally.call(lambda name=name: decisions.get_decision(name)(output, valid), case=case)
            if scores is not None:
                tally.call(lambda scores=scores: losses.decision_loss(scores, labels), case=case)
        tally.call(lambda: losses.step_loss(output, labels, valid), case=(output, valid, labels))
        tally.call(lambda: losses.highest_membrane(output, labels, threshold=torch.ones(1)), case=(output, labels))
        width = {name: draw.choice([5.0, 0.5, 0.3, *ODD]) for name in ("start", "end", "narrowest")}
        epoch, epochs = draw.choice([0, 3, *ODD]), draw.choice([4, *ODD])
        tally.call(lambda: sigma_schedule.width(epoch, epochs=epochs, **width), case=(epoch, epochs, width))
