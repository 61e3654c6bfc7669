"""Numbers that are multiples of a step: integers have the same spikes, also where a sum is the threshold exactly."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snnsim.program import INPUT, Edge, Population, Program
from snnsim.quantization import Scheme, common, grids, quantize
from snnsim.simulation import Events, Probe, simulate

STEPS = [Fraction(1, 8), Fraction(1, 7), Fraction(1, 10), Fraction(1, 127), Fraction(1, 100), Fraction(1, 3), None]
"""None: a random real."""
LIMIT = 2**23 - 1


@dataclass(frozen=True)
class Multiples:
    """A recurrent layer in multiples of a step; synapses are (source, target, delay, weight)."""

    step: list[Fraction]
    decay: list[Fraction]
    threshold: np.ndarray
    bias: np.ndarray
    forward: list[tuple[int, int, int, int]]
    inner: list[tuple[int, int, int, int]]
    model: str
    channels: int

    def program(self, kind=np.float64):
        def of(number, neuron, kind=kind):
            return float(kind(float(self.step[neuron] * int(number))))

        def edge(source, synapses, sources):
            pre, post, delay, weight = np.array(synapses, int).reshape(-1, 4).T
            values = np.array([of(w, j) for w, j in zip(weight, post, strict=True)], float)
            return Edge.of(source, "a", (pre, post, delay, values), sources=sources)

        size = len(self.step)
        # a threshold is exact, also where the other numbers are rounded to float32
        parts = ((self.threshold, np.float64), (self.bias, kind))
        values = (np.array([of(number, j, kind) for j, number in enumerate(numbers)]) for numbers, kind in parts)
        population = Population("a", self.model, np.array(list(map(float, self.decay))), *values, np.ones(size))
        edges = (edge(INPUT, self.forward, self.channels), edge("a", self.inner, size))
        return Program(channels=self.channels, populations=(population,), edges=edges, time_step_ms=1.0)

    def run(self, frames):
        """Return spikes and membranes (time, neuron) in exact fractions, of steps."""
        size, time = len(self.step), len(frames)
        spikes = np.zeros((time, size), int)
        membrane = [[Fraction(0)] * size for _ in range(time)]
        voltage = [Fraction(0)] * size
        for t in range(time):
            for j in range(size):
                sent = ((self.forward, frames), (self.inner, spikes))
                arrived = sum(int(w * of[t - d, i]) for s, of in sent for i, k, d, w in s if k == j and d <= t)
                u = self.decay[j] * voltage[j] + arrived + int(self.bias[j])
                spikes[t, j], membrane[t][j] = u >= self.threshold[j], u
                left = Fraction(0) if self.model == "lif_hard" else u - int(self.threshold[j])
                voltage[j] = left if spikes[t, j] else u
        return spikes, membrane


@st.composite
def networks(draw, most, *, same, decays=(Fraction(0), Fraction(1), Fraction(1, 2))):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, channels = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    most = draw(st.integers(1, most))
    step = [draw(st.sampled_from(STEPS)) or Fraction(rng.uniform(0.001, 3)) for _ in range(1 if same else size)]
    step = step * size if same else step

    def synapses(sources, count, least):
        of = (rng.integers(0, sources, count), rng.integers(0, size, count), rng.integers(least, 4, count))
        return list(zip(*of, rng.integers(-most // 2, most + 1, count), strict=True))

    forward = synapses(channels, int(rng.integers(1, 12)), 0)
    # a tie: the threshold is a sum of weights, or the largest of them
    sums = [max(1, int(rng.choice([w for *_, w in forward], 2).sum())) for _ in range(size)]
    threshold = np.where(rng.random(size) < 0.5, sums, rng.integers(1, 3 * most + 1, size))
    bias = rng.integers(-most, most + 1, size) * (rng.random(size) < 0.5)
    decay = [decays[int(index)] for index in rng.integers(0, len(decays), size)]
    model = draw(st.sampled_from(["lif_hard", "lif_soft"]))
    inner = synapses(size, int(rng.integers(0, 6)), 1)
    network = Multiples(step, decay, threshold, bias, forward, inner, model, channels)
    frames = rng.integers(1, 3, (draw(st.integers(1, 8)), channels)) * (rng.random(channels) < 0.7)
    return network, frames * (rng.random(frames.shape) < 0.6)


def check(network, frames, scheme, kind=np.float64):
    """Assert that spikes and membranes are those of exact fractions, where the word of a membrane holds them."""
    program = network.program(kind)
    quantized = quantize(program, scheme)
    spikes, membrane = network.run(frames)
    population = quantized.populations[0]
    # units of the membrane in a step
    fine = [Fraction(int(u), int(steps)) for u, steps in zip(population.threshold, network.threshold, strict=True)]
    for j in range(population.size):
        assert fine[j] * int(network.bias[j]) == int(population.bias[j])
    for edge, before in zip(quantized.edges, program.edges, strict=True):
        np.testing.assert_array_equal(edge.post, before.post)
        steps = [round(Fraction(float(w)) / network.step[j]) for w, j in zip(before.weight, edge.post, strict=True)]
        assert [fine[j] * w for j, w in zip(edge.post, steps, strict=True)] == [int(w) * 64 for w in edge.weight]
    moves = quantized.provenance["quantization"]["populations"][0]
    assert moves["thresholds_moved"] == moves["biases_moved"] == moves["decays_moved"] == 0
    exact = [[u * fine[j] for j, u in enumerate(row)] for row in membrane]
    if any(u.denominator > 1 or abs(u) > LIMIT for row in exact for u in row):
        return
    events = Events.from_frames(frames[:, None].astype(float))
    for engine in ("clock_driven", "event_driven"):
        result = simulate(quantized, events, engine=engine, record=Probe(spikes=True, membranes={"a": None}))
        dense = np.zeros_like(spikes)
        dense[result.spikes("a")] = 1
        np.testing.assert_array_equal(dense, spikes)
        np.testing.assert_array_equal(result.traces, np.array(exact, float).astype(int))


@pytest.mark.parametrize("kind", ["int16", "int8", "int6", "int4", "ternary"])
@pytest.mark.parametrize("scale", ["channel", "layer"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_multiples_of_a_step_keep_every_spike(kind, scale, data):
    network, frames = data.draw(networks(grids.largest(kind), same=scale == "layer"))
    check(network, frames, Scheme(kind, scale=scale))


@pytest.mark.parametrize("kind", ["int8", "int4", "ternary"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_multiples_of_a_step_rounded_to_float32_keep_every_spike(kind, data):
    network, frames = data.draw(networks(grids.largest(kind), same=False))
    # weights that are all rounded to few bits count as exact, and then a threshold just above its multiple is above it
    assume(not any(seems_exact(network, neuron) for neuron in range(len(network.step))))
    check(network, frames, Scheme(kind), np.float32)


def seems_exact(network, neuron):
    """Return whether a neuron has numbers rounded to float32, and all its weights, or else its bias, have few bits."""
    weights = [w for _, j, _, w in network.forward + network.inner if j == neuron and w]
    exact = [network.step[neuron] * int(number) for number in weights or [network.bias[neuron]]]
    single = [float(np.float32(float(number))) for number in exact]
    return single != exact and (common.rounding(np.array(single)) == common.DOUBLE).all()


def test_the_largest_weight_may_be_rounded_to_few_bits():
    # 33 steps are 34.05078125 in float32, of 16 bits; no other weight is
    step = Fraction(4647002816671483, 4503599627370496)
    forward = [(0, 0, 0, weight) for weight in (33, 29, -13, -5, -18)]
    assert common.rounding(np.float64(np.float32(float(33 * step)))) == common.DOUBLE
    network = Multiples([step], [Fraction(1, 2)], np.array([150]), np.array([0]), forward, [], "lif_hard", 1)
    check(network, np.array([[1], [1], [0], [1]]), Scheme("int8"), np.float32)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_floats_whose_sums_are_exact_fire_the_same_spikes_as_integers(data):
    network, frames = data.draw(networks(127, same=False))
    network = Multiples(**(vars(network) | {"step": [Fraction(1, 8)] * len(network.step)}))
    events = Events.from_frames(frames[:, None].astype(float))
    program = network.program()
    np.testing.assert_array_equal(simulate(program, events).counts("a")[0], network.run(frames)[0].sum(0))
    check(network, frames, Scheme("int8"))


def relay(weight, threshold, bias=0.0, decay=0.0):
    both = np.zeros(1, int)
    edge = Edge.of(INPUT, "a", (both, both, both, np.array([weight])), sources=1)
    population = Population.of("a", 1, decay=decay, threshold=threshold, bias=bias)
    return Program(channels=1, populations=(population,), edges=(edge,), time_step_ms=1.0)


@pytest.mark.parametrize("kind", ["int16", "int8", "int6", "int4", "ternary"])
@pytest.mark.parametrize("scale", ["channel", "layer"])
@pytest.mark.parametrize("weight", [1.0, 0.3, 1 / 3, 0.7, 1e-3, 1e5, float(np.float32(0.1))])
def test_a_threshold_just_above_the_weight_stays_above(kind, scale, weight):
    scheme = Scheme(kind, scale=scale)
    # float32 has no number between the weight and a threshold nearer than this
    above = 1e-6 if weight == np.float32(0.1) else 1e-9
    for threshold, fires in ((weight, 1), (np.nextafter(weight, 2 * weight), 1), (weight * (1 + above), 0)):
        quantized = quantize(relay(weight, threshold), scheme)
        assert simulate(quantized, Events.from_frames(np.ones((1, 1, 1)))).counts("a").sum() == fires


def test_decays_and_thresholds_that_move_are_counted():
    both = np.arange(4)
    edge = Edge.of(INPUT, "a", (both, both, 0 * both, np.array([1.0, 0.123456, 1.0, 1.0])), sources=4)
    population = Population(
        "a", "lif_hard", np.array([0.9999, 0.0001, 0.5, 0.3]), np.array([1.0, 0.5, 1.0, 1.0]),
        np.array([1e-9, 0.0, 0.25, 1 / 3000.1]), np.ones(4),
    )  # fmt: skip
    program = Program(channels=4, populations=(population,), edges=(edge,), time_step_ms=1.0)
    quantized = quantize(program, Scheme("int8"))
    (moves,) = quantized.provenance["quantization"]["populations"]
    assert moves["neurons"] == 4
    assert (moves["decays_moved"], moves["decays_to_0"], moves["decays_to_1"]) == (3, 1, 1)
    assert (moves["biases_moved"], moves["biases_to_0"]) == (2, 1)
    assert moves["thresholds_moved"] == 1
    assert moves["largest_move"] == pytest.approx(
        float(quantized.populations[0].threshold[1] * quantized.populations[0].scale[1]) / 0.5 - 1, abs=1e-7
    )
    twice = quantize(quantized, Scheme("int8"))
    assert twice.digest() == quantized.digest()
    assert set(twice.provenance["quantization"]["populations"][0].values()) == {"a", 4, 0}


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_wider_scheme_keeps_the_numbers_of_a_narrow_one(data):
    network, frames = data.draw(networks(7, same=False))
    narrow = quantize(network.program(), Scheme("int4"))
    wide = quantize(narrow, Scheme("int8", word_bits=32, weight_shift=8, decay_bits=16))
    events = Events.from_frames(frames[:, None].astype(float))
    if all(decay == 0 for decay in network.decay):
        np.testing.assert_array_equal(simulate(wide, events).node_counts, simulate(narrow, events).node_counts)
    for one, other in zip(narrow.edges, wide.edges, strict=True):
        scale = [(each.populations[0].scale * 2**each.fixed.weight_shift)[one.post] for each in (narrow, wide)]
        np.testing.assert_allclose(one.weight * scale[0], other.weight * scale[1], rtol=1e-6)


def test_neurons_without_weights_are_exact_in_17_bits():
    # 17 bits are more than a weight of int16 has
    population = Population.of("a", 1, decay=1.0, threshold=82867 / 8, bias=9103 / 8)
    program = Program(channels=1, populations=(population,), edges=(), time_step_ms=1.0)
    (quantized,) = quantize(program, Scheme("int16")).populations
    assert Fraction(int(quantized.bias[0]), int(quantized.threshold[0])) == Fraction(9103, 82867)
