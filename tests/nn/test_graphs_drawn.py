"""Random graphs of layers, loops, skips, feedback, heads, delays and neurons against plain loops, and to integers."""

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from helpers import graph_loops
from helpers.networks import generator
from snnsim.gradient_paths import DELAYED, GradientPaths
from snnsim.learning import chunked
from snnsim.nn import (
    ALIF,
    LIF,
    AdLIF,
    BatchNorm,
    CubaLIF,
    DelayedLinear,
    Head,
    LeakyReadout,
    Recurrence,
    SiLIF,
    Skip,
    SparseLinear,
    SpikingLayer,
    SpikingNetwork,
)
from snnsim.nn.freezing import freeze
from snnsim.program import Program
from snnsim.quantization import Scheme, quantize
from snnsim.quantization.dequantize import dequantized
from snnsim.simulation import Events, Probe, simulate

BATCH, CHANNELS = 2, 3
NEURONS = {
    "lif_hard": lambda: LIF(beta=0.5, threshold=0.5),
    "lif_soft": lambda: LIF(beta=0.5, threshold=0.5, reset="soft"),
    "adlif": lambda: AdLIF(tau=2.0, tau_adaptation=4.0, threshold=0.5),
    "silif": lambda: SiLIF(tau=2.0, tau_adaptation=4.0, threshold=0.5),
    "alif": lambda: ALIF(tau=2.0, tau_adaptation=4.0, threshold=0.5),
    "cuba_lif": lambda: CubaLIF(tau=2.0, tau_synapse=2.0, threshold=0.5),
}
SYNAPSES = ["dense", "synaptic", "axonal", "dendritic", "fixed"]
drawn = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def networks(draw, *, plain=False):
    """Return a network of one to three layers with connections of any kind between any of them."""
    seeds = iter(range(draw(st.integers(0, 2**31)), 2**40))
    widths = [CHANNELS, *draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))]
    count = len(widths) - 1

    def synapse(source, target):
        kind, draws = draw(st.sampled_from(SYNAPSES)), generator(next(seeds) % 2**31)
        if kind == "dense":
            return SparseLinear(source, target, generator=draws)
        kinds = {"delays": "synaptic" if kind == "fixed" else kind, "learn_delay": kind != "fixed"}
        taps = draw(st.integers(1, 2))
        return DelayedLinear(source, target, draw(st.integers(0, 4)), taps=taps, sigma=1.0, generator=draws, **kinds)

    normalized = not plain and draw(st.booleans())
    layers = [
        SpikingLayer(
            synapse(widths[number - 1], widths[number]),
            NEURONS[draw(st.sampled_from(list(NEURONS)))](),
            norm=BatchNorm(widths[number]) if normalized else None,
            dropout=0.0,
            recurrent=Recurrence(synapse(widths[number], widths[number])) if draw(st.booleans()) else None,
        )
        for number in range(1, count + 1)
    ]
    sizes = {f"head {number}": draw(st.integers(1, 3)) for number in range(draw(st.integers(1, 2)))}
    heads = {}
    for name, size in sizes.items():
        source = draw(st.none() | st.integers(0, count))
        origin = count if source is None else source
        heads[name] = Head(synapse(widths[origin], size), LeakyReadout(beta=0.5), source=source)
    skips = []
    for _ in range(draw(st.integers(0, 3))):
        source, target = draw(st.integers(0, count)), draw(st.integers(1, count) | st.sampled_from(list(sizes)))
        targets = sizes[target] if isinstance(target, str) else widths[target]
        skips.append(Skip(source, target, synapse(widths[source], targets)))
    return SpikingNetwork(layers, heads=heads, skips=skips, extra_steps=draw(st.integers(0, 2))).double()


@st.composite
def frames(draw, *, most=10):
    steps = draw(st.integers(1, most))
    values = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(0, 3, (steps, BATCH, CHANNELS))
    return torch.from_numpy(values).double()


@drawn
@given(net=networks(plain=True), inputs=frames(), training=st.booleans())
def test_outputs_and_gradients_are_those_of_plain_loops(net, inputs, training):
    net.train(training)
    inputs.requires_grad_()
    wanted = [inputs, *(parameter for parameter in net.parameters() if parameter.requires_grad)]
    spikes, expected = graph_loops.graph(net, inputs)
    output = net(inputs)
    assert_close(list(output.values()), expected)
    if not training:
        assert_close(net.record(inputs).spikes, spikes)
    errors = [torch.randn(each.shape, generator=generator(4), dtype=torch.float64) for each in expected]
    gradients, by_loops = (
        torch.autograd.grad(values, wanted, errors, allow_unused=True, materialize_grads=True)
        for values in ([*output.values()], expected)
    )
    assert_close(gradients, by_loops)


@drawn
@given(net=networks(), inputs=frames(), data=st.data())
def test_steps_and_chunks_are_the_whole_sequence(net, inputs, data):
    net(inputs)
    net.eval()
    extended = torch.cat([inputs, inputs.new_zeros(net.extra_steps, *inputs.shape[1:])])
    lengths, left = [], len(extended)
    while left:
        lengths.append(data.draw(st.integers(1, left)))
        left -= lengths[-1]
    pieces, state = [], None
    with torch.no_grad():
        for chunk in extended.split(lengths):
            piece, state = net.run(chunk, state)
            pieces.append(piece)
        assert_close({name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}, net(inputs))


@drawn
@given(net=networks(plain=True), inputs=frames(), length=st.integers(1, 5), delayed=st.sampled_from(DELAYED))
def test_chunked_learning_has_the_gradients_of_the_whole_sequence(net, inputs, length, delayed):
    net.extra_steps, paths = 0, GradientPaths(temporal=False, delayed=delayed)

    def objective(output, _):
        return sum(voltage.square().sum() for voltage in output.values())

    gradients = []
    for lengths in (len(inputs), length):
        net.zero_grad()
        if lengths == len(inputs):
            objective(net(inputs, credit=paths), 0).backward()
        else:
            chunked.backpropagate(net, inputs.split(lengths), objective, credit=paths)
        gradients.append([torch.zeros_like(one) if one.grad is None else one.grad for one in net.parameters()])
    assert_close(gradients[1], gradients[0], rtol=1e-9, atol=1e-10)


@drawn
@given(net=networks(), inputs=frames(most=16), bits=st.sampled_from(["int8", "int4"]))
def test_programs_files_and_integers_have_the_same_spikes(net, inputs, bits, tmp_path_factory):
    net(inputs)
    net.eval()
    program = freeze(net, time_step_ms=1.0)
    events = Events.from_frames(inputs.numpy().astype(np.int64))
    with torch.no_grad():
        record = net.record(inputs)
    probe = Probe(spikes=True, membranes={population.name: None for population in program.populations})
    results = [simulate(program, events, engine=engine, record=probe) for engine in ("clock_driven", "event_driven")]
    for number, spikes in enumerate(record.spikes[1:], start=1):
        np.testing.assert_array_equal(results[0].counts(f"hidden {number}"), spikes.sum(0).numpy().astype(np.int64))
    np.testing.assert_array_equal(results[0].traces, results[1].traces)
    path = tmp_path_factory.mktemp("drawn") / "program.snn"
    program.save(path)
    assert Program.load(path).same_as(program)
    integers = quantize(program, Scheme(bits))
    fixed = [simulate(integers, events, engine=engine, record=probe) for engine in ("clock_driven", "event_driven")]
    np.testing.assert_array_equal(fixed[0].traces, fixed[1].traces)
    np.testing.assert_array_equal(fixed[0].node_counts, fixed[1].node_counts)
    assert dequantized(integers).readouts == program.readouts
