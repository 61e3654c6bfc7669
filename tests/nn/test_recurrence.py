"""Recurrent layers against loops in torch: spikes, gradients, chunks, steps, and the frozen network."""

import gc

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, TARGETS, eighths, generator
from snnsim.gradient_paths import ALL_PATHS, SPATIAL, GradientPaths
from snnsim.nn import (
    ALIF,
    LIF,
    AdLIF,
    BatchNorm,
    CubaLIF,
    DelayedLinear,
    LeakyReadout,
    SiLIF,
    SparseLinear,
    SpikingLayer,
    SpikingNetwork,
    TwoState,
)
from snnsim.nn.freezing import freeze
from snnsim.nn.layer_state import LayerState
from snnsim.nn.recurrence import Recurrence
from snnsim.simulation import Events, Probe, simulate
from snnsim.testing.neurons import run_goes_on_from_its_state

WIDTH = 8
KINDS = ["dense", "fixed", "learned", "axonal", "dendritic"]


def recurrent_synapse(kind, seed=2):
    draw = generator(seed)
    if kind == "dense":
        return SparseLinear(WIDTH, WIDTH, generator=draw)
    delays = kind if kind in ("axonal", "dendritic") else "synaptic"
    return DelayedLinear(
        WIDTH, WIDTH, 9, sigma=1.5, taps=2, delays=delays, learn_delay=kind != "fixed", learn_sigma=kind == "axonal",
        generator=draw,
    )  # fmt: skip


ADAPTIVE = {
    "adlif": lambda: AdLIF(tau=(2.0, 5.0), tau_adaptation=(5.0, 20.0), scale=2.0, threshold=0.125, features=WIDTH),
    "silif": lambda: SiLIF(threshold=0.125, features=WIDTH),
    "alif": lambda: ALIF(threshold=0.125, features=WIDTH),
    "cuba_lif": lambda: CubaLIF(threshold=0.125, features=WIDTH),
}


def lif(reset):
    return LIF(tau=2.0, threshold=0.25, reset=reset, learn_decay="neuron", features=WIDTH, learn_threshold=True)


def layer(kind="learned", *, norm=True, dropout=0.0, reset="hard", width=NEURONS, neuron=None):
    torch.manual_seed(5)
    return SpikingLayer(
        DelayedLinear(width, WIDTH, 6, sigma=1.5, generator=generator(1)),
        lif(reset) if neuron is None else ADAPTIVE[neuron](),
        norm=BatchNorm(WIDTH) if norm else None,
        dropout=dropout,
        recurrent=Recurrence(recurrent_synapse(kind), dropout=dropout),
    ).double()


def network(kind="learned", **settings):
    hidden = layer(kind, **settings)
    synapse = DelayedLinear(WIDTH, TARGETS, 6, sigma=1.5, generator=generator(3))
    return SpikingNetwork([hidden], synapse, LeakyReadout(tau=3.0)).double()


def loop_in_torch(part, spikes, *, exact=True):
    """Return the spikes of a layer as sums over the kernel's delays, one step after the other."""
    synapse = part.recurrent.synapse
    kernel = synapse.weight[None] if isinstance(synapse, SparseLinear) else synapse.kernel()
    driven = part.normalized_current(part.current(spikes))
    sent, state = [], None
    for step, now in enumerate(driven):
        for delay, weight in enumerate(kernel, start=1):
            if delay <= step:
                earlier = sent[step - delay]
                now = now + (earlier if exact else earlier.detach()) @ weight.mT
        fired, state = part.neuron.step(now, state)
        sent.append(fired)
    return torch.stack(sent)


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("kind", KINDS)
def test_spikes_and_gradients_are_those_of_a_loop(kind, reset):
    part = layer(kind, reset=reset)
    spikes = eighths(3 * STEPS, BATCH, NEURONS).requires_grad_()
    error = torch.randn(3 * STEPS, BATCH, WIDTH, generator=generator(4), dtype=torch.float64)
    wanted = [spikes, *(parameter for parameter in part.parameters() if parameter.requires_grad)]
    result, expected = part(spikes), loop_in_torch(part, spikes)
    assert 0.1 < result.mean() < 0.9
    assert_close(result, expected)
    assert_close(torch.autograd.grad(result, wanted, error), torch.autograd.grad(expected, wanted, error))


def test_without_paths_through_delays_no_error_passes_through_the_loop():
    part, spikes = layer(norm=False), eighths(2 * STEPS, BATCH, NEURONS).requires_grad_()
    error = torch.randn(2 * STEPS, BATCH, WIDTH, generator=generator(4), dtype=torch.float64)
    synapse = part.recurrent.synapse
    wanted = [synapse.weight, synapse.delay]
    for delayed in ("cut", "stale"):
        paths = GradientPaths(delayed=delayed)
        result = part.run(spikes, credit=paths)[0]
        expected = loop_in_torch(part, spikes, exact=False)
        assert_close(torch.autograd.grad(result, wanted, error), torch.autograd.grad(expected, wanted, error))


