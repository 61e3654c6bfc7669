"""The decay of the voltage over one step, fixed or learned, as `tau` or as `beta`.

    β = 1 − 1/τ          `tau` in steps, spikingjelly's convention
    β = sigmoid(λ)       when learned: λ is the parameter, so β stays between 0 and 1

Source   learned decay through a sigmoid: PLIF (Fang et al. 2021, ICCV)
"""

import math

from snnsim import units, validation
from snnsim.nn.parameters import Fraction, Learn

DEFAULT_TAU = 2.0


class Decay(Fraction):
    """The decay β, one number for a layer or one for each neuron; `decay()` returns it, (1,) or (neuron,).

    Args:
        tau: Time constant in steps; give `tau` or `beta`, or neither for τ = 2.
        beta: The decay itself, from 0 to 1.
        learn: "fixed", or trained with one value for the "layer" or one for each "neuron".
        features: Number of neurons, needed for "neuron".
        names: Names of the arguments for the time constant and the decay, for messages.
    """

    def __init__(
        self,
        *,
        tau: float | None,
        beta: float | None,
        learn: Learn = "fixed",
        features: int | None = None,
        names: tuple[str, str] = ("tau", "beta"),
    ) -> None:
        super().__init__(decay_value(tau, beta, names), name="decay", learn=learn, features=features)


def decay_value(tau: float | None, beta: float | None, names: tuple[str, str] = ("tau", "beta")) -> float:
    """Return β, which is `beta` or follows from `tau`.

    Args:
        tau: Time constant in steps, or None.
        beta: The decay, or None; without both, τ = 2.
        names: Names of both arguments, for messages.

    Raises:
        TypeError: If the argument is no number.
        ValueError: If both are given, or one is outside of its range.
    """
    time_constant, decay = names
    if tau is not None and beta is not None:
        raise ValueError(
            f"give {time_constant} or {decay}, not both ({time_constant}={tau}, {decay}={beta}; "
            f"{decay} = 1 - 1/{time_constant})"
        )
    if beta is None:
        steps = validation.number(DEFAULT_TAU if tau is None else tau, who="decay", name=time_constant)
        if steps == math.inf:
            raise ValueError(
                f"decay: {time_constant} must be a finite number of steps, not inf; {decay}=1 is for neurons without "
                "leak"
            )
        return units.euler_decay(steps)
    value = validation.number(beta, who="decay", name=decay)
    if not 0 <= value <= 1:
        raise ValueError(
            f"{decay} must be between 0 and 1, not {value}; it is the factor that the voltage keeps in a step"
        )
    return value
