"""Estimates of the energy of the synaptic operations of a run on a chip, with their assumptions.

    energy = operations · picojoules per operation

Units    picojoules · an operation is one spike that reaches one synapse
Source   none of the three papers could be opened. Figures and conditions were compared with quotations: the figure of
         Loihi is also in PMC10326429, table 3, and the title of its table, its "(min)" and its neuron updates are
         quoted in public notes on Davies et al., page 96; the sentence on TrueNorth is quoted from Merolla et al., and
         72 mW / (2^20 neurons · 20 Hz · 128 synapses) is 26.8 pJ; the table of Horowitz is in PMC8934428, table 3

An estimate assumes that the published figure of the chip holds for this network. Neuron updates, leakage, memory of
another size, input and output count only as far as the figure includes them. The three figures include different
costs, so they are no ranking of chips.
"""

from dataclasses import dataclass

from snnsim.validation import real, shown


@dataclass(frozen=True)
class Chip:
    """The published energy of one synaptic operation on a chip."""

    name: str
    picojoules: float
    """Energy of one synaptic operation."""
    assumes: str
    """Costs that the figure includes, and conditions of the measurement."""
    source: str
    """Publication of the figure."""


CHIPS = {
    "loihi": Chip(
        "Intel Loihi",
        23.6,
        "the least energy of a synaptic operation, simulated before there was silicon, 14 nm at 0.75 V; it includes no "
        "neuron updates (81 pJ if active, 52 pJ if not), no traffic between cores, no leakage",
        "Davies et al. 2018, IEEE Micro 38(1):82, table 2",
    ),
    "truenorth": Chip(
        "IBM TrueNorth",
        26.0,
        "all power of the chip, leakage and neuron updates included, over the operations of a network at 20 Hz and 128 "
        "synapses per neuron; measured, 28 nm at 0.775 V; less where more spikes share the chip",
        "Merolla et al. 2014, Science 345:668, figure 4C",
    ),
    "accumulate": Chip(
        "one 32-bit float addition",
        0.9,
        "arithmetic alone, 45 nm at 0.9 V (0.1 pJ for 32-bit integers), no memory: a lower bound that papers often "
        "give as the energy of a spiking network",
        "Horowitz 2014, ISSCC, pages 10 to 14",
    ),
}
MULTIPLICATION_PJ = 3.7
"""Energy of one multiplication of 32-bit floats, of the same table as CHIPS["accumulate"]."""


def energy(operations: float, chip: str) -> float:
    """Return the energy of synaptic operations on a chip, in picojoules.

    Args:
        operations: Number of operations, at least 0.
        chip: A name in CHIPS.

    Raises:
        TypeError: If `operations` is no number.
        ValueError: If the chip is unknown, or `operations` is out of its range.
    """
    if not (isinstance(chip, str) and chip in CHIPS):
        raise ValueError(f"energy: chip {shown(chip)} is unknown; the known ones are {', '.join(CHIPS)}")
    return real(operations, who="energy", name="operations", at_least=0) * CHIPS[chip].picojoules
