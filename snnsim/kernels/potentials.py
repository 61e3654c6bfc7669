"""The course of a membrane after one input: a rise and a fall, each an exponential.

K(t) = V₀ (exp(−t / τ) − exp(−t / τ_s)), t ≥ 0        highest, and 1, at t* = τ τ_s / (τ − τ_s) ln(τ / τ_s)
"""

import math


def peak_time(tau: float, tau_s: float) -> float:
    """Return t*, in the unit of the time constants."""
    if not 0 < tau_s < tau:
        raise ValueError(f"tau_s must be positive and shorter than tau; they are {tau_s} and {tau}")
    return tau * tau_s / (tau - tau_s) * math.log(tau / tau_s)


def scale(tau: float, tau_s: float) -> float:
    """Return V₀, with which the highest value is 1."""
    highest = peak_time(tau, tau_s)
    return 1 / (math.exp(-highest / tau) - math.exp(-highest / tau_s))
