"""Bundles of arrays for the two engines.

Shapes   nodes are the input channels and then the neurons
         indptr (node + 1,) · target, delay, offset, weight (synapse,)
Units    delays and steps in steps of the Program
"""

from typing import NamedTuple

import numpy as np

HARD, SOFT, READOUT, DELTA, SIGMA_DELTA = range(5)
"""Models of a population: the reset of its neurons, none for a readout, or the coding of its messages."""


class Sizes(NamedTuple):
    """The sizes of a network."""

    channels: int
    neurons: int
    longest: int
    """The longest delay."""


class OffsetSynapses(NamedTuple):
    """Synapses sorted by source, for the clock-driven engine."""

    indptr: np.ndarray
    """uint64 (node + 1,), the first synapse of each node."""
    offset: np.ndarray
    """delay · neurons + target: the index in the buffer of currents, counted from the row of the spike."""
    weight: np.ndarray


class DelaySynapses(NamedTuple):
    """Synapses sorted by source, for the event-driven engine."""

    indptr: np.ndarray
    """uint64 (node + 1,), the first synapse of each node."""
    target: np.ndarray
    delay: np.ndarray
    weight: np.ndarray


class Convolutions(NamedTuple):
    """Kernels that all positions of a field share; convolutions.py has the equations."""

    indptr_of_segment: np.ndarray
    """int64 (segment + 1,), the first convolution of the input and of each population."""
    geometry: np.ndarray
    """int64 (convolution, 14), the columns that convolutions.py names."""
    indptr: np.ndarray
    """int64 (component + 1,), the first pixel of each component of all convolutions."""
    row: np.ndarray
    """int16 (pixel,), row of the kernel divided by the stride."""
    column: np.ndarray
    """int16 (pixel,), column of the kernel divided by the stride."""
    indptr_of_pixel: np.ndarray
    """int64 (pixel + 1,), the first entry of each pixel."""
    delay: np.ndarray
    """uint16 (entry,)."""
    offset: np.ndarray
    """int64 (entry,), from the target at the quotients of a spike's row and column; with delay · neurons for the
    clock-driven engine."""
    weight: np.ndarray


class FloatParameters(NamedTuple):
    """The parameters of neurons in floating point, (neuron,) each."""

    decay: np.ndarray
    threshold: np.ndarray
    bias: np.ndarray


class FixedParameters(NamedTuple):
    """The parameters of neurons in integers, (neuron,) each, and their fixed-point arithmetic."""

    decay: np.ndarray
    threshold: np.ndarray
    bias: np.ndarray
    shift: int
    """Bits by which a membrane is finer than a weight."""
    bits: int
    """Bits of a decay behind the point."""
    limit: int
    """The largest size of a membrane."""


Parameters = FloatParameters | FixedParameters


class SecondParameters(NamedTuple):
    """The coefficients of neurons with a second state variable; two_state.py has the equations.

    The arrays are (neuron,), in the type of the voltages, or without elements where no model has a second variable.
    """

    present: np.ndarray
    """bool (population,), whether the model of a population has a second variable."""
    feedback: np.ndarray
    gain: np.ndarray
    sensitivity: np.ndarray
    rho: np.ndarray
    coupling: np.ndarray
    jump: np.ndarray
    intake: np.ndarray


class Populations(NamedTuple):
    """The populations in their order of computation."""

    bounds: np.ndarray
    """int64 (population + 1,), the first neuron of each population."""
    model: np.ndarray
    """HARD, SOFT, READOUT, DELTA or SIGMA_DELTA (population,)."""
    owner: np.ndarray
    """int32 (neuron,), the population of each neuron; without elements for the clock-driven engine."""


class Noise(NamedTuple):
    """The noise of neurons."""

    noisy: np.ndarray
    """bool (population,), whether a population is stochastic."""
    scale: np.ndarray
    """Scale of the noise, (neuron,)."""
    reset_value: np.ndarray
    """Added to the voltage after a reset, (neuron,)."""
    drawn: bool
    """Whether thresholds are drawn; otherwise a neuron fires where its probability is at least one half."""
    keys: np.ndarray
    """uint64 (population,), the keys of the random numbers."""
    step: int
    """The step of the stream at which this run starts."""


