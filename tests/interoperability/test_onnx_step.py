"""A step of a Program in onnxruntime: spikes, membranes and states are those of the simulator, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import random_convolutions
from helpers.loihi_programs import sigma_delta_chain
from helpers.random_programs import dense_spikes, everything, frames_for, membranes, programs
from helpers.small_programs import chain
from snnsim.program import INPUT, Edge, Population, Program
from snnsim.simulation import Events, Probe, Simulator

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
onnx_step = pytest.importorskip("snnsim.interoperability.onnx_step")


def session(program, folder, **options):
    onnx_step.write_onnx(program, folder / "step.onnx", **options)
    settings_ = onnxruntime.SessionOptions()
    settings_.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / "step.onnx", settings_, providers=["CPUExecutionProvider"])


def run(step, frames, state):
    """Return spikes and membranes (time, recording, neuron), and voltages and pending currents after the last step."""
    voltage, pending, rows = state.voltage, state.pending, []
    for now in frames:
        spikes, membrane, voltage, pending = step.run(
            None, {"input": now.astype(pending.dtype), "voltage": voltage, "pending": pending}
        )
        rows.append((spikes, membrane))
    spikes, traces = (np.stack(part) for part in zip(*rows, strict=True))
    return spikes, traces, voltage, pending


@settings(max_examples=25, deadline=None)
@given(data=st.data(), program=programs())
def test_a_step_in_onnxruntime_is_a_step_of_the_simulator(data, program, tmp_path_factory):
    frames = data.draw(frames_for(program, recordings=2))
    simulator = Simulator(program)
    probe = Probe(spikes=True, membranes=everything(program))
    result, state = simulator.feed(Events.from_frames(frames), simulator.start(2), probe)
    step = session(program, tmp_path_factory.mktemp("onnx"))
    spikes, traces, voltage, pending = run(step, frames, simulator.start(2))
    np.testing.assert_array_equal(voltage, state.voltage)
    np.testing.assert_array_equal(pending, state.pending)
    for recording in range(2):
        np.testing.assert_array_equal(spikes[:, recording], dense_spikes(result, program, recording))
        np.testing.assert_array_equal(traces[:, recording], membranes(result, program, recording))


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_sums_have_the_order_of_the_simulator(precision, tmp_path):
    """Random weights: sums in another order would differ in their last bit."""
    rng = np.random.default_rng(0)
    pairs = [(INPUT, "a", 30, 20), ("a", "a", 20, 20), ("a", "out", 20, 5)]
    edges = []
    for source, target, pre, post in pairs:
        i, j = (index.reshape(-1) for index in np.indices((pre, post)))
        row = (i, j, rng.integers(1, 6, pre * post), rng.standard_normal(pre * post) / 3)
        edges.append(Edge.of(source, target, row, sources=pre))
    populations = (
        Population.of("a", 20, decay=0.83, model="lif_soft", bias=rng.standard_normal(20) / 9),
        Population.of("out", 5, decay=0.9, model="readout"),
    )
    program = Program(channels=30, populations=populations, edges=tuple(edges), time_step_ms=1.0, readout="out")
    frames = (rng.random((40, 2, 30)) < 0.3).astype(np.float64)
    simulator = Simulator(program, precision=precision)
    probe = Probe(membranes=everything(program))
    result, state = simulator.feed(Events.from_frames(frames), simulator.start(2), probe)
    _, traces, voltage, pending = run(session(program, tmp_path, precision=precision), frames, simulator.start(2))
    np.testing.assert_array_equal(voltage, state.voltage)
    np.testing.assert_array_equal(pending, state.pending)
    np.testing.assert_array_equal(traces[:, 1], membranes(result, program, 1))
    assert 0 < result.counts("a").sum() < 40 * 2 * 20


@settings(max_examples=8, deadline=None)
@given(data=st.data(), program=random_convolutions.programs())
def test_convolutions_are_delivered(data, program, tmp_path_factory):
    frames = data.draw(frames_for(program, recordings=2))
    simulator = Simulator(program)
    _, state = simulator.feed(Events.from_frames(frames), simulator.start(2))
    _, _, voltage, pending = run(session(program, tmp_path_factory.mktemp("onnx")), frames, simulator.start(2))
    np.testing.assert_array_equal(voltage, state.voltage)
    np.testing.assert_array_equal(pending, state.pending)


def test_graded_messages_are_refused(tmp_path):
    program = sigma_delta_chain(np.random.default_rng(0))
    with pytest.raises(ValueError, match="write_onnx: neurons must send spikes, and these send graded messages: "):
        onnx_step.write_onnx(program, tmp_path / "a.onnx")


def test_the_file_has_the_facts_that_its_user_needs(tmp_path):
    facts = session(chain(), tmp_path).get_modelmeta().custom_metadata_map
    assert facts["neurons"] == "a: 0 to 1; out: 2 to 3"
    assert (facts["readout"], facts["time_step_ms"], facts["program"]) == ("out", "1", chain().digest())


def test_stochastic_neurons_are_refused(tmp_path):
    one = np.ones(2)
    noisy = Population("a", "noisy_hard", one / 2, one, one * 0, one, width=one, reset_value=one * 0)
    program = Program(channels=1, populations=(noisy,), edges=(), time_step_ms=1.0)
    with pytest.raises(ValueError, match="populations must not be stochastic: a; freeze without noise"):
        onnx_step.write_onnx(program, tmp_path / "a.onnx")
    with pytest.raises(TypeError, match="write_onnx: program must be"):
        onnx_step.write_onnx(None, tmp_path / "a.onnx")
