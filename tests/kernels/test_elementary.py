import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.kernels.common import portable_math


@settings(max_examples=300, deadline=None)
@given(st.floats(2.0**-60, 2.0**60))
def test_ln(x):
    assert portable_math.ln(x) == pytest.approx(math.log(x), rel=1e-15, abs=3e-16)


@settings(max_examples=300, deadline=None)
@given(st.floats(-700.0, 0.0))
def test_exp(x):
    assert portable_math.exp(x) == pytest.approx(math.exp(x), rel=2e-15)


def test_ends():
    assert portable_math.exp(-np.inf) == portable_math.exp(-1e30) == portable_math.exp(-700.0) < 1e-300
    assert (portable_math.exp(0.0), portable_math.ln(1.0)) == (1.0, 0.0)
