"""How much energy a chip would take for the synaptic operations of a run: an estimate, with what it assumes.

    energy = operations · picojoules per operation

Units    picojoules · an operation is one spike that reaches one synapse
Assumes  the chip's published figure holds for this network; neuron updates, leakage, memory of another size, input
         and output count nothing beyond what that figure includes
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """Published energy of one synaptic operation."""

    name: str
    picojoules: float
    assumes: str
    source: str


CHIPS = {
    "loihi": Chip(
        "Intel Loihi",
        23.6,
        "the least energy of a synaptic operation at 0.75 V, 14 nm; neuron updates (52 pJ if inactive) are not in it",
        "Davies et al. 2018, IEEE Micro 38(1):82",
    ),
    "truenorth": Chip(
        "IBM TrueNorth",
        26.0,
        "all active energy over all operations of a network at 20 Hz and 128 synapses per neuron, at 0.775 V, 28 nm",
        "Merolla et al. 2014, Science 345:668",
    ),
    "accumulate": Chip(
        "one 32-bit float addition, 45 nm",
        0.9,
        "arithmetic alone, no memory: a lower bound that papers often give as the energy of a spiking network",
        "Horowitz 2014, ISSCC, pages 10 to 14",
    ),
}


def energy(operations: float, chip: str) -> float:
    """Return the picojoules of this many synaptic operations on a chip."""
    if chip not in CHIPS:
        raise ValueError(f"energy: chip {chip!r} is unknown; the known ones are {', '.join(CHIPS)}")
    return operations * CHIPS[chip].picojoules
