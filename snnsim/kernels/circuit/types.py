"""Arrays of a large network: neurons lie in blocks, and the synapses of a source are sorted by the blocks of targets.

A block is a range of 2^b neurons whose sums of arriving weights for all coming steps, (slot, neuron), stay in the
cache. One thread at a time computes a block: it alone adds to these sums, and always in the same order.

    place = delay · 2^b + (target mod 2^b)                          in the block of the target
    sum   = sums[block, (step · 2^b + place) mod (slots · 2^b)]     what arrives at step + delay

A synapse is 8 bytes: its place, and its weight as float32. Sums are float64, in which sums of float32 weights of one
size are exact.

Shapes   place, weight (synapse,) · first (source · blocks + 1,) · arrays of neurons (neuron,)
Units    weights and currents pA · voltages mV from rest · delays steps
"""

from typing import NamedTuple

import numpy as np

from snnsim.kernels.circuit.alias import AliasTables


class Layout(NamedTuple):
    """How neurons lie in blocks."""

    neurons: int
    blocks: int
    block_bits: int
    """The binary logarithm of the number of neurons of a block."""
    slot_bits: int
    """The binary logarithm of the number of slots, which is the longest delay in steps."""


class Synapses(NamedTuple):
    """The synapses of all sources, in the order of sources, blocks, delays and targets."""

    first: np.ndarray
    """Number of the first synapse of each source into each block, int64 (source · blocks + 1,)."""
    place: np.ndarray
    """Delay and target, uint32 (synapse,)."""
    weight: np.ndarray
    """float32 (synapse,)."""


class Neurons(NamedTuple):
    """The equation of all neurons: leaky integrate-and-fire with an exponential current.

    u ← p22 u + p21 i + constant outside of the refractory time;  i ← p11 i + arriving weights;  a spike at u ≥ θ
    """

    p11: float
    p21: float
    p22: float
    threshold: float
    reset: float
    refractory: int
    """Steps after a spike in which the voltage stays at its reset."""
    constant: np.ndarray
    """What a constant current adds to the voltage in a step, float64 (neuron,)."""


class Drive(NamedTuple):
    """Poisson spikes from outside, a number in each step for each neuron."""

    present: bool
    key: np.uint64
    """Hash of the seed."""
    owner: np.ndarray
    """Population of each neuron, uint8 (neuron,)."""
    weight: np.ndarray
    """Weight of a spike, float64 (population,)."""
    counts: AliasTables
    """Numbers of spikes in a step, a table for each population."""


class Network(NamedTuple):
    """A network."""

    layout: Layout
    neurons: Neurons
    drive: Drive
    synapses: Synapses


class State(NamedTuple):
    """What changes from step to step."""

    voltage: np.ndarray
    """float64 (neuron,)."""
    current: np.ndarray
    """float64 (neuron,)."""
    waiting: np.ndarray
    """Steps of the refractory time that are left, int32 (neuron,)."""
    sums: np.ndarray
    """Weights that arrive in the coming steps, float64 (block, slots · neurons of a block)."""
    fired: np.ndarray
    """Neurons that fired in this step, int32 (neuron,); those of a block begin at its first neuron."""
    count: np.ndarray
    """Their number in each block, int32 (block,)."""
    spikes: np.ndarray
    """Neurons that fired in the last step, int32 (neuron,)."""
    total: np.ndarray
    """Their number, int64 (1,)."""


class Recorder(NamedTuple):
    """The spikes of a range of steps."""

    neuron: np.ndarray
    """int32 (spike,)."""
    until: np.ndarray
    """Number of spikes up to the end of each step, int64 (step,)."""
