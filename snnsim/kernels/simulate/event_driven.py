"""The event-driven engine: a neuron is computed in the steps in which an event reaches it.

    gap     v ← membrane(v, 0) for every silent step since the neuron was last computed, until nothing changes
    touch   u = membrane(v, Σ of the events, j);  fire, reset, put every synapse into the queue of its step

A neuron that could fire without input is computed in every step: a stochastic neuron, one with a second state variable,
or one whose bias alone carries it over its threshold. So is a neuron whose membrane is recorded. All others pass from
just below the threshold to below it in a silent step (and then stay below, as rounding is monotone), so leaving them
out changes nothing: the spikes and the membranes are those of clock_driven.py, bit for bit, as events are added in the
same order.

A step costs time for its events alone; the queue holds the events on their way, in 8 to 12 bytes each. Loops over
events call no function: passing arrays on counts references, which took 150 ns an event.
"""

from typing import Any

import numpy as np

from snnsim.kernels.common.jit import njit, subroutine
from snnsim.kernels.simulate import convolutions
from snnsim.kernels.simulate.clock_driven import draws, level, membrane
from snnsim.kernels.simulate.event_queue import has_room, keep_pending, push, queue_pending, send
from snnsim.kernels.simulate.record import record_membranes, record_spike
from snnsim.kernels.simulate.two_state import compute_two_state
from snnsim.kernels.simulate.types import (
    HARD,
    READOUT,
    EventArrays,
    EventNetwork,
    EventWork,
    GradedWork,
    Parameters,
    Position,
    Recorder,
    StreamArrays,
)


@subroutine(nogil=True, cache=True)
def _silent(voltage: Any, steps: int, parameters: Parameters, n: int) -> Any:
    """Return the voltage of a neuron after silent steps."""
    for _ in range(steps):
        after = membrane(voltage, parameters.threshold.dtype.type(0), parameters, n)
        if after == voltage:
            break
        voltage = after
    return voltage


@subroutine(nogil=True, cache=True)
def arrive(step: int, network: EventNetwork, work: EventWork | GradedWork) -> None:
    """Add up the events of this step, and put their neurons on the lists of their populations.

    Args:
        step: The step.
        network: The network.
        work: Scratch memory.
    """
    bounds, owner = network.populations.bounds, network.populations.owner
    stamp, touched, listed = work.marks.stamp, work.marks.touched, work.marks.listed
    used, current = work.queue.used, work.current
    slot = step % (used.size - 1)
    targets, values = work.queue.target[slot, : used[slot]], work.queue.value[slot, : used[slot]]
    used[-1] = max(used[-1], used[slot])
    used[slot] = 0
    for index in range(targets.size):
        n = targets[index]
        current[n] += values[index]
        if stamp[n] != step:
            stamp[n] = step
            population = owner[n]
            touched[bounds[population] + listed[population]] = n
            listed[population] += 1


@njit(nogil=True, cache=True)
def fire_by_themselves(below: np.ndarray, parameters: Parameters, result: np.ndarray) -> None:
    """Set whether each neuron may reach its threshold in a silent step.

    Args:
        below: The largest numbers below the thresholds, (neuron,).
        parameters: The parameters of the neurons.
        result: bool (neuron,).
    """
    for n in range(below.size):
        result[n] = _silent(below[n], 1, parameters, n) >= parameters.threshold[n]


@subroutine(nogil=True, cache=True)
def _compute(position: Position, network: EventNetwork, voltage: np.ndarray, work: EventWork) -> int:
    """Compute the listed neurons of a population in this step; return the number of those at their threshold."""
    population, step = position.population, position.step
    parameters, noise, begin = network.parameters, network.noise, network.populations.bounds[population]
    threshold, current, last, fired = parameters.threshold, work.current, work.last, work.marks.fired
    drawn, start = draws(noise, position)
    count = 0
    for n in work.marks.touched[begin : begin + work.marks.listed[population]]:
        before = _silent(voltage[n], step - last[n] - 1, parameters, n)
        voltage[n] = membrane(before, current[n], parameters, n)
        current[n], last[n] = 0, step
        if voltage[n] >= (level(noise, threshold, start, n, begin) if drawn else threshold[n]):
            fired[count] = n
            count += 1
    # in the order of the neurons, so that sums have the order of the clock-driven engine
    fired[:count].sort()
    return count


@subroutine(nogil=True, cache=True)
def _fire(position: Position, count: int, network: EventNetwork, voltage: np.ndarray, work: EventWork) -> None:
    """Reset the first `count` neurons of the list of those that fire."""
    population, step, queue = position.population, position.step, work.queue
    hard, noisy = network.populations.model[population] == HARD, network.noise.noisy[population]
    parameters, threshold = network.parameters, network.parameters.threshold
    for n in work.marks.fired[:count]:
        voltage[n] = 0 if hard else voltage[n] - threshold[n]
        if noisy:
            voltage[n] += network.noise.reset_value[n]
        # an event of weight 0 has the neuron computed in the next step
        if _silent(voltage[n], 1, parameters, n) >= threshold[n]:
            push(queue, (step + 1) % (queue.used.size - 1), n, 0)


