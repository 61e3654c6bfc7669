"""A graph of populations, event by event: a neuron is computed in the steps in which something reaches it.

    gap     v ← membrane(v, 0) for every silent step since it was last computed, until nothing changes
    touch   u = membrane(v, Σ of what arrives, j);  fire, reset, put every synapse into the queue of its step

A neuron that could fire without input, by chance, or as its bias alone carries it over its threshold, is computed in
every step; so are those whose membrane is recorded. All others pass from just below the threshold to below it in a
silent step (what is below then stays below, as rounding is monotone), so leaving them out changes nothing: the same
spikes and the same membranes as the engine in events.py, bit for bit, since what arrives is added in the same order.

Shapes   first (node + 1,) · target, delay, weight (synapse,) · queued, value (slot, event) · used (slot + 1,), the
         last one the most that a slot had no room for; slots are a ring of steps
Names    marks: the step in which something last arrived at each neuron, the populations' lists of such neurons, their
         lengths, who fired; work: the queue, what has arrived, the step in which each neuron was last computed
Cost     a step takes time for its events alone; the queue holds what is on its way, 8 to 12 bytes an event. Loops over
         events call nothing: handing arrays on counts references, which took 150 ns an event
"""

from numba import njit

from snnsim.kernels.simulate.clock_driven import HARD, READOUT, draws, level, membrane, record_membranes, record_spike


@njit(nogil=True, cache=True)
def _silent(voltage, steps, numbers, n):
    for _ in range(steps):
        after = membrane(voltage, numbers[1].dtype.type(0), numbers, n)
        if after == voltage:
            break
        voltage = after
    return voltage


@njit(nogil=True, cache=True)
def _push(queue, slot, target, weight):
    """Put an event into a slot, or only count it if the slot is full."""
    queued, value, used = queue
    place = used[slot]
    used[slot] = place + 1
    if place < queued.shape[1]:
        queued[slot, place], value[slot, place] = target, weight


@njit(nogil=True, cache=True)
def _send(spike, network, queue):
    """Queue what a spike brings to each target; without a delay into the slot of this step."""
    node, count, step = spike
    first, target, delay, weight, _ = network
    queued, value, used = queue
    ring = used.size - 1
    now = step % ring
    for synapse in range(first[node], first[node + 1]):
        slot = now + delay[synapse]
        slot = slot - ring if slot >= ring else slot
        place = used[slot]
        used[slot] = place + 1
        if place < queued.shape[1]:
            queued[slot, place], value[slot, place] = target[synapse], count * weight[synapse]


@njit(nogil=True, cache=True)
def _arrive(step, graph, marks, work):
    """Add up what the queue holds for this step, and put the neurons on their populations' lists."""
    (bounds, _, _, owner), (stamp, touched, listed, _) = graph, marks
    (queued, value, used), current, _ = work
    slot = step % (used.size - 1)
    targets, values = queued[slot, : used[slot]], value[slot, : used[slot]]
    used[-1] = max(used[-1], used[slot])
    used[slot] = 0
    for place in range(targets.size):
        n = targets[place]
        current[n] += values[place]
        if stamp[n] != step:
            stamp[n] = step
            population = owner[n]
            touched[bounds[population] + listed[population]] = n
            listed[population] += 1


@njit(nogil=True, cache=True)
def _has_room(queue):
    return queue[2].max() <= queue[0].shape[1]


@njit(nogil=True, cache=True)
def fire_by_themselves(below, numbers, found):
    """Find the neurons that may reach their threshold in a silent step from `below`, the number just below it."""
    for n in range(below.size):
        found[n] = _silent(below[n], 1, numbers, n) >= numbers[1][n]


@njit(nogil=True, cache=True)
def _compute(now, neuron, voltage, marks, work):
    """Bring the listed neurons of a population to this step; return how many are at their threshold."""
    _, population, step = now
    (bounds, _, noise, _), numbers = neuron
    drawn, start = draws(noise, now)
    _, touched, listed, fired = marks
    _, current, last = work
    begin, found = bounds[population], 0
    for n in touched[begin : begin + listed[population]]:
        before = _silent(voltage[n], step - last[n] - 1, numbers, n)
        voltage[n] = membrane(before, current[n], numbers, n)
        current[n], last[n] = 0, step
        if voltage[n] >= (level(noise, numbers[1], start, n, begin) if drawn else numbers[1][n]):
            fired[found] = n
            found += 1
    # in the order of the neurons, so that sums have the order of the other engine
    fired[:found].sort()
    return found


