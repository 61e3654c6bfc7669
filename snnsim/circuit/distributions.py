"""Tables of the random numbers of a network: delays in steps, and Poisson spikes in a step.

P(delay = d) = Φ((d + 1/2 − μ) / σ) − Φ((d − 1/2 − μ) / σ) over its sum from d = 1 to 64    normal, rounded to steps
"""

import numpy as np
from scipy import stats

from snnsim.kernels.circuit.alias import COLUMNS, tables
from snnsim.validation import require

_TAIL = 1e-6
"""Largest probability of delays beyond the longest one, which are left out."""


def delays(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the tables of delays less one step, from 0 to 63, uint64 (table, 64).

    Args:
        mean: Means in steps (table,).
        deviation: Standard deviations in steps (table,).

    Raises:
        ValueError: If the distributions reach beyond 64 steps.
    """
    spread = np.maximum(deviation, 1e-9)
    beyond = float(stats.norm.sf(COLUMNS + 0.5, mean, spread).max())
    require(
        beyond <= _TAIL and mean.min() >= 0.5 and deviation.min() >= 0,
        f"delays: means must be at least half a step and delays at most {COLUMNS} steps, not means from "
        f"{mean.min():g} to {mean.max():g} with deviations up to {deviation.max():g}; use longer steps",
    )
    edges = np.arange(COLUMNS + 1)[:, None] + 0.5
    shares = np.diff(stats.norm.cdf(edges, mean, spread), axis=0).T
    return tables(shares / shares.sum(1, keepdims=True))


def spikes(mean: np.ndarray) -> np.ndarray:
    """Return the tables of numbers of Poisson spikes, from 0 to 63, uint64 (table, 64).

    Args:
        mean: Mean numbers (table,), which `Spec` has checked.
    """
    shares = stats.poisson.pmf(np.arange(COLUMNS), mean[:, None])
    return tables(shares / shares.sum(1, keepdims=True))
