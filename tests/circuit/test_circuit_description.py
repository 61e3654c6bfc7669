"""The cortical microcircuit: its published numbers, its scaling, and its random numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from snnsim.circuit import Spec, build, distributions, to_lists
from snnsim.circuit.potjans_diesmann import SIZES, spec
from snnsim.kernels.circuit import alias


def test_the_full_network_has_the_published_sizes():
    full = spec()
    assert full.neurons == 77_169
    # Potjans and Diesmann: about 0.3 billion synapses
    assert sum(map(sum, full.synapses)) == pytest.approx(299e6, rel=0.01)
    assert full.weight_pa[0] == pytest.approx((87.8, -351.2, 175.6, -351.2, 87.8, -351.2, 87.8, -351.2))
    assert full.constant_pa == (0.0,) * 8
    assert full.drive_hz[0] == 12_800.0


def test_a_smaller_network_keeps_the_mean_and_the_variance_of_its_input():
    full, small = spec(), spec(0.25)
    rates, tau_s = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829]), 0.5e-3

    def moments(each):
        into = np.array(each.synapses) / np.array(each.sizes)[:, None]
        weight, outside = np.array(each.weight_pa), np.array(each.drive_hz) * np.array(each.drive_weight_pa)
        mean = tau_s * ((into * weight) @ rates + outside) + np.array(each.constant_pa)
        variance = (into * weight**2) @ rates + outside * np.array(each.drive_weight_pa)
        return mean, variance

    for one, other in zip(moments(full), moments(small), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=0.5)


def test_a_constant_current_has_the_mean_of_the_poisson_spikes():
    for scale in (1.0, 0.3):
        poisson, constant = spec(scale), spec(scale, "dc")
        mean = np.array(poisson.drive_hz) * np.array(poisson.drive_weight_pa) * 0.5e-3
        np.testing.assert_allclose(np.array(constant.constant_pa), np.array(poisson.constant_pa) + mean)
        assert constant.drive_hz == (0.0,) * 8


def test_a_description_survives_json():
    small = spec(0.1)
    assert Spec.from_plain(small.to_plain()) == small


def test_synapses_have_the_numbers_and_distributions_of_the_description():
    small = spec(0.05)
    circuit = build(small, seed=7)
    lists = to_lists(circuit.network.synapses, circuit.network.layout)
    owner = np.repeat(np.arange(8), small.sizes)
    counts = np.zeros((8, 8), int)
    np.add.at(counts, (owner[lists.target], owner[lists.source]), 1)
    np.testing.assert_array_equal(counts, small.synapses)
    for population in (0, 1):
        mine = lists.delay[owner[lists.source] == population]
        mean, deviation = small.delay_ms[population] / 0.1, small.delay_sd_ms[population] / 0.1
        edges = np.arange(1, 65)
        shares = np.diff(stats.norm.cdf(np.append(edges, 65) - 0.5, mean, deviation))
        observed = np.bincount(mine, minlength=65)[1:] / len(mine)
        np.testing.assert_allclose(observed, shares / shares.sum(), atol=4 / math.sqrt(len(mine)))
    chosen = lists.weight[(owner[lists.target] == 0) & (owner[lists.source] == 0)]
    assert stats.kstest(chosen, "norm", (small.weight_pa[0][0], small.weight_sd_pa[0][0])).pvalue > 1e-3
    targets = lists.target[owner[lists.target] == 2]
    assert stats.chisquare(np.bincount(targets)[-small.sizes[2] :]).pvalue > 1e-3


def test_seeds_give_different_networks():
    small = replace(spec(0.02), time_step_ms=0.1)
    one, two = (build(small, seed=seed).network.synapses for seed in (0, 1))
    assert not np.array_equal(one.target, two.target)


@pytest.mark.parametrize("mean", [0.0, 1.28, 2.32, 25.0])
def test_alias_tables_have_the_probabilities_of_the_distribution(mean):
    table = distributions.spikes(np.array([mean])).astype(int)
    share = np.zeros(alias.COLUMNS)
    for column in range(alias.COLUMNS):
        lower = table[0, column] // alias.COLUMNS / 2**alias.CUT_BITS
        share[column] += lower / alias.COLUMNS
        share[table[0, column] % alias.COLUMNS] += (1 - lower) / alias.COLUMNS
    np.testing.assert_allclose(share, stats.poisson.pmf(np.arange(64), mean), atol=2**-26)


def test_sizes_are_those_of_one_square_millimeter():
    assert sum(SIZES) == 77_169


def test_weights_fit_into_float32():
    with pytest.raises(ValueError, match=r"weights must stay below 1e38 pA in 10 standard deviations, not 1"):
        replace(spec(0.05), weight_sd_pa=((1e37 + 1e35,) * 8,) * 8)
