"""Schemes and Programs of every size: quantized within half a step and idempotently, pruned, or refused."""

import numpy as np

from helpers.fuzzing import cases
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.quantization import Scheme, dequantized, prune, quantize
from snnsim.simulation import Events, simulate

ODD = [None, 0, -1, 3, 1.5, "", "int8", "8", "int99", "int1", "6bit", "6bit:0", "99bit", True, (), float("nan"), b"x"]


def network(rng):
    """Return a layer whose numbers are of any size: of one unit, random, equal, 0 or far apart."""
    size, count = int(rng.integers(1, 4)), int(rng.integers(0, 9))
    kind = rng.integers(0, 5)
    weight = [
        rng.integers(-127, 128, count) / rng.integers(1, 200),
        rng.normal(0, 1, count),
        np.full(count, rng.normal()),
        np.zeros(count),
        rng.normal(0, 1, count) * 10.0 ** rng.integers(-30, 29, count),
    ][kind]
    weight = weight.astype(np.float32) if rng.random() < 0.3 else weight
    edge = Edge.of(INPUT, "a", (rng.integers(0, 3, count), rng.integers(0, size, count), rng.integers(0, 9, count),
                               weight.astype(float)), sources=3)  # fmt: skip
    far = 10.0 ** rng.integers(-30, 29) if rng.random() < 0.2 else 1.0
    threshold = np.abs(rng.choice([*weight, 1.0, 0.5], size)).clip(1e-99) * far
    bias = rng.choice([0.0, 0.0, *weight, 0.1], size)
    model = str(rng.choice(["lif_hard", "lif_soft", "readout"]))
    population = Population("a", model, rng.choice([0.0, 0.5, 0.9, 0.9999, 1.0], size), threshold, bias, np.ones(size))
    return Program(channels=3, populations=(population,), edges=(edge,), time_step_ms=1.0)


def scheme(rng):
    values = {
        "weights": str(rng.choice(["int16", "int8", "int6", "int4", "int2", "ternary"])),
        "delays": [None, "0bit", "2bit", "3bit:2"][rng.integers(0, 4)],
        "scale": str(rng.choice(["channel", "layer"])),
        "word_bits": int(rng.integers(3, 33)),
        "decay_bits": int(rng.integers(1, 17)),
        "weight_shift": int(rng.integers(0, 17)),
    }
    return {name: ODD[rng.integers(0, len(ODD))] if rng.random() < 0.05 else value for name, value in values.items()}


def test_programs_of_any_size_are_quantized_or_refused(tally):
    rng = np.random.default_rng(0)
    for _ in range(cases(200)):
        program, values = network(rng), scheme(rng)
        quantized = tally.call(lambda p=program, v=values: quantize(p, Scheme(**v)), case=(program, values))
        if quantized is None or quantized.fixed is None:
            continue
        population, edge = quantized.populations[0], quantized.edges[0]
        (change,) = quantized.provenance["quantization"]["populations"]
        assert quantize(quantized, Scheme(**values)).digest() == quantized.digest()
        assert np.abs(population.bias).max() <= quantized.fixed.limit
        half = 0.5 * (population.scale * 2**quantized.fixed.weight_shift)[edge.post]
        off = np.abs(dequantized(quantized).edges[0].weight - ordered_weights(program, quantized)) > half * (1 + 1e-6)
        assert off.sum() == quantized.provenance["quantization"]["edges"][0]["weights_clipped"]
        if population.fires and change["thresholds_moved"] == 0:
            threshold = population.threshold * population.scale
            np.testing.assert_allclose(threshold, program.populations[0].threshold, rtol=1e-6)
        events = Events.from_frames(rng.integers(0, 2, (5, 1, 3)))
        one, other = (simulate(quantized, events, engine=engine) for engine in ("clock_driven", "event_driven"))
        np.testing.assert_array_equal(one.node_counts, other.node_counts)


def ordered_weights(program, quantized):
    """Return the weights of a Program in the order of synapses after quantization, whose delays may differ."""
    delays = quantized.provenance["quantization"]["scheme"]["delays"] or "16bit"
    ordered = quantize(program, Scheme(None, delays)).edges[0]
    np.testing.assert_array_equal(ordered.post, quantized.edges[0].post)
    assert len(ordered.weight) == len(program.edges[0].weight)
    return ordered.weight


def test_prune_takes_or_refuses_shares_and_delays(tally):
    rng = np.random.default_rng(1)
    for _ in range(cases(200)):
        program = network(rng)
        share = ODD[rng.integers(0, len(ODD))] if rng.random() < 0.2 else rng.uniform(-0.1, 1.1)
        delays = [None, (0, 5), (3, 3), (5, 3), (-1, 2), 3, (1,), "ab", (1.5, 3), (None, 1), [2, 8]][
            rng.integers(0, 11)
        ]
        pruned = tally.call(lambda p=program, s=share, d=delays: prune(p, share=s, delays=d), case=(share, delays))
        if pruned is not None:
            edge, rest = program.edges[0], pruned.edges[0]
            inside = np.ones(len(edge.weight), bool) if delays is None else (
                (edge.delay >= delays[0]) & (edge.delay <= delays[1])
            )  # fmt: skip
            assert len(rest.weight) <= inside.sum()
            assert len(rest.weight) >= inside.sum() - int(share * len(inside))
            assert set(rest.weight) <= set(edge.weight)
