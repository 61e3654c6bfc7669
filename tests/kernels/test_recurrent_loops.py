"""Compiled loops over steps against loops in torch and over single numbers, over random shapes, delays and neurons."""

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from snnsim import kernels
from snnsim.gradient_paths import GradientPaths
from snnsim.kernels.common.jit import njit
from snnsim.kernels.delay.filter_microkernel import VECTOR, Rows, filter_vectors
from snnsim.kernels.recurrent import in_order, naive
from snnsim.nn import LIF, AdLIF, DelayedLinear, Recurrence, SparseLinear
from snnsim.nn.recurrence import LoopState

COMPILED = not numba.config.DISABLE_JIT
# loops that are not compiled take a thousand times as long
EXAMPLES, STEPS = (12, 45) if COMPILED else (3, 8)
BATCHES, WIDTHS = ([1, 3, 20], [1, 7, 32, 40]) if COMPILED else ([1, 2], [1, 5])
KINDS = ["dense", "fixed", "synaptic", "axonal", "dendritic"]


def recurrence(kind, width, *, delays, taps):
    if kind == "dense":
        return Recurrence(SparseLinear(width, width))
    settings = {"delays": "synaptic", "learn_delay": False} if kind == "fixed" else {"delays": kind}
    return Recurrence(DelayedLinear(width, width, delays - 1, sigma=2.0, taps=taps, **settings))


def neurons(kind, width):
    if kind == "lif":
        return LIF(tau=2.0, threshold=0.25, reset="soft", detach_reset=False, learn_decay="neuron", features=width)
    return AdLIF(tau=(2.0, 5.0), tau_adaptation=(5.0, 20.0), scale=2.0, threshold=0.125, features=width)


def run(loop, neuron, current, mask, error, paths):
    """Return spikes, last state, and the gradients of the current and all parameters."""
    current = current.detach().requires_grad_()
    spikes, after = loop.run(current, neuron, LoopState(), mask=mask, credit=paths)
    last = after.neuron if isinstance(after.neuron, tuple) else (after.neuron,)
    wanted = [one for one in (current, *loop.parameters(), *neuron.parameters()) if one.requires_grad]
    loss = (spikes * error).sum() + (sum(part.sum() for part in last) if paths.temporal else 0)
    return spikes, last, torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(
    steps=st.integers(1, STEPS), batch=st.sampled_from(BATCHES), width=st.sampled_from(WIDTHS),
    delays=st.integers(1, 25), taps=st.integers(1, 2), neuron=st.sampled_from(["lif", "adlif"]),
    temporal=st.booleans(), delayed=st.sampled_from(["exact", "exact", "cut"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_compiled_loops_are_loops_in_torch(  # noqa: PLR0913
    kind, steps, batch, width, delays, taps, neuron, temporal, delayed, seed
):
    torch.manual_seed(seed)
    loop, cells = recurrence(kind, width, delays=delays, taps=taps).double(), neurons(neuron, width).double()
    current, error = torch.randn(2, steps, batch, width, dtype=torch.float64)
    mask = 1.25 * (torch.rand(batch, width) > 0.2).double()
    arguments = loop, cells, 0.5 * current, mask, error, GradientPaths(temporal=temporal, delayed=delayed)
    compiled = run(*arguments)
    with kernels.plain():
        plain = run(*arguments)
    assert_close(compiled, plain, rtol=1e-8, atol=1e-9)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled, and so nothing runs in threads")
@pytest.mark.parametrize("kind", ["synaptic", "axonal"])
def test_recordings_and_threads_do_not_meet(kind):
    torch.manual_seed(0)
    loop, cells = recurrence(kind, 40, delays=12, taps=1), neurons("lif", 40)
    current, error = torch.randn(2, 30, 21, 40)
    before, results = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(run(loop, cells, current, None, error, GradientPaths()))
    torch.set_num_threads(before)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][2][0], results[1][2][0])
    alone = run(loop, cells, current[:, 7:8], None, error[:, 7:8], GradientPaths())
    if kind == "axonal":
        assert torch.equal(alone[2][0], results[0][2][0][:, 7:8])
    else:
        assert_close(alone[2][0], results[0][2][0][:, 7:8])


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    steps=st.integers(1, 20), before=st.integers(0, 9), sources=st.integers(0, 4), taps=st.integers(1, 2),
    longest=st.integers(1, 8), seed=st.integers(0, 999),
)  # fmt: skip
def test_currents_are_added_in_the_order_of_the_spikes(steps, before, sources, taps, longest, seed):
    rng, width, batch = np.random.default_rng(seed), 3, 2
    shape = (width, sources + width, taps)
    weight, delay = rng.integers(-3, 5, shape) / 7, rng.integers(0, longest + 1, shape)
    delay[:, sources:] = np.maximum(delay[:, sources:], 1)
    sent = (rng.random((before + steps, batch, sources)) < 0.4) * rng.integers(1, 3, (before + steps, batch, sources))
    own = (rng.random((before, batch, width)) < 0.4).astype(float)
    form = LIF(beta=0.5, threshold=3 / 7).double().two_state_form(torch.zeros(1, batch, width).double(), None)
    fired = in_order.fire(
        torch.zeros(steps, batch, width).double(), torch.from_numpy(sent.astype(float)), torch.from_numpy(own),
        in_order.synapses(torch.from_numpy(weight), torch.from_numpy(delay)), form.v, form.w, form.coefficients,
        hard=True,
    )  # fmt: skip
    for recording in range(batch):
        voltage, spikes = np.zeros(width), own[:, recording]
        for step in range(steps):
            known = np.concatenate([spikes, np.zeros((1, width))])
            current = naive.in_order(
                sent[: before + step + 1, recording].astype(float), known, weight, delay, before + step
            )
            membrane = 0.5 * voltage + current
            now = (membrane >= np.float32(3 / 7)).astype(float)
            voltage = membrane * (1 - now)
            np.testing.assert_array_equal(fired.spikes[step, recording], now)
            spikes = np.concatenate([spikes, now[None]])
        np.testing.assert_array_equal(fired.v[recording], voltage)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("added", [True, False])
def test_filtered_vectors_are_sums_over_rows(added, fused):
    function = filter_vectors(2, fused=fused)

    @njit()
    def summed(window, values, rows, added, out, index):
        function(Rows(window, 3, 40), Rows(values, 90, -35), rows, added, out, index)

    rng, width = np.random.default_rng(0), 2 * VECTOR
    window, values, out = rng.normal(size=200), rng.normal(size=200), rng.normal(size=50)
    expected = out[5 : 5 + width] * added + sum(
        window[3 + 40 * d : 3 + 40 * d + width] * values[90 - 35 * d : 90 - 35 * d + width] for d in range(3)
    )
    summed(window, values, 3, added, out, 5)
    np.testing.assert_allclose(out[5 : 5 + width], expected)