def test_without_the_membrane_errors_pass_through_the_loop_alone():
    part, spikes = layer(norm=False), eighths(2 * STEPS, BATCH, NEURONS)
    error = torch.randn(2 * STEPS, BATCH, WIDTH, generator=generator(4), dtype=torch.float64)
    results = {
        paths: torch.autograd.grad(part.run(spikes, credit=paths)[0], part.recurrent.synapse.weight, error)[0]
        for paths in (ALL_PATHS, SPATIAL, GradientPaths(temporal=False, delayed="cut"))
    }
    gradients = list(results.values())
    assert not torch.allclose(gradients[0], gradients[1])
    assert not torch.allclose(gradients[1], gradients[2])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [[1] * 40, [13, 20, 7], [39, 1], [40]])
def test_chunks_are_the_whole_sequence(kind, lengths, training):
    part = layer(kind, norm=False, dropout=0.3).train(training)
    spikes, pieces, state = eighths(40, BATCH, NEURONS), [], None
    expected = part.run(spikes, generator=generator(7))[0]
    draw = generator(7)
    for chunk in spikes.split(lengths):
        piece, state = part.run(chunk, state, generator=draw)
        pieces.append(piece)
    assert_close(torch.cat(pieces), expected)


def numbers_in_memory():
    """Return the number of elements of all tensors that are alive."""
    gc.collect()
    return sum(one.numel() for one in gc.get_objects() if type(one) is torch.Tensor)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_memory_of_a_stream_does_not_grow_with_time(kind, training):
    net, state, sizes = network(kind, norm=False).train(training), None, []
    frame = eighths(1, BATCH, NEURONS)
    for step in range(1, 61):
        state = net.run(frame, state)[1]
        if step in (20, 60):
            sizes.append(numbers_in_memory())
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_goes_on_from_its_state_also_without_steps(kind, training):
    run_goes_on_from_its_state(lambda: layer(kind, norm=False).train(training))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("neuron", [None, *ADAPTIVE])
