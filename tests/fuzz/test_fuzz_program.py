"""Random arguments of populations, edges and Programs: refused, or taken with their numbers unchanged."""

import numpy as np

from helpers.fuzzing import cases
from snnsim.program import Edge, FixedPoint, Population, Program, safe_name
from snnsim.simulation import Events, simulate

VALUES = [
    0, 1, -1, 2, 0.5, 1.0, -0.5, 1e300, -1e300, 1e30, 2**31, 2**63, -(2**63), float("nan"), float("inf"), None, "", "a",
    "input", "b", "lif_hard", "../x", "a\0b", "\ud800", b"a", True, (), [], [0], [0, 1], [0.5, 1.5], ["x"], {}, 1j,
    np.zeros(2), np.zeros((2, 2)), np.array([0, -(2**63)]), np.array(["a", "b"]), np.array([None, 1]), object(),
    10**400, np.arange(3), np.ones(2, np.int16), np.ones(2, bool), np.full(2, 1e40), {"a": np.nan}, {1: 2}, lambda: 0,
]  # fmt: skip


def changed(rng, arguments, share=0.25):
    """Return the arguments with a share of them replaced by random values."""
    return {
        name: VALUES[rng.integers(0, len(VALUES))] if rng.random() < share else value
        for name, value in arguments.items()
    }


def population(rng, size=2):
    numbers = {
        "decay": rng.choice([0.0, 0.5, 1.0], size), "threshold": rng.integers(1, 9, size) / 8,
        "bias": rng.integers(-4, 5, size) / 8, "scale": np.ones(size),
    }  # fmt: skip
    return {"name": "a", "model": str(rng.choice(["lif_hard", "lif_soft", "readout"]))} | numbers


def test_populations_take_or_refuse_arguments(tally):
    rng = np.random.default_rng(0)
    for _ in range(cases(300)):
        arguments = changed(rng, population(rng))
        neurons = tally.call(lambda arguments=arguments: Population(**arguments), case=arguments)
        if neurons is not None:
            for name in ("decay", "threshold", "bias", "scale"):
                np.testing.assert_array_equal(getattr(neurons, name), arguments[name])
        arguments = {"name": "a", "size": 2, "decay": 0.5, "threshold": 1.0, "bias": 0.0, "model": "lif_hard"}
        arguments = changed(rng, arguments)
        if isinstance(arguments["size"], int) and arguments["size"] > 1000:
            continue
        neurons = tally.call(lambda arguments=arguments: Population.of(**arguments), case=arguments)
        if neurons is not None:
            np.testing.assert_array_equal(neurons.bias, np.broadcast_to(arguments["bias"], neurons.size))


def test_edges_take_or_refuse_arguments(tally):
    rng = np.random.default_rng(1)
    for _ in range(cases(300)):
        count = int(rng.integers(0, 5))
        rows = {
            "pre": rng.integers(0, 2, count), "post": rng.integers(0, 2, count), "delay": rng.integers(0, 9, count),
            "weight": rng.integers(-8, 9, count) / 8,
        }  # fmt: skip
        rows = changed(rng, rows, 0.1)
        arguments = {"source": "input", "target": "a", "synapses": tuple(rows.values()), "sources": 2}
        arguments = changed(rng, arguments, 0.05)
        if isinstance(arguments["sources"], int) and arguments["sources"] > 1000:
            continue
        edge = tally.call(lambda arguments=arguments: Edge.of(**arguments), case=arguments)
        if edge is not None and arguments["synapses"]:
            pre, post, delay, weight = arguments["synapses"]
            synapses = sorted(zip(edge.pre(), edge.delay, edge.post, edge.weight, strict=True))
            assert synapses == sorted(zip(pre, delay, post, weight, strict=True))
        arrays = changed(
            rng, {"source": "input", "target": "a", "indptr": [0, 1, 1], "post": [0], "delay": [1], "weight": [0.5]}
        )
        tally.call(lambda arrays=arrays: Edge(**arrays), case=arrays)


def test_programs_take_or_refuse_arguments(tally):
    rng = np.random.default_rng(2)
    edge = Edge.of("input", "a", ([0, 1], [0, 1], [0, 1], [0.5, 0.5]), sources=2)
    for _ in range(cases(400)):
        neurons = Population(**population(rng))
        loose = [neurons, edge, *VALUES]
        arguments = {
            "channels": 2, "populations": (neurons,), "edges": (edge,), "time_step_ms": 1.0, "readout": None,
            "decision": None, "classes": (), "extra_steps": 1, "fixed": None, "provenance": {},
        }  # fmt: skip
        arguments = changed(rng, arguments, 0.1)
        for name in ("populations", "edges"):
            if rng.random() < 0.1:
                arguments[name] = tuple(loose[rng.integers(0, len(loose))] for _ in range(rng.integers(0, 3)))
        program = tally.call(lambda arguments=arguments: Program(**arguments), case=arguments)
        if program is not None and program.channels < 100:
            assert program.digest()
            assert safe_name(program.populations[0].name)
            events = Events.from_frames(np.ones((3, 1, program.channels)))
            engines = (simulate(program, events, engine=engine) for engine in ENGINES)
            np.testing.assert_array_equal(*(result.node_counts for result in engines))


ENGINES = ("clock_driven", "event_driven")


def test_engines_agree_on_integers_at_the_ends_of_their_range(tally):
    rng = np.random.default_rng(3)
    ends = [0, 1, -1, 2**15 - 1, 2**16, 2**23 - 1, 2**23, 2**31 - 1, 2**31, 2**62, -(2**62), 2**63 - 1, -(2**63)]
    for _ in range(cases(200)):
        numbers = [VALUES[k] if (k := rng.integers(0, 40)) < 12 else k for _ in range(5)]
        fixed = tally.call(lambda n=numbers: FixedPoint(*n), case=numbers)
        fixed = FixedPoint(int(rng.integers(3, 33)), int(rng.integers(1, 17)), 6, 8, 4) if fixed is None else fixed
        values = [np.array([rng.choice(numbers)], np.int64) for numbers in (ends[:4], [1, *ends[3:8]], ends)]

        def make(fixed=fixed, values=values):
            neurons = Population("a", str(rng.choice(["lif_hard", "lif_soft"])), *values, np.ones(1))
            weight = rng.choice([1, -1, 2**15 - 1, -(2**15)], 3).astype(np.int16)
            edge = Edge.of("input", "a", ([0, 0, 1], [0] * 3, [0, 1, 2], weight), sources=2)
            return Program(channels=2, populations=(neurons,), edges=(edge,), time_step_ms=1.0, fixed=fixed)

        program = tally.call(make, case=(fixed, values))
        if program is not None:
            events = Events.from_frames(rng.integers(0, 3, (30, 1, 2)))
            one, other = (simulate(program, events, engine=engine) for engine in ENGINES)
            np.testing.assert_array_equal(one.node_counts, other.node_counts)
