"""Neurons of SpikingJelly in the terms of a Program, with v_reset r (0 for a soft reset).

    LIFNode               h[t] = v[t−1] − (v[t−1] − r) / τ + x[t]      decay_input=False
                          h[t] = v[t−1] + (x[t] − (v[t−1] − r)) / τ    decay_input=True: the gain is 1 / τ
    ParametricLIFNode     the same with 1 / τ = sigmoid(w)
    IFNode                h[t] = v[t−1] + x[t]
    spike                 Θ(h[t] − θ), Θ(0) = 1, as in a Program;  v[t] = r, or h[t] − θ where v_reset is None

    Membranes are counted from r: θ − r is the threshold of the Program.

Source   spikingjelly 2.0
Differs  sums are those of a Program, in another order: a membrane within rounding of θ may fall on the other side
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.interoperability.chain import Converted, Reader, convert
from snnsim.interoperability.layers import array
from snnsim.program import Program


def from_spikingjelly(model: Any, *, input_shape: tuple[int, ...] | None = None, time_step_ms: float = 1.0) -> Program:
    """Return the Program of a trained `torch.nn.Sequential` of layers and neurons of SpikingJelly, with its spikes.

    Layers are those of torch and of `spikingjelly.activation_based.layer`: Linear, Conv1d, Conv2d, AvgPool2d, Flatten,
    batch normalization behind a layer, dropout (left out) and Delay. Neurons are IFNode, LIFNode and
    ParametricLIFNode; NonSpikingIFNode, NonSpikingLIFNode or a linear layer at the end are the readout.

    Args:
        model: The network; it is not changed.
        input_shape: Shape of the input of a step of one recording; None for that of a first linear layer.
        time_step_ms: Length of a step.

    Raises:
        TypeError: If the model is no Sequential.
        ValueError: If a module has no counterpart of equal spikes; the message names all of them.
    """
    return convert(model, _READERS, library="spikingjelly", input_shape=input_shape, time_step_ms=time_step_ms)


def _node(leak: Callable[[Any], float]) -> Reader:
    def read(module: Any) -> Converted:
        share, start = leak(module), module.v_reset
        threshold = float(array(module.v_threshold)) - float(start or 0.0)
        if not threshold > 0:
            raise ValueError(f"its v_threshold must lie above its v_reset, not {threshold:g} from it")
        gain = share if getattr(module, "decay_input", False) else 1.0
        return Converted(1.0 - share, threshold, model="lif_soft" if start is None else "lif_hard", gain=gain)

    return read


def _readout(leak: Callable[[Any], float], *, scaled: bool) -> Reader:
    def read(module: Any) -> Converted:
        if module.decode is not None:
            raise ValueError(f"its decode must be None, which returns every membrane, not {module.decode!r}")
        share = leak(module)
        return Converted(1.0 - share, 1.0, model="readout", gain=share if scaled else 1.0)

    return read


def _lif(module: Any) -> float:
    return 1.0 / float(array(module.tau))


def _parametric(module: Any) -> float:
    return float(1.0 / (1.0 + np.exp(-array(module.w).astype(np.float64))))


def _without(module: Any) -> float:
    del module
    return 0.0


_READERS: dict[str, Reader] = {
    "spikingjelly.IFNode": _node(_without),
    "spikingjelly.LIFNode": _node(_lif),
    "spikingjelly.ParametricLIFNode": _node(_parametric),
    "spikingjelly.NonSpikingIFNode": _readout(_without, scaled=False),
    "spikingjelly.NonSpikingLIFNode": _readout(_lif, scaled=True),
}