class ClockNetwork(NamedTuple):
    """A network for the clock-driven engine."""

    synapses: OffsetSynapses
    convolutions: Convolutions
    populations: Populations
    parameters: Parameters
    second: SecondParameters
    noise: Noise
    sizes: Sizes
    rows: int
    """Rows of the buffer of currents, beside those of the longest delay."""


class EventNetwork(NamedTuple):
    """A network for the event-driven engine."""

    synapses: DelaySynapses
    convolutions: Convolutions
    populations: Populations
    parameters: Parameters
    second: SecondParameters
    noise: Noise
    sizes: Sizes


class EventArrays(NamedTuple):
    """The input events, recording after recording, sorted by step."""

    step: np.ndarray
    channel: np.ndarray
    counts: np.ndarray
    indptr: np.ndarray
    """int64 (recording + 1,), the first event of each recording."""
    length: np.ndarray
    """Steps of each recording, (recording,)."""


class StreamArrays(NamedTuple):
    """The state of the recordings, before a run and after it."""

    voltage: np.ndarray
    """(recording, neuron); where a model has a second variable, (recording, 2 · neuron), the voltages first."""
    pending: np.ndarray
    """Currents on their way (recording, delay · neuron), or (0, 0) for none."""


class Recorder(NamedTuple):
    """The memory for results."""

    counts: np.ndarray
    """Spikes of every node, int64 (recording, node)."""
    neurons: np.ndarray
    """The neurons whose membranes are recorded, by population."""
    begin: np.ndarray
    """int64 (population + 1,), the first of these neurons of each population."""
    trace: np.ndarray
    """Membranes, (row, recorded neuron)."""
    row: np.ndarray
    """The first row of each recording in the trace, (recording + 1,)."""
    spike_step: np.ndarray
    """int32 (spike,)."""
    spike_neuron: np.ndarray
    """int32 (spike,)."""
    spike_span: np.ndarray
    """int64 (recording, 2), the index of the next spike of each recording, and the index behind its last."""


class Queue(NamedTuple):
    """The events on their way, in a ring of slots, one slot a step."""

    target: np.ndarray
    """int32 (slot, event)."""
    value: np.ndarray
    """(slot, event)."""
    used: np.ndarray
    """int64 (slot + 1,), the events of each slot, and at the end the most that any slot has had."""


class Marks(NamedTuple):
    """The neurons that events reach in a step."""

    stamp: np.ndarray
    """int32 (neuron,), the step in which an event last reached the neuron."""
    touched: np.ndarray
    """int32 (neuron,), lists of neurons, those of a population from its first neuron on."""
    listed: np.ndarray
    """int64 (population,), the lengths of these lists."""
    fired: np.ndarray
    """int32 (neuron,), the neurons of a population that fire."""


class EventWork(NamedTuple):
    """The scratch memory of the event-driven engine."""

    queue: Queue
    marks: Marks
    current: np.ndarray
    """The sum of the events of this step, (neuron,)."""
    last: np.ndarray
    """int32 (neuron,), the step at which the neuron was last computed."""
    watched: np.ndarray
    """The neurons that are computed in every step, by population."""
    begin: np.ndarray
    """int64 (population + 1,), the first of these neurons of each population."""


class GradedWork(NamedTuple):
    """The scratch memory of networks with graded messages."""

    queue: Queue
    marks: Marks
    current: np.ndarray
    """The sum of the messages of this step, (neuron,)."""
    value: np.ndarray
    """The sum of all messages and the bias, (neuron,)."""
    largest: np.ndarray
    """The largest size of a value so far, (1,)."""
    every: bool
    """Whether every neuron is computed in every step."""


class Position(NamedTuple):
    """A population in a step of a recording."""

    recording: int
    population: int
    step: int
