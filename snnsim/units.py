"""Conversions of milliseconds to steps, and of time constants to decays; no other module has them.

    steps = time / dt
    β = 1 − dt / τ        forward Euler: the convention of spikingjelly and of the delay papers
    β = exp(−dt / τ)      exact over one step: the convention of Norse, Sinabs and most chips

Units    time, τ, dt in ms · β is the fraction of the voltage kept over one step
Source   DCLS-Delays quotes τ = 10.05 ms at dt = 10 ms for β = 0.005, which is the Euler form
"""

import math

from snnsim.validation import shown


def to_steps(time_ms: float, time_step_ms: float) -> float:
    """Return a time in steps.

    Args:
        time_ms: A time in ms.
        time_step_ms: Duration of a step in ms.

    Raises:
        ValueError: If the time step is not longer than 0 ms, or the number of steps is not finite.
    """
    if not time_step_ms > 0:
        raise ValueError(f"to_steps: the time step must be longer than 0 ms, not {time_step_ms}")
    try:
        steps = time_ms / time_step_ms
    except OverflowError:
        steps = math.inf
    if not math.isfinite(steps):
        ratio = f"{shown(time_ms)} ms in steps of {shown(time_step_ms)} ms"
        raise ValueError(f"to_steps: a time must be a finite number of steps, not {ratio}")
    return steps


def to_ms(steps: float, time_step_ms: float) -> float:
    """Return a number of steps in ms.

    Args:
        steps: Number of steps, integer or not.
        time_step_ms: Duration of a step in ms.
    """
    return steps * time_step_ms


def to_rate(rate_hz: float, time_step_ms: float) -> float:
    """Return the events per step of a rate.

    Args:
        rate_hz: Events per second, a number or an array.
        time_step_ms: Duration of a step in ms.
    """
    return rate_hz * (time_step_ms / 1000.0)


def euler_decay(tau: float) -> float:
    """Return the decay β = 1 − 1/τ.

    Args:
        tau: Time constant in steps (spikingjelly's `tau`), at least 1.

    Raises:
        ValueError: If the time constant is shorter than a step.
    """
    if not tau >= 1:
        raise ValueError(
            f"tau must be at least 1 step so that 1 - 1/tau keeps a share of the voltage, not {tau}; "
            "give tau in steps (tau_ms / time_step_ms), or the decay itself as beta"
        )
    return 1.0 - 1.0 / tau


def exact_decay(tau: float) -> float:
    """Return the decay β = exp(−1/τ).

    Args:
        tau: Time constant in steps, above 0.

    Raises:
        ValueError: If the time constant is not positive.
    """
    if not tau > 0:
        raise ValueError(f"tau must be positive, not {tau}")
    return math.exp(-1.0 / tau)