@njit(nogil=True, cache=True)
def _fire(place, network, neuron, state, recorded):
    recording, population, step, found = place
    graph, numbers = neuron
    voltage, marks, queue = state[0][recording], state[2], state[3][0]
    channels, one = network[4][0], numbers[1].dtype.type(1)
    for n in marks[3][:found]:
        voltage[n] = 0 if graph[1][population] == HARD else voltage[n] - numbers[1][n]
        if graph[2][0][population]:
            voltage[n] += graph[2][2][n]
        record_spike(recording, channels + n, n, step, recorded)
        _send((channels + n, one, step), network, queue)
        if _silent(voltage[n], 1, numbers, n) >= numbers[1][n]:
            _push(queue, (step + 1) % (queue[2].size - 1), n, 0)


@njit(nogil=True, cache=True)
def _begin(recording, neuron, state):
    """Fill the queue with what is pending, and with the neurons that will fire without it."""
    voltage, pending, numbers = state[0][recording], state[1], neuron[1]
    stamp, (queue, current, last) = state[2][0], state[3]
    queue[2][:], current[:], last[:], stamp[:] = 0, 0, -1, -1
    if len(pending):
        for place in range(pending.shape[1]):
            if pending[recording, place] != 0:
                _push(queue, place // voltage.size, place % voltage.size, pending[recording, place])
    for n in range(voltage.size):
        if _silent(voltage[n], 1, numbers, n) >= numbers[1][n]:
            _push(queue, 0, n, 0)


@njit(nogil=True, cache=True)
def _end(recording, steps, neuron, state):
    """Bring every neuron to the last step, and write down what is pending."""
    voltage, pending, numbers = state[0][recording], state[1], neuron[1]
    (queued, value, used), _, last = state[3]
    for n in range(voltage.size):
        voltage[n] = _silent(voltage[n], steps - 1 - last[n], numbers, n)
    if len(pending):
        pending[recording] = 0
        for ahead in range(pending.shape[1] // voltage.size):
            slot = (steps + ahead) % (used.size - 1)
            for place in range(used[slot]):
                pending[recording, ahead * voltage.size + queued[slot, place]] += value[slot, place]


@njit(nogil=True, cache=True)
def _populations(place, network, neuron, state, recorded):
    """Compute one step of all populations in their order."""
    recording, step = place
    graph, voltage = neuron[0], state[0][recording]
    marks, work, (watched, begin) = state[2], state[3], state[4]
    queue = work[0]
    for population in range(graph[1].size):
        for n in watched[begin[population] : begin[population + 1]]:
            _push(queue, step % (queue[2].size - 1), n, 0)
        # with what the populations before this one have sent without a delay
        _arrive(step, graph, marks, work)
        found = _compute((recording, population, step), neuron, voltage, marks, work)
        record_membranes(voltage, population, recorded[3][recording] + step, recorded)
        if graph[1][population] != READOUT:
            _fire((recording, population, step, found), network, neuron, state, recorded)


@njit(nogil=True, cache=True)
def run(recording, network, neuron, events, state, recorded):
    """Run one recording; return whether the queue had room for all, or else nothing that was written counts.

    The arguments are those of events.run, but for
    network    first, target, delay, weight, (channels, neurons, longest delay)
    neuron     (bounds, rule, population of each neuron), numbers
    state      voltage, pending, marks, work, (neurons to compute in every step, where each population's begin)
    """
    event_step, channel, count, offset, length = events
    listed, queue = state[2][2], state[3][0]
    event, last = offset[recording], offset[recording + 1]
    _begin(recording, neuron, state)
    for step in range(length[recording]):
        if not _has_room(queue):
            return False
        listed[:] = 0
        while event < last and event_step[event] == step:
            _send((channel[event], count[event], step), network, queue)
            event += 1
        if not _has_room(queue):
            return False
        _populations((recording, step), network, neuron, state, recorded)
    if not _has_room(queue):
        return False
    _end(recording, length[recording], neuron, state)
    return True
