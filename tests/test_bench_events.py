"""The benchmarks of programs compare like with like: the same network, the same input, and spikes that can differ."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events, Probe, simulate

BENCH = Path(__file__).parents[1] / "scripts" / "bench_events"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def network():
    both = np.arange(2)
    first = Edge.of(INPUT, "a", (both, both, np.array([0, 3]), np.array([1.0, 0.5])), sources=2)
    inner = Edge.of("a", "a", (both, both[::-1], np.array([1, 4]), np.array([0.25, 0.75])), sources=2)
    last = Edge.of("a", "out", (both, both, np.array([0, 2]), np.array([1.0, 1.0])), sources=2)
    neurons = Population.of("a", 2, decay=0.5, bias=0.125), Population.of("out", 2, decay=0.5, model="readout")
    return Program(
        channels=2, populations=neurons, edges=(first, inner, last), time_step_ms=2.0, readout="out", extra_steps=3
    )


EVENTS = Events(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([1, 2, 3]), np.array([0, 3]), np.array([4]))


def test_spikes_that_differ_are_counted(script):
    result = simulate(network(), EVENTS, record=Probe(spikes=True))
    step, neuron = result.spikes("a")
    assert len(step) > 2
    same = script("bench_common").compare_spikes
    equal = {"same": len(step), "only_reference": 0, "only_here": 0, "first_difference": None}
    assert same(result, {"a": (step, neuron)}) == equal
    # in any order
    assert same(result, {"a": (step[::-1], neuron[::-1])}) == equal
    moved = step.copy()
    moved[-1] += 1
    assert same(result, {"a": (moved, neuron)}) == {
        "same": len(step) - 1, "only_reference": 1, "only_here": 1, "first_difference": step[-1],
    }  # fmt: skip
    fewer = same(result, {"a": (step[1:], neuron[1:])})
    assert (fewer["only_reference"], fewer["only_here"], fewer["first_difference"]) == (1, 0, step[0])


@pytest.fixture
def python_without_baselines(tmp_path):
    """Return an interpreter in which neither Brian2 nor NEST can be imported."""
    code = "import runpy, sys; sys.modules.update(brian2=None, nest=None); sys.argv = sys.argv[1:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", ["brian2-cython", "nest"])
def test_a_baseline_that_is_not_installed_is_an_error_in_the_figures(script, python_without_baselines, name):
    figures, spikes = script("bench_common").run_baseline(name, python_without_baselines, network(), EVENTS)
    assert set(figures) == {"error"}
    assert name.partition("-")[0] in figures["error"][0]
    assert spikes == {}


# brian2-cython compiles for a minute, and differs from the code for NumPy of tests/verification in a preference alone
@pytest.mark.parametrize("name", ["nest", pytest.param("brian2-standalone", marks=pytest.mark.slow)])
def test_a_baseline_fires_the_same_spikes(script, name):
    common = script("bench_common")
    pytest.importorskip(common.BASELINES[name][0])
    figures, spikes = common.run_baseline(name, Path(sys.executable), network(), EVENTS)
    assert 0 < figures["seconds"] <= figures["call_seconds"] < figures["with_building"]
    assert figures["peak_bytes"] > 2**20
    result = simulate(network(), EVENTS, record=Probe(spikes=True))
    assert len(result.spikes("a")[0]) > 2
    assert common.compare_spikes(result, spikes) == {
        "same": len(result.spikes("a")[0]), "only_reference": 0, "only_here": 0, "first_difference": None,
    }  # fmt: skip


def test_a_layer_is_what_its_setting_says(script):
    speed = script("speed")
    row = speed.measured({"sources": 8, "fan_out": 6, "delays": 3, "activity": 0.5}, "float32", 1)
    assert row["synaptic_events"] % 6 == 0
    assert 0.4 * 8 * speed.STEPS * 6 < row["synaptic_events"] < 0.6 * 8 * speed.STEPS * 6
    assert row["nanoseconds"] > 0
    assert row["bytes_per_event"] == 6
    layer = speed.layer(np.random.default_rng(0), 8, 6, 3)
    assert layer.synapses == 48
    assert layer.longest_delay() == 2


@pytest.mark.parametrize("name", ["events", "recording"])
def test_pictures_are_drawn_anew_from_what_was_measured(script, name, tmp_path, monkeypatch):
    module = script({"events": "speed"}.get(name, name))
    file = tmp_path / f"bench-{name}.json"
    measured = (BENCH.parents[1] / "figures" / file.name).read_bytes()
    file.write_bytes(measured)
    monkeypatch.setattr("sys.argv", [module.__name__, "--draw", "--json", str(file)])
    module.main()
    first = file.with_suffix(".png").read_bytes()
    assert first.startswith(b"\x89PNG")
    module.main()
    assert file.with_suffix(".png").read_bytes() == first
    assert file.read_bytes() == measured


def test_the_large_network_in_small(script, monkeypatch, capsys, python_without_baselines):
    large = script("large")
    monkeypatch.setattr(large, "STEPS", 50)
    program = large.network(200, 20_000)
    # sums of weights are exact in any order
    assert all((edge.weight * 256 == np.rint(edge.weight * 256)).all() for edge in program.edges)
    events = Events.from_frames(np.random.default_rng(1).random((50, 1, large.CHANNELS)) < 0.1)
    figures = large.measure(program, events, python_without_baselines, ["nest"])
    clock, event = (figures[f"snnsim {engine}, float64"] for engine in ("clock_driven", "event_driven"))
    assert clock["spikes"] == clock["same"] == event["same"] > 100
    assert event["first_difference"] is None
    assert clock["bytes_per_synapse"] > 6
    # a baseline that is not installed is an error beside the figures
    assert "nest" in figures["nest"]["error"][0]
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_the_cost_model_finds_the_costs_of_neurons_events_and_lookups(script):
    module = script("cost_model")
    costs = {"neuron_step_ns": 3.0, "event_ns": 5.0, "lookup_ns": 70.0, "synapse_bytes": 6.0, "index_bytes": 250.0}
    sizes = [(1000, 10, 40, 9000), (2000, 10, 300, 900), (500, 40, 7, 70_000), (3000, 20, 90, 4000)]
    results = [
        {"neurons": n, "blocks": 2, "steps": steps, "lookups": lookups, "events": events, "synapses": events + n}
        for n, steps, lookups, events in sizes
    ]
    for each in results:
        seconds, each["synapse_bytes"] = module.predicted(each, costs)
        each["seconds"] = [2 * seconds, seconds]
    assert module.fitted(results) == pytest.approx(costs)


def test_networks_of_the_cost_model_have_the_sizes_that_are_asked_for(script):
    module = script("cost_model")
    slow, fast = (module.measured((300, 20, current), seconds=0.05, repeats=2, threads=1) for current in (-40.0, 0.0))
    assert (slow["synapses"], slow["steps"], len(slow["seconds"])) == (6000, 500, 2)
    assert slow["rate_hz"] < fast["rate_hz"]
    assert fast["events"] == 20 * round(300 * 0.05 * fast["rate_hz"]) > 0
    # two blocks, and delays of 1 to 64 steps
    assert 2 * fast["events"] / 20 < fast["lookups"] < 128 * fast["events"] / 20
