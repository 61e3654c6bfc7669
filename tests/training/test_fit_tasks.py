"""`fit` with every task, and with single recordings of events or frames, as data sets of tonic give them."""

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

import snnsim
from helpers.networks import generator
from snnsim import BatchNorm, DelayedLinear, LeakyReadout, SpikingLayer, SpikingNetwork
from snnsim.learning.tasks import Heads, RecordingClass, RecordingRegression, StepClass, StepRegression
from snnsim.nn import Head
from snnsim.training.samples import SampleGrid

EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])
STEPS, RECORDINGS = 20, 24


def a_network(inputs=4, outputs=2, heads=None):
    draw = generator()
    hidden = SpikingLayer(
        DelayedLinear(inputs, 16, 4, generator=draw), snnsim.LIF(tau=2.0), norm=BatchNorm(16), dropout=0.0
    )
    if heads:
        parts = {
            name: Head(DelayedLinear(16, size, 4, generator=draw), LeakyReadout(tau=2.0))
            for name, size in heads.items()
        }
        return SpikingNetwork([hidden], heads=parts)
    return SpikingNetwork([hidden], DelayedLinear(16, outputs, 4, generator=draw), LeakyReadout(tau=2.0))


def frames_and_targets():
    """Return frames whose active half of the channels is the class of each step, and numbers that follow it."""
    draw = generator(1)
    phase = torch.randint(2, (STEPS // 5, RECORDINGS), generator=draw).repeat_interleave(5, 0)
    active = torch.stack([phase == 0, phase == 0, phase == 1, phase == 1], -1)
    frames = ((torch.rand(STEPS, RECORDINGS, 4, generator=draw) < 0.6) & active).float()
    signal = torch.stack([phase.float(), 1 - phase.float()], -1)
    return frames, {"phase": phase, "signal": signal, "number": signal.mean(0), "label": phase[0]}


TASKS = {
    "step-class": (StepClass(), "phase", "accuracy"),
    "regression": (RecordingRegression(), "number", "mse"),
    "step-regression": (StepRegression(), "signal", "mse"),
}


@pytest.mark.parametrize("name", TASKS)
def test_fit_learns_a_task(name):
    task, target, metric = TASKS[name]
    frames, targets = frames_and_targets()
    batches, network = [(frames, targets[target])], a_network()
    history = snnsim.fit(network, batches, epochs=15, valid=batches, task=task, lr=0.02, progress=False)
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    assert {"epoch", "loss", metric, "valid_loss", f"valid_{metric}"} <= set(history[-1])


def test_fit_learns_several_heads():
    frames, targets = frames_and_targets()
    task = Heads({"phase": StepClass(), "first": RecordingClass(), "number": StepRegression()}, {"number": 0.5})
    network = a_network(heads={"phase": 2, "first": 2, "number": 1})
    of_heads = {"phase": targets["phase"], "first": targets["label"], "number": targets["signal"][..., 0]}
    history = snnsim.fit(network, [(frames, of_heads)], epochs=8, task=task, lr=0.02, progress=False)
    assert history[-1]["loss"] < history[0]["loss"]
    assert {"phase accuracy", "first accuracy", "number mse"} <= set(history[-1])
    with pytest.raises(ValueError, match="must have the heads phase, first, number; it has one readout"):
        snnsim.fit(a_network(), [(frames, of_heads)], epochs=1, task=task, progress=False)
    with pytest.raises(ValueError, match=r"give a task for each: Heads\(\{'phase': ...\}\)"):
        snnsim.fit(network, [(frames, targets["label"])], epochs=1, progress=False)


class Camera(Dataset):
    """Events of a camera of 3 x 2 pixels with two polarities, as tonic has them."""

    sensor_size = (3, 2, 2)

    def __init__(self, transform=None):
        self.transform = transform

    def __len__(self):
        return 6

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        events = np.zeros(10, EVENT)
        events["t"] = np.sort(rng.integers(0, 50_000 + 10_000 * index, 10))
        for name, size in zip("xyp", self.sensor_size, strict=True):
            events[name] = rng.integers(0, size, 10)
        return (events if self.transform is None else self.transform(events)), index % 2


def counted(events, step_ms):
    """Return frames (time, polarity, row, column), as ToFrame of tonic does."""
    frames = np.zeros((int(events["t"].max() // (1000 * step_ms)) + 1, 2, 2, 3), np.int16)
    for event in events:
        frames[int(event["t"] // (1000 * step_ms)), event["p"], event["y"], event["x"]] += 1
    return frames


def test_events_and_frames_of_a_data_set_are_the_same_recordings():
    results = []
    for data in (Camera(), Camera(lambda events: counted(events, 10.0))):
        network = a_network(inputs=12)
        snnsim.fit(network, data, epochs=2, valid=data, batch_size=4, time_step_ms=10.0, progress=False)
        results.append(network.state_dict())
    for name, value in results[0].items():
        assert torch.equal(value, results[1][name]), name


def test_channels_of_events_are_rows_columns_polarities():
    events = np.array([(2, 1, 25_000, 1)], EVENT)
    frames = SampleGrid(10.0, (3, 2, 2)).frames(events)
    assert frames.shape == (3, 12)
    assert frames.nonzero() == (np.array([2]), np.array([(1 * 3 + 2) * 2 + 1]))


def test_a_list_of_recordings_with_labels_of_steps():
    frames, targets = frames_and_targets()
    lengths = torch.randint(5, STEPS + 1, (RECORDINGS,), generator=generator(2)).tolist()
    samples = [(frames[:steps, n].numpy(), targets["phase"][:steps, n].tolist()) for n, steps in enumerate(lengths)]
    history = snnsim.fit(a_network(), samples, epochs=3, batch_size=8, task=StepClass(), progress=False)
    generated = snnsim.fit(a_network(), iter(samples), epochs=3, batch_size=8, task=StepClass(), progress=False)
    assert history == generated
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize("task", [RecordingRegression(), StepRegression()])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_whole_numbers_are_targets_of_a_regression(task, batch_size):
    frames, lengths = frames_and_targets()[0][:, :4], [STEPS, 13, 9, STEPS]
    numbers = [np.arange(steps) if task.per_step else steps for steps in lengths]
    histories = []
    for kind in (np.int64, np.float32):
        samples = [(frames[:steps, n], kind(numbers[n])) for n, steps in enumerate(lengths)]
        if batch_size is None:
            target = np.arange(STEPS)[:, None].repeat(4, 1) if task.per_step else np.array(lengths)
            samples = [(frames, torch.from_numpy(target.astype(kind)))]
        network = a_network(outputs=1)
        histories.append(snnsim.fit(network, samples, epochs=2, task=task, batch_size=batch_size, progress=False))
    assert histories[0] == histories[1]


@pytest.mark.parametrize(
    ("samples", "settings", "message"),
    [
        ([(np.zeros(1, EVENT), 0)], {}, "sensor_size="),
        ([(np.array([(9, 0, 0, 0)], EVENT), 0)], {"sensor_size": (3, 2, 2)}, "events must lie in 3 columns"),
        ([(np.array([(0, 0, -1, 0)], EVENT), 0)], {"sensor_size": (3, 2, 2)}, "0 or more microseconds"),
        ([(np.zeros(3), 0)], {}, r"frames \(time, channel\)"),
        ([(np.zeros((3, 12)), 0), (np.zeros((3, 11)), 0)], {}, "the same number of channels"),
    ],
)
def test_wrong_recordings_are_refused(samples, settings, message):
    with pytest.raises(ValueError, match=message):
        snnsim.fit(a_network(inputs=12), samples, epochs=1, batch_size=2, progress=False, **settings)


def test_a_recording_without_a_target_is_refused():
    with pytest.raises(TypeError, match=r"must be \(events or frames, target\)"):
        snnsim.fit(a_network(), [np.zeros((3, 4))], epochs=1, batch_size=1, progress=False)


def test_events_at_multiples_of_the_step_begin_it():
    # 1000 · 2.007 is a little more than 2007
    events = np.array([(0, 0, 2007 * step, 0) for step in range(5)], EVENT)
    frames = SampleGrid(2.007, (1, 1, 1)).frames(events)
    assert frames.ravel().tolist() == [1] * 5
