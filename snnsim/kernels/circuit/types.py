"""Arrays of a large network: the synapses of a source are sorted by delay and target, and targets lie in blocks.

A block is a range of neurons. One thread at a time computes a block: it alone adds to the sums of its neurons, always
in the same order. What arrives in a step comes from the spikes of the last 64 steps: those of d steps ago through their
synapses of delay d. The sums of one step stay in the cache, while a buffer of sums for all coming steps would not.

    first[source, (d − 1) · blocks + block] ≤ number of a synapse − begin[source] < next one in the row

A synapse is 6 bytes: its target within the block as uint16, and its weight as float32. Sums are float64, in which sums
of float32 weights of one size are exact.

Shapes   target, weight (synapse,) · arrays of neurons (neuron,)
Units    weights and currents pA · voltages mV from rest · delays steps
"""

from typing import NamedTuple

import numpy as np

DELAYS = 64
"""Longest delay in steps."""
TARGET_BITS = 26
"""Binary logarithm of the largest number of neurons."""


class Layout(NamedTuple):
    """How neurons lie in blocks."""

    neurons: int
    blocks: int
    size: int
    """Neurons of a block, an even number; the last block may have fewer."""


class Synapses(NamedTuple):
    """The synapses of all sources, in the order of sources, delays and targets."""

    begin: np.ndarray
    """Number of the first synapse of each source, and of all synapses, int64 (source + 1,)."""
    first: np.ndarray
    """Number of the first synapse of each delay and block within the source, uint32 (source, delay · block + 1)."""
    target: np.ndarray
    """Number of the target within its block, uint16 (synapse,)."""
    weight: np.ndarray
    """float32 (synapse,)."""
    longest: np.ndarray
    """Longest delay of each source, 0 for one without synapses, uint8 (source,)."""


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
    bounds: np.ndarray
    """First neuron of each population, and the number of neurons, int64 (population + 1,)."""
    weight: np.ndarray
    """Weight of a spike, float64 (population,)."""
    counts: np.ndarray
    """Tables of the numbers of spikes in a step, see `alias`, uint64 (population, 64)."""


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
    arriving: np.ndarray
    """Weights that arrive in this step, float64 (neuron,)."""
    random: np.ndarray
    """Random bits of this step, uint64 (pair of neurons,)."""
    fired: np.ndarray
    """Neurons that fired in this step, int32 (neuron,); those of a block begin at its first neuron."""
    listed: np.ndarray
    """Their number in each block, int64 (block,)."""
    recent: np.ndarray
    """Neurons of the spikes that may still arrive, in the order of steps and neurons, int32 (room,)."""
    when: np.ndarray
    """Steps of these spikes, int64 (room,)."""
    total: np.ndarray
    """Their number, int64 (1,)."""
    step: np.ndarray
    """The next step, −1 before the first run, int64 (1,)."""


class Recorder(NamedTuple):
    """The spikes of a range of steps."""

    neuron: np.ndarray
    """int32 (spike,)."""
    until: np.ndarray
    """Number of spikes up to the end of each step, int64 (step,)."""
