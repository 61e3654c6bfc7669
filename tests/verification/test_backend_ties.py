"""Sums that equal the threshold are spikes in every backend."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.interpreters import python_with
from snnsim import export, verification
from snnsim.verification import BACKENDS, networks

READERS = [
    ("c", "ties", []),
    ("brian2", "eighths", ["brian2"]),
    ("nest", "eighths", ["nest"]),
    ("bmtk", "eighths", ["bmtk", "nest"]),
    ("pynn-nest", "eighths", ["pyNN", "nest"]),
    ("pynn-brian2", "eighths", ["pyNN", "brian2"]),
    ("nirtorch", "eighths", ["nir", "nirtorch"]),
    ("norse", "eighths", ["nir", "nirtorch", "norse"]),
    ("snntorch", "halves", ["nir", "nirtorch", "snntorch"]),
    ("spikingjelly", "halves", ["nir", "spikingjelly"]),
    ("brian2-loihi", "below", ["brian2_loihi"]),
]


def network(kind):
    """Return a made network that meets its thresholds; `halves` has one decay, `below` may not fire where it does."""
    program = networks.ties(floats=kind in ("eighths", "halves"))
    changed = {
        "halves": lambda part: replace(part, decay=np.full(part.size, 0.5)),
        # Loihi fires above a mantissa
        "below": lambda part: replace(part, threshold=part.threshold + 1),
    }.get(kind, lambda part: part)
    return replace(program, populations=tuple(map(changed, program.populations)))


@pytest.mark.parametrize("kind", ["ties", "eighths", "halves", "below"])
def test_the_networks_meet_their_thresholds(kind):
    program = network(kind)
    counted = program
    if kind == "below":
        # one less is what Loihi compares with
        counted = replace(
            program, populations=tuple(replace(part, threshold=part.threshold - 1) for part in program.populations)
        )
    assert networks.threshold_hits(counted, networks.recordings(program, 2, steps=80)) > 20


@pytest.mark.parametrize(
    ("backend", "kind", "modules"), READERS, ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_backend_fires_at_the_threshold(tmp_path, backend, kind, modules):
    chosen, program = BACKENDS[backend], network(kind)
    python = python_with(*modules, install=chosen.packages)
    path = tmp_path / f"made{export.TARGETS[chosen.target].suffix}"
    export.write(program, chosen.target, path, **({"encoding": chosen.variants[0]} if chosen.variants else {}))
    events = networks.recordings(program, 2, steps=80)
    report = verification.verify(path, export.read(chosen.target, path), events, backend=backend, python=python)
    assert all(layer.spikes_equal == layer.spikes_total > 50 for layer in report.layers), report
