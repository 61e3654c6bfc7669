"""Neurons of snnTorch in the terms of a Program.

    snnTorch              reset r[t] = Θ'(u[t−1] − θ),  Θ'(0) = 0
    subtract              u[t] = β u[t−1] + I[t] − θ r[t]     correction c = β θ' − θ of a Program's soft reset to θ'
    zero                  u[t] = β (1 − r[t]) u[t−1] + I[t]   the hard reset
    none                  u[t] = β u[t−1] + I[t]              c = β θ'
    reset_delay=False     subtract: as a Program, while u ≤ 2 θ; above it the next step resets again, and is refused
    Synaptic              i[t] = α i[t−1] + I[t], u of i; `zero` with reset_delay takes i[t] away, and is refused

Names    θ' the next larger number of the type of θ, as snnTorch fires at u > θ and a Program at u ≥ θ'
Source   snntorch 1.0
Differs  sums are those of a Program, in another order: a membrane within rounding of θ may fall on the other side
"""

from typing import Any

import numpy as np
import torch

from snnsim.interoperability.chain import Converted, Reader, convert
from snnsim.interoperability.layers import array
from snnsim.program import Program

_RESETS = ("subtract", "zero", "none")


def from_snntorch(model: Any, *, input_shape: tuple[int, ...] | None = None, time_step_ms: float = 1.0) -> Program:
    """Return the Program of a trained `torch.nn.Sequential` of layers and neurons of snnTorch, with its spikes.

    Layers are Linear, Conv1d, Conv2d, AvgPool2d, Flatten, batch normalization behind a layer, dropout (left out) and
    SynapticDelay. Neurons are Leaky and Synaptic. The membranes of a linear layer at the end are the readout.

    Args:
        model: The network; it is not changed.
        input_shape: Shape of the input of a step of one recording; None for that of a first linear layer.
        time_step_ms: Length of a step.

    Raises:
        TypeError: If the model is no Sequential.
        ValueError: If a module has no counterpart of equal spikes; the message names all of them.
    """
    return convert(model, _READERS, library="snntorch", input_shape=input_shape, time_step_ms=time_step_ms)


def _leaky(module: Any) -> Converted:
    _check(module)
    threshold, beta = _real(module.threshold), np.clip(array(module.beta), 0, 1).astype(np.float64)
    reset = module.reset_mechanism
    at = np.nextafter(threshold, np.array(np.inf, threshold.dtype)).astype(np.float64)
    # a Program subtracts θ' after the spike, which a step later is β θ'
    corrections = {
        "subtract": beta * at - threshold if module.reset_delay else 0.0,
        "zero": 0.0,
        "none": beta * at,
    }
    return Converted(
        beta,
        at,
        model="lif_hard" if reset == "zero" else "lif_soft",
        correction=corrections[reset],
        factor=getattr(module, "graded_spikes_factor", 1.0),
        below_twice=reset == "subtract" and not module.reset_delay,
    )


def _real(value: Any) -> np.ndarray:
    """Return floats, in their own type; snnTorch keeps an integer as it is."""
    values = array(value)
    return values if values.dtype.kind == "f" else values.astype(np.float32)


def _synaptic(module: Any) -> Converted:
    if module.reset_mechanism == "zero" and module.reset_delay:
        raise ValueError("its reset 'zero' takes the current of a step away; only reset_delay=False has an equal")
    return _leaky(module)._replace(current=np.clip(array(module.alpha), 0, 1).astype(np.float64))


def _check(module: Any) -> None:
    """Refuse options without an equal.

    Raises:
        ValueError: If the module has one; the message names it.
    """
    if module.inhibition:
        raise ValueError("inhibition=True lets one neuron fire, and a Program has no such rule")
    if module.state_quant:
        raise ValueError("state_quant rounds the state in each step, and a Program only its parameters")
    if module.reset_mechanism not in _RESETS:
        raise ValueError(f"its reset must be one of {', '.join(_RESETS)}, not {module.reset_mechanism!r}")
    if module.reset_mechanism == "none" and not module.reset_delay:
        raise ValueError("reset_delay=False says nothing where there is no reset")
    tiny = torch.tensor([-1.0, -1e-4, 0.0, 1e-4, 1.0])
    with torch.no_grad():
        fired = module.spike_grad(tiny).tolist()
    if fired != [0, 0, 0, 1, 1]:
        raise ValueError(f"its spike_grad must be a step in the forward pass, and gives {fired} for {tiny.tolist()}")
    if not (array(module.threshold) > 0).all():
        raise ValueError(f"its threshold must be above 0, not {array(module.threshold).min():g}")


_READERS: dict[str, Reader] = {"snntorch.Leaky": _leaky, "snntorch.Synaptic": _synaptic}