def test_layout_of_a_state_in_memory_does_not_matter(neuron, training):
    part, spikes = layer("dense", norm=False, neuron=neuron).train(training), eighths(STEPS, BATCH, NEURONS)
    values, results = eighths(2, WIDTH, BATCH), []
    for parts in (values.mT, values.mT.contiguous()):
        leaves = [one.detach().requires_grad_() for one in parts]
        state = leaves[0] if neuron is None else TwoState(*leaves)
        with torch.set_grad_enabled(training):
            fired, after = part.run(spikes, LayerState(neuron=state))
        last = (after.neuron,) if neuron is None else after.neuron
        loss = fired.cumsum(0).sum() + sum((one * values[0].T).sum() for one in last)
        results.append((fired, last, torch.autograd.grad(loss, leaves, materialize_grads=True) if training else None))
    assert_close(*results, rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_without_recordings_has_gradients_of_0(kind):
    part = layer(kind, norm=False)
    part(torch.zeros(STEPS, 0, NEURONS, dtype=torch.float64)).sum().backward()
    assert not any(one.grad is not None and one.grad.any() for one in part.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_spikes_that_change_before_the_backward_pass_are_refused(kind):
    fired = layer(kind, norm=False)(eighths(STEPS, BATCH, NEURONS))
    loss = fired.sum()
    fired.detach().zero_()
    with pytest.raises(RuntimeError, match=r"Recurrence: spikes .* must stay as they are until the backward pass"):
        loss.backward()


@pytest.mark.parametrize("training", [False, True])
def test_a_state_stays_as_it_is_if_the_spikes_change(training):
    fired, state = layer(norm=False).train(training).run(eighths(STEPS, BATCH, NEURONS))
    before = state.recurrent.detach().clone()
    fired.detach().fill_(3.0)
    assert before.any()
    assert torch.equal(state.recurrent, before)


def test_gradients_pass_from_chunk_to_chunk():
    part, spikes = layer(norm=False), eighths(40, BATCH, NEURONS)
    error = torch.randn(40, BATCH, WIDTH, generator=generator(4), dtype=torch.float64)
    pieces, state = [], None
    for chunk in spikes.split([13, 20, 7]):
        piece, state = part.run(chunk, state)
        pieces.append(piece)
    wanted = [parameter for parameter in part.parameters() if parameter.requires_grad]
    expected = torch.autograd.grad(part.run(spikes)[0], wanted, error)
    assert_close(torch.autograd.grad(torch.cat(pieces), wanted, error), expected)


def test_dropout_has_one_mask_of_the_recurrent_current():
    part = layer(norm=False, dropout=0.5)
    state = part.run(eighths(20, BATCH, NEURONS), generator=generator(1))[1]
    assert sorted(state.recurrent_mask.unique().tolist()) == [0.0, 2.0]
    assert not torch.equal(state.recurrent_mask, state.mask)


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_frozen_network_fires_the_same_spikes(kind, reset):
    net = network(kind, reset=reset).eval()
    frames = eighths(STEPS, BATCH, NEURONS, low=-8, high=18).clamp(0).mul(4).floor().clamp(max=3)
    program = freeze(net, time_step_ms=1.0)
    assert [(edge.source, edge.target) for edge in program.edges][1] == ("hidden 1", "hidden 1")
    assert program.edges[1].delay.min() >= 1
    events = Events.from_frames(frames.numpy().astype(np.int64))
    with torch.no_grad():
        record = net.record(frames)
    for engine in ("clock_driven", "event_driven"):
        result = simulate(program, events, engine=engine, record=Probe(spikes=True), precision="float64")
        np.testing.assert_array_equal(result.counts("hidden 1"), record.spikes[1].sum(0).numpy().astype(np.int64))


def test_what_does_not_fit_is_refused():
    with pytest.raises(TypeError, match="Recurrence: synapse must be a Synapse, such as a DelayedLinear, not 3"):
        Recurrence(3)
    with pytest.raises(TypeError, match="SpikingLayer: recurrent must be a Recurrence or None"):
        SpikingLayer(SparseLinear(3, 4), LIF(tau=2.0), norm=None, dropout=0.0, recurrent=SparseLinear(4, 4))
    with pytest.raises(ValueError, match="the recurrent connection must be of the layer's 4 neurons, not 5"):
        SpikingLayer(SparseLinear(3, 4), LIF(tau=2.0), norm=None, dropout=0.0, recurrent=Recurrence(SparseLinear(5, 5)))


@pytest.mark.parametrize("neuron", ADAPTIVE)
@pytest.mark.parametrize("kind", ["dense", "learned", "axonal"])
def test_adaptive_neurons_recur_as_in_a_loop(kind, neuron):
    part = layer(kind, neuron=neuron)
    spikes = eighths(2 * STEPS, BATCH, NEURONS).requires_grad_()
    error = torch.randn(2 * STEPS, BATCH, WIDTH, generator=generator(4), dtype=torch.float64)
    wanted = [spikes, *(parameter for parameter in part.parameters() if parameter.requires_grad)]
    result, expected = part(spikes), loop_in_torch(part, spikes)
    assert 0.02 < result.mean() < 0.98
    assert_close(result, expected)
    assert_close(
        torch.autograd.grad(result, wanted, error, allow_unused=True),
        torch.autograd.grad(expected, wanted, error, allow_unused=True),
    )
    pieces, state = [], None
    part = layer(kind, neuron=neuron, norm=False)
    for chunk in spikes.split([13, 8, 7]):
        piece, state = part.run(chunk, state)
        pieces.append(piece)
    assert_close(torch.cat(pieces), part.run(spikes)[0])


@pytest.mark.parametrize("neuron", ADAPTIVE)
def test_the_frozen_adaptive_network_fires_the_same_spikes(neuron):
    net = network("axonal", neuron=neuron, norm=False).eval()
    frames = eighths(STEPS, BATCH, NEURONS, low=-8, high=18).clamp(0).mul(4).floor().clamp(max=3)
    with torch.no_grad():
        record = net.record(frames)
    assert record.spikes[1].sum() > 0
    for engine in ("clock_driven", "event_driven"):
        result = simulate(
            freeze(net, time_step_ms=1.0),
            Events.from_frames(frames.numpy().astype(np.int64)),
            engine=engine,
            record=Probe(spikes=True),
            precision="float64",
        )
        np.testing.assert_array_equal(result.counts("hidden 1"), record.spikes[1].sum(0).numpy().astype(np.int64))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_numbers_have_gradients(kind, dtype):
    loop = Recurrence(recurrent_synapse(kind))
    one = SpikingLayer(SparseLinear(NEURONS, WIDTH), LIF(), norm=None, dropout=0.0, recurrent=loop).to(dtype).train()
    # more steps than those whose currents are matrix products
    one((torch.rand(40, 2, NEURONS, generator=generator(0)) < 0.4).to(dtype)).sum().backward()
    assert all(p.grad.dtype == dtype and p.grad.isfinite().all() for p in loop.parameters() if p.requires_grad)
