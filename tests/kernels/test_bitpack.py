"""Packed spikes come back bit for bit, and all other numbers as equal ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels.delay.bitpack import MOST, packed

DTYPES = {torch.float32: np.uint32, torch.float64: np.uint64}


def bits(values):
    return values.numpy().view(DTYPES[values.dtype])


@st.composite
def counted(draw):
    """Return counts (time, neuron) times one number."""
    shape = draw(st.tuples(st.integers(0, 5), st.integers(0, 19)))
    most = draw(st.sampled_from([1, 2, 7, MOST]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    counts = rng.integers(0, most + 1, shape)
    scale = draw(st.sampled_from([1.0, 1 / 0.7, 2.0**-20, 3e30, 0.1]))
    return torch.from_numpy(counts).to(draw(st.sampled_from(list(DTYPES)))) * scale


@settings(max_examples=150, deadline=None)
@given(counted())
def test_counts_come_back(spikes):
    result = packed(spikes)
    np.testing.assert_array_equal(bits(result.restored(spikes.dtype)), bits(spikes))
    values = torch.full_like(spikes, 7)
    result.into(values)
    np.testing.assert_array_equal(bits(values), bits(spikes))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_spikes_are_one_bit_each(seed, neurons):
    spikes = torch.from_numpy(np.random.default_rng(seed).integers(0, 2, (3, neurons))).float()
    assert packed(spikes).planes.shape == (1, -(-spikes.numel() // 8))
    assert packed(spikes).counted


# without compilation NumPy warns of quotients beyond the largest number
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(width=32), max_size=20), st.sampled_from(list(DTYPES)))
def test_any_numbers_come_back(values, dtype):
    spikes = torch.tensor(values, dtype=dtype)
    # equal numbers, and NaN where NaN came; -0 may come back as 0
    np.testing.assert_array_equal(packed(spikes).restored(dtype), spikes)
