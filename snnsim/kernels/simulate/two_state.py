"""Neurons of a Program with a second state variable, for both engines: one form of all models.

    y = (I + b̂) + f w        u = β v + e y        s = Θ(u − (θ + κ w))
    v = u (1 − s)  (hard)   or   u − (θ + κ w) s  (soft)
    w ← ((ρ w + a v) + b s) + c y                with the new v

In integers, all coefficients but b have a fixed point; their products are rounded towards 0, and y, u and w saturate:

    y = clip((I 2^shift + b̂) + ⌊f w⌋)        u = clip(⌊β v⌋ + ⌊e y⌋)        ⌊m x⌋ = sign(m x) ⌊|m x| / 2^bits⌋

The event-driven engine computes these neurons in every step, too, as two coupled variables change in silent steps.

Names    β, θ, b̂ decay, threshold and bias · f feedback · e gain · κ sensitivity · a coupling · b jump · c intake
"""

from typing import Any

import numpy as np
from numba.extending import overload

from snnsim.kernels.common.jit import subroutine
from snnsim.kernels.simulate.record import record_membranes
from snnsim.kernels.simulate.types import (
    HARD,
    ClockNetwork,
    EventNetwork,
    FixedParameters,
    Parameters,
    Recorder,
    SecondParameters,
)


def inputs(current: Any, w: Any, parameters: Parameters, second: SecondParameters, n: int) -> Any:
    """Return y of a neuron.

    Args:
        current: The sum of the events of the step.
        w: The second variable before the step.
        parameters: The parameters of all neurons, which decide between floats and integers.
        second: The coefficients of all neurons.
        n: The neuron.
    """
    fixed = isinstance(parameters, FixedParameters)
    return (_fixed_inputs if fixed else _float_inputs)(current, w, parameters, second, n)


def membrane(v: Any, y: Any, parameters: Parameters, second: SecondParameters, n: int) -> Any:
    """Return u of a neuron.

    Args:
        v: The voltage before the step.
        y: The result of `inputs`.
        parameters: The parameters of all neurons.
        second: The coefficients of all neurons.
        n: The neuron.
    """
    fixed = isinstance(parameters, FixedParameters)
    return (_fixed_membrane if fixed else _float_membrane)(v, y, parameters, second, n)


def level(w: Any, parameters: Parameters, second: SecondParameters, n: int) -> Any:
    """Return the threshold of a neuron, θ + κ w.

    Args:
        w: The second variable before the step.
        parameters: The parameters of all neurons.
        second: The coefficients of all neurons.
        n: The neuron.
    """
    fixed = isinstance(parameters, FixedParameters)
    return (_fixed_level if fixed else _float_level)(w, parameters, second, n)


def after(v: Any, w: Any, y: Any, fired: bool, parameters: Parameters, second: SecondParameters, n: int) -> Any:
    """Return w of a neuron after a step.

    Args:
        v: The voltage after the step.
        w: The second variable before the step.
        y: The result of `inputs`.
        fired: Whether the neuron fires.
        parameters: The parameters of all neurons.
        second: The coefficients of all neurons.
        n: The neuron.
    """
    fixed = isinstance(parameters, FixedParameters)
    return (_fixed_after if fixed else _float_after)(v, w, y, fired, parameters, second, n)


# Numba compares the annotations of the forms of an overload
@overload(inputs, inline="never")
def _inputs(current: Any, w: Any, parameters: Any, second: Any, n: Any) -> Any:  # noqa: ARG001
    return _fixed_inputs if parameters.instance_class is FixedParameters else _float_inputs


@overload(membrane, inline="never")
def _membrane(v: Any, y: Any, parameters: Any, second: Any, n: Any) -> Any:  # noqa: ARG001
    return _fixed_membrane if parameters.instance_class is FixedParameters else _float_membrane


@overload(level, inline="never")
def _level(w: Any, parameters: Any, second: Any, n: Any) -> Any:  # noqa: ARG001
    return _fixed_level if parameters.instance_class is FixedParameters else _float_level


