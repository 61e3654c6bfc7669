import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels import elementary


@settings(max_examples=300, deadline=None)
@given(st.floats(2.0**-60, 2.0**60))
def test_ln(x):
    assert elementary.ln(x) == pytest.approx(math.log(x), rel=1e-15, abs=3e-16)


@settings(max_examples=300, deadline=None)
@given(st.floats(-700.0, 0.0))
def test_exp(x):
    assert elementary.exp(x) == pytest.approx(math.exp(x), rel=2e-15)


def test_ends():
    assert elementary.exp(-np.inf) == elementary.exp(-1e30) == elementary.exp(-700.0) < 1e-300
    assert (elementary.exp(0.0), elementary.ln(1.0)) == (1.0, 0.0)
