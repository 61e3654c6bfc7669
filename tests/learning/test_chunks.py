"""Windows of time of random lengths give the gradients of the whole sequence."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from helpers.networks import BATCH, NEURONS, STEPS, eighths, small_network
from snnsim.gradient_paths import GradientPaths
from snnsim.learning import chunked


def objective(output, first):
    """Return a loss that weighs every step otherwise."""
    weight = torch.arange(first, first + len(output)).add(1).sin()
    return (output.square() * weight[:, None, None]).sum()


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=STEPS),
    max_delay=st.integers(0, 6),
    sparsity=st.sampled_from([0.0, 0.5]),
)
def test_windows_of_random_lengths_equal_the_whole(lengths, max_delay, sparsity):
    frames = eighths(sum(lengths), BATCH, NEURONS, low=0)
    expected, chunks = (small_network(norm=False, max_delay=max_delay, sparsity=sparsity).train() for _ in range(2))
    loss = objective(expected(frames, credit=GradientPaths(temporal=False)), 0)
    loss.backward()
    result = chunked.backpropagate(chunks, iter(frames.split(lengths)), objective)
    assert_close(torch.tensor(result), loss.detach(), check_dtype=False)
    for one, other in zip(chunks.parameters(), expected.parameters(), strict=True):
        assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=STEPS), norm=st.booleans())
@torch.no_grad()
def test_a_network_that_runs_on_from_its_state_gives_the_output_of_the_whole(lengths, norm):
    network, frames = small_network(norm=norm).eval(), eighths(sum(lengths), BATCH, NEURONS, low=0)
    expected, _ = network.run(frames)
    state, outputs = None, []
    for window in frames.split(lengths):
        output, state = network.run(window, state)
        outputs.append(output)
    assert torch.equal(torch.cat(outputs), expected)


def test_a_detached_state_has_no_graph():
    network = small_network(norm=False, max_delay=0).train()
    layer, frames = network.layers[0], eighths(STEPS, BATCH, NEURONS).requires_grad_()
    _, state = layer.run(frames)
    assert state.history.grad_fn is not None
    state = state._replace(recurrent=frames * 2, skips=(frames * 2, None)).detached()
    values = [state.history, state.neuron, state.recurrent, *state.skips]
    assert [value is None or value.grad_fn is None for value in values] == [True] * 5