@overload(after, inline="never")
def _after(v: Any, w: Any, y: Any, fired: Any, parameters: Any, second: Any, n: Any) -> Any:  # noqa: ARG001
    return _fixed_after if parameters.instance_class is FixedParameters else _float_after


def _float_inputs(current: Any, w: Any, parameters: Any, second: Any, n: Any) -> Any:
    return (current + parameters.bias[n]) + second.feedback[n] * w


def _float_membrane(v: Any, y: Any, parameters: Any, second: Any, n: Any) -> Any:
    return parameters.decay[n] * v + second.gain[n] * y


def _float_level(w: Any, parameters: Any, second: Any, n: Any) -> Any:
    return parameters.threshold[n] + second.sensitivity[n] * w


def _float_after(v: Any, w: Any, y: Any, fired: Any, parameters: Any, second: Any, n: Any) -> Any:  # noqa: ARG001
    # a literal 0 would turn float32 into float64
    jump = second.jump[n] if fired else second.jump[n] - second.jump[n]
    return ((second.rho[n] * w + second.coupling[n] * v) + jump) + second.intake[n] * y


@subroutine(cache=True)
def _product(m: Any, x: Any, bits: int) -> Any:
    """Return m x / 2^bits, rounded towards 0."""
    product = np.int64(m) * np.int64(x)
    # a shift of a negative number would round away from 0
    size = abs(product) >> bits
    return size if product >= 0 else -size


@subroutine(cache=True)
def _clip(x: int, limit: int) -> int:
    return min(max(x, -limit), limit)


def _fixed_inputs(current: Any, w: Any, parameters: Any, second: Any, n: Any) -> Any:
    total = (np.int64(current) << parameters.shift) + parameters.bias[n]
    return _clip(total + _product(second.feedback[n], w, parameters.bits), parameters.limit)


def _fixed_membrane(v: Any, y: Any, parameters: Any, second: Any, n: Any) -> Any:
    bits = parameters.bits
    return _clip(_product(parameters.decay[n], v, bits) + _product(second.gain[n], y, bits), parameters.limit)


def _fixed_level(w: Any, parameters: Any, second: Any, n: Any) -> Any:
    return parameters.threshold[n] + _product(second.sensitivity[n], w, parameters.bits)


def _fixed_after(v: Any, w: Any, y: Any, fired: Any, parameters: Any, second: Any, n: Any) -> Any:
    bits, jump = parameters.bits, second.jump[n] if fired else 0
    total = _product(second.rho[n], w, bits) + _product(second.coupling[n], v, bits) + jump
    return _clip(total + _product(second.intake[n], y, bits), parameters.limit)


@subroutine(nogil=True, cache=True)
def compute_two_state(
    population: int, row: int, network: ClockNetwork | EventNetwork, voltage: np.ndarray, current: np.ndarray,
    recorder: Recorder, fired: np.ndarray,
) -> int:  # fmt: skip
    """Compute a step of a population with two state variables; return the number of its neurons that fire.

    Args:
        population: The population.
        row: The row of the step in the trace.
        network: The network.
        voltage: The voltages of all neurons, and behind them their second variables.
        current: The sum of the events of the step, (neuron,).
        recorder: The memory for results.
        fired: The neurons that fire, to be set, in ascending order.
    """
    parameters, second, neurons = network.parameters, network.second, network.sizes.neurons
    begin, stop = network.populations.bounds[population], network.populations.bounds[population + 1]
    hard, count = network.populations.model[population] == HARD, 0
    for n in range(begin, stop):
        y = inputs(current[n], voltage[neurons + n], parameters, second, n)
        voltage[n] = membrane(voltage[n], y, parameters, second, n)
    record_membranes(voltage, population, row, recorder)
    for n in range(begin, stop):
        w = voltage[neurons + n]
        y, threshold = inputs(current[n], w, parameters, second, n), level(w, parameters, second, n)
        spike = voltage[n] >= threshold
        if spike:
            voltage[n] = 0 if hard else voltage[n] - threshold
            fired[count] = n
            count += 1
        voltage[neurons + n] = after(voltage[n], w, y, spike, parameters, second, n)
    return count
