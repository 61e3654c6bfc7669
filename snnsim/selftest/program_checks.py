"""Programs: both engines against the loops, a network against its Program, pieces of streams, threads, integers."""

import os
from pathlib import Path

import numpy as np
import torch

from snnsim.kernels.simulate import naive
from snnsim.nn.freezing import freeze
from snnsim.program import INPUT, Program
from snnsim.quantization import Scheme
from snnsim.quantization.quantize import quantize
from snnsim.selftest.kernel_checks import network, spikes
from snnsim.simulation import ENGINES, Events, Probe, Result, Simulator
from snnsim.verification.networks import NETWORKS, recordings


def dense(result: Result, program: Program, recording: int) -> np.ndarray:
    """Return the spikes of all populations of a recording, (step, neuron).

    Args:
        result: Result with spikes.
        program: The Program.
        recording: Number of the recording.
    """
    parts = []
    for population in program.populations:
        part = np.zeros((int(result.length[recording]), population.size), bool)
        part[result.spikes(population.name, recording)] = True
        parts.append(part)
    return np.concatenate(parts, 1)


def engines(folder: Path) -> str:
    """Compare both engines with the loops, for a Program in integers with a loop and one whose sums are at thresholds.

    Args:
        folder: Folder for files, of which there are none.

    Raises:
        AssertionError: If a spike differs.
    """
    del folder
    count = 0
    for name in ("recurrent", "ties", "eighths"):
        program = NETWORKS[name]()
        events = recordings(program, 1, steps=60)
        frames = np.zeros((60, program.channels))
        np.add.at(frames, (events.step, events.channel), events.count)
        expected = _loops(program, frames)
        for engine in ENGINES:
            result = Simulator(program, engine=engine).run(events, Probe(spikes=True))
            np.testing.assert_array_equal(dense(result, program, 0), expected, err_msg=f"{name}, {engine}")
        count += expected.size
    return f"{count:,} cells of both engines equal the loops"


def networks(folder: Path) -> str:
    """Compare a network in torch with its Program in floats, a file of it, and quantization that is repeated.

    Args:
        folder: Folder for the file.

    Raises:
        AssertionError: If a spike or a number differs.
    """
    net, inputs = network(), spikes(4)
    with torch.no_grad():
        net(inputs)  # statistics of batch normalization
        record = net.eval().record(inputs)
    program = freeze(net, time_step_ms=10.0, classes=("a", "b", "c"), decision="summed_softmax")
    program.save(folder / "program.npz")
    copied = Program.load(folder / "program.npz")
    assert copied.same_as(program), "a Program is read back from its file, number for number"
    result = Simulator(copied).run(Events.from_frames(inputs.numpy()), Probe(spikes=True))
    for recording in range(inputs.shape[1]):
        expected = torch.cat([layer[:, recording] for layer in record.spikes[1:]], -1).numpy() != 0
        fired = dense(result, program, recording)[:, : expected.shape[1]]
        np.testing.assert_array_equal(fired, expected)
    integers = quantize(program, Scheme(weights="int8"))
    again_quantized = quantize(integers, Scheme(weights="int8"))
    # a digest covers all numbers; the provenance of a Program tells how it was made
    assert again_quantized.digest() == integers.digest(), "a quantized Program is quantized to itself"
    total = int(sum(int(layer.sum()) for layer in record.spikes[1:]))
    return f"{total:,} spikes of a network in torch are those of its Program"


def streams_and_threads(folder: Path) -> str:
    """Compare streams in pieces, and all threads, with one run.

    Args:
        folder: Folder for files, of which there are none.

    Raises:
        AssertionError: If a number differs.
    """
    del folder
    program = NETWORKS["biased"]()
    events = recordings(program, 8)
    threads, count = os.cpu_count() or 1, 0
    for engine in ENGINES:
        one = Simulator(program, engine=engine, threads=1).run(events)
        many = Simulator(program, engine=engine, threads=threads).run(events)
        np.testing.assert_array_equal(one.node_counts, many.node_counts)
        np.testing.assert_array_equal(one.traces, many.traces)
        simulator = Simulator(program, engine=engine, threads=1)
        state, total = simulator.start(len(events)), np.zeros_like(one.node_counts)
        steps = int(events.length.max()) + program.extra_steps
        padded = Events(events.step, events.channel, events.count, events.offset, np.full(len(events), steps))
        for begin in range(0, steps, 7):
            result, state = simulator.feed(padded.part(begin, min(begin + 7, steps)), state)
            total += result.node_counts
        np.testing.assert_array_equal(total, one.node_counts)
        count += int(one.node_counts.sum())
    return f"{count:,} spikes are the same in pieces of 7 steps, and with {threads} threads"


def _loops(program: Program, frames: np.ndarray) -> np.ndarray:
    """Return the spikes (time, neuron) by the loops that define a run."""
    start, begin = {INPUT: 0}, program.channels
    for population in program.populations:
        start[population.name], begin = begin, begin + population.size
    synapses = [
        (int(start[edge.source] + i), int(start[edge.target] - program.channels + j), int(d), w.item())
        for edge in (each.unrolled() for each in program.edges)
        for i, j, d, w in zip(edge.pre(), edge.post, edge.delay, edge.weight, strict=True)
    ]
    populations = program.populations
    neurons = {
        name: np.concatenate([getattr(each, name) for each in populations]) for name in ("decay", "threshold", "bias")
    }
    resets = [each.model.removeprefix("lif_") for each in populations]
    neurons["rule"] = np.repeat(resets, [each.size for each in populations])
    if program.fixed is not None:
        fixed = program.fixed
        constants = {"shift": fixed.weight_shift, "bits": fixed.decay_bits, "limit": fixed.limit}
        neurons |= {name: np.full(program.size, value) for name, value in constants.items()}
    fired: np.ndarray = naive.graph(frames, synapses, neurons)[0] != 0
    return fired
