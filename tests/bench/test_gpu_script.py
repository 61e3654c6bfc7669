"""The script of the measurements on a GPU, in small sizes on the CPU."""

import json

import pytest

from snnsim.experiment import build

pytest.importorskip("spikingjelly")
pytest.importorskip("DCLS")


@pytest.fixture
def gpu(bench_script):
    return bench_script("gpu")


def test_a_device_is_measured_in_small_sizes(gpu, monkeypatch, capsys, tmp_path):
    path = tmp_path / "found.json"
    monkeypatch.setattr(gpu, "NEURONS", [(4, 2, 3)])
    words = "--device cpu --most 4 --repeats 1 --parts neurons delays --precisions float32"
    monkeypatch.setattr("sys.argv", ["gpu.py", *words.split(), "--json", str(path)])
    gpu.main()
    neurons, delays = json.loads(path.read_text())["results"]
    assert (neurons["part"], neurons["size"]) == ("neurons", {"steps": 4, "batch": 2, "neurons": 3})
    assert (delays["part"], delays["size"]) == ("delays", {"width": 4, "delay": 4, "batch": 4})
    assert all(result["seconds"].keys() == {"snnsim", "spikingjelly"} for result in (neurons, delays))
    assert len(capsys.readouterr().out.splitlines()) == 1 + 2 + 2


def test_a_size_that_exhausts_the_memory_of_a_device_has_no_time(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "_peak", lambda work, _: None if work is wide else 7)

    def narrow():
        return None

    def wide():
        raise AssertionError

    result = gpu.measured({"snnsim": narrow, "spikingjelly": wide}, 2, "cpu")
    assert result["seconds"]["spikingjelly"] is None
    assert result["bytes"] == {"snnsim": 7, "spikingjelly": None}
    assert (result["time_ratio"], list(result["samples"])) == ({}, ["snnsim"])
    row = {"part": "step", "size": {"batch": 2}, "precision": "tf32"}
    assert "out of memory" in gpu.shown([row | result])


def test_a_case_of_long_delays_has_the_published_sizes(gpu):
    case = gpu.delays_case(512, 1024, steps=20, batch=2)
    assert build.max_delay(case.config) == 1024
    assert case.config.network.hidden == (512, 512)
    frames = case.batch().frames
    assert frames.shape == (20, 2, 700)
    assert 0 < frames.mean() < 0.05