@subroutine(nogil=True, cache=True)
def _fire_two_state(
    position: Position, network: EventNetwork, voltage: np.ndarray, work: EventWork, recorder: Recorder
) -> int:
    """Compute all neurons of a population with two state variables; return the number of those that fire."""
    population, step = position.population, position.step
    begin, stop = network.populations.bounds[population], network.populations.bounds[population + 1]
    row = recorder.row[position.recording] + step
    count = compute_two_state(population, row, network, voltage, work.current, recorder, work.marks.fired)
    work.current[begin:stop], work.last[begin:stop] = 0, step
    return count


@subroutine(nogil=True, cache=True)
def _send_spikes(position: Position, count: int, network: EventNetwork, work: EventWork, recorder: Recorder) -> None:
    """Record the spikes of the neurons on the list of those that fire, and queue their events."""
    step, segment, channels = position.step, position.population + 1, network.sizes.channels
    shared, one = convolutions.any_from(network.convolutions, segment), network.parameters.threshold.dtype.type(1)
    for n in work.marks.fired[:count]:
        record_spike(position.recording, channels + n, n, step, recorder)
        send(channels + n, one, step, network.synapses, work.queue)
        if shared:
            convolutions.send(network.convolutions, segment, channels + n, one, step, work.queue)


@subroutine(nogil=True, cache=True)
def _fill_queue(recording: int, parameters: Parameters, state: StreamArrays, work: EventWork) -> None:
    """Fill the queue with the pending events of a recording, and with the neurons that fire without events."""
    voltage, queue, neurons = state.voltage[recording], work.queue, parameters.threshold.size
    queue.used[:], work.current[:], work.last[:], work.marks.stamp[:] = 0, 0, -1, -1
    queue_pending(recording, neurons, state.pending, queue)
    for n in range(neurons):
        if _silent(voltage[n], 1, parameters, n) >= parameters.threshold[n]:
            push(queue, 0, n, 0)


@subroutine(nogil=True, cache=True)
def _finish(recording: int, steps: int, parameters: Parameters, state: StreamArrays, work: EventWork) -> None:
    """Compute every neuron up to the last step, and add up the pending events."""
    voltage, neurons = state.voltage[recording], parameters.threshold.size
    for n in range(neurons):
        voltage[n] = _silent(voltage[n], steps - 1 - work.last[n], parameters, n)
    keep_pending(recording, steps, neurons, state.pending, work.queue)


@subroutine(nogil=True, cache=True)
def _step(
    recording: int, step: int, network: EventNetwork, voltage: np.ndarray, work: EventWork, recorder: Recorder
) -> None:
    """Compute one step of all populations in their order."""
    queue, begin = work.queue, work.begin
    for population in range(network.populations.model.size):
        for n in work.watched[begin[population] : begin[population + 1]]:
            push(queue, step % (queue.used.size - 1), n, 0)
        # with the events that earlier populations have sent without a delay
        arrive(step, network, work)
        position = Position(recording, population, step)
        if network.second.present[population]:
            count = _fire_two_state(position, network, voltage, work, recorder)
        else:
            count = _compute(position, network, voltage, work)
            record_membranes(voltage, population, recorder.row[recording] + step, recorder)
            if network.populations.model[population] == READOUT:
                continue
            _fire(position, count, network, voltage, work)
        _send_spikes(position, count, network, work, recorder)


@njit(nogil=True, cache=True)
def run(
    recording: int, network: EventNetwork, events: EventArrays, state: StreamArrays, work: EventWork,
    recorder: Recorder,
) -> bool:  # fmt: skip
    """Run one recording from its state, and leave its state after the last step.

    Args:
        recording: The recording.
        network: The network.
        events: The input events.
        state: The voltages and pending currents of all recordings.
        work: Scratch memory.
        recorder: The memory for results.

    Returns:
        Whether the queue had room for all events; otherwise state and results are of no use.
    """
    listed, queue = work.marks.listed, work.queue
    event_step, channel, count = events.step, events.channel, events.counts
    event, last = events.indptr[recording], events.indptr[recording + 1]
    shared = convolutions.any_from(network.convolutions, 0)
    _fill_queue(recording, network.parameters, state, work)
    for step in range(events.length[recording]):
        if not has_room(queue):
            return False
        listed[:] = 0
        while event < last and event_step[event] == step:
            send(channel[event], count[event], step, network.synapses, queue)
            if shared:
                convolutions.send(network.convolutions, 0, channel[event], count[event], step, queue)
            event += 1
        if not has_room(queue):
            return False
        _step(recording, step, network, state.voltage[recording], work, recorder)
    if not has_room(queue):
        return False
    _finish(recording, events.length[recording], network.parameters, state, work)
    return True
