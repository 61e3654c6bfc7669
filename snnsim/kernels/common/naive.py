"""The definition of the random numbers of counter_rng.py, in Python's integers of any size.

Tests compare the compiled form with it; nothing else imports it.
"""

_BITS, _GAMMA = 2**64 - 1, 0x9E3779B97F4A7C15


def uniform(seed: int, layer: int, recording: int, step: int, neuron: int) -> float:
    """Return r, uniform between 0 and 1: SplitMix64, hash upon hash.

    Args:
        seed: The seed.
        layer: The layer, counted from 0.
        recording: The recording.
        step: The step.
        neuron: The neuron, counted from 0.
    """
    state = mix(seed)
    for number in (layer, recording, step):
        state = mix(state + _GAMMA * number)
    return (mix(state + _GAMMA * (neuron + 1)) // 2**12 + 0.5) / 2**52


def mix(z: int) -> int:
    """Return the hash of SplitMix64 (Steele, Lea, Flood 2014).

    Args:
        z: Integer of any size, of which the lowest 64 bits count.
    """
    z &= _BITS
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _BITS
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _BITS
    return z ^ (z >> 31)
