"""The benchmark of the cortical microcircuit, at a small scale."""

import json

import pytest


@pytest.fixture
def bench(bench_script):
    # the scripts import options that look for baselines
    pytest.importorskip("spikingjelly")
    return bench_script("microcircuit")


def run(bench, monkeypatch, path, *words):
    monkeypatch.setattr("sys.argv", ["microcircuit.py", *words, "--json", str(path)])
    bench.main()
    return json.loads(path.read_text())["results"]


def test_the_file_has_every_turn_and_keeps_other_scales(bench, monkeypatch, capsys, tmp_path):
    words = ("--simulators", "snnsim", "--seconds", "0.05", "--repeats", "2")
    first = run(bench, monkeypatch, tmp_path / "bench.json", "--scale", "0.01", *words)
    assert [len(each["clock"]) for each in first] == [2]
    assert first[0]["synapses"] > 29_000
    both = run(bench, monkeypatch, tmp_path / "bench.json", "--scale", "0.02", *words)
    assert [each["scale"] for each in both] == [0.01, 0.02]
    assert both[0] == first[0]
    replaced = run(bench, monkeypatch, tmp_path / "bench.json", "--scale", "0.01", *words)
    assert sorted(each["scale"] for each in replaced) == [0.01, 0.02]
    assert "0.02, poisson" in capsys.readouterr().out


def test_events_are_those_of_a_second_by_the_clock(bench):
    result = {
        "scale": 0.1, "drive": "poisson", "simulator": "snnsim", "threads": 1, "simulated_seconds": 1.0,
        "neurons": 100, "synapses": 10_000, "bytes_per_synapse": 7.0, "build": [0.1], "clock": [0.5],
        # a second thread waits all the time
        "processor": [1.0], "spikes": [40_000],
    }  # fmt: skip
    head, *_, row = bench.shown([result]).splitlines()
    assert "million events/s" in head
    # 40,000 spikes of 100 synapses each in half a second
    assert " 8.0 " in row


def test_nest_stands_beside_snnsim(bench, monkeypatch, capsys, tmp_path):
    pytest.importorskip("nest")
    words = ("--scale", "0.01", "--seconds", "0.05", "--repeats", "1")
    results = run(bench, monkeypatch, tmp_path / "bench.json", *words)
    assert {each["simulator"] for each in results} == {"snnsim", "nest"}
    assert all(each["processor"][0] > 0 for each in results)
    assert "nest" in capsys.readouterr().out
