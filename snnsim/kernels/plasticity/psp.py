"""The postsynaptic potential of one input: a rise and a fall, each an exponential.

K(t) = V₀ (exp(−t / τ) − exp(−t / τ_s)), t ≥ 0        highest, and 1, at t* = τ τ_s / (τ − τ_s) ln(τ / τ_s)
"""

import math

from snnsim.validation import number


def peak_time(tau: float, tau_s: float) -> float:
    """Return t*, in the unit of the time constants.

    Args:
        tau: The time constant of the fall.
        tau_s: The time constant of the rise.

    Raises:
        TypeError: If a time constant is no number.
        ValueError: If the rise is not faster than the fall.
    """
    tau, tau_s = number(tau, who="potentials", name="tau"), number(tau_s, who="potentials", name="tau_s")
    if not 0 < tau_s < tau < math.inf:
        raise ValueError(f"tau_s must be positive and shorter than tau; they are {tau_s} and {tau}")
    return tau * tau_s / (tau - tau_s) * math.log(tau / tau_s)


def scale(tau: float, tau_s: float) -> float:
    """Return V₀, with which the highest value is 1.

    Args:
        tau: The time constant of the fall.
        tau_s: The time constant of the rise.

    Raises:
        TypeError: If a time constant is no number.
        ValueError: If the rise is not faster than the fall, or too close to it.
    """
    highest = peak_time(tau, tau_s)
    difference = math.exp(-highest / tau) - math.exp(-highest / tau_s)
    if not difference > 0:
        raise ValueError(
            f"tau_s and tau must be far enough apart for a course of their own; they are {tau_s} and {tau}"
        )
    return 1 / difference
