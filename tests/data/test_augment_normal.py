"""Normal numbers from uniform ones: the inverse of the distribution, to its last share."""

import numpy as np
from scipy import special

from snnsim.data.augment.normal import normal


def test_normal_numbers_are_the_inverse_of_the_distribution():
    shares = np.concatenate([np.linspace(0.001, 0.999, 999), 2.0 ** -np.arange(2, 54), 1 - 2.0 ** -np.arange(2, 53)])
    numbers = np.array([normal(share) for share in shares])
    np.testing.assert_allclose(numbers, special.ndtri(shares), rtol=1e-13, atol=1e-15)
    assert np.abs(numbers).max() < 8.3
