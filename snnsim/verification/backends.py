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
    "nest": Consumer("npz", "nest-simulator", counts=True),
    "brian2": Consumer("npz", "brian2 'numpy<2.4'", integers=True, counts=True),
    "bmtk": Consumer("sonata", "bmtk nest-simulator", counts=True),
    "pynn-nest": Consumer("spinnaker", "pynn nest-simulator", counts=True),
    "pynn-brian2": Consumer("spinnaker", "pynn brian2 'numpy<2.4'"),
    "c": Consumer("c", "a C compiler (cc)", integers=True, counts=True),
    "brian2-loihi": Consumer(
        "loihi1", '"brian2-loihi" "brian2" "numpy<2.4"', integers=True, counts=True, seconds=7200.0
    ),
    "lava": Consumer("loihi1", '"lava-nc>=0.10" --ignore-requires-python', integers=True, counts=True, seconds=7200.0),
    "netx": Consumer(
        "loihi2", '"lava-dl>=0.6" "lava-nc>=0.10" --ignore-requires-python', integers=True, counts=True, seconds=7200.0
    ),
    "nirtorch": Consumer("nir", "nir nirtorch", ("seq", "fan"), counts=True),
    "snntorch": Consumer("nir", "nir nirtorch snntorch", ("relay",)),
    "spikingjelly": Consumer("nir", "'spikingjelly[nir]'", ("relay",)),
    "norse": Consumer("nir", "nir nirtorch norse", ("relay",)),
    "xylo": Consumer("xylo", "rockpool xylosim", integers=True, seconds=3600.0),
}


def named(name: str) -> Consumer:
    """Return a consumer by its name."""
    if name not in CONSUMERS:
        raise ValueError(f"verify: consumer {name!r} is unknown; the known ones are {', '.join(CONSUMERS)}")
    return CONSUMERS[name]


def readers(target: str, variant: str | None = None, *, asked: str | None = None) -> list[str]:
    """Return the consumers that read files of a target, in this variant, or the one of them that is asked for.

    Raises ValueError where there are none, or where that one is not among them.
    """
    found = [
        name
        for name, consumer in CONSUMERS.items()
        if consumer.target == target and (variant is None or variant in (consumer.variants or (variant,)))
    ]
    if not found:
        known = ", ".join(sorted({consumer.target for consumer in CONSUMERS.values()}))
        raise ValueError(f"verify: no consumer reads {target}; there are some for {known}")
    if asked is None:
        return found
    wanted = named(asked)
    if asked not in found:
        what, given = (" or ".join(wanted.variants), variant) if wanted.target == target else (wanted.target, target)
        raise ValueError(f"verify: {asked} reads {what}, not {given}; what reads this file is {', '.join(found)}")
    return [asked]
