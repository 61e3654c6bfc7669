"""The cortical microcircuit of Potjans and Diesmann: 1 mm² of four layers, excitatory and inhibitory neurons in each.

    synapses = ln(1 − p) / ln(1 − 1 / (N_target N_source))        p: probability that a pair has a synapse or more

A network of scale s has s N neurons and s as many synapses into each. Weights grow by 1 / √s, and a constant current

    τ_syn (1 − √s) (Σ ν K w + ν_ext K_ext w_ext)                   ν: rates at full scale, K: synapses into a neuron

keeps the mean input; its variance stays by the weights. Correlations grow with 1 / s.

Source   Potjans and Diesmann 2014, Cereb. Cortex 24:785, tables 4 and 5 · scaling: van Albada, Helias, Diesmann 2015,
         PLoS Comput. Biol. 11:e1004490 · initial voltages and rates: the example of NEST
"""

import math

from snnsim.circuit.spec import Neuron, Row, Spec
from snnsim.validation import one_of, require

NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
PROBABILITIES = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443),
)
"""Probability of a connection (target population, source population)."""
EXTERNAL = (1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100)
"""Synapses from outside into each neuron."""
RATES_HZ = (0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829)
"""Mean rates at full scale."""
START_MV = (-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43)
START_SD_MV = (5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48)
EXTERNAL_HZ = 8.0
WEIGHT_PA = 87.8
RELATIVE_WEIGHT_SD = 0.1
INHIBITION = -4.0
"""Weights of inhibitory sources relative to those of excitatory ones."""
DELAYS_MS = (1.5, 0.75)
"""Mean delays of excitatory and of inhibitory sources."""
RELATIVE_DELAY_SD = 0.5
DRIVES = ("poisson", "dc")


def spec(scale: float = 1.0, drive: str = "poisson") -> Spec:
    """Return the network.

    Args:
        scale: Share of neurons, and of synapses into each, above 0 and at most 1.
        drive: "poisson" for random spikes from outside, "dc" for their mean as a constant current.

    Raises:
        ValueError: If the scale or the drive is out of range.
    """
    require(0 < scale <= 1, f"spec: the scale must be above 0 and at most 1, not {scale:g}")
    one_of(drive, DRIVES, who="spec", name="drive")
    poisson, root = drive == "poisson", math.sqrt(scale)
    weights = tuple(tuple(weight / root for weight in row) for row in _weights())
    external = [count * EXTERNAL_HZ for count in EXTERNAL]
    return Spec(
        names=NAMES,
        sizes=tuple(max(1, round(size * scale)) for size in SIZES),
        synapses=tuple(tuple(round(number * scale * scale) for number in row) for row in synapses()),
        weight_pa=weights,
        weight_sd_pa=tuple(tuple(RELATIVE_WEIGHT_SD * abs(weight) for weight in row) for row in weights),
        delay_ms=DELAYS_MS * 4,
        delay_sd_ms=tuple(RELATIVE_DELAY_SD * delay for delay in DELAYS_MS) * 4,
        drive_hz=tuple(rate * scale if poisson else 0.0 for rate in external),
        drive_weight_pa=(WEIGHT_PA / root,) * 8,
        constant_pa=_constant(scale, external, poisson),
        start_mv=START_MV,
        start_sd_mv=START_SD_MV,
    )


def synapses() -> tuple[Row, ...]:
    """Return the mean numbers of synapses at full scale (target population, source population)."""
    return tuple(
        tuple(
            math.log1p(-probability) / math.log1p(-1 / (target * source)) if probability else 0.0
            for probability, source in zip(row, SIZES, strict=True)
        )
        for row, target in zip(PROBABILITIES, SIZES, strict=True)
    )


def _weights() -> list[list[float]]:
    """Return the mean weights at full scale; those from L4E to L23E are twice as large."""
    rows = [[WEIGHT_PA, INHIBITION * WEIGHT_PA] * 4 for _ in NAMES]
    rows[NAMES.index("L23E")][NAMES.index("L4E")] *= 2
    return rows


def _constant(scale: float, external: list[float], poisson: bool) -> Row:
    """Return the currents that keep the mean input, and that replace Poisson spikes where there are none."""
    currents, tau_s = [], Neuron().tau_syn_ms / 1000
    for target, (size, numbers, weights) in enumerate(zip(SIZES, synapses(), _weights(), strict=True)):
        recurrent = sum(
            rate * number / size * weight for rate, number, weight in zip(RATES_HZ, numbers, weights, strict=True)
        )
        outside = external[target] * WEIGHT_PA
        lost = (1 - math.sqrt(scale)) * recurrent + (1 - math.sqrt(scale) if poisson else 1.0) * outside
        currents.append(tau_s * lost)
    return tuple(currents)
