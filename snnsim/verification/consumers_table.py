"""Who can run what we write: each consumer is a script of its own in `consumers/`, started as a process of its own.

So nothing of them is imported here, a consumer that hangs is stopped, one under another licence stays at arm's length,
and one that needs other versions of packages runs in an environment of its own (`--python`).
"""

from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).parent / "consumers"


@dataclass(frozen=True)
class Consumer:
    """A program that runs files of a target."""

    target: str
    """What it reads; a name of `snnsim.export.TARGETS`."""
    packages: str
    """What `pip install` needs."""
    variants: tuple[str, ...] = ()
    """Which ways to write the target it reads, if not all of them."""
    integers: bool = False
    """Whether it computes Programs in integers as we do; if not, they are compared as floats."""
    counts: bool = False
    """Whether it takes several spikes of a channel in a step; if not, they are one for both sides."""
    seconds: float = 600.0
    """After so long it is stopped."""

    def script(self, name: str) -> Path:
        """Return the script of the consumer that has this name."""
        return SCRIPTS / f"run_{name}.py"


CONSUMERS: dict[str, Consumer] = {
    "nest": Consumer("npz", "nest-simulator"),
    "brian2": Consumer("npz", "'brian2<2.10' 'numpy<2.4'", integers=True),
    "bmtk": Consumer("sonata", "bmtk nest-simulator"),
    "pynn-nest": Consumer("spinnaker", "pynn nest-simulator"),
    "pynn-brian2": Consumer("spinnaker", "pynn 'brian2<2.10' 'numpy<2.4'"),
    "nirtorch": Consumer("nir", "nir nirtorch", ("seq", "fan")),
    "snntorch": Consumer("nir", "nir nirtorch snntorch", ("relay",)),
    "spikingjelly": Consumer("nir", "'spikingjelly[nir]'", ("relay",)),
    "norse": Consumer("nir", "nir nirtorch norse", ("relay",)),
    "c": Consumer("c", "a C compiler (cc)", integers=True, counts=True),
    "brian2-loihi": Consumer(
        "loihi1", '"brian2-loihi" "brian2" "numpy<2.4"', integers=True, counts=True, seconds=7200.0
    ),
    "lava": Consumer("loihi1", '"lava-nc>=0.10" --ignore-requires-python', integers=True, counts=True, seconds=7200.0),
    "netx": Consumer(
        "loihi2", '"lava-dl>=0.6" "lava-nc>=0.10" --ignore-requires-python', integers=True, counts=True, seconds=7200.0
    ),
    "xylo": Consumer("xylo", "rockpool xylosim", integers=True, seconds=3600.0),
}


def readers(target: str, variant: str | None = None) -> list[str]:
    """Return the consumers that read files of a target, in this variant; raises ValueError where there are none."""
    found = [
        name
        for name, consumer in CONSUMERS.items()
        if consumer.target == target and (variant is None or variant in (consumer.variants or (variant,)))
    ]
    if not found:
        known = ", ".join(sorted({consumer.target for consumer in CONSUMERS.values()}))
        raise ValueError(f"verify: no consumer reads {target}; there are some for {known}")
    return found
