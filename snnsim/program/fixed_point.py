"""The arithmetic of a Program in integers."""

from dataclasses import dataclass

from snnsim.validation import integer, require


@dataclass(frozen=True)
class FixedPoint:
    """The arithmetic of membranes in integers, and the bits that a chip stores weights and delays in.

        r = sign(v) ⌊|v| m / 2^decay_bits⌋
        u = clip(r + (I · 2^weight_shift + b), ± (2^(word_bits − 1) − 1))

    Names    v voltage · r its rest after the decay · m integer decay of a population · b bias
             I sum of the integer weights that arrive · u membrane
    Source   the rule of Loihi (lava-nc LIF, "fixed_pt": 12 bits of decay, weights shifted by 6, 24 bit membranes)
    """

    word_bits: int
    """Membranes saturate at ± (2^(word_bits − 1) − 1)."""
    decay_bits: int
    """A decay of 1 is the integer 2^decay_bits."""
    weight_shift: int
    """A weight of 1 adds 2^weight_shift to a membrane."""
    weight_bits: int
    """Bits in which a weight is stored."""
    delay_bits: int
    """Bits in which a delay is stored."""

    def __post_init__(self) -> None:
        ranges = {
            "word_bits": (3, 32),
            "decay_bits": (1, 16),
            "weight_shift": (0, 16),
            "weight_bits": (1, 16),
            "delay_bits": (0, 16),
        }
        for name, (least, most) in ranges.items():
            value = integer(getattr(self, name), who="FixedPoint", name=name)
            require(least <= value <= most, f"FixedPoint: {name} must be from {least} to {most}, not {value}")
            object.__setattr__(self, name, value)

    @property
    def limit(self) -> int:
        """The largest membrane."""
        return (1 << (self.word_bits - 1)) - 1
