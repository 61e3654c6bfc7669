"""NeuroBench's harness against our exact counts, and its errors."""

import subprocess

import numpy as np
import pytest

from helpers.command_line import run
from helpers.small_programs import chain
from snnsim.bench import neurobench_report
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events


def program(rng):
    """Return a Program with two synapses of some pairs, synapses of weight 0, a loop, and a readout."""
    sizes, edges = {INPUT: 8, "a": 6, "out": 3}, []
    for source, target, least in ((INPUT, "a", 0), ("a", "a", 1), ("a", "out", 0)):
        count = 40
        pre, post = rng.integers(0, sizes[source], count), rng.integers(0, sizes[target], count)
        row = (pre, post, rng.integers(least, 9, count), rng.integers(-3, 6, count) / 8)
        edges.append(Edge.of(source, target, row, sources=sizes[source]))
    populations = Population.of("a", 6, decay=0.5), Population.of("out", 3, decay=0.75, model="readout")
    return Program(
        channels=8, populations=populations, edges=tuple(edges), time_step_ms=1.0, readout="out",
        decision="max_membrane", classes=("x", "y", "z"), extra_steps=4,
    )  # fmt: skip


def test_the_harness_counts_what_we_count():
    pytest.importorskip("neurobench")
    rng = np.random.default_rng(0)
    network, length = program(rng), np.array([20, 12, 20, 7])
    assert any((edge.weight == 0).any() for edge in network.edges)
    frames = rng.integers(1, 3, (20, 4, 8)) * (rng.random((20, 4, 8)) < 0.3)
    frames[np.arange(20)[:, None] >= length] = 0
    report = neurobench_report.report(network, Events.from_frames(frames, length), np.array([0, 1, 2, 0]))
    assert report.differences == ()
    assert report.harness.keys() >= report.ours.keys() - {"synapses"}
    assert report.harness["synaptic_operations"] > 100
    assert 0.1 < report.ours["activation_sparsity"] < 0.99
    assert 0 < report.ours["connection_sparsity"] < 1


def test_a_count_that_differs_is_named(monkeypatch):
    def harness(command, **_):
        values = '{"version": "9.9", "footprint": 1.0, "connection_sparsity": 0.50004}'
        with open(command[-1], "w", encoding="utf-8") as file:
            file.write(values)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(neurobench_report.subprocess, "run", harness)
    report = neurobench_report.report(chain(), Events.random(2, steps=5, channels=2, rate=0.5), None)
    # the harness rounds the sparsity of connections to four digits
    assert [text.partition(":")[0] for text in report.differences] == ["footprint"]
    assert report.facts()["version"] == "9.9"


@pytest.mark.parametrize(
    ("message", "error", "text"),
    [
        ("ModuleNotFoundError: No module named 'neurobench'", ImportError, r"run `pip install snnsim\[neurobench\]`"),
        ("ValueError: 7 is no tensor", RuntimeError, "the harness failed: ValueError: 7 is no tensor"),
    ],
)
def test_errors_of_the_process_are_one_line(monkeypatch, message, error, text):
    failed = subprocess.CompletedProcess([], 1, "", f"Traceback\n{message}\n")
    monkeypatch.setattr(neurobench_report.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(error, match=text):
        neurobench_report.report(chain(), Events.random(1, steps=5, channels=2, rate=0.5), None)


def test_the_command_prints_both_columns(monkeypatch, tmp_path, capsys):
    def measured(*arguments, **_):
        events = arguments[1]
        own = {"footprint": 22.0, "activation_sparsity": 0.25}
        return neurobench_report.NeuroBenchReport("2.3.0", len(events), own | {"effective_acs": 12345.0}, own, ())

    monkeypatch.setattr(neurobench_report, "report", measured)
    chain().save(tmp_path / "program.npz")
    text = run(capsys, "bench", "neurobench", str(tmp_path / "program.npz"), "--recordings", "3")
    assert text.splitlines()[0] == "NeuroBench 2.3.0, 3 recordings"
    assert ["effective", "acs", "12,345", "-"] in [line.split() for line in text.splitlines()]
    assert "all metrics that both have are equal" in text


@pytest.mark.parametrize("correct", range(101))
def test_an_accuracy_is_compared_in_the_floats_of_the_harness(correct):
    ours = {"classification_accuracy": correct / 100, "synapses": 5.0}
    harness = {"classification_accuracy": float(np.float32(correct / 100))}
    assert neurobench_report.differences(harness, ours) == ()
    (other,) = neurobench_report.differences({"classification_accuracy": (correct - 1) / 100}, ours)
    assert other.startswith("classification_accuracy: ")
    assert neurobench_report.differences({"synaptic_operations": 5.0}, {"synaptic_operations": 5.0001}) != ()
