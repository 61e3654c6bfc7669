"""Benchmarks of rate networks and of the spiking U-Net: both sides are the same function."""

import pytest

pytest.importorskip("spikingjelly")


def test_rate_networks_are_timed_with_equal_gradients(bench_script, monkeypatch):
    rate = bench_script("rate")
    monkeypatch.setattr(rate, "SIZES", {"3 units": (4, 2, 3)})
    result = rate.measured("3 units", repeats=1, loops=1)
    assert set(result["seconds"]) == {rate.COMPILED, rate.TORCH, rate.PRODUCTS}
    assert result["difference"] < 1e-5
    assert rate.shown([result]).splitlines()[1].startswith("3 units")


def test_the_unet_of_spikingjelly_is_the_same_function(bench_script, monkeypatch):
    unet = bench_script("unet")
    monkeypatch.setattr(unet, "SIZES", {"tiny": (unet.Options(width=4, multipliers=(1, 2)), 8, 3)})
    result = unet.measured("tiny", repeats=1, loops=1)
    assert set(result["seconds"]) == {unet.OURS, unet.LAST, unet.BASELINE, unet.PLAIN}
    assert result["losses"][unet.BASELINE] == pytest.approx(result["losses"][unet.OURS], rel=1e-5)
    assert result["losses"][unet.PLAIN] != pytest.approx(result["losses"][unet.OURS], rel=1e-3)
    assert result["difference"] < 1e-4
    assert unet.shown([result]).splitlines()[1].startswith("tiny")
