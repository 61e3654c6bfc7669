"""Schemes and Programs of every size: quantized within half a step, twice as once, pruned as asked, or refused."""

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
    part = Population("a", model, rng.choice([0.0, 0.5, 0.9, 0.9999, 1.0], size), threshold, bias, np.ones(size))
    return Program(channels=3, populations=(part,), edges=(edge,), time_step_ms=1.0)


def scheme(rng):
    given = {
        "weights": str(rng.choice(["int16", "int8", "int6", "int4", "int2", "ternary"])),
        "delays": [None, "0bit", "2bit", "3bit:2"][rng.integers(0, 4)],
        "scale": str(rng.choice(["channel", "layer"])),
        "word_bits": int(rng.integers(3, 33)),
        "decay_bits": int(rng.integers(1, 17)),
        "weight_shift": int(rng.integers(0, 17)),
    }
    return {name: ODD[rng.integers(0, len(ODD))] if rng.random() < 0.05 else value for name, value in given.items()}


def test_programs_of_any_size_are_quantized_or_refused(tally):
    rng = np.random.default_rng(0)
    for _ in range(cases(200)):
        program, given = network(rng), scheme(rng)
        made = tally.call(lambda p=program, g=given: quantize(p, Scheme(**g)), case=(program, given))
        if made is None or made.fixed is None:
            continue
        part, (change,) = made.populations[0], made.provenance["quantization"]["populations"]
        assert quantize(made, Scheme(**given)).digest() == made.digest()
        assert np.abs(part.bias).max() <= made.fixed.limit
        half = 0.5 * (part.scale * 2**made.fixed.weight_shift)[made.edges[0].post]
        order = np.lexsort((made.edges[0].post, made.edges[0].pre()))
        off = np.abs(dequantized(made).edges[0].weight - weights_like(program, made)) > half * (1 + 1e-6)
        assert off[order].sum() == made.provenance["quantization"]["edges"][0]["weights_clipped"]
        if part.fires and change["thresholds_moved"] == 0:
            np.testing.assert_allclose(part.threshold * part.scale, program.populations[0].threshold, rtol=1e-6)
        events = Events.from_frames(rng.integers(0, 2, (5, 1, 3)))
        one, other = (simulate(made, events, engine=engine) for engine in ("clock_driven", "event_driven"))
        np.testing.assert_array_equal(one.node_counts, other.node_counts)


def weights_like(program, made):
    """Return the weights of a Program in the order of the synapses of what was made of it, whose delays may differ."""
    edge, of = program.edges[0], made.edges[0]
    again = quantize(program, Scheme(None, made.provenance["quantization"]["scheme"]["delays"] or "16bit")).edges[0]
    np.testing.assert_array_equal(again.post, of.post)
    assert len(again.weight) == len(edge.weight)
    return again.weight


def test_prune_takes_or_refuses_shares_and_delays(tally):
    rng = np.random.default_rng(1)
    for _ in range(cases(200)):
        program = network(rng)
        share = ODD[rng.integers(0, len(ODD))] if rng.random() < 0.2 else rng.uniform(-0.1, 1.1)
        delays = [None, (0, 5), (3, 3), (5, 3), (-1, 2), 3, (1,), "ab", (1.5, 3), (None, 1), [2, 8]][
            rng.integers(0, 11)
        ]
        made = tally.call(lambda p=program, s=share, d=delays: prune(p, share=s, delays=d), case=(share, delays))
        if made is not None:
            edge, kept = program.edges[0], made.edges[0]
            inside = np.ones(len(edge.weight), bool) if delays is None else (
                (edge.delay >= delays[0]) & (edge.delay <= delays[1])
            )  # fmt: skip
            assert len(kept.weight) <= inside.sum()
            assert len(kept.weight) >= inside.sum() - int(share * len(inside))
            assert set(kept.weight) <= set(edge.weight)
